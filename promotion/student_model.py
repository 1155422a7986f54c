"""The student as an MLflow model from code: MLflow runs this file to load it, so no pickle is written."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from serving.predictor import Predictor


class StudentModel(mlflow.pyfunc.PythonModel):
    """A table of raw input (video bytes, title, overlay_text) to a table of label and scores (JSON).

    The model's signature names the columns that this student reads; it does not need the others.
    """

    def load_context(self, context: Any) -> None:
        threshold = context.model_config["threshold"]
        self.predictor = Predictor.load(Path(context.artifacts["student"]), threshold)

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        answers = [
            self.predictor.predict(row.get("video"), row.get("title") or "", row.get("overlay_text") or "")
            for row in model_input.astype(object).where(model_input.notna(), None).to_dict("records")
        ]
        scores = [json.dumps(answer.scores) for answer in answers]
        return pd.DataFrame({"label": [answer.label for answer in answers], "scores": scores})


mlflow.models.set_model(StudentModel())
