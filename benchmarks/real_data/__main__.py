"""Make the tables that an import mapping of ``examples/`` reads: ``python -m benchmarks.real_data kuaimod ...``."""

import argparse
from pathlib import Path

from benchmarks.real_data.preparing import PREPARATIONS, prepare
from common.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_data", description=__doc__)
    parser.add_argument("name", choices=PREPARATIONS)
    parser.add_argument("--from", dest="source", type=Path, required=True, help="folder with items.parquet")
    parser.add_argument("--to", dest="target", type=Path, required=True, help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the task file")
    arguments = parser.parse_args()
    try:
        prepare(arguments.name, arguments.source, arguments.target, arguments.seed)
    except UserError as error:
        parser.error(str(error))
    print(f"wrote {arguments.target}")


if __name__ == "__main__":
    main()
