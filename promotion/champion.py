"""The champion, scored again: through its archive, on the rows of today, never by a figure that was stored."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import BaseModel

from common.errors import UserError
from models.evaluation.metrics import Threshold
from promotion.ledger.entries import standings
from promotion.ledger.projection import approved
from promotion.ledger.store import read_ledger
from promotion.registry import ARCHIVE_DIGEST, fetch_archive
from promotion.tracking import connect, in_sentences
from serving.archive import unpack
from serving.scoring import score_rows

NONE = pa.table({"video_id": pa.array([], pa.string()), "champion": pa.array([], pa.list_(pa.float64()))})


class Champion(BaseModel, frozen=True, extra="forbid"):
    """Which version of a task's model serves ('' for none), what it was made with, and where it decides.

    ``lost`` says why it cannot be scored; '' if it was.
    """

    version: str = ""
    settings: dict[str, Any] = {}
    threshold: Threshold = 0.5
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
    tracking_uri: str, ledger_uri: str, task: str, rows: pd.DataFrame, classes: tuple[str, ...]
) -> tuple[Champion, pa.Table]:
    """The champion that the ledger knows, and its class probabilities of ``rows`` (as ``score_rows`` reads them).

    One that cannot be fetched, loaded or asked is not an error here: whether it may be done without is the gate's.
    """
    entries = read_ledger(ledger_uri)
    standing = standings(entries).get(task)
    if standing is None or not standing.champion:
        return Champion(), NONE
    version = standing.champion
    try:
        registered = connect(tracking_uri).get_model_version(task, version)
        if registered.tags.get(ARCHIVE_DIGEST) != approved(entries, task, version):
            raise UserError("its archive is not the one that was approved")
        settings = json.loads(registered.tags.get("settings", "{}"))
        with tempfile.TemporaryDirectory() as scratch:
            archive, _ = fetch_archive(tracking_uri, registered, Path(scratch))
            folder, serving = unpack(archive, Path(scratch) / "student")
            scores = score_rows(folder, serving["threshold"], rows, classes)
    except Exception as error:
        first = str(error).strip().splitlines()[:1]
        lost = f"version {version}, the champion, cannot be scored: {first[0] if first else type(error).__name__}"
        return Champion(version=version, lost=lost), NONE
    table = pa.table({"video_id": list(rows.video_id), "champion": scores.tolist()})
    return Champion(version=version, settings=settings, threshold=serving["threshold"]), table
