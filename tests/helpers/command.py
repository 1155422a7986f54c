"""The installed command line, as a user types it."""

import sys
from pathlib import Path

CPFD = str(Path(sys.executable).with_name("cpfd"))
