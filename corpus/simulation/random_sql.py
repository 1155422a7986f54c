"""Chance in SQL without an order: a value is a hash of the seed, its name and a row's number.

So neither the number of threads nor the cut into files changes it. DuckDB's hash of a single 64-bit number is a
bijection that mixes well; that of several columns is not used, as it makes draws of different names depend on
one another.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from common.sql import literal


@dataclass(frozen=True)
class Draws:
    """SQL of values that look random and are a function of the seed, their name and ``key``, a whole number in SQL."""

    seed: int

    def bits(self, name: str, key: str = "index") -> str:
        """64 bits; no two keys share them."""
        salt = int.from_bytes(hashlib.blake2b(f"{self.seed} {name}".encode(), digest_size=8).digest())
        return f"hash(xor(({key})::UBIGINT, {salt}::UBIGINT))"

    def uniform(self, name: str, key: str = "index") -> str:
        """Uniform in [0, 1)."""
        return f"(({self.bits(name, key)} >> 11)::DOUBLE / {2**53})"

    def normal(self, name: str, key: str = "index") -> str:
        """Standard normal, by Box and Muller."""
        radius, angle = self.uniform(f"{name}, radius", key), self.uniform(f"{name}, angle", key)
        return f"(sqrt(-2 * ln(1 - {radius})) * cos({angle} * 2 * pi()))"

    def count(self, name: str, mean: str, key: str = "index") -> str:
        """Whole numbers that vary about ``mean`` as a Poisson count does."""
        return f"floor(pow(greatest(sqrt({mean}) + {self.normal(name, key)} / 2, 0), 2) + 0.5)"

    def one_of(self, name: str, values: Sequence[str], key: str = "index") -> str:
        """One of the words."""
        return f"{listed(values)}[1 + ({self.bits(name, key)} % {len(values)})::BIGINT]"


def sigmoid(value: str) -> str:
    """The logistic function in SQL."""
    return f"(1 / (1 + exp(-({value}))))"


def listed(values: Sequence[str]) -> str:
    """A list of words in SQL."""
    return "[" + ", ".join(map(literal, values)) + "]"
