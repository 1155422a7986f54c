"""Digests of files and folders: what data a run is a function of, and whether a file is still the one it was."""

import hashlib
from pathlib import Path

from common.artifacts import RETRIEVAL_FILE


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(path: Path) -> str:
    """A digest of a file, or of all files below a folder and their names."""
    digest = hashlib.sha256()
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if each.is_file() and each.name != RETRIEVAL_FILE:  # how the parts came to be, not what they hold
            name = each.relative_to(path).as_posix() if path.is_dir() else ""
            digest.update(name.encode() + bytes.fromhex(file_digest(each)))
    return digest.hexdigest()
