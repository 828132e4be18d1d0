import numpy as np
import pytest

from archive_restore.training.comparison import compare


def test_a_steady_gain_is_better():
    before = np.random.default_rng(0).normal(24, 3, 20)
    result = compare(before, before + np.random.default_rng(1).normal(0.3, 0.1, 20))
    assert result.better
    assert result.gain == pytest.approx(0.3, abs=0.06)
    assert result.improved == 20
    assert result.photographs == 20


def test_noise_of_no_mean_is_not_better():
    before = np.random.default_rng(0).normal(24, 3, 20)
    result = compare(before, before + np.random.default_rng(5).normal(0.0, 0.5, 20))
    assert result.lower < 0
    assert not result.better


def test_one_photograph_that_gains_much_does_not_carry_the_rest():
    before = np.full(12, 24.0)
    after = before - 0.05
    after[0] += 2.0
    result = compare(before, after)
    assert result.gain > 0.1
    assert not result.better


def test_a_certain_gain_too_small_to_matter_is_not_worth_it():
    before = np.linspace(20, 30, 15)
    assert not compare(before, before + 0.05).better
    assert compare(before, before + 0.15).better


def test_a_loss_is_reported_as_one():
    result = compare([24.0, 25.0], [23.0, 24.5])
    assert result.gain == pytest.approx(-0.75)
    assert result.improved == 0
