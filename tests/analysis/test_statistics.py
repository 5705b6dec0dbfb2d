"""Fractions, intervals, paired differences and corrected p-values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noisylab.analysis import memorisation
from noisylab.analysis.statistics import holm, mean_interval, paired_difference


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1))
def test_the_fractions_of_mislabelled_samples_sum_to_one(triples: list[tuple[int, int, int]]) -> None:
    prediction, given_, true = np.array(triples).T
    f = memorisation(prediction, given_, true)
    if (given_ == true).all():
        assert math.isnan(f.correct)
        assert math.isnan(f.memorised)
        assert math.isnan(f.other)
    else:
        assert f.correct + f.memorised + f.other == pytest.approx(1)
    assert math.isnan(f.clean_correct) == bool((given_ != true).all())


def test_fractions_by_hand() -> None:
    #                 clean     mislabelled
    f = memorisation([0, 1, 2, 0, 1, 1, 3], [0, 1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 0, 0, 0])
    assert f == (2 / 3, 1 / 4, 2 / 4, 1 / 4)
    with pytest.raises(ValueError, match="equally long"):
        memorisation([0], [0, 1], [0, 1])


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_interval_is_student_s(confidence: float) -> None:
    values = np.array([0.91, 0.93, 0.88, 0.95])
    low, high = stats.t.interval(confidence, 3, values.mean(), stats.sem(values))
    interval = mean_interval(values, confidence)
    assert (interval.mean - interval.half, interval.mean + interval.half) == pytest.approx((low, high))
    assert interval.n == 4


def test_intervals_of_few_equal_or_missing_values() -> None:
    assert math.isnan(mean_interval([0.5]).half)
    assert str(mean_interval([0.5])) == "0.500"
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.0, 3)
    assert str(mean_interval([0.5, 0.5])) == "0.500 ± 0.000"
    assert math.isnan(mean_interval([0.5, math.nan]).mean)
    with pytest.raises(ValueError, match="none"):
        mean_interval([])


def test_differences_are_paired() -> None:
    a, b = [0.91, 0.93, 0.88], [0.90, 0.90, 0.87]
    difference, expected = paired_difference(a, b), stats.ttest_rel(a, b)
    low, high = expected.confidence_interval(0.95)
    assert difference.p == pytest.approx(expected.pvalue)
    assert difference.interval.mean - difference.interval.half == pytest.approx(low)
    assert difference.interval.mean + difference.interval.half == pytest.approx(high)
    assert paired_difference([1, 2], [1, 2]).p == 1
    assert paired_difference([2, 3], [1, 2]).p == 0
    assert math.isnan(paired_difference([1], [2]).p)
    with pytest.raises(ValueError, match=r"\(3,\).*\(1,\)"):
        paired_difference([1, 2, 3], [1])


def test_holm_against_worked_examples() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03]), [0.03, 0.04, 0.04])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])
    np.testing.assert_array_equal(holm([0.02, math.nan, 0.5]), [0.04, math.nan, 0.5])
    assert holm([]).shape == (0,)
