"""Serve champions: fetch their archives from the registry, prove them unchanged, start TorchServe over them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.workspace import Workspace
from promotion.errors import RegistryError
from promotion.ledger.projection import repair
from promotion.registry import champions
from promotion.signatures import fetch_signed_archive
from serving.configuration import ServerSettings
from serving.server import Server, running


@contextmanager
def serving(workspace: Workspace, settings: ServerSettings) -> Iterator[tuple[Server, dict[str, str]]]:
    """TorchServe over every champion until the block is left. Yields the server and the versions by task.

    Raises:
        RegistryError: there is no champion.
        SignatureError: an archive was not signed at its approval, or is another since.
        BusyError: this workspace is being served already.
    """
    repair(workspace.tracking_uri, workspace.ledger_uri)  # what serves is what was approved
    versions = champions(workspace.tracking_uri)
    if not versions:
        raise RegistryError(
            "no task has a champion: 'cpfd run TASK' makes a challenger, 'cpfd approve TASK VERSION' the champion"
        )
    with workspace.serving_lock():
        archives = workspace.folder / "archives"
        shutil.rmtree(archives, ignore_errors=True)
        archives.mkdir(parents=True)
        paths = [
            fetch_signed_archive(workspace.tracking_uri, version, archives, workspace.signing_key)[0]
            for version in versions.values()
        ]
        with running(paths, workspace.serving, settings) as server:
            try:
                server.save(workspace.server_file)
                yield server, {task: str(version.version) for task, version in versions.items()}
            finally:
                workspace.server_file.unlink(missing_ok=True)
