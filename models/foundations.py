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
    return hashlib.sha256("".join(content_digest(Path(folder)) for folder in named).encode()).hexdigest()[:10]


def content_digest(path: Path) -> str:
    """A digest of a file, or of a folder's files and their names."""
    digest = hashlib.sha256()
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for each in files:
        if each.is_file() and each.name != "_retrieval.json":  # how the parts came to be, not what they hold
            with each.open("rb") as file:
                name = each.name if path.is_dir() else ""
                digest.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
