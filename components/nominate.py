"""Make the packaged and proven student its task's challenger."""

from kfp.dsl import Artifact, Input

from components.base import component


@component()
def nominate(
    archive: Input[Artifact], parity: Input[Artifact], task: str, run_id: str, version: str, tracking_uri: str
) -> None:
    """The archive goes to the model version's run, and the alias ``challenger`` to the version."""
    from pathlib import Path

    from promotion.registry import nominate

    nominate(tracking_uri, task, run_id, version, Path(archive.path), Path(parity.path))
    print(f"{task} version {version} is now the challenger", flush=True)
