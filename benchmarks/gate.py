"""How often the gate errs, and what it can see: the whole gate on simulated models whose true difference is known.

Run with ``make bench-gate``. A video's score is its label's signal and noise, a part of which all models share and a
part of which all videos of a group do; thresholds are chosen on other videos. 1,000 draws tell 3.6 % from 5 %.
"""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.stats import norm

from common.source import code_version
from models.evaluation.judging import BASELINE, CHAMPION, STUDENT, TEACHER
from models.evaluation.metrics import Ruler, decide
from promotion.gate.case import Case, Predictions
from promotion.gate.deciding import promoted
from promotion.gate.policy import GateSettings, Policy

GATE = GateSettings()
SIGNAL = 1.5  # of the better model, in standard deviations of the noise: an ROC-AUC of .86
OF_GROUP = 0.5  # share of the noise's variance that the videos of a group have in common
PREVALENCES, GROUP_SIZES, CORRELATIONS = (0.02, 0.1, 0.5), (1, 10), (0.5, 0.9)
DIFFERENCES, ROWS = (0.01, 0.02, 0.05), (500, 2_000, 5_000, 20_000, 50_000)
PEER = "simple peer"


@dataclass(frozen=True)
class World:
    """Videos and models as they are drawn. ``signals`` by model; ``correlation`` is of two models' noise."""

    rows: int
    prevalence: float
    group_size: int
    correlation: float
    signals: dict[str, float]
    policy: Policy = "change"

    def draw(self, seed: int) -> Case:
        random = np.random.default_rng(seed)
        rows = 2 * self.rows  # the first half chooses thresholds
        groups = np.arange(rows) // self.group_size
        labels = (random.random(rows) < self.prevalence).astype(int)
        shared = self._noise(random, groups)
        ruler, models = Ruler.of("f1", labels[: self.rows], 2), {}
        for name, signal in self.signals.items():
            own = np.sqrt(self.correlation) * shared + np.sqrt(1 - self.correlation) * self._noise(random, groups)
            probabilities = self._posterior(signal * labels + own, signal)
            threshold = ruler.choose_threshold(probabilities[: self.rows], labels[: self.rows])
            judged = probabilities[self.rows :]
            models[name] = Predictions(judged, decide(judged, threshold))
        halves = np.where(random.random(rows) < 0.5, "one", "other")[self.rows :]  # slices that differ in nothing
        return Case(
            labels=labels[self.rows :],
            groups=groups[self.rows :],
            classes=("no", "yes"),
            ruler=ruler,
            models=models,
            peers=[PEER],
            slices={"half": halves},
            policy=self.policy,
        )

    def _noise(self, random: np.random.Generator, groups: np.ndarray) -> np.ndarray:
        ours = OF_GROUP if self.group_size > 1 else 0
        together = random.standard_normal(groups[-1] + 1)[groups]
        return np.sqrt(ours) * together + np.sqrt(1 - ours) * random.standard_normal(len(groups))

    def _posterior(self, scores: np.ndarray, signal: float) -> np.ndarray:
        """Calibrated probabilities (N, 2)."""
        logits = signal * scores - signal**2 / 2 + np.log(self.prevalence / (1 - self.prevalence))
        positive = 1 / (1 + np.exp(-logits))
        return np.stack([1 - positive, positive], axis=1)


def best_f1(signal: float, prevalence: float) -> float:
    """F1 of all videos at the best threshold."""
    cuts = np.linspace(-4, 6, 4_001)
    found, falsely = prevalence * norm.sf(cuts - signal), (1 - prevalence) * norm.sf(cuts)
    return float((2 * found / (prevalence + found + falsely)).max())


def weaker(by: float, prevalence: float) -> float:
    """The signal of a model whose F1 is so much lower than that of SIGNAL."""
    low, high, aim = 0.0, SIGNAL, best_f1(SIGNAL, prevalence) - by
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if best_f1(middle, prevalence) < aim else (low, middle)
    return high


def world(rows: int, prevalence: float, group_size: int, correlation: float, others: dict[str, float]) -> World:
    """A student of SIGNAL beside ``others``; what is not given is far behind, the teacher a little ahead."""
    far = weaker(0.1, prevalence)
    signals = {STUDENT: SIGNAL, BASELINE: far, TEACHER: SIGNAL + 0.3, PEER: far}
    return World(rows, prevalence, group_size, correlation, {**signals, **others})


def share_promoted(of: World, draws: int) -> float:
    return float(np.mean([promoted(of.draw(seed), GATE) for seed in range(draws)]))


def _shares(worlds: Sequence[World], draws: Sequence[int]) -> list[float]:
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(share_promoted, worlds, draws))


def error_worlds(rows: int) -> dict[str, list[World]]:
    """By what is wrong with the student: a world for every prevalence, group size and correlation."""
    found: dict[str, list[World]] = {"as good as the baseline": [], "as good as the champion": [], "refresh, worse": []}
    for prevalence, size, correlation in product(PREVALENCES, GROUP_SIZES, CORRELATIONS):
        of = rows, prevalence, size, correlation
        found["as good as the baseline"].append(world(*of, {BASELINE: SIGNAL}))
        found["as good as the champion"].append(world(*of, {CHAMPION: SIGNAL}))
        worse = world(*of, {CHAMPION: SIGNAL, STUDENT: weaker(GATE.margin, prevalence)})
        found["refresh, worse"].append(replace(worse, policy="refresh"))
    return found


def print_errors(rows: int, draws: int) -> None:
    worlds = error_worlds(rows)
    shares = {name: _shares(each, [draws] * len(each)) for name, each in worlds.items()}
    print(f"\nPromoted of {draws:,} students that should not be, {rows:,} rows (a refresh worse by {GATE.margin}):\n")
    print("| prevalence | group size | correlation | " + " | ".join(shares) + " |\n|" + " --- |" * (3 + len(shares)))
    for row, each in enumerate(product(PREVALENCES, GROUP_SIZES, CORRELATIONS)):
        print(
            f"| {each[0]:.0%} | {each[1]} | {each[2]} | " + " | ".join(f"{s[row]:.1%}" for s in shares.values()) + " |"
        )


def print_power(draws: int) -> None:
    """Of students better than the baseline by so much, with no champion; prevalence 10 %, correlation .9."""
    cells = [(rows, size, by) for rows in ROWS for size in GROUP_SIZES for by in DIFFERENCES]
    worlds = [world(rows, 0.1, size, 0.9, {BASELINE: weaker(by, 0.1)}) for rows, size, by in cells]
    shares = dict(
        zip(cells, _shares(worlds, [draws if rows <= 5_000 else draws // 4 for rows, _, _ in cells]), strict=True)
    )
    print(f"\nPromoted of {draws} students (a quarter above 5,000 rows) that are better than the baseline by:\n")
    print("| rows | group size | " + " | ".join(f"{by:.0%} of F1" for by in DIFFERENCES) + " |\n|" + " --- |" * 5)
    for rows, size in product(ROWS, GROUP_SIZES):
        print(f"| {rows:,} | {size} | " + " | ".join(f"{shares[rows, size, by]:.0%}" for by in DIFFERENCES) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000, help="evaluation rows of the first table")
    parser.add_argument("--draws", type=int, default=1_000)
    arguments = parser.parse_args()
    print(f"{code_version()}, {GATE.alpha:g} at the gate, {GATE.alpha_of(1):.4f} for the first look")
    print_errors(arguments.rows, arguments.draws)
    print_power(arguments.draws // 5)


if __name__ == "__main__":
    main()
