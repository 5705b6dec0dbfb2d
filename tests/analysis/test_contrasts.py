"""Primary contrasts: pooled over the noisy settings of a seed, few, and with their power."""

import itertools

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noisylab.analysis.comparisons import compare, primary_contrasts, seed_ranks, usual_contrasts
from noisylab.analysis.statistics import holm, pairs_for_power, power_of_difference
from noisylab.analysis.tables import choose, differing_settings, summarise

NOISES = {"symmetric:0": 0.0, "symmetric:0.4": 0.4, "symmetric:0.6": 0.6, "asymmetric:0.4": 0.2}


def results(methods: tuple[str, ...] = ("ce", "repeat", "dlb"), seeds: int = 5) -> pandas.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"{method}-{noise}-{seed}", "method": method, "noise": noise, "realised_rate": rate, "nominal_rate": rate}
        | {"noise_kind": noise.split(":")[0], "seed": seed, "noise_seed": seed, "comparison_key": "", "budget": "images"}
        | {"test_accuracy_last": rng.random(), "memorised": rng.random(), "updates": 800, "images_total": 100}
        | {"images_processed": 100 if method == "ce" else 150}
        for (noise, rate), method, seed in itertools.product(NOISES.items(), methods, range(seeds))
    ]
    return pandas.DataFrame(rows)


def pooled(rows: pandas.DataFrame, method: str) -> "pandas.Series[float]":
    """The mean of a method over the noisy settings, by seed."""
    noisy = rows[(rows["method"] == method) & (rows["realised_rate"] > 0)]
    return noisy.groupby("seed")["test_accuracy_last"].mean()


def test_a_contrast_is_the_paired_t_test_of_means_over_the_noisy_settings() -> None:
    table = primary_contrasts(results())
    assert table[["method", "baseline", "noises", "n", "left_out"]].to_numpy().tolist() == [
        ["dlb", "repeat", 3, 5, 0],
        ["dlb", "ce", 3, 5, 0],
    ]
    for row in table.to_dict("records"):
        a, b = pooled(results(), row["method"]), pooled(results(), row["baseline"])
        test = stats.ttest_rel(a, b)
        assert row["p"] == pytest.approx(test.pvalue)
        assert row["difference"] == pytest.approx((a - b).mean())
        interval = test.confidence_interval(0.95)
        assert row["difference_ci95_half"] == pytest.approx((interval.high - interval.low) / 2)
        assert row["difference_sd"] == pytest.approx((a - b).std())
    np.testing.assert_allclose(table["p_holm"], holm(table["p"]))
    assert table["images_processed_ratio"].tolist() == [1, 1.5]
    assert table["updates_ratio"].tolist() == [1, 1]


def test_runs_without_noise_do_not_count() -> None:
    changed = results()
    changed.loc[changed["realised_rate"] == 0, "test_accuracy_last"] = 0
    pandas.testing.assert_frame_equal(primary_contrasts(changed), primary_contrasts(results()))
    clean = results()
    assert primary_contrasts(clean[clean["realised_rate"] == 0]).empty


def test_only_seeds_with_all_settings_count_and_it_is_said_how_many_do_not() -> None:
    rows = results()
    lacks = (rows["method"] == "dlb") & (rows["noise"] == "symmetric:0.6") & (rows["seed"] == 3)
    partial = primary_contrasts(rows[~lacks], [("dlb", "ce"), ("repeat", "ce")])
    assert partial[["n", "left_out"]].to_numpy().tolist() == [[4, 1], [5, 0]]
    without = rows[rows["seed"] != 3]
    assert partial["difference"][0] == pytest.approx((pooled(without, "dlb") - pooled(without, "ce")).mean())
    # A setting that one of the two was never run under is not pooled.
    never = rows[~((rows["method"] == "dlb") & (rows["noise"] == "asymmetric:0.4"))]
    assert primary_contrasts(never)["noises"].tolist() == [2, 2]


