"""A window of millions: what its tables take on one machine, decoding in parts, and what that comes to on a cluster.

Run with ``make bench-scale``. Tables are measured each in a process of its own, whose peak memory counts; media at a
few thousand clips, whose bytes must not depend on the number of parts. What a cluster needs is computed from these
rates and from the floating-point operations of X-VLM base; no GPU is measured.
"""

import argparse
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from common.source import code_version
from corpus.simulation.causes import SimulationSettings
from corpus.simulation.simulate import simulate

DAYS, CLASSES, FOLDS = 92, ("fine", "spam"), 3
START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=DAYS)
LABELLED = 5  # one video of five has a label
# A title of some 70 bytes, an overlay text of 72, four videos an author.
VIDEOS = """
SELECT 'video-' || lpad(i::VARCHAR, 12, '0') AS video_id, {at} AS published_at,
    'title ' || md5(i::VARCHAR) || ' some words of a title ' || (hash(i) % 100000) AS title,
    'overlay ' || md5((i * 3)::VARCHAR) || md5((i * 5)::VARCHAR) AS overlay_text,
    'author-' || (hash(i * 11) % {authors}) AS group_id, 'media/' || i || '.mp4' AS media_uri
FROM range({first}, {last}) rows(i)
"""
LABELS = """
SELECT 'video-' || lpad(i::VARCHAR, 12, '0') AS video_id, 'spam' AS task,
    CASE WHEN hash(i * 13) % 10 = 0 THEN 'spam' ELSE 'fine' END AS label,
    {at} + INTERVAL (hash(i * 17) % 72) HOUR AS labeled_at, 'moderation' AS source
FROM range({first}, {last}) rows(i) WHERE hash(i * 19) % {labelled} = 0
"""


