"""How well scores find mislabelled samples, and the tables over runs and epochs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.nn import functional

from noisylab.analysis import (
    available,
    detection,
    detection_table,
    fake_classes,
    flip_rates,
    fractions_over_epochs,
    mislabelled_by_aum,
    score,
    training_dynamics,
)
from noisylab.analysis.mislabel_detection import suspicion
from noisylab.analysis.scoring import is_high
from noisylab.core.registries import SCORES
from noisylab.corruption import symmetric
from noisylab.recording import DynamicsRecorder, load_dynamics, make_records


def test_the_numbers_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(300) < 0.3
    values = np.round(rng.normal(size=300) + wrong, 1)
    found = detection(values, wrong)
    assert found.roc_auc == pytest.approx(roc_auc_score(wrong, values), abs=1e-12)
    assert found.average_precision == pytest.approx(average_precision_score(wrong, values), abs=1e-12)


def test_precision_at_the_true_count_is_the_mean_over_ties() -> None:
    wrong = np.array([True, False, True, False, False])
    assert detection([5, 4, 3, 2, 1], wrong).precision_at_count == 0.5
    assert detection([5, 4, 4, 2, 1], wrong).precision_at_count == 0.75
    assert detection([1, 1, 1, 1, 1], wrong).precision_at_count == pytest.approx(2 / 5)
    assert detection([np.inf, 4, np.inf, -np.inf, 1], wrong) == (1, 1, 1)


def test_what_cannot_be_ranked_is_left_out() -> None:
    assert detection([2, np.nan, 1], [True, True, False]).roc_auc == 1
    assert np.isnan(detection([1.0, 2.0], [False, False])).all()
    assert np.isnan(detection([np.nan, np.nan], [True, False])).all()
    with pytest.raises(ValueError, match=r"got \(2,\) and bool \(3,\)"):
        detection([1, 2], [True, False, True])
    with pytest.raises(ValueError, match="int64"):
        detection([1, 2], [1, 0])


@pytest.fixture(scope="module")
def noisy_digits(tmp_path_factory: pytest.TempPathFactory) -> xarray.Dataset:
    """A linear network trained for 15 epochs on digits of which 40 % are mislabelled; every sample twice, as DLB does."""
    images, true = load_digits(return_X_y=True)
    inputs = torch.from_numpy(images).float() / 16
    noisy = symmetric(true, 0.4, seed=1)
    folder = tmp_path_factory.mktemp("digits")
    recorder = DynamicsRecorder(
        folder, noisy.given, epochs=15, true_labels=noisy.true, num_classes=10, divergence=True, probabilities=True
    )
    train(inputs, noisy.given, 10, recorder, repeat=True)
    return load_dynamics(folder)


def train(inputs: torch.Tensor, labels: np.ndarray, classes: int, recorder: DynamicsRecorder, repeat: bool = False) -> None:
    torch.manual_seed(0)
    model, given = torch.nn.Linear(64, classes), torch.tensor(labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    while recorder.epoch < recorder.epochs:
        before = torch.empty(0, dtype=torch.int64)
        for new in torch.randperm(len(labels), generator=generator).split(64):
            index = torch.cat([before, new])
            logits = model(inputs[index])
            optimizer.zero_grad()
            functional.cross_entropy(logits, given[index]).backward()
            optimizer.step()
            recorder.observe(index, logits, new=slice(len(before), None))
            before = new if repeat else before
        recorder.end_epoch()


def test_the_steady_scores_find_nearly_all_mislabelled_samples(noisy_digits: xarray.Dataset) -> None:
    table = detection_table(noisy_digits).set_index("score")
    assert set(table.index) == set(SCORES.entries()) == set(available(noisy_digits))
    assert (table.loc[["wrong_events", "aum", "confidence"], "roc_auc"] >= 0.97).all()
    assert table["epoch"].eq(14).all()
    assert table["roc_auc"].between(0, 1).all()


@pytest.mark.parametrize("name", ["wrong_events", "aum", "loss", "learning_time", "loss_mixture"])
def test_scores_point_in_their_direction(name: str, noisy_digits: xarray.Dataset) -> None:
    values, wrong = score(noisy_digits, name), noisy_digits["mislabelled"].values
    assert (values[wrong].mean() > values[~wrong].mean()) == is_high(name)


def test_an_epoch_of_the_table_is_the_table_of_the_epochs_until_then(noisy_digits: xarray.Dataset) -> None:
    table = detection_table(noisy_digits, epochs=[4, 14])
    assert len(table) == 2 * len(SCORES.entries())
    # EL2N's first epochs are a tenth of all there are.
    names = [name for name in SCORES.entries() if name != "el2n"]
    until = detection_table(noisy_digits.isel(epoch=slice(0, 5)), names)
    at = table[(table["epoch"] == 4) & table["score"].isin(names)]
    np.testing.assert_allclose(until["roc_auc"], at["roc_auc"], rtol=1e-9)
    with pytest.raises(ValueError, match=r"epochs must be in \[0, 14\]"):
        detection_table(noisy_digits, epochs=[15])


def test_many_runs_make_one_table_and_one_mean(noisy_digits: xarray.Dataset) -> None:
    table = detection_table({"a": noisy_digits, "b": noisy_digits}, ["aum"])
    assert table["run"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(score([noisy_digits, noisy_digits], "el2n"), score(noisy_digits, "el2n"))


def test_online_and_eval_records_never_mix(noisy_digits: xarray.Dataset) -> None:
    other = noisy_digits.assign_attrs(record="eval")
    with pytest.raises(ValueError, match="all online or all eval"):
        detection_table({"a": noisy_digits, "b": other})
    with pytest.raises(ValueError, match="all online or all eval"):
        score([noisy_digits, other], "aum")
    with pytest.raises(ValueError, match="same samples"):
        score([noisy_digits, noisy_digits.isel(sample=slice(0, 10))], "aum")


def test_bad_requests_say_what_there_is(noisy_digits: xarray.Dataset) -> None:
    with pytest.raises(ValueError, match=r"unknown score 'area'; choose from aum, .*wrong_events"):
        score(noisy_digits, "area")
    with pytest.raises(ValueError, match="needs 'divergence', which was not recorded"):
        score(noisy_digits.drop_vars("divergence"), "prediction_divergence")
    with pytest.raises(ValueError, match="at least one run"):
        score([], "aum")
    with pytest.raises(ValueError, match=r"scores must be a list of names, got 'aum'; write scores=\['aum'\]"):
        detection_table(noisy_digits, "aum")


def test_without_true_labels_nothing_is_detected(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, [0, 1, 1], epochs=1)
    recorder.observe(torch.arange(3), torch.eye(3)[:, :2])
    recorder.end_epoch()
    records = load_dynamics(tmp_path)
    assert score(records, "wrong_events").tolist() == [0, 0, 1]
    with pytest.raises(ValueError, match="give true_labels"):
        detection_table(records)


def test_epochs_that_showed_nothing_change_no_score(noisy_digits: xarray.Dataset) -> None:
    records = noisy_digits.load()
    empty = xarray.full_like(records.isel(epoch=[0]), 0)
    for name in empty.data_vars:
        if empty[name].dims == ("epoch", "sample"):
            fill = np.nan if empty[name].dtype.kind == "f" else -1 if name == "agreement" else records.attrs["missing"]
            empty[name][:] = fill
    per_epoch = [name for name in records.data_vars if records[name].dims == ("epoch", "sample")]
    gap = xarray.concat(
        [records[per_epoch].isel(epoch=slice(0, 7)), empty[per_epoch], records[per_epoch].isel(epoch=slice(7, None))], "epoch"
    )
    gap = gap.assign({name: records[name] for name in ("given", "true", "mislabelled")}).assign_attrs(records.attrs)
    for name in SCORES.entries():
        if name not in ("learning_time", "el2n"):
            np.testing.assert_allclose(score(gap, name), score(records, name), err_msg=name)
    assert detection_table(gap, epochs=range(16))["roc_auc"].notna().sum() > 0
    assert training_dynamics(gap).query("epoch == 7")["n"].tolist() == [0, 0]
    assert fractions_over_epochs(gap).loc[7].drop("epoch").isna().all()
    assert flip_rates(gap)["n"].tolist()[7] == 0
    assert flip_rates(gap)["to_truth"].drop(7).tolist()[1:] == flip_rates(records)["to_truth"].tolist()[1:]


def test_no_epoch_shown_at_all_gives_nan() -> None:
    nothing = np.full((2, 3), np.nan)
    arrays = dict.fromkeys(("p_given", "loss", "margin", "el2n"), nothing) | {"prediction": np.full((2, 3), -1)}
    records = make_records(arrays, [0, 1, 0], [0, 1, 1], record="online")
    for name in available(records):
        assert np.isnan(score(records, name)).all(), name
    assert detection_table(records)["roc_auc"].isna().all()


def test_the_tables_over_epochs(noisy_digits: xarray.Dataset) -> None:
    table = training_dynamics(noisy_digits)
    last = table[table["epoch"] == 14].set_index("group")
    wrong = noisy_digits["mislabelled"].values
    assert last.loc["mislabelled", "loss"] == pytest.approx(noisy_digits["loss"][14].values[wrong].mean(), rel=1e-5)
    assert last.loc["clean", "confidence"] > last.loc["mislabelled", "confidence"]
    assert last["n"].tolist() == [int((~wrong).sum()), int(wrong.sum())]
    shares = fractions_over_epochs(noisy_digits)
    np.testing.assert_allclose(shares[["correct", "memorised", "other"]].sum(axis=1), 1)
    assert len(flip_rates(noisy_digits)) == 15


def test_the_fake_class_finds_mislabelled_digits(tmp_path: Path) -> None:
    images, true = load_digits(return_X_y=True)
    inputs = torch.from_numpy(images).float() / 16
    noisy = symmetric(true, 0.2, seed=1)
    values, positions = [], []
    for number, part in enumerate(fake_classes(noisy.given, seed=0)):
        recorder = DynamicsRecorder(tmp_path / str(number), part.labels, epochs=15)
        train(inputs, part.labels, 11, recorder)
        values.append(score(load_dynamics(tmp_path / str(number)), "aum"))
        positions.append(part.positions)
    flagged = mislabelled_by_aum(values, positions, percentile=99)
    assert (flagged & noisy.mislabelled).sum() / noisy.mislabelled.sum() > 0.9
    assert (flagged & noisy.mislabelled).sum() / flagged.sum() > 0.7


def test_suspicion_is_high_for_what_a_score_has_low() -> None:
    assert suspicion(np.array([1.0, 2.0]), "aum").tolist() == [-1, -2]
    assert suspicion(np.array([1.0, 2.0]), "loss").tolist() == [1, 2]


def test_reading_and_scoring_need_no_torch() -> None:
    code = "import sys, noisylab.analysis; print([m for m in ('torch', 'pandas', 'xarray', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