def test_contrasts_are_the_usual_ones_or_those_with_the_first_method() -> None:
    assert usual_contrasts(results()) == [("dlb", "repeat"), ("dlb", "ce")]
    assert usual_contrasts(results(("ce", "dlb"))) == [("dlb", "ce")]
    assert usual_contrasts(results(("lsr", "elr", "gce"))) == [("elr", "lsr"), ("gce", "lsr")]
    assert usual_contrasts(results(("ce",))) == []
    assert primary_contrasts(results(("ce",))).empty
    assert primary_contrasts(results(), [("DLB", "ce")])["method"].tolist() == ["dlb"]
    with pytest.raises(ValueError, match=r"no run is of method 'repaet' \(did you mean 'repeat'\?\)"):
        primary_contrasts(results(), [("dlb", "repaet")])
    assert primary_contrasts(results(), ["DLB - ce"])["method"].tolist() == ["dlb"]
    with pytest.raises(ValueError, match='a contrast must be "METHOD - BASELINE", such as "dlb - repeat", got \'dlb\''):
        primary_contrasts(results(), ["dlb", "ce"])
    with pytest.raises(ValueError, match="a contrast must name two methods, got 'dlb' twice"):
        primary_contrasts(results(), [("dlb", "DLB")])


def test_a_measure_that_no_run_has_is_refused() -> None:
    rows = results().assign(test_accuracy_selected=float("nan"))
    for function in (primary_contrasts, compare):
        with pytest.raises(ValueError, match="no run has a value of test_accuracy_selected; it needs held-out validation"):
            function(rows, measure="test_accuracy_selected")


def test_a_difference_has_one_p_whatever_else_is_shown() -> None:
    rows = results(("ce", "repeat", "dlb", "elr"))
    whole = compare(rows)
    # Three methods against CE and two against repeat, under each noise.
    assert set(whole["tests"]) == {5}
    for _, group in whole.groupby("noise"):
        np.testing.assert_allclose(group["p_holm"], holm(group["p"]))
    p = whole.set_index(["noise", "method", "baseline"])["p_holm"]
    shown = [
        compare(rows, contrasts=[("dlb", "repeat"), ("dlb", "ce")]),
        compare(rows, baselines=["ce"]),
        compare(rows[rows["noise"] == "symmetric:0.6"]),
    ]
    for table in shown:
        assert set(table["tests"]) == {5}
        keys = pandas.MultiIndex.from_frame(table[["noise", "method", "baseline"]])
        np.testing.assert_allclose(table["p_holm"], p[keys])
    assert shown[0][["method", "baseline"]].drop_duplicates().to_numpy().tolist() == [["dlb", "repeat"], ["dlb", "ce"]]
    # A pair beyond these is one test more, and the same pair the other way round is none.
    assert set(compare(rows, contrasts=[("elr", "dlb")])["tests"]) == {6}
    both = compare(rows, contrasts=[("dlb", "ce"), ("ce", "dlb")])
    assert set(both["tests"]) == {5}
    assert both["p_holm"][0] == both["p_holm"][1]
    assert set(primary_contrasts(rows)["tests"]) == {2}


def test_chosen_methods_are_rows_of_the_whole_study_with_its_p_values() -> None:
    rows, pairs = results(("ce", "repeat", "dlb", "elr")), [("dlb", "repeat"), ("dlb", "ce"), ("elr", "ce")]
    for table in (compare(rows), primary_contrasts(rows, pairs)):
        keys = [name for name in ("noise", "method", "baseline") if name in table]
        chosen = {"methods": ["DLB", "ce"]}
        shown = compare(rows, **chosen) if "noise" in table else primary_contrasts(rows, pairs, **chosen)
        assert {*shown["method"]} == {"dlb"}
        assert {*shown["baseline"]} == {"ce"}
        of_all = table.set_index(keys).loc[shown.set_index(keys).index]
        columns = ["p_holm", "tests", *(["power"] if "power" in table else [])]
        pandas.testing.assert_frame_equal(shown.set_index(keys)[columns], of_all[columns])
    # No question of the study is about these two, so theirs is one more.
    further = primary_contrasts(rows, pairs, methods=["dlb", "elr"])
    assert further[["method", "baseline", "tests"]].to_numpy().tolist() == [["elr", "dlb", 4]]
    with pytest.raises(ValueError, match="no run is of method 'dbl'"):
        compare(rows, methods=["dbl"])


