"""Cases for the gate: models of known strength on the same rows."""

import numpy as np

from models.evaluation.metrics import Ruler, decide
from promotion.gate.case import Case, Predictions

MODELS = {"student": 1.5, "baseline": 1.0, "teacher": 2.0, "TF-IDF": 0.5}


def predictions(labels: np.ndarray, noise: np.ndarray, signal: float, sharpness: float = 1.0) -> Predictions:
    """Of a model that sees the label with that signal-to-noise ratio; a sharpness of 1 is calibrated."""
    logits = sharpness * (
        signal * (signal * labels + noise) - signal**2 / 2 + np.log(labels.mean() / (1 - labels.mean()))
    )
    positive = 1 / (1 + np.exp(-logits))
    probabilities = np.stack([1 - positive, positive], axis=1)
    ruler = Ruler("f1", 2)
    return Predictions(probabilities, decide(probabilities, ruler.choose_threshold(probabilities, labels)))


def case(rows: int = 2_000, prevalence: float = 0.3, seed: int = 0, sharpness: float = 1.0, **strengths: float) -> Case:
    """Models by their strength, those of MODELS unless ``strengths`` say otherwise; ``champion`` for one that serves.

    The ``sharpness`` is of the student's scores. Models share most of their noise, as real ones do.
    """
    random = np.random.default_rng(seed)
    labels = (random.random(rows) < prevalence).astype(int)
    shared = random.standard_normal(rows)
    models = {}
    for name, signal in {**MODELS, **strengths}.items():
        noise = np.sqrt(0.8) * shared + np.sqrt(0.2) * random.standard_normal(rows)
        models[name] = predictions(labels, noise, signal, sharpness if name == "student" else 1.0)
    return Case(
        labels=labels,
        groups=np.arange(rows),
        classes=("no", "yes"),
        ruler=Ruler("f1", 2),
        models=models,
        peers=["TF-IDF"],
        slices={"published": np.where(np.arange(rows) < rows / 2, "early", "late")},
    )
