"""Runs on a stand-in cluster."""

from datetime import datetime
from pathlib import Path
from typing import Any

from kfp.dsl import PipelineTaskFinalStatus

from common.dense_table import CORPUS_FILE
from components.close_run import close_run
from components.open_run import open_run
from corpus.contract import Manifest
from promotion.ledger.claims import GaveWay


class Cloud:
    """What the stand-in's runs do: the real first and last steps, on a real ledger and MLflow, and no training between.

    ``trained`` says which windows, in the order they were trained in; ``now`` is the test's, as are the ``nodes_lost``.
    """

    def __init__(
        self, folder: Path, task: str, now: datetime, nodes_lost: tuple[datetime, datetime] | None = None
    ) -> None:
        self.task, self.nodes_lost = task, nodes_lost
        self.corpus = folder / "empty"
        self.corpus.mkdir()
        nothing = Manifest(name="empty", simulated=True, made_by="a test", description="", dense={})
        (self.corpus / CORPUS_FILE).write_text(nothing.model_dump_json())
        self.places = {"tracking_uri": f"sqlite:///{folder}/mlflow.db", "ledger_uri": f"sqlite:///{folder}/ledger.db"}
        self.now, self.runs = now, 0
        self.trained: list[datetime] = []

    def execute(self, run: str, parameters: dict[str, Any], scheduled_at: datetime) -> str:
        self.runs += 1
        given = {name: parameters[name] for name in ("window_end", "months", "once", "schedule", "since", "run_name")}
        of = {"task": self.task, "kubeflow_run": run, **self.places}
        corpus = str(self.corpus)
        try:
            opened = open_run.python_func(
                **of, **given, corpus=corpus, scheduled_at=scheduled_at.isoformat().replace("+00:00", "Z")
            )
        except GaveWay:
            state = "FAILED"
        else:
            lost = self.nodes_lost is not None and self.nodes_lost[0] <= self.now < self.nodes_lost[1]
            state = "FAILED" if lost else "SUCCEEDED"
            if state == "SUCCEEDED":
                self.trained.append(datetime.fromisoformat(opened[0]))
        ended = PipelineTaskFinalStatus(state, "pipeline", "run", None, None)
        close_run.python_func(ended, **of)
        return state
