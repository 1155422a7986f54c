"""Whether the videos of a window can be opened, and which are the same file: each is read once, many at a time."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pandas as pd

from common.errors import UserError
from common.shards import Videos, cuts, each_kept, videos_digest
from common.source import code_digest
from corpus.contract import CorpusError

NO_MEDIA = "no media"
THREADS = 16  # files read at a time: reading waits for a disk or a bucket, not for a core
Probe = Callable[[str], None]
Progress = Callable[[int], None]
Fact = Sequence[str | None]  # why a video does not open, null if it does; and the digest of its file


def media_facts(catalogue: pd.DataFrame, probe: Probe, progress: Progress, store: str = "") -> pd.DataFrame:
    """The catalogue with ``media_error`` (null if the container opens) and ``media_digest`` of each video.

    Args:
        store: a URL where facts are kept by shard (``probe_part``); anything else keeps none.

    Raises:
        CorpusError: none of the videos is stored.
    """
    stored = catalogue.media_uri.notna()
    if not stored.any():
        raise CorpusError(
            "none of the window's videos has media (media_uri is null), but the task reads frames: leave frames out "
            "of the modalities in the task file, or import the corpus with 'media' and 'videos.media'"
        )
    facts: Iterator[Fact]
    if "://" in store:
        facts = (fact for shard, _ in probed_shards(media_shards(catalogue), store, probe, progress) for fact in shard)
    else:
        facts = probed(list(catalogue.media_uri[stored]), probe, progress)
    error, digest = pd.Series(NO_MEDIA, catalogue.index, object), pd.Series(None, catalogue.index, object)
    errors, digests = zip(*facts, strict=True)
    error[stored], digest[stored] = errors, digests
    return catalogue.assign(media_error=error, media_digest=digest)


def media_shards(catalogue: pd.DataFrame, part: int = 0, parts: int = 1) -> Iterator[Videos]:
    """The videos that are stored, in shards or a part of them, by their place alone: it is what is looked at."""
    rows = catalogue[catalogue.media_uri.notna()]
    for cut in cuts(rows.published_at.to_numpy("datetime64[ns]"))[part::parts]:
        yield [(uri, uri) for uri in rows.media_uri.iloc[cut]]


def probed_shards(
    shards: Iterable[Videos], store: str, probe: Probe, progress: Progress
) -> Iterator[tuple[list[Fact], bool]]:
    """The facts of each shard, which ``store`` keeps; and whether it had them."""
    code = code_digest("corpus.validation.media")
    return each_kept(
        shards,
        store,
        named=lambda videos: f"{videos_digest(videos, code)}-media",
        make=lambda videos, _: list(probed([source for _, source in videos], probe)),
        progress=progress,
    )


def probed(sources: Sequence[str], probe: Probe, progress: Progress = lambda _: None) -> Iterator[Fact]:
    """The facts of each video, in their order."""

    def fact(source: str) -> Fact:
        try:
            probe(source)
            return None, _digest(source)
        except UserError as error:
            return str(error), None

    with ThreadPoolExecutor(THREADS) as pool:
        for done, found in enumerate(pool.map(fact, sources), start=1):
            progress(done)
            yield found


def _digest(source: str) -> str:
    digest = hashlib.blake2b(digest_size=16)  # 128 bits: no two files share them by chance
    with fsspec.open(source, "rb") as file:
        while block := file.read(1 << 20):  # a mebibyte at a time: a file may be larger than memory
            digest.update(block)
    return digest.hexdigest()
