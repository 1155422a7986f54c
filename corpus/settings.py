"""Settings of the window and of the checks on its data. A task file composes them."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

MONTHS = 3  # how long a window is unless somebody says otherwise: what schedules retrain on
MOST_HELD_BACK = 0.9  # of the labelled videos: with less than a tenth to learn from there is no student


class WindowSettings(BaseModel, frozen=True, extra="forbid"):
    """How the window is split.

    ``newest``: the newest share is for evaluation, the next newest for tuning (thresholds, and when a training stops).
    ``random``: shares by a seeded draw. ``stable``: each group's side follows from its name alone, in this and every
    other window, so that what judged once never trains anything, as long as the shares stay what they are;
    ``pooled_months`` then lets the evaluation rows of so many months before the window judge, too. Always all videos of
    one group stay on one side.
    """

    split: Literal["newest", "random", "stable"] = "newest"
    pooled_months: int = Field(0, ge=0, le=120)
    evaluation_share: float = Field(0.1, gt=0, lt=1)  # enough to judge by where labels are many
    tuning_share: float = Field(0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.evaluation_share + self.tuning_share >= MOST_HELD_BACK:
            raise ValueError("evaluation_share and tuning_share must leave at least a tenth for training")
        if self.pooled_months and self.split != "stable":
            raise ValueError("pooled_months needs 'split: stable': else the rows of earlier windows train this one")
        return self


LEAST_DRIFT_VIDEOS = 200  # with fewer, the index is mostly chance


class ValidationSettings(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Limits that a run's data must keep. A fault of single rows is set aside while under ``faulty_share``.

    The defaults catch what is broken, not what is unusual: a twentieth of faulty files, a feature that is hardly ever
    there, a table that nothing was written to for three days, which is longer than a weekend's gap. ``drift_index``
    0.25 is where a shift begins (Siddiqi 2006, Credit Risk Scorecards).
    """

    faulty_share: float = Field(0.05, ge=0, le=1, description="share of videos that may be set aside")
    least_class_share: float = Field(0.01, ge=0, le=1, description="each class's least share of the labels")
    longest_text: int = Field(4_096, ge=1, description="characters beyond which a text is reported (it is cut)")
    missing_share: float = Field(0.95, ge=0, le=1, description="share of rows that a feature may be missing in")
    drift_index: float = Field(0.25, gt=0, description="population stability index against the previous window")
    # 20,000: the index then varies by chance by a thousandth, and retrieving their features takes seconds.
    drift_videos: int = Field(20_000, ge=0, description="videos of the previous window to compare with; 0: none")
    stale_hours: float = Field(72, gt=0, description="a view's newest writing before the window's end may be so old")
    written_late_share: float = Field(
        0.05, ge=0, le=1, description="share of videos with values written after the label"
    )
    stops_on: tuple[Literal["missing", "range", "drift", "stale", "written_late"], ...] = Field(
        ("missing", "range"), description="which of these stop the run; the others are reported"
    )

    @model_validator(mode="after")
    def _compares_with_enough(self) -> Self:
        if 0 < self.drift_videos < LEAST_DRIFT_VIDEOS:
            raise ValueError(f"drift_videos must be 0 (no comparison) or at least {LEAST_DRIFT_VIDEOS}")
        return self
