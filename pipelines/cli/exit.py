"""How the command line ends: exit codes, a sentence for a mistake, a crash file for a fault of the program."""

import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from common.errors import BusyError, UserError
from pipelines.cli.output import err

PASSED = 0
FAILED = 1  # a mistake, a failed step or a fault of the program
# 2 is typer's, for a command that is spelled wrong
NOT_PASSED = 3  # the run went well, and its student is not to be promoted
BUSY = 4  # another process holds what is needed: the same command may succeed later


def mistake(error: UserError) -> int:
    """Print the sentence; returns the exit code."""
    err.print("[red]Error:[/red]", end=" ")
    err.print(str(error), markup=False)
    return BUSY if isinstance(error, BusyError) else FAILED


def fault(error: Exception, arguments: list[str], folder: Path) -> int:
    """Keep the traceback in a file and print one sentence; returns the exit code.

    The file lies in ``folder`` if that is there and can be written to, or else where temporary files do.
    """
    text = f"cpfd {' '.join(arguments)}\n\n{''.join(traceback.format_exception(error))}"
    name = f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S}.txt"
    for place in (folder, Path(tempfile.gettempdir())):
        try:
            (place / name).write_text(text)
        except OSError:
            continue
        said = str(error).partition("\n")[0][:200]  # characters: a sentence, not a page
        err.print("[red]Error:[/red]", end=" ")
        err.print(
            f"this is a fault of cpfd ({type(error).__name__}: {said}); the details are in {place / name}", markup=False
        )
        return FAILED
    raise error
