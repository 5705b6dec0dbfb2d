"""Whether methods rank alike under two noises."""

import numpy as np
import pandas
import pytest

from noisylab.analysis.agreement import rank_agreement

METHODS = [f"m{place}" for place in range(6)]


def results(orders: dict[str, list[int]], *, spread: float = 0.001, seeds: int = 5) -> pandas.DataFrame:
    random = np.random.default_rng(0)
    rows = [
        {"noise": noise, "method": METHODS[method], "seed": seed, "noise_seed": seed}
        | {"test_accuracy_last": 0.9 - 0.01 * place + random.normal(0, spread)}
        for noise, order in orders.items()
        for place, method in enumerate(order)
        for seed in range(seeds)
    ]
    return pandas.DataFrame(rows)


def test_the_same_order_is_one_the_opposite_minus_one_and_one_swap_between() -> None:
    same, swapped = list(range(6)), [1, 0, 2, 3, 4, 5]
    table = rank_agreement(results({"a": same, "b": same, "c": same[::-1], "d": swapped})).set_index(["noise", "other"])
    assert table.loc[("a", "b"), ["tau", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert table.loc[("a", "c"), "tau"] == pytest.approx(-1)
    assert table.loc[("a", "d"), "tau"] == pytest.approx(1 - 2 * 2 / 30)
    assert len(table) == 6


def test_methods_that_differ_less_than_their_spread_have_a_wide_interval() -> None:
    order = list(range(6))
    (wide,) = rank_agreement(results({"a": order, "b": order}, spread=0.05)).to_dict("records")
    assert wide["high"] - wide["low"] > 0.5
    assert wide["low"] <= wide["tau"] <= wide["high"]


def test_only_what_both_noises_have_counts_and_two_methods_are_too_few() -> None:
    order = list(range(6))
    runs = results({"a": order, "b": order})
    fewer = runs[~((runs["noise"] == "b") & runs["method"].isin(["m0", "m1"]))]
    fewer = fewer[~((fewer["noise"] == "b") & (fewer["seed"] == 4))]
    (row,) = rank_agreement(fewer, pairs=[("a", "b")]).to_dict("records")
    assert (row["methods"], row["n"]) == (4, 4)
    with pytest.raises(ValueError, match="share 2"):
        rank_agreement(runs[(runs["noise"] == "a") | runs["method"].isin(["m0", "m1"])])
    with pytest.raises(ValueError, match="no run is under 'z'; there are a, b"):
        rank_agreement(runs, pairs=[("a", "z")])


def test_two_seeds_give_no_interval() -> None:
    (row,) = rank_agreement(results({"a": [0, 1, 2], "b": [0, 1, 2]}, seeds=2)).to_dict("records")
    assert row["tau"] == 1
    assert np.isnan([row["low"], row["high"]]).all()
