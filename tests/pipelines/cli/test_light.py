"""Commands that are asked for often start at once: they import no library that takes seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "duckdb",
    "feast",
    "great_expectations",
    "kfp",
    "matplotlib",
    "mlflow",
    "optuna",
    "pandas",
    "sklearn",
    "torch",
    "transformers",
}
SCRIPT = """
import sys
from typer.testing import CliRunner
from pipelines.cli.main import app
done = CliRunner().invoke(app, sys.argv[1:])
assert done.exit_code == 0, done.output
print(",".join(sorted(set(sys.modules) & set({heavy!r}))))
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["tune", "--help"], ["tasks"], ["status"], ["status", "--json"]],
    ids=" ".join,
)
def test_a_light_command_imports_nothing_heavy(arguments, tmp_path):
    place = ["--workspace", str(tmp_path)] if "--help" not in arguments else []
    command = [sys.executable, "-c", SCRIPT.format(heavy=sorted(HEAVY)), *arguments, *place]
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1:] in ([], [""]), done.stdout
