"""The commands about students that serve: the server, and questions to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import UserError
from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import err, out
from pipelines.cli.review.decisions import TaskName

if TYPE_CHECKING:
    from serving.client import Reply


def serve(
    workspace: WorkspaceOption = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the inference interface, on loopback.")] = 8080,
    management_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the management interface, on loopback.")
    ] = 8081,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the Prometheus metrics, on loopback.")
    ] = 8082,
) -> None:
    """Serve the champions with TorchServe until interrupted."""
    import signal

    from pipelines.local.serve import serving
    from serving.configuration import ServerSettings

    settings = ServerSettings(inference_port=port, management_port=management_port, metrics_port=metrics_port)
    waiting = err.status("starting TorchServe")
    waiting.start()
    try:
        with serving(workspace_at(workspace), settings) as (server, versions):
            waiting.stop()
            for task, version in versions.items():
                out.print(f"{task} version {version} answers at {server.inference}/predictions/{task}")
            out.print("Ask with 'cpfd classify'; stop with Ctrl-C.")
            signal.pause()
    finally:
        waiting.stop()


def classify(
    task: TaskName,
    video: Annotated[Path | None, typer.Option(help="The video file; for a student of texts alone, none.")] = None,
    title: Annotated[str, typer.Option(help="Its title.")] = "",
    overlay_text: Annotated[str, typer.Option(help="Text shown in it: stickers, captions, OCR.")] = "",
    workspace: WorkspaceOption = HERE,
) -> None:
    """Ask the served student of a task about one video."""
    from serving.client import classify, read_video
    from serving.server import Server

    if video is None and not title and not overlay_text:
        raise UserError("there is nothing to ask about: give --video, --title or --overlay-text")
    content = None if video is None else read_video(video)
    server = Server.find(workspace_at(workspace).server_file)
    print_reply(classify(server, task, content, title, overlay_text))


def print_reply(reply: "Reply") -> None:
    out.print(f"{reply.task} version {reply.version}: {reply.label}")
    for label, score in sorted(reply.scores.items(), key=lambda item: -item[1]):
        out.print(f"  {label:<20} {score:.4f}")
