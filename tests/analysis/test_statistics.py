"""Intervals, paired differences and their correction; the tables made of them."""

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from noisylab.analysis import memorisation
from noisylab.analysis.comparisons import compare, leaders, mean_ranks
from noisylab.analysis.statistics import holm, mean_interval, paired_difference
from noisylab.analysis.tables import choose, summarise, summarise_epochs

values = st.lists(st.floats(0, 1).map(lambda x: round(x, 4)), min_size=2, max_size=8)


@given(values)
def test_the_interval_is_students(x: list[float]) -> None:
    interval = mean_interval(x)
    low, high = stats.t.interval(0.95, len(x) - 1, loc=np.mean(x), scale=stats.sem(x)) if np.ptp(x) else (x[0], x[0])
    assert (interval.mean - interval.half, interval.mean + interval.half) == pytest.approx((low, high), abs=1e-9)
    assert interval.n == len(x)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    assert np.isnan(mean_interval([0.5]).half)
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


@given(values, st.integers(0, 1000))
def test_the_paired_difference_is_the_paired_t_test(x: list[float], seed: int) -> None:
    y = np.random.default_rng(seed).random(len(x))
    difference = paired_difference(x, y)
    assert difference.p == pytest.approx(stats.ttest_rel(x, y).pvalue, rel=1e-6, abs=1e-12)
    assert difference.interval.mean == pytest.approx(np.mean(np.array(x) - y))


def test_pairs_that_all_differ_alike_or_one_pair_alone_have_no_p() -> None:
    assert paired_difference([1, 2], [1, 2]).p == 1
    assert np.isnan(paired_difference([1, 2], [0, 1]).p)
    assert np.isnan(paired_difference([1], [0]).p)
    with pytest.raises(ValueError, match="equally many"):
        paired_difference([1, 2, 3], [1])


