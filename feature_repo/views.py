"""The privileged feature views: one a dense table of the corpus. To add one, add it here.

A field's tags ``minimum`` and ``maximum`` are its range, which the validation of a run holds it to.
"""

from datetime import timedelta
from typing import NamedTuple

from feast import FeatureView, Field, FileSource
from feast.data_source import DataSource
from feast.types import Array, FeastType, Float32

from feature_repo.entities import video

COUNT = {"minimum": "0"}
RANK = {"minimum": "1"}
SHARE = {"minimum": "0", "maximum": "1"}
MOTION = [
    "flow_mean", "flow_p95", "flow_max", "flow_peak", "flow_burst", "flow_accel", "flow_direction_entropy",
    "flow_direction_variance", "flow_divergence", "flow_curl", "moving_area", "moving_area_max", "frame_difference",
]  # fmt: skip


def _field(name: str, tags: dict[str, str] | None = None, dtype: FeastType = Float32) -> Field:
    return Field(name=name, dtype=dtype, tags=tags or {})


class _View(NamedTuple):
    """A view, but for where its table is."""

    name: str
    description: str
    owner: str
    fields: list[Field]


VIEWS = [
    _View(
        "engagement",
        "Cumulative counts of what viewers did, hours after publication",
        "engagement-data",
        [_field("views", COUNT), _field("likes", COUNT), _field("shares", COUNT), _field("watched_share", SHARE)],
    ),
    _View(
        "reports",
        "Cumulative counts of user reports",
        "trust-and-safety",
        [_field("reports", COUNT), _field("reporters", COUNT)],
    ),
    _View(
        "upstream_scores",
        "Scores of older models, too dear to compute at upload",
        "content-understanding",
        [
            _field("safety_score", SHARE),
            _field("quality_score", SHARE),
            _field("topic_scores", SHARE, Array(Float32)),
        ],
    ),
    _View(
        "motion",
        "Statistics of dense optical flow over every frame",
        "content-understanding",
        [_field(name) for name in MOTION],
    ),
    _View(
        "chart",
        "Where a video stood on daily charts, and its cumulative counts then",
        "engagement-data",
        [
            *(_field(name, COUNT) for name in ("views", "likes", "comments", "n_countries", "age_hours")),
            *(_field(name, RANK) for name in ("best_rank", "mean_rank")),
            _field("views_per_hour_since_prev"),  # below zero where views were taken back
        ],
    ),
    _View(
        "canary",
        "Simulated: the label of low_quality, but only as written after it. Worth nothing unless retrieval leaks",
        "trust-and-safety",
        [_field("canary", SHARE)],
    ),
]


def _source(corpus: str, view: str, profile: str) -> DataSource:
    """The files of a view, in the words of the profile's offline store."""
    times = {"timestamp_field": "event_timestamp", "created_timestamp_column": "created_timestamp"}
    if profile == "spark":
        from feast.infra.offline_stores.contrib.spark_offline_store.spark_source import SparkSource

        return SparkSource(name=f"{view}_table", path=f"{corpus}/dense/{view}", file_format="parquet", **times)
    return FileSource(name=f"{view}_table", path=f"{corpus}/dense/{view}/*.parquet", **times)


def feature_views(corpus: str, profile: str = "local") -> dict[str, FeatureView]:
    """All views by name, reading the dense tables of the corpus at ``corpus``."""
    return {
        each.name: FeatureView(
            name=each.name,
            description=each.description,
            entities=[video],
            schema=list(each.fields),
            source=_source(corpus, each.name, profile),
            ttl=timedelta(0),
            online=False,
            owner=each.owner,
            tags={"privileged": "true"},
        )
        for each in VIEWS
    }
