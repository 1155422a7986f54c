"""Names, texts and files in DuckDB's SQL, quoted so that whatever they hold stays a name, a text or a file."""

import glob
from pathlib import Path


def quote(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text in SQL, where it cannot hold a NUL as it is."""
    return "'" + value.replace("'", "''").replace("\0", "' || chr(0) || '") + "'"


def every_parquet(folder: Path) -> str:
    """The pattern of a folder's Parquet files, whatever characters the folder's own name has."""
    return f"{glob.escape(str(folder))}/*.parquet"
