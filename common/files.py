"""Files and folders that are there whole or not at all, and places that one writer holds."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import BusyError

OWNER_ONLY = 0o600


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path to write a file or a folder to, which takes the place of ``target`` if nothing goes wrong.

    If something does, what was written is removed, and ``target`` is as it was. One writer at a time: hold the folder
    with ``locked`` where there may be several.
    """
    scratch, former = (target.with_name(f".{word}-{target.name}") for word in ("partial", "former"))
    # In a folder of its own, so that what a killed writer left passes for no file of the target's kind.
    partial = scratch / target.name
    remove(scratch)
    scratch.mkdir()
    try:
        yield partial
        if partial.is_dir() and target.is_dir():  # a folder can only be renamed to a free name
            remove(former)
            target.rename(former)
        partial.rename(target)
        remove(former)
    finally:
        remove(scratch)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_for_owner(path: Path, content: bytes) -> None:
    """Write a file anew that nobody but its owner may read, at no moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
        file.write(content)


@contextmanager
def locked(place: Path, busy: str = "", shared: bool = False) -> Iterator[None]:
    """Hold a folder, or a lock file that is made for it, until the block or the process ends.

    Alone, or ``shared`` with others who hold it so. Waits for another holder, unless ``busy`` says what a BusyError
    then reports.
    """
    handle = os.open(place, os.O_RDONLY if place.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError as error:
            raise BusyError(busy) from error
        yield
    finally:
        os.close(handle)
