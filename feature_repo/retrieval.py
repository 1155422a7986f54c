"""Historical retrieval: each video's privileged features as they stood when its label was made."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from feast import FeatureService, FeatureStore, RepoConfig
from feast.errors import FeastObjectNotFoundException
from feast.types import Array

from feature_repo.entities import video
from feature_repo.services import TASK_VIEWS, feature_services
from feature_repo.views import feature_views

TIMES = ("event_timestamp", "created_timestamp")
REPOSITORY = Path(__file__).resolve().parent


class FeatureError(ValueError):
    """Features that cannot be retrieved. The message names the task, view or table and the way out."""


def open_store(corpus: Path, task: str, registry: str) -> tuple[FeatureStore, FeatureService]:
    """The Feast store of this repository over a corpus, with the task's views and service applied.

    Each corpus is a Feast project of its own, so that several share one registry.

    Raises:
        FeatureError: the task has no service, or the corpus lacks a table of it.
    """
    if task not in TASK_VIEWS:
        raise FeatureError(
            f"the task {task} has no feature service: add a line to feature_repo/services.py "
            "that names the views its teacher may see"
        )
    for name in TASK_VIEWS[task]:
        if not any((corpus / "dense" / name).glob("*.parquet")):
            raise FeatureError(f"the corpus {corpus.name} has no dense table {name}, which the task {task} reads")
    views = feature_views(str(corpus))
    for name in TASK_VIEWS[task]:
        require_columns(corpus / "dense" / name, [field.name for field in views[name].schema])
    config = yaml.safe_load((REPOSITORY / "feature_store.yaml").read_text())
    project = "".join(c if c.isalnum() else "_" for c in corpus.name)
    Path(registry).parent.mkdir(parents=True, exist_ok=True)
    config |= {"project": project, "registry": registry}
    store = FeatureStore(config=RepoConfig(repo_path=REPOSITORY, **config))
    service = feature_services(views)[task]
    store.apply([video, *(views[name] for name in TASK_VIEWS[task]), service])
    return store, service


def require_columns(folder: Path, features: list[str]) -> None:
    """Raise FeatureError unless every file of a dense table has these features, and times with a zone.

    Feast would read a time without zone as UTC, and tell of a missing column only in DuckDB's words.
    """
    for file in sorted(folder.glob("*.parquet")):
        name = f"dense table {folder.name}, {file.name}"
        try:
            schema = pq.read_schema(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise FeatureError(f"{name}: not a whole Parquet file ({error})") from error
        for column in ("video_id", *TIMES, *features):
            if column not in schema.names:
                raise FeatureError(f"{name}: no column {column}, it has {', '.join(schema.names)}")
        for column in TIMES:
            if getattr(schema.field(column).type, "tz", None) is None:
                raise FeatureError(f"{name}: {column} has no time zone")


def retrieve_features(corpus: Path, task: str, catalogue: pd.DataFrame, registry: str) -> pa.Table:
    """Privileged features of the catalogue's videos, a row each in the catalogue's order.

    A value counts only if it was observed *and written* (event and created timestamp) before the video's
    ``as_of``: neither late corrections nor consequences of the label come in.

    Returns:
        video_id and the features of the task's service, each with its view and range as field metadata.
    """
    store, service = open_store(corpus, task, registry)
    entities = pd.DataFrame(
        {
            "video_id": catalogue.video_id,
            # Feast's cut-offs are inclusive; what was written with the label was not known before it.
            "event_timestamp": catalogue.as_of.dt.as_unit("us") - pd.Timedelta("1us"),
            "row": range(len(catalogue)),  # Feast's DuckDB store does not keep the order of rows
        }
    )
    try:
        retrieval = store.get_historical_features(entities, service, filter_by_created_timestamp=True)
        table = retrieval.to_arrow().sort_by("row")
    except (FeastObjectNotFoundException, pa.ArrowInvalid) as error:
        raise FeatureError(f"the features of {task} cannot be read from {corpus}: {error}") from error
    fields = [pa.field("video_id", pa.string())]
    for projection in service.feature_view_projections:
        for feature in projection.features:
            dtype = pa.list_(pa.float32()) if isinstance(feature.dtype, Array) else pa.float32()
            fields.append(pa.field(feature.name, dtype, metadata={**feature.tags, "view": projection.name}))
    return table.select([field.name for field in fields]).cast(pa.schema(fields))
