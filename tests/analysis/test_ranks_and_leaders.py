"""Who leads, by how much, and who ranks where."""

import numpy as np
import pandas
import pytest
from scipy import stats

from noisylab.analysis.comparisons import compare, leaders, mean_ranks
from noisylab.analysis.statistics import holm

ACCURACY = {
    "ce": [0.80, 0.82, 0.81, 0.79],
    "repeat": [0.85, 0.86, 0.85, 0.84],
    "dlb": [0.95, 0.955, 0.95, 0.94],
}


def results(accuracy: dict[str, list[float]] = ACCURACY, noise: str = "symmetric:0.4") -> pandas.DataFrame:
    rows = [
        {"id": f"{method}{seed}", "noise": noise, "method": method, "seed": seed, "noise_seed": seed, "comparison_key": ""}
        | {"test_accuracy_last": value}
        for method, values in accuracy.items()
        for seed, value in enumerate(values)
    ]
    return pandas.DataFrame(rows)


def test_the_leader_is_significant_where_every_paired_test_is() -> None:
    (row,) = leaders(results()).to_dict("records")
    tests = [stats.ttest_rel(ACCURACY["dlb"], ACCURACY[other]).pvalue for other in ("ce", "repeat")]
    assert (row["method"], row["significant"]) == ("dlb", True)
    assert row["p_holm"] == pytest.approx(holm(tests).max())


def test_the_correction_counts_the_tests_of_all_noises() -> None:
    alone = leaders(results())["p_holm"].iloc[0]
    table = pandas.concat([results(), results({"ce": [0.5, 0.6, 0.4, 0.5], "repeat": [0.6, 0.5, 0.5, 0.4]}, "pair_flip:0.4")])
    assert leaders(table)["p_holm"].iloc[0] > alone


def test_a_leader_close_to_another_one_or_without_enough_seeds_is_not_significant() -> None:
    close = ACCURACY | {"lsr": [0.951, 0.953, 0.951, 0.938]}
    assert leaders(results(close))["significant"].tolist() == [False]
    (alone,) = leaders(results({name: values[:1] for name, values in ACCURACY.items()})).to_dict("records")
    assert (alone["method"], alone["significant"], np.isnan(alone["p_holm"])) == ("dlb", False, True)
    assert not leaders(results({"ce": [0.8, 0.9]}))["significant"].any()


def test_ranks_are_within_seeds_best_first_and_ties_share() -> None:
    tied = {"a": [0.9, 0.8], "b": [0.7, 0.8], "c": [0.1, 0.2]}
    ranks = mean_ranks(results(tied)).set_index("method")["rank"]
    assert ranks.to_dict() == {"a": 1.25, "b": 1.75, "c": 3.0}


def test_ranks_carry_friedman_s_test_and_leave_out_seeds_that_a_method_lacks() -> None:
    partial = results().drop(index=0)
    ranks = mean_ranks(partial)
    assert set(ranks["n"]) == {3}
    wanted = stats.friedmanchisquare(*(values[1:] for values in ACCURACY.values())).pvalue
    assert ranks["friedman_p"].tolist() == pytest.approx([wanted] * 3)
    assert np.isnan(mean_ranks(results({"ce": [0.1, 0.2], "dlb": [0.2, 0.3]}))["friedman_p"]).all()
    assert mean_ranks(results({"ce": [0.1, 0.2], "dlb": []})).set_index("method").index.tolist() == ["ce"]


def test_a_comparison_with_named_baselines_holds_these_alone_and_each_pair_once() -> None:
    table = compare(results(), baselines=["ce"])
    assert table[["method", "baseline"]].to_numpy().tolist() == [["repeat", "ce"], ["dlb", "ce"]]
    both = compare(results(), baselines=["ce", "repeat"])
    assert both[["method", "baseline"]].to_numpy().tolist() == [["repeat", "ce"], ["dlb", "ce"], ["dlb", "repeat"]]
