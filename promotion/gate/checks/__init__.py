"""Every check of the gate, in the order in which a reader wants them. To add one, write its function and its line here,
and its name in promotion/gate/policy.py."""

from collections.abc import Callable

from promotion.gate.case import Case
from promotion.gate.checks.better import baseline, champion
from promotion.gate.checks.calibration import calibration
from promotion.gate.checks.cost import cost
from promotion.gate.checks.floors import least, simple_peers
from promotion.gate.checks.gap import gap_closed
from promotion.gate.checks.ranking import ranking
from promotion.gate.checks.rows import data, positives
from promotion.gate.checks.slices import slices
from promotion.gate.checks.volume import recall_volume
from promotion.gate.policy import CheckName, GateSettings
from promotion.gate.verdict import Finding

CHECKS: dict[CheckName, Callable[[Case, GateSettings], Finding]] = {
    "simple_peers": simple_peers,
    "baseline": baseline,
    "champion": champion,
    "positives": positives,
    "least": least,
    "ranking": ranking,
    "slices": slices,
    "calibration": calibration,
    "gap_closed": gap_closed,
    "recall_volume": recall_volume,
    "cost": cost,
    "data": data,
}
