"""When a served student counts as the evaluated one."""

import math

import pytest

from serving.parity import ParityError, require_parity

EVALUATED = {"a": [0.25, 0.75], "b": [0.5, 0.5]}


def test_rounding_is_no_difference():
    assert require_parity("topic", {"a": [0.25001, 0.74999], "b": [0.5, 0.5]}, EVALUATED) == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("served", "told"),
    [
        ([0.26, 0.74], "by 0.01 on b"),
        ([math.nan, math.nan], "by nan on b"),
        ([0.5, math.nan], "by nan on b"),
        ([math.inf, 0.0], "by inf on b"),
        ([0.5, 0.25, 0.25], "by inf on b"),
    ],
)
def test_another_answer_is_refused_with_its_video(served, told):
    reference = {"a": [0.25, 0.75], "b": [0.27, 0.73] if served == [0.26, 0.74] else [0.5, 0.5]}
    with pytest.raises(ParityError, match=told):
        require_parity("topic", {"a": [0.25, 0.75], "b": served}, reference)


def test_scores_that_were_never_finite_prove_nothing():
    with pytest.raises(ParityError, match="by nan on a"):
        require_parity("topic", {"a": [0.5, 0.5]}, {"a": [math.nan, math.nan]})


def test_no_video_proves_nothing():
    with pytest.raises(ParityError, match="asked about no video"):
        require_parity("topic", {}, {})
