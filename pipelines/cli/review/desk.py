"""'cpfd desk': the reviewer's page."""

from pathlib import Path
from typing import Annotated

import typer

from common.files import write_for_owner
from pipelines.cli.options import HERE, WorkspaceOption, workspace_at
from pipelines.cli.output import out
from pipelines.cli.review.decisions import office, whoever
from pipelines.cli.review.notify import tell


def desk(
    workspace: WorkspaceOption = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page, on loopback; 0 for any.")] = 8090,
    name_header: Annotated[
        str | None,
        typer.Option(help="Header in which a company's proxy names who decides. Trusted only if it is given here."),
    ] = None,
    public_host: Annotated[
        list[str] | None, typer.Option(help="A name under which that proxy is reached; may be repeated.")
    ] = None,
    launch: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Review, approve, reject and go back on a local web page, until interrupted."""
    import secrets
    import socket

    import uvicorn

    from common.errors import UserError
    from promotion.desk.access import ENTRANCE
    from promotion.desk.app import create_desk
    from promotion.desk.settings import DeskSettings

    where = workspace_at(workspace)
    settings = DeskSettings(
        token=secrets.token_urlsafe(), name=whoever(), name_header=name_header, public_hosts=tuple(public_host or ())
    )
    app = create_desk(office(where), settings, where.folder / "reviews", lambda: tell(where))
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError as error:
            raise UserError(f"port {port} is taken: give another with --port, 0 for any") from error
        listening.listen()  # so that a browser that is early waits
        address = f"http://127.0.0.1:{listening.getsockname()[1]}{ENTRANCE}?token={settings.token}"
        out.print(f"Review desk: {address}\nWhoever has this link can decide. Stop with Ctrl-C.")
        if launch:
            _open(where.folder / "desk.html", address)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
        server.run(sockets=[listening])


def _open(page: Path, address: str) -> None:
    """Open the address by way of a file for its owner alone: a command's arguments are seen by all of the machine."""
    write_for_owner(page, f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">'.encode())
    typer.launch(page.as_uri())
