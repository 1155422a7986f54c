"""What a task asks of a student before it may ask to serve. A task file composes it."""

from typing import Literal

from pydantic import BaseModel, Field


class GateSettings(BaseModel, frozen=True, extra="forbid"):
    """``margin``: by how much the student must be above the baseline in what judges (``Task.judge``; 0.01 = one point).

    A negative margin asks that the student be at most that much worse. ``floor``: what else it may not be behind, the
    best peer that reads raw input alone (TF-IDF and logistic regression, and its kin); ``none`` asks for no such thing.
    ``approver``: who may approve a student that passed, ``another`` than whose run it was or ``anyone``.
    """

    margin: float = Field(0.005, ge=-1, lt=1, description="half a point: less is not worth a change of model")
    floor: Literal["raw_peers", "none"] = "raw_peers"
    approver: Literal["anyone", "another"] = "anyone"
