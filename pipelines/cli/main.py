"""The command line. Imports of the rooms are inside the commands: ``--help`` should not wait for torch."""

import os
import sys
from pathlib import Path

import typer

from common.errors import UserError
from pipelines.cli import demo, exit, run, serve, status, weights
from pipelines.cli.cluster import rendering, scheduling, submitting
from pipelines.cli.data.corpus import corpus_app
from pipelines.cli.data.features import features_app
from pipelines.cli.options import HERE
from pipelines.cli.review import decisions
from pipelines.cli.review.desk import desk
from pipelines.cli.review.label import label
from pipelines.cli.review.ledger import ledger_app
from pipelines.cli.review.notify import notify

app = typer.Typer(
    help="Confidence-aware privileged feature distillation: from short videos to a served student.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo.demo)
app.command()(run.run)
app.add_typer(corpus_app, name="corpus")
app.add_typer(features_app, name="features")
app.command()(status.tasks)
app.command()(status.status)
app.command()(decisions.review)
app.command()(desk)
app.command()(label)
app.command()(decisions.approve)
app.command()(decisions.reject)
app.command()(decisions.rollback)
app.add_typer(ledger_app, name="ledger")
app.command()(notify)
app.command()(serve.serve)
app.command()(serve.classify)
app.command()(run.ablate)
app.command()(run.tune)
app.command()(weights.pretrain)
app.command()(weights.convert)
app.command("compile")(submitting.compile_)
app.command()(submitting.submit)
app.command()(submitting.runs)
app.command()(scheduling.schedule)
app.command()(scheduling.unschedule)
app.command()(scheduling.catchup)
app.command()(scheduling.backfill)
app.command()(scheduling.release)
app.command()(rendering.render)
app.command()(status.clean)
app.command()(status.adopt)

# Read by the libraries when they are imported: no telemetry, no bars and notices between our own lines.
QUIET = {
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "TOKENIZERS_PARALLELISM": "false",
}


def main() -> None:
    """Run the command line. A user's mistake is one sentence; anything else that goes wrong leaves a crash file."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except UserError as error:
        sys.exit(exit.mistake(error))
    except Exception as error:
        sys.exit(exit.fault(error, sys.argv[1:], _workspace(sys.argv[1:])))


def _workspace(arguments: list[str]) -> Path:
    """The workspace that the command line or the environment names: typer has forgotten it when a command failed."""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name == "--workspace":
            return Path(value if equals else following)
    return Path(os.environ.get("CPFD_WORKSPACE", HERE))


if __name__ == "__main__":
    main()
