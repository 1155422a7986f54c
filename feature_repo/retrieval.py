"""Historical retrieval: each video's privileged features as they stood when its label was made."""

import glob
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import yaml
from feast import FeatureService, FeatureStore, RepoConfig
from feast.errors import FeastObjectNotFoundException
from feast.infra.offline_stores.offline_store import RetrievalJob

from common.artifacts import FEATURES_FILE
from common.files import locked, remove
from common.sql import literal
from feature_repo.asof.job import DIGITS, AsofRetrievalJob
from feature_repo.provider import refuse_online
from feature_repo.services import chosen_views, feature_service
from feature_repo.tables import FeatureError, declared_tables, require_rows, require_table
from feature_repo.views import feature_views, video

REPOSITORY = Path(__file__).resolve().parent
# The engines that can do the join, by the file that selects each.
PROFILES = {"local": "feature_store.yaml", "spark": "feature_store.spark.yaml"}
Report = Callable[[str], None]


def open_store(
    corpus: Path, service: str, features: Sequence[str], registry: str, profile: str = "local", **offline_store: Any
) -> tuple[FeatureStore, FeatureService]:
    """The Feast store of this repository over a corpus, with the views of a task and a service over them applied.

    Each corpus is a Feast project of its own, so that several share one registry. ``service`` is the task's name,
    ``features`` the names of its views. ``registry`` is a file, or the URL of a database; ``offline_store`` overrides
    settings of the profile's store.

    Raises:
        FeatureError: the task names no features or one that the corpus does not declare, two of its views have a
            feature of one name, or a table is not as declared.
    """
    if profile not in PROFILES:
        raise FeatureError(f"there is no profile {profile} of the feature store: there are {', '.join(PROFILES)}")
    corpus = corpus.resolve()
    views = chosen_views(corpus, service, features, feature_views(corpus, profile))
    refuse_online(views)
    for name, table in declared_tables(corpus).items():
        if name in features:
            require_table(corpus, name, table)
    store = _applied(corpus, [*views, feature_service(service, views)], registry, profile, **offline_store)
    # As this store knows it: another process may be writing the registry's file right now.
    return store, store.get_feature_service(service, allow_cache=True)


def append_rows(corpus: Path, name: str, rows: pd.DataFrame, registry: str) -> None:
    """Append observations to a view's dense table: a backfill or late corrections. What is there is not rewritten.

    The rows count for labels made after their ``created_timestamp``, so that must be when they were really written.

    Raises:
        FeatureError: no such view or table, or rows that are not as declared.
    """
    corpus = corpus.resolve()
    views, declared = feature_views(corpus), declared_tables(corpus)
    if name not in views:
        raise FeatureError(
            f"there is no feature view {name}: the corpus {corpus.name} has {', '.join(views) or 'none'}"
        )
    try:
        if name in declared:
            require_table(corpus, name, declared[name])
            require_rows(rows, declared[name])
        _applied(corpus, [views[name]], registry).write_to_offline_store(name, rows)
    except FeatureError:
        raise
    except (ValueError, pa.ArrowInvalid) as error:
        raise FeatureError(f"the rows are not appended to {name}: {error}") from error


def _applied(
    corpus: Path, objects: Sequence[Any], registry: str, profile: str = "local", **offline_store: Any
) -> FeatureStore:
    """The store of a profile for a corpus, with these views and services in its registry."""
    config = yaml.safe_load((REPOSITORY / PROFILES[profile]).read_text())
    config["offline_store"] |= offline_store
    config["project"] = project_of(corpus)
    config["registry"] = {"registry_type": "sql", "path": registry} if "://" in registry else registry
    with _applying(registry):
        store = FeatureStore(config=RepoConfig(repo_path=REPOSITORY, **config))
        store.apply([video, *objects])
    return store


def project_of(corpus: Path) -> str:
    """A corpus's Feast project: its name for people, and a digest of its path, as corpora of one name differ."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in corpus.name)
    return (
        f"corpus_{name}_{hashlib.sha256(str(corpus).encode()).hexdigest()[:8]}"  # a few corpora of one name a registry
    )


@contextmanager
def _applying(registry: str) -> Iterator[None]:
    """One apply at a time to a registry file, which Feast reads, changes and writes as a whole."""
    if "://" in registry:
        yield  # a database keeps its own order
        return
    Path(registry).parent.mkdir(parents=True, exist_ok=True)
    with locked(Path(f"{registry}.lock")):
        yield


def retrieve_features(
    corpus: Path,
    service: str,
    features: Sequence[str],
    catalogue: Path,
    folder: Path,
    registry: str,
    profile: str = "local",
    report: Report = lambda _: None,
    **offline_store: Any,
) -> int:
    """Privileged features of the catalogue's videos, a row each, as Parquet files in ``folder``.

    A value counts only if it was observed *and written* (event and created timestamp) before the video's
    ``as_of``: neither late corrections nor consequences of the label come in. ``_features.json`` beside the files
    says each feature's view and range. What an interrupted call left in ``folder`` is gone on with.

    Args:
        service: the task's name.
        features: the names of its views.
        catalogue: a Parquet file with video_id and as_of.
        report: is given a line for each part that is done.

    Returns:
        the number of features.
    """
    store, opened = open_store(corpus, service, features, registry, profile, **offline_store)
    table = f"read_parquet({literal(glob.escape(str(catalogue)))})" if profile == "local" else f"parquet.`{catalogue}`"
    # Feast's cut-offs are inclusive; what was written with the label was not known before it.
    entities = f"SELECT video_id, as_of - INTERVAL 1 MICROSECOND AS event_timestamp FROM {table}"
    try:
        job = store.get_historical_features(entities, opened, filter_by_created_timestamp=True)
        _write(job, folder, report)
    except (FeastObjectNotFoundException, pa.ArrowInvalid, duckdb.Error) as error:
        raise FeatureError(f"the features of {service} cannot be retrieved from {corpus}: {error}") from error
    described = {
        feature.name: {"view": projection.name, **feature.tags}
        for projection in opened.feature_view_projections
        for feature in projection.features
    }
    (folder / FEATURES_FILE).write_text(json.dumps({"features": described}, indent=1))
    return len(described)


@contextmanager
def kept_folder(
    checkpoints: Path | None, corpus: Path, service: str, features: Sequence[str], catalogue: Path, target: Path
) -> Iterator[Path]:
    """A folder to retrieve into, which becomes ``target`` when all went well, and stays for the next try if not.

    It lies in ``checkpoints``, under a name that follows from corpus, service, features and catalogue; without
    ``checkpoints`` it is ``target`` itself.

    Raises:
        FeatureError: another run retrieves the same features at this moment.
    """
    if checkpoints is None:
        yield target
        return
    asked = f"{corpus.resolve()} {service} {' '.join(features)} ".encode()
    digest = hashlib.sha256(asked + catalogue.read_bytes()).hexdigest()[:DIGITS]
    kept = checkpoints / f"features-{service}-{digest}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    busy = f"another run retrieves the features of {service} for the same videos now: wait for it"
    with locked(kept.with_suffix(".lock"), busy):
        yield kept
        remove(target)  # what an earlier try of the same step moved there
        shutil.move(kept, target)


def _write(job: RetrievalJob, folder: Path, report: Report) -> None:
    if isinstance(job, AsofRetrievalJob):
        job.write(folder, allow_overwrite=True, report=report)
        return
    from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SavedDatasetSparkStorage

    job.persist(SavedDatasetSparkStorage(path=str(folder), file_format="parquet"), allow_overwrite=True)