def test_budgets_are_kept_apart_in_one_family() -> None:
    parts = [results().assign(budget=name, comparison_key=name) for name in ("images", "updates")]
    both = pandas.concat(parts, ignore_index=True)
    with pytest.raises(ValueError, match="runs differ in budget: images, updates"):
        primary_contrasts(both)
    table = primary_contrasts(both, by=["budget"])
    assert table[["budget", "method", "baseline"]].to_numpy().tolist() == [
        [budget, "dlb", other] for budget in ("images", "updates") for other in ("repeat", "ce")
    ]
    np.testing.assert_allclose(table["p_holm"], holm(table["p"]))


def test_any_column_of_numbers_can_be_compared_and_no_other_one() -> None:
    assert primary_contrasts(results(), measure="memorised")["measure"].unique().tolist() == ["memorised"]
    for function in (compare, primary_contrasts):
        with pytest.raises(
            ValueError, match=r"measure must name columns of numbers, got 'memorized' \(did you mean 'memorised'"
        ):
            function(results(), measure="memorized")


@given(st.floats(0.002, 0.05), st.integers(2, 12), st.floats(0.005, 0.05))
def test_power_is_that_of_the_noncentral_t_distribution(sd: float, n: int, difference: float) -> None:
    power = power_of_difference(sd, n, difference, 0.025)
    assert 0.025 < power <= 1 + 1e-12
    assert power_of_difference(sd, n + 1, difference, 0.025) >= power - 1e-9
    assert power_of_difference(sd, n, -difference, 0.025) == pytest.approx(power)


def test_power_is_the_share_of_simulated_studies_that_find_the_difference() -> None:
    rng = np.random.default_rng(0)
    studies = rng.normal(0.02, 0.015, (20_000, 5))
    found = stats.ttest_1samp(studies, 0, axis=1).pvalue < 0.025
    assert power_of_difference(0.015, 5, 0.02, 0.025) == pytest.approx(found.mean(), abs=0.012)


def test_power_without_a_spread_is_unknown_and_a_wrong_level_is_refused() -> None:
    assert np.isnan(power_of_difference(0.01, 1))
    assert np.isnan(power_of_difference(0.0, 5))
    assert np.isnan(power_of_difference(float("nan"), 5))
    assert pairs_for_power(float("nan")) is pairs_for_power(0.0) is None
    assert power_of_difference(1e-9, 5) == 1
    with pytest.raises(ValueError, match=r"level must be in \(0, 1\), got 5"):
        power_of_difference(0.01, 5, level=5)


@given(st.floats(0.001, 0.3), st.sampled_from([0.05, 0.025, 0.05 / 18]))
def test_the_pairs_for_power_are_the_fewest_that_have_it(sd: float, level: float) -> None:
    n = pairs_for_power(sd, 0.02, level)
    assert n is not None
    assert power_of_difference(sd, n, 0.02, level) >= 0.8
    assert n == 2 or power_of_difference(sd, n - 1, 0.02, level) < 0.8


def test_power_is_at_the_strictest_level_of_the_family() -> None:
    (one,), two = (primary_contrasts(results(), pairs).to_dict("records") for pairs in ([("dlb", "ce")], None))
    assert one["power"] == pytest.approx(power_of_difference(one["difference_sd"], 5, 0.02, 0.05))
    assert two[1]["power"] == pytest.approx(power_of_difference(one["difference_sd"], 5, 0.02, 0.025))
    assert two[1]["n_for_power"] == pairs_for_power(one["difference_sd"], 0.02, 0.025)


def test_ranks_of_seeds_have_the_mean_ranks_as_means() -> None:
    ranks = seed_ranks(results())
    assert len(ranks) == 4 * 3 * 5
    assert ranks.groupby(["noise", "seed"])["rank"].sum().unique().tolist() == [6]


def test_an_overridden_setting_of_one_method_is_no_difference_between_budgets() -> None:
    rows = results(("ce", "dlb", "elr@learning_rate=0.02"))
    own = rows["method"].str.startswith("elr")
    rows = rows.assign(learning_rate=np.where(own, 0.02, 0.05))
    both = pandas.concat([rows, rows.assign(budget="updates", comparison_key="other")], ignore_index=True)
    assert differing_settings(both) == {"budget": ["images", "updates"]}
    assert len(summarise(both, by=["budget"])) == 2 * 4 * 3
    assert len(choose(both, {"budget": "updates"})) == len(rows)
