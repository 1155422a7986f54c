"""An import mapping over three videos, and changes to it."""

from pathlib import Path
from typing import Any

import yaml

from corpus.importing.mapping import Mapping, read_mapping

MOTION = {"table": "motion.csv", "video_id": "id", "event_timestamp": "seen", "features": {"m": "mean"}}
LABEL = {"task": "t", "label": "verdict", "labeled_at": "reviewed"}
MAPPING: dict[str, Any] = {
    "description": "Three videos.",
    "table": "table.csv",
    "media": "clips",
    "videos": {"video_id": "id", "media": "file", "title": "caption", "group": "channel", "published_at": "when"},
    "labels": [LABEL],
    "dense": {"motion": MOTION},
    "timezone": "Europe/Berlin",
}
# The same of data that has no times.
TIMELESS = {
    "videos": {key: value for key, value in MAPPING["videos"].items() if key != "published_at"},
    "labels": [{"task": "t", "label": "verdict"}],
    "dense": {"motion": {key: value for key, value in MOTION.items() if key != "event_timestamp"}},
}


def mapping(folder: Path, **changes: Any) -> Mapping:
    """The mapping with some keys replaced, written to ``folder`` and read back."""
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump({**MAPPING, **changes}))
    return read_mapping(path)
