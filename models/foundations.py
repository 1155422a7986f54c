"""Files that a task's settings only name, and a run is a function of all the same."""

import hashlib
from pathlib import Path

from models.settings import StudentSettings


def named_files_digest(settings: StudentSettings) -> str:
    """A digest of the start weights and of the tokenizer's folder; '' where neither is named.

    A tokenizer of the hub is known by its name alone.
    """
    named = [each for each in (settings.network.start, settings.text.tokenizer) if each and Path(each).is_dir()]
    if not named:
        return ""
    digest = hashlib.sha256()
    for folder in named:
        for path in sorted(Path(folder).iterdir()):
            if path.is_file():
                with path.open("rb") as file:
                    digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:10]
