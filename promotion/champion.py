"""The champion, scored again: through its archive, on the rows of today, never by a figure that was stored."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from pydantic import BaseModel

from models.evaluation.cost import AnswerCost
from models.evaluation.judging import CHAMPION
from models.evaluation.metrics import Threshold
from promotion.errors import RegistryError
from promotion.registry import ARCHIVE_DIGEST, fetch_archive
from promotion.tracking import connect, in_sentences
from serving.archive import ArchiveError, unpack
from serving.scoring import StudentError, answer_cost, score_rows

LOST = (ArchiveError, RegistryError, StudentError)  # what another try would not change
NONE = pa.table({"video_id": pa.array([], pa.string()), CHAMPION: pa.array([], pa.list_(pa.float64()))})


class Champion(BaseModel, frozen=True, extra="forbid"):
    """Which version of a task's model serves ('' for none), what it was made with, where it decides, what it costs.

    ``lost`` says why it cannot be scored; '' if it was.
    """

    version: str = ""
    settings: dict[str, Any] = {}
    threshold: Threshold = 0.5
    answer: AnswerCost | None = None
    lost: str = ""

    @classmethod
    def read(cls, file: Path) -> "Champion":
        return cls.model_validate_json(file.read_text())

    @property
    def sentence(self) -> str:
        if not self.version:
            return "there is no champion yet"
        return self.lost or f"scored version {self.version}, the champion"


@in_sentences
def score(
    tracking_uri: str, task: str, version: str, archive: str, rows: pd.DataFrame, classes: tuple[str, ...]
) -> tuple[Champion, pa.Table]:
    """A champion and its class probabilities of ``rows`` (as ``score_rows`` reads them).

    One that is gone or cannot be loaded is no error here: whether it may be done without is the gate's. That MLflow or
    a video cannot be reached is one.

    Args:
        version: '' for none.
        archive: the digest of its archive.
    """
    if not version:
        return Champion(), NONE
    try:
        with tempfile.TemporaryDirectory() as scratch:
            registered = _registered(tracking_uri, task, version, archive)
            packed, _ = fetch_archive(tracking_uri, registered, Path(scratch))
            folder, serving = unpack(packed, Path(scratch) / "student")
            scores = score_rows(folder, serving["threshold"], rows, classes)
            answer = answer_cost(folder, serving["threshold"], rows)
    except LOST as error:
        return Champion(version=version, lost=f"version {version}, the champion, cannot be scored: {error}"), NONE
    settings = json.loads(registered.tags.get("settings", "{}"))
    table = pa.table({"video_id": list(rows.video_id), CHAMPION: scores.tolist()})
    return Champion(version=version, settings=settings, threshold=serving["threshold"], answer=answer), table


def _registered(tracking_uri: str, task: str, version: str, archive: str) -> ModelVersion:
    """Raises RegistryError if it is gone, or not what was approved."""
    try:
        found = connect(tracking_uri).get_model_version(task, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise RegistryError("MLflow does not have it any more") from error
    if found.tags.get(ARCHIVE_DIGEST) != archive:
        raise RegistryError("its archive is not the one that was approved")
    return found