def make_tables(folder: Path, videos: int) -> Path:
    """A corpus of tables alone, a file a day."""
    for table in ("videos", "labels"):
        (folder / table).mkdir(parents=True)
    a_day = videos // DAYS
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for day in range(DAYS):
            first = day * a_day
            since = f"TIMESTAMPTZ '{START + timedelta(days=day)}'"
            at = f"{since} + ((i - {first}) * 86400000 // {a_day}) * INTERVAL 1 MILLISECOND"
            given = {"at": at, "first": first, "last": first + a_day, "authors": videos // 4, "labelled": LABELLED}
            for table, rows in (("videos", VIDEOS), ("labels", LABELS)):
                target = folder / table / f"{START + timedelta(days=day):%Y-%m-%d}.parquet"
                connection.execute(f"COPY ({rows.format(**given)}) TO '{target}' (FORMAT parquet)")
    return folder


def select_window(corpus: Path) -> None:
    from corpus.settings import WindowSettings
    from corpus.window import write_window

    target = corpus / "catalogue.parquet"
    write_window(target, corpus, "spam", CLASSES, START, END, WindowSettings(), FOLDS, 0)


def validate_data(corpus: Path) -> None:
    """The component itself, as for a task of texts: media are opened video by video, which is no matter of tables."""
    from components.validate_data import validate_data as component
    from corpus.settings import ValidationSettings

    outputs = ("sound_catalogue", "set_aside", "data_docs", "data_docs_page", "findings")
    with tempfile.TemporaryDirectory(dir=corpus) as scratch:
        component.python_func(
            catalogue=SimpleNamespace(path=str(corpus / "catalogue.parquet")),
            labels="spam", clip_store="", parts=[], classes=list(CLASSES), modalities=["title", "overlay_text"],
            window_start=START.isoformat(), window_end=END.isoformat(),
            validation=ValidationSettings().model_dump_json(),
            **{name: SimpleNamespace(path=f"{scratch}/{name}") for name in outputs},
        )  # fmt: skip


STEPS = {"select_window": select_window, "validate_data": validate_data}


def measured(step: str, corpus: Path) -> tuple[float, float]:
    """Seconds, imports included, and peak GiB of a step in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale", "--one", json.dumps([step, str(corpus)])]
    started = time.monotonic()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.monotonic() - started, float(done.stdout.strip().splitlines()[-1])


def decoded(corpus: Path, parts: int, scratch: Path) -> tuple[float, str]:
    """Seconds of one core to decode all clips in so many parts, and the digest of what trainings read."""
    import pandas as pd

    from models.data.clip_shards import ClipShards, have_shards, sharded_clips, window_shards
    from models.settings import ClipSettings

    catalogue, clips = scratch / "catalogue.parquet", scratch / f"clips-{parts}"
    rows = pd.read_parquet(corpus / "videos").sort_values("published_at")
    rows.assign(media_uri=f"{corpus}/" + rows.media_uri).to_parquet(catalogue)
    store, settings = (scratch / f"store-{parts}").as_uri(), ClipSettings()
    started = time.process_time()
    for part in range(parts):
        list(have_shards(window_shards(catalogue, part, parts), settings, store))
    sharded_clips(catalogue, clips, settings, store)
    taken = time.process_time() - started
    read, digest = ClipShards(clips), hashlib.sha256()
    for video_id in read.video_ids:
        digest.update(read.frames([video_id]).tobytes())
    return taken, digest.hexdigest()


def base_flops() -> float:
    """Floating-point operations of X-VLM base for a video, forward."""
    import torch

    from models.data.text import learn_tokenizer
    from models.evaluation.cost import forward_flops
    from models.networks.xvlm import XVLMConfig, XVLMForClassification
    from models.training.settings import Recipe

    recipe = Recipe.model_validate({"classes": CLASSES, "network": {"wide": None}})
    words = [first + second for first in "abcdefghij" for second in "abcdefghij"]
    model = XVLMForClassification(XVLMConfig.from_settings(recipe, learn_tokenizer(words, recipe.text)))
    size, tokens = recipe.clips.image_size, recipe.text.title_tokens + recipe.text.overlay_tokens
    batch: dict[str, Any] = {
        "frames": torch.zeros(1, recipe.clips.frames, size, size, 3, dtype=torch.uint8),
        "input_ids": torch.ones(1, tokens, dtype=torch.long),
        "attention_mask": torch.ones(1, tokens, dtype=torch.long),
    }
    return forward_flops(model.eval(), batch)


# What the plan assumes, and no run here measured: of a decoded clip (5 s of 576 pixels, a core of a server), an A100 at
# two fifths of its 312 TFLOPS in bfloat16, prices of rented spot machines; a video's bytes, and those that a node of
# 100 gigabits gets of a bucket in a second.
CLIP_SECONDS, GPU_FLOPS, GPU_DOLLARS, CORE_DOLLARS = 0.05, 0.4 * 312e12, 2.0, 0.04
VIDEO_BYTES, NODE_BYTES = 5e6, 10e9
READ = 2  # times that a video is read: opened, with the digest of its file, and decoded
EPOCHS, GPUS_A_NODE, CORES_A_NODE = 5, 8, 128  # of 'profile: base'; of a node


def plan(videos: int, nodes: int, forward: float, unlabelled: bool) -> dict[str, float]:
    """Hours and dollars of one run: ``forward`` are the operations of X-VLM base for a video.

    A step costs three forward passes. Baseline and student see the labelled videos, the teachers of FOLDS folds all but
    a fold each; with ``unlabelled`` the student sees all, and every teacher scores what it did not learn from.
    """
    labelled = videos / LABELLED
    trained = labelled * (1 + (FOLDS - 1) + 1) + (videos - labelled) * unlabelled
    scored = labelled + (videos - labelled) * FOLDS * unlabelled
    training, scoring = (passes * forward / GPU_FLOPS / 3600 for passes in (3 * EPOCHS * trained, scored))
    decoding, reading = videos * CLIP_SECONDS / 3600, READ * videos * VIDEO_BYTES / NODE_BYTES / 3600
    return {
        "GPU hours": training + scoring,
        "core hours": decoding,
        "hours": (training + scoring) / (nodes * GPUS_A_NODE) + (reading + decoding / CORES_A_NODE) / nodes,
        "dollars": (training + scoring) * GPU_DOLLARS + decoding * CORE_DOLLARS,
    }


def print_plan(forward: float) -> None:
    print("\n| calculated | nodes of 8 A100 and 128 cores | GPU hours | core hours | hours | dollars |")
    print("| --- | --- | --- | --- | --- | --- |")
    for videos, needed in ((5_000_000, 1), (20_000_000, 4)):
        for unlabelled in (False, True):
            nodes = needed * (1 + unlabelled)
            found = plan(videos, nodes, forward, unlabelled)
            what = (
                f"{videos / 1e6:.0f} M videos, a fifth labelled{', the student learns from all' if unlabelled else ''}"
            )
            print(f"| {what} | {nodes} | " + " | ".join(f"{value:,.1f}" for value in found.values()) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--videos", type=float, nargs="*", default=[4.6e6, 20e6])
    parser.add_argument("--clips", type=int, default=2_000)
    arguments = parser.parse_args()
    if arguments.one:
        step, corpus = json.loads(arguments.one)
        STEPS[step](Path(corpus))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
        return
    print(f"{code_version()}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}\n")
    print("| measured | videos | seconds | peak GiB |\n| --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for videos in map(int, arguments.videos):
            corpus = make_tables(Path(folder) / str(videos), videos)
            for step in STEPS:
                seconds, gib = measured(step, corpus)
                print(f"| {step} | {videos:,} | {seconds:.1f} | {gib:.2f} |", flush=True)
        print_decoding(Path(folder), arguments.clips)
    forward = base_flops()
    print(f"\nX-VLM base: {forward / 1e9:.0f} GFLOP forward a video (8 frames of 224 pixels, 128 tokens)")
    print_plan(forward)


def print_decoding(folder: Path, clips: int) -> None:
    """A line a number of parts; raises SystemExit if they do not make the same bytes."""
    corpus = folder / "media"
    simulate(corpus, SimulationSettings(videos=clips))
    found = {parts: decoded(corpus, parts, folder) for parts in (1, 2, 8)}
    for parts, (seconds, _) in found.items():
        print(f"| decoding in {parts} parts, core seconds | {clips:,} | {seconds:.1f} | |", flush=True)
    if len({digest for _, digest in found.values()}) > 1:
        raise SystemExit("parts make other bytes than the whole")
    print(f"\nAll make the same bytes: {next(iter(found.values()))[1][:16]}")


if __name__ == "__main__":
    main()
