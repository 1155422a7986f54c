"""Make the packaged and proven student its task's challenger."""

from kfp.dsl import Artifact, Input

from components.base import component


@component()
def nominate(
    archive: Input[Artifact], parity: Input[Artifact], task: str, run_id: str, version: str, tracking_uri: str
) -> None:
    """The archive goes to the run; its digest and the alias ``challenger`` to the version, unless it has them."""
    from pathlib import Path

    from promotion.registry import nominate

    alias = nominate(tracking_uri, task, run_id, version, Path(archive.path), Path(parity.path))
    print(f"{task} version {version} is the {alias}", flush=True)
