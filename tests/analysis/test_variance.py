"""Shares of the variance that are due to noise seeds and training seeds."""

import itertools

import numpy as np
import pandas
import pytest

from noisylab.analysis.variance import counted_seeds, seed_variance, variance_components


def crossed(noise_sd: float, seed_sd: float, rest_sd: float, *, seeds: int = 40, method: str = "ce") -> pandas.DataFrame:
    random = np.random.default_rng(0)
    noises, trainings = random.normal(0, noise_sd, seeds), random.normal(0, seed_sd, seeds)
    values = 0.9 + noises[:, None] + trainings[None, :] + random.normal(0, rest_sd, (seeds, seeds))
    rows = [
        {"noise": "symmetric:0.4", "method": method, "noise_seed": i, "seed": j, "test_accuracy_last": values[i, j]}
        for i, j in itertools.product(range(seeds), range(seeds))
    ]
    return pandas.DataFrame(rows).assign(images_processed=1, images_total=1, updates=1, realised_rate=0.4)


def test_the_components_of_simulated_runs_are_found_again() -> None:
    (row,) = seed_variance(crossed(0.03, 0.02, 0.01, seeds=150)).to_dict("records")
    assert row["share_noise_seed"] == pytest.approx(9 / 14, abs=0.12)
    assert row["share_seed"] == pytest.approx(4 / 14, abs=0.1)
    assert row["share_noise_seed"] + row["share_seed"] + row["share_rest"] == pytest.approx(1)
    assert max(row["p_noise_seed"], row["p_seed"]) < 0.001


def test_seeds_without_effect_have_no_share_and_no_small_p() -> None:
    (row,) = seed_variance(crossed(0.0, 0.02, 0.01)).to_dict("records")
    assert row["share_noise_seed"] < 0.02
    assert row["p_noise_seed"] > 0.01


def test_components_are_those_of_the_mean_squares_by_hand() -> None:
    values = np.array([[1.0, 2.0, 4.0], [2.0, 5.0, 3.0]])
    mean, rows, columns = values.mean(), values.mean(axis=1), values.mean(axis=0)
    square_rows = 3 * sum((rows - mean) ** 2) / 1
    square_columns = 2 * sum((columns - mean) ** 2) / 2
    rest = sum((values[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(2) for j in range(3)) / 2
    found = variance_components(values)
    assert found["rest"] == pytest.approx(rest)
    assert found["rows"] == pytest.approx(max(0, (square_rows - rest) / 3))
    assert found["columns"] == pytest.approx(max(0, (square_columns - rest) / 2))


def test_a_contrast_needs_fewer_seeds_if_both_methods_share_the_seeds_effect() -> None:
    ce = crossed(0.03, 0.03, 0.004, seeds=6)
    dlb = ce.assign(method="dlb", test_accuracy_last=ce["test_accuracy_last"] + 0.01)
    dlb["test_accuracy_last"] += np.random.default_rng(1).normal(0, 0.004, len(dlb))
    table = seed_variance(pandas.concat([ce, dlb]), contrasts=[("dlb", "ce")]).set_index("method")
    assert table.loc["dlb - ce", "sd"] < 0.2 * table.loc["ce", "sd"]
    assert table.loc["dlb - ce", "n_for_power"] <= 5
    assert pandas.isna(table.loc["ce", "n_for_power"])


@pytest.mark.parametrize("left", [slice(0, -1), slice(0, 6)])
def test_seeds_that_are_not_crossed_are_refused(left: slice) -> None:
    runs = crossed(0.01, 0.01, 0.01, seeds=6)[left]
    with pytest.raises(ValueError, match="every noise seed must be run with every seed"):
        seed_variance(runs)


def test_runs_that_share_one_of_two_seeds_are_pairs_of_seeds() -> None:
    seeds = [{"noise": "symmetric:0.4", "method": "ce", "seed": a, "noise_seed": b} for a in range(2) for b in range(3)]
    crossed = pandas.DataFrame(seeds)
    assert counted_seeds([6], crossed) == "6 pairs of seeds"
    own = crossed[crossed["seed"] == crossed["noise_seed"]]
    assert [counted_seeds(counts, own) for counts in ([1], [2, 2], [1, 2])] == ["1 seed", "2 seeds", "1 to 2 seeds"]
    assert counted_seeds([2], crossed[crossed["noise_seed"] == 0]) == "2 seeds", "all under one draw of the noise"
