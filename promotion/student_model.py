"""The student as an MLflow model from code: MLflow runs this file to load it, so no pickle is written."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from serving.predictor import Predictor


class StudentModel(mlflow.pyfunc.PythonModel):
    """A table of raw input (video bytes, title, overlay_text) to a table of label and scores (JSON)."""

    def load_context(self, context: Any) -> None:
        threshold = context.model_config["threshold"]
        self.predictor = Predictor.load(Path(context.artifacts["student"]), threshold)

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        rows = model_input[["video", "title", "overlay_text"]].itertuples(index=False)
        answers = [self.predictor.predict(row.video, row.title, row.overlay_text) for row in rows]
        scores = [json.dumps(answer.scores) for answer in answers]
        return pd.DataFrame({"label": [answer.label for answer in answers], "scores": scores})


mlflow.models.set_model(StudentModel())
