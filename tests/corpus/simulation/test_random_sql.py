"""Draws by hash look like chance, and those of different names or seeds have nothing to do with each other."""

import duckdb
import numpy as np
from scipy.stats import kstest

from corpus.simulation.random_sql import Draws


def drawn(*expressions):
    rows = duckdb.sql("FROM range(20_000) AS rows(index)").project(", ".join(expressions))
    return list(rows.fetchnumpy().values())


def test_they_are_uniform_normal_and_counts():
    draws = Draws(0)
    uniform, normal, count = drawn(draws.uniform("one"), draws.normal("two"), draws.count("three", "4.0"))
    assert kstest(uniform, "uniform").pvalue > 1e-3
    assert kstest(normal, "norm").pvalue > 1e-3
    assert count.min() >= 0
    assert (count % 1 == 0).all()
    assert abs(count.mean() - 4) < 0.3
    assert abs(count.var() - 4) < 0.5


def test_names_seeds_and_keys_make_them_independent():
    draws = Draws(0)
    columns = drawn(
        draws.uniform("one"), draws.uniform("two"), Draws(1).uniform("one"), draws.uniform("one", "index + 1")
    )
    columns += [np.abs(values - 0.5) for values in columns]
    correlations = np.corrcoef(columns)
    assert np.abs(correlations - np.eye(8)).max() < 0.03


def test_the_same_name_seed_and_key_draw_the_same():
    one, same = drawn(Draws(0).bits("one"), Draws(0).bits("one", "index"))
    assert (one == same).all()
    assert len(np.unique(one)) == 20_000


def test_a_word_is_drawn_as_it_is_spelt():
    (words,) = drawn(Draws(0).one_of("word", ["it's", "危険"]))
    assert set(words) == {"it's", "危険"}
