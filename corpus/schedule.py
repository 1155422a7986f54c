"""The windows of a schedule: each ends at a slot, a moment that the cron expression of the schedule names in UTC."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from cronsim import CronSim, CronSimError

from common.errors import UserError

# What cron on Unix and Kubeflow's scheduler (robfig/cron 1.2) read alike. Days of the week are 0 (Sunday) to 6 there.
_VALUE = r"([0-9]+|[a-z]{3})"
_TERM = rf"(\*|{_VALUE}(-{_VALUE})?)(/[0-9]+)?"
_FIELD = re.compile(rf"{_TERM}(,{_TERM})*", re.IGNORECASE)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)


class ScheduleError(UserError):
    """A schedule that cannot be kept. The message says why."""


@dataclass(frozen=True)
class Schedule:
    """A five-field cron expression (minute, hour, day of month, month, day of week), in UTC.

    Raises:
        ScheduleError: it is none, or one that Kubeflow would read otherwise.
    """

    cron: str

    def __post_init__(self) -> None:
        fields = self.cron.split()
        if len(fields) != 5:
            raise ScheduleError(
                f"the schedule '{self.cron}' has {len(fields)} fields, not five: minute, hour, day of month, month, "
                "day of week, such as '0 2 * * 1' for Mondays at 02:00 UTC"
            )
        if not all(_FIELD.fullmatch(field) for field in fields) or re.search(r"(?<![0-9/])7", fields[4]):
            raise ScheduleError(
                f"the schedule '{self.cron}' has what Kubeflow does not know: use numbers, names, * , - and /, and 0 "
                "for Sunday"
            )
        try:
            next(CronSim(self.cron, _EVER))
        except (CronSimError, StopIteration) as error:
            reason = str(error) or "no such day ever comes"
            raise ScheduleError(f"the schedule '{self.cron}' cannot be kept: {reason}") from error

    @property
    def six_fields(self) -> str:
        """As Kubeflow reads it: seconds first. It would take five fields for another schedule without a word."""
        return f"0 {self.cron}"

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The slots after a moment, oldest first."""
        return CronSim(self.cron, moment.astimezone(UTC))

    def between(self, since: datetime, until: datetime) -> list[datetime]:
        """The slots in [since, until], oldest first."""
        return list(takewhile(lambda slot: slot <= until, self.after(since - timedelta(seconds=1))))

    def first(self, since: datetime) -> datetime:
        """The first slot that is not before a moment."""
        return next(self.after(since - timedelta(seconds=1)))

    def at(self, moment: datetime) -> datetime:
        """The newest slot that is not after a moment, which a run that was started then trains."""
        return next(CronSim(self.cron, next(self.after(moment.replace(microsecond=0))), reverse=True))


def window_of_run(window_end: str, schedule: str, since: str, scheduled_at: str) -> tuple[datetime, list[datetime]]:
    """Which window a run is for, and which come before it, all as their ends.

    Args:
        window_end: ISO 8601, in UTC unless it has a zone; '' for that of the newest slot of ``schedule``.
        since: the first slot of the schedule; ISO 8601.
        scheduled_at: when the run was meant to start, or was started; ISO 8601.

    Raises:
        ScheduleError: the run has neither a window nor a schedule.
    """
    if window_end:
        end = datetime.fromisoformat(window_end)
        return end if end.tzinfo else end.replace(tzinfo=UTC), []
    if not schedule:
        raise ScheduleError("the run has neither a window_end nor a schedule: give it one")
    kept = Schedule(schedule)
    end = kept.at(datetime.fromisoformat(scheduled_at))
    return end, [slot for slot in kept.between(datetime.fromisoformat(since), end) if slot < end]
