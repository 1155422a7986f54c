"""The service of a task: which of a corpus's views its teacher may see, as the task file's ``features`` name them."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feature_repo.tables import FeatureError, declared_tables

if TYPE_CHECKING:
    from feast import FeatureService, FeatureView

Names = Mapping[str, Iterable[str]]


def require_features(corpus: Path, service: str, features: Sequence[str]) -> None:
    """Raise FeatureError unless the corpus has what a task asks for. Takes milliseconds: a run asks before it starts.

    Args:
        service: the task's name, for the message.
        features: the task's feature views, each a dense table of the corpus or a view written by hand.
    """
    declared: dict[str, Iterable[str]] = {name: table.features for name, table in declared_tables(corpus).items()}
    if set(features) - declared.keys():  # it may be a view written by hand; only then Feast's long import is paid for
        from feature_repo.views import feature_views

        declared = _names(feature_views(corpus))
    _require(corpus, service, features, declared)


def chosen_views(
    corpus: Path, service: str, features: Sequence[str], views: Mapping[str, "FeatureView"]
) -> list["FeatureView"]:
    """The views that a task names, in its order. Raises FeatureError as ``require_features`` does."""
    _require(corpus, service, features, _names(views))
    return [views[name] for name in features]


def feature_service(name: str, views: Sequence["FeatureView"]) -> "FeatureService":
    """The Feast service of a task over views of one corpus."""
    from feast import FeatureService

    return FeatureService(name=name, features=list(views), tags={"privileged": "true"})


def _names(views: Mapping[str, "FeatureView"]) -> dict[str, Iterable[str]]:
    return {name: [field.name for field in view.features] for name, view in views.items()}


def _require(corpus: Path, service: str, features: Sequence[str], there: Names) -> None:
    has = f"the corpus {corpus.name} has {', '.join(there) or 'none'}"
    if not features:
        raise FeatureError(
            f"the task {service} names no dense tables, so its teacher would see raw input only: list some under "
            f"'features' in the task file ({has})"
        )
    if unknown := [name for name in features if name not in there]:
        raise FeatureError(
            f"there is no dense table {', '.join(unknown)} for the task {service}: {has}; "
            "name those under 'features' in the task file"
        )
    seen: dict[str, str] = {}
    for view in features:
        for feature in there[view]:
            if (other := seen.setdefault(feature.casefold(), view)) != view:  # names in SQL have no case
                raise FeatureError(
                    f"the dense tables {other} and {view} of the corpus {corpus.name} both have a feature {feature}: "
                    f"name one of them under 'features' in the task file of {service}, or give the feature another "
                    "name where the corpus is made"
                )
