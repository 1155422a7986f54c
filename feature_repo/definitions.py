"""What ``feast -c feature_repo apply`` registers: the entity, every view and every service, over the local corpus."""

from pathlib import Path

from feature_repo.entities import video
from feature_repo.provider import refuse_online
from feature_repo.services import feature_services
from feature_repo.views import feature_views

CORPUS = Path(__file__).resolve().parent.parent / ".cpfd" / "corpora" / "simulated"

views = feature_views(str(CORPUS))
refuse_online(views.values())
services = feature_services(views)
# Feast collects what it finds under a name of its own in this module.
globals().update({f"view_{name}": each for name, each in views.items()})
globals().update({f"service_{name}": each for name, each in services.items()})

__all__ = ["services", "video", "views"]
