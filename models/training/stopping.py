"""When a training ends: one rule for baseline, teacher and student, which favours none of them."""

import math
from dataclasses import dataclass, replace

from models.training.settings import TrainingSettings


@dataclass(frozen=True)
class Stop:
    """How a training goes on tuning rows: ``least`` loss so far, and that of ``smoothed`` losses.

    ``last`` is the loss before, NaN at first; ``stale`` are the steps since ``smoothed`` fell that count.
    """

    least: float = math.inf
    smoothed: float = math.inf
    last: float = math.nan
    stale: int = 0

    def after(self, loss: float, steps: int, done: int, settings: TrainingSettings, total: int) -> "Stop":
        """After ``steps`` more steps, ``done`` of ``total`` in all, with this loss.

        Steps count once warm-up and ``least_steps`` are over. A loss is smoothed with the one before, as a single
        evaluation on some hundred rows goes up and down by chance.
        """
        smoothed = loss if math.isnan(self.last) else (loss + self.last) / 2
        counts = done > max(settings.least_steps, settings.warmup_share * total)
        stale = 0 if smoothed < self.smoothed else self.stale + (steps if counts else 0)
        return replace(self, least=min(loss, self.least), smoothed=min(smoothed, self.smoothed), last=loss, stale=stale)
