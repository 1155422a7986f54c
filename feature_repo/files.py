"""Files that are there whole or not at all, and places that one writer holds."""

import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_repo.tables import FeatureError


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` if nothing goes wrong, and is removed if something does.

    One writer at a time: hold the folder with ``locked``.
    """
    partial = target.with_name(f".{target.name}.partial")
    remove(partial)
    try:
        yield partial
        partial.rename(target)
    finally:
        remove(partial)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(place: Path, busy: str = "") -> Iterator[None]:
    """Hold a folder, or a lock file that is made for it, alone.

    Waits for another holder, unless ``busy`` says what a FeatureError then tells.
    """
    handle = os.open(place, os.O_RDONLY if place.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise FeatureError(busy) from error
        yield
    finally:
        os.close(handle)


def every_parquet(folder: Path) -> str:
    """The pattern of a folder's Parquet files, whatever characters the folder's own name has."""
    return f"{glob.escape(str(folder))}/*.parquet"