def test_holm_adjusts_step_by_step_and_leaves_nan_out() -> None:
    # p = .01, .02, .03, .04: 4 x .01, then 3 x .02, 2 x .03, and never less than the one before.
    assert holm([0.03, 0.01, 0.04, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.03, np.nan, 0.6]).tolist() == pytest.approx([0.06, np.nan, 0.6], nan_ok=True)
    assert holm([0.9, 0.8]).tolist() == [1, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_fractions_of_mislabelled_samples_sum_to_one(rows: list[tuple[int, int, int]]) -> None:
    prediction, labels, true = np.array(rows).T
    fractions = memorisation(prediction, labels, true)
    wrong = labels != true
    if wrong.any():
        assert fractions.correct + fractions.memorised + fractions.other == pytest.approx(1)
        assert fractions.memorised == pytest.approx((prediction == labels)[wrong].mean())
    else:
        assert np.isnan([fractions.correct, fractions.memorised, fractions.other]).all()
    if not wrong.all():
        assert fractions.clean_correct == pytest.approx((prediction == true)[~wrong].mean())


def results() -> pandas.DataFrame:
    rows = []
    for noise, rate in (("symmetric:0", 0.0), ("symmetric:0.4", 0.4)):
        for method, gain in (("ce", 0.0), ("repeat", 0.1), ("dlb", 0.2)):
            for seed in range(3):
                accuracy = 0.5 + gain * (1 + 0.1 * seed) + 0.05 * seed - rate / 10
                rows.append(
                    {
                        "noise": noise,
                        "noise_kind": "symmetric",
                        "nominal_rate": rate,
                        "realised_rate": rate,
                        "method": method,
                        "id": f"{noise} {method} {seed}",
                        "comparison_key": "",
                        "seed": seed,
                        "noise_seed": seed,
                        "test_accuracy_last": accuracy,
                        "test_accuracy_last10": accuracy,
                        "memorised": np.nan if rate == 0 else 0.1,
                        "images_processed": 100 if method == "ce" else 200,
                        "updates": 10,
                    }
                )
    return pandas.DataFrame(rows)


def test_the_summary_has_a_row_per_noise_and_method_in_their_order() -> None:
    summary = summarise(results())
    assert summary[["noise", "method", "n"]].to_numpy().tolist() == [
        [noise, method, 3] for noise in ("symmetric:0", "symmetric:0.4") for method in ("ce", "repeat", "dlb")
    ]
    assert summary["test_accuracy_last"].iloc[0] == pytest.approx(0.55)
    assert summary["test_accuracy_last_ci95_half"].iloc[0] == pytest.approx(4.302653 * 0.05 / np.sqrt(3), rel=1e-5)
    assert summary["memorised"].isna().tolist() == [True] * 3 + [False] * 3
    assert summary["images_processed"].tolist() == [100, 200, 200] * 2


def test_methods_are_compared_with_the_baselines_by_seed_though_rows_come_in_any_order() -> None:
    table = compare(
        results().sample(frac=1, random_state=0).sort_values("method", key=lambda m: m.map(["ce", "repeat", "dlb"].index)),
        baselines=["ce", "repeat"],
    )
    assert table[["method", "baseline"]].drop_duplicates().to_numpy().tolist() == [
        ["repeat", "ce"],
        ["dlb", "ce"],
        ["dlb", "repeat"],
    ]
    first = table[(table["noise"] == "symmetric:0") & (table["method"] == "repeat")].iloc[0]
    assert first["difference"] == pytest.approx(0.11)
    assert first["p"] == pytest.approx(stats.ttest_rel([0.6, 0.66, 0.72], [0.5, 0.55, 0.6]).pvalue)
    assert (table["p_holm"] >= table["p"]).all()


def test_the_order_of_methods_does_not_matter_and_an_absent_baseline_is_refused() -> None:
    other_order = results().sort_values("method", key=lambda m: m.map(["ce", "dlb", "repeat"].index), kind="stable")
    pairs = compare(other_order, baselines=["ce", "repeat"])[["method", "baseline"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [["dlb", "ce"], ["repeat", "ce"], ["dlb", "repeat"]]
    with pytest.raises(ValueError, match="no run is of method 'gone'; there are ce, dlb, repeat"):
        compare(other_order, baselines=["ce", "gone"])


def test_runs_with_other_settings_or_twice_the_same_are_no_comparison() -> None:
    mixed = results()
    mixed.loc[4, "comparison_key"] = "other"
    for table in (mixed, pandas.concat([results(), results().iloc[:1]])):
        for function in (summarise, compare):
            with pytest.raises(ValueError, match=r"cannot be compared|occurs twice"):
                function(table)


def test_runs_without_a_partner_are_left_out_of_the_comparison() -> None:
    some = results()
    some = some[~((some["method"] == "dlb") & (some["seed"] == 2))]
    assert compare(some, baselines=["ce", "repeat"]).query("method == 'dlb'")["n"].tolist() == [2] * 4
    assert compare(some[some["method"] == "ce"]).empty


def test_curves_are_means_over_runs_with_their_interval() -> None:
    metrics = pandas.DataFrame({"method": ["ce"] * 4, "epoch": [0, 1, 0, 1], "test_accuracy": [0.1, 0.2, 0.3, 0.4]})
    curve = summarise_epochs(metrics, ["test_accuracy"])
    assert curve["test_accuracy"].tolist() == pytest.approx([0.2, 0.3])
    assert curve["test_accuracy_ci95_half"].tolist() == pytest.approx([12.7062 * 0.1] * 2, rel=1e-4)


def test_differences_that_are_equal_up_to_rounding_have_no_p() -> None:
    first, second = np.array([0.3, 0.4]), np.array([0.2, 0.3])
    assert (first - second).std() > 0
    assert np.isnan(paired_difference(first, second).p)


def settings_grid() -> pandas.DataFrame:
    """Runs at two batch sizes and two lengths, of which those of length 3 are at batch size 32 alone."""
    parts = []
    for batch, epochs in ((32, 2), (64, 2), (32, 3)):
        gain = 0.01 * (batch == 64) + 0.1 * (epochs == 3)
        part = results().assign(batch_size=batch, epochs=epochs, data="digits", milestones=[[0.5]] * 18, gradient_clip=None)
        parts.append(part.assign(comparison_key=f"{batch} {epochs}", test_accuracy_last=part["test_accuracy_last"] + gain))
    return pandas.concat(parts, ignore_index=True)


def test_runs_that_differ_in_settings_are_refused_with_what_differs_and_what_to_do() -> None:
    for function in (summarise, compare, mean_ranks, leaders):
        with pytest.raises(ValueError, match="differ") as refused:
            function(settings_grid())
        assert str(refused.value) == (
            "runs differ in epochs: 2, 3; batch_size: 32, 64; choose with where={'epochs': 3, 'batch_size': 64} "
            "(--where epochs=3 batch_size=64), or keep them apart with by=['epochs', 'batch_size'] (--by epochs batch_size)"
        )
    with pytest.raises(ValueError, match=r"differ in epochs: 2, 3; .*by=\['batch_size', 'epochs'\]"):
        summarise(settings_grid(), by=["batch_size"])


def test_axes_that_are_named_are_kept_apart() -> None:
    by = ["batch_size", "epochs"]
    summary = summarise(settings_grid(), by)
    assert summary.columns[:3].tolist() == [*by, "noise"]
    assert len(summary) == 3 * 6
    one = summarise(results())
    part = summary[(summary["batch_size"] == 64) & (summary["epochs"] == 2)].reset_index(drop=True)
    np.testing.assert_allclose(part["test_accuracy_last"], one["test_accuracy_last"] + 0.01)
    differences = compare(settings_grid(), baselines=["ce"], by=by)
    assert len(differences) == 3 * 4
    # One family of tests: those of all settings.
    assert (differences["p_holm"] >= compare(results(), baselines=["ce"])["p_holm"].tolist() * 3).all()
    assert leaders(settings_grid(), by=by)["method"].tolist() == ["dlb"] * 6
    assert mean_ranks(settings_grid(), by=by).query("method == 'dlb'")["rank"].tolist() == [1] * 6
    assert len(summarise(settings_grid(), ["milestones", "gradient_clip", *by])) == 18


def test_a_method_s_own_setting_is_no_difference_between_runs() -> None:
    own = results().assign(learning_rate=0.05)
    own.loc[own["method"] == "dlb", "learning_rate"] = 0.02
    assert len(summarise(own)) == 6
    with pytest.raises(ValueError, match=r"differ in learning_rate: 0\.02, 0\.05"):
        summarise(own.drop(columns="comparison_key"))


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ({}, 54),
        (None, 54),
        ({"epochs": 3}, 18),
        ({"epochs": "3", "batch_size": " 32"}, 18),
        ({"epochs": 3.0}, 18),
        ({"milestones": "(0.5,)"}, 54),
        ({"milestones": [0.5], "gradient_clip": "none"}, 54),
        ({"noise": "symmetric(rate=.4)", "method": "dlb(alpha=1.0)"}, 9),
        ({"data": "digits", "seed": "2"}, 18),
    ],
)
def test_runs_are_chosen_by_values_or_their_text(where: dict[str, object] | None, number: int) -> None:
    assert len(choose(settings_grid(), where)) == number


def test_what_no_run_has_is_refused_with_what_there_is() -> None:
    with pytest.raises(ValueError, match="no run has epochs=4; there are epochs: 2, 3"):
        choose(settings_grid(), {"epochs": 4})
    with pytest.raises(ValueError, match=r"got 'epoch' \(did you mean 'epochs'\?\)"):
        choose(settings_grid(), {"epoch": 3})
    with pytest.raises(ValueError, match=r"got 'seed'; there are data, "):
        summarise(settings_grid(), by=["seed"])
    with pytest.raises(ValueError, match=r"write \['epochs'\]"):
        summarise(settings_grid(), by="epochs")
