"""Files that a task's settings only name, and a run is a function of all the same."""

import hashlib
from pathlib import Path

from common.digests import content_digest
from models.settings import ModelSettings


def named_files_digest(settings: ModelSettings) -> str:
    """A digest of the start weights and of the tokenizer's folder; '' where neither is named.

    A tokenizer of the hub is known by its name alone.
    """
    named = [each for each in (settings.network.start, settings.text.tokenizer) if each and Path(each).is_dir()]
    if not named:
        return ""
    return hashlib.sha256("".join(content_digest(Path(folder)) for folder in named).encode()).hexdigest()[:10]
