"""What ``feast -c feature_repo apply`` registers: the entity, every view of one corpus, and one service over them all.

The corpus is the one that the environment variable CPFD_CORPUS names (a path), else ``.cpfd/corpora/simulated`` beside
this folder. A run does not read this file: it applies its task's views and service over its own corpus.
"""

import os
from pathlib import Path

from feature_repo.provider import refuse_online
from feature_repo.services import feature_service
from feature_repo.tables import FeatureError
from feature_repo.views import feature_views, video

BESIDE = Path(__file__).resolve().parent.parent / ".cpfd" / "corpora" / "simulated"

try:
    views = feature_views(Path(os.environ.get("CPFD_CORPUS") or BESIDE).expanduser())
except FeatureError as error:
    raise SystemExit(f"{error}; CPFD_CORPUS names another corpus") from error
refuse_online(views.values())
every_view = feature_service("every_view", list(views.values()))
# Feast collects what it finds under a name of its own in this module.
globals().update({f"view_{name}": each for name, each in views.items()})

__all__ = ["every_view", "video", "views"]
