"""What a task asks of a student before it may ask to serve. A task file composes it."""

from pydantic import BaseModel, Field


class GateSettings(BaseModel, frozen=True, extra="forbid"):
    """``margin``: by how much the student's F1 must be above the baseline's, in F1 (0.01 = one point).

    A negative margin asks that the student be at most that much worse.
    """

    margin: float = Field(0.005, ge=-1, lt=1, description="half a point: less is not worth a change of model")
