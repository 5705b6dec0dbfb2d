"""Outputs that are no prediction: not finite, too few, or a single one."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from noisylab.analysis import (
    aum,
    class_accuracy,
    classes_of,
    confusion,
    detection,
    ece,
    error_norm,
    mean_churn,
    nll,
    read_aum,
    read_cartography,
    score,
    top_k_accuracy,
)
from noisylab.recording import DynamicsRecorder, binary_logits, load_dynamics
from noisylab.study.predictions import Predictions, compact, measured
from noisylab.training.evaluate import predicted

NAN, INF = float("nan"), float("inf")
GIVEN = np.arange(50) % 5


def draw(seed: int, samples: int = 50, classes: int = 5) -> Tensor:
    return torch.randn(samples, classes, generator=torch.Generator().manual_seed(seed))


def recorded(folder: Path, *epochs: Tensor, **options: object) -> DynamicsRecorder:
    recorder = DynamicsRecorder(folder, GIVEN, epochs=len(epochs), **options)  # type: ignore[arg-type]
    for logits in epochs:
        recorder.observe(torch.arange(50), logits)
        recorder.end_epoch()
    return recorder


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("everywhere", [True, False])
def test_logits_that_are_not_finite_are_missing_and_not_class_0(value: float, everywhere: bool, tmp_path: Path) -> None:
    logits = draw(0)
    logits[3:7, slice(None) if everywhere else 2] = value
    with pytest.warns(UserWarning, match="4 of 50 presentations in epoch 0 had logits that are NaN or infinite") as said:
        recorder = recorded(tmp_path, logits, divergence=True, probabilities=True)
    assert len(said) == 1
    assert recorder.not_finite == 4
    row = load_dynamics(tmp_path).isel(epoch=0)
    assert (row["prediction"][3:7] == recorder.missing).all()
    assert all(row[name][3:7].isnull().all() for name in ("loss", "margin", "el2n", "p_given", "p_max", "probabilities"))
    rest = np.r_[0:3, 7:50]
    assert (row["prediction"].values[rest] == logits.argmax(dim=1).numpy()[rest]).all()
    assert np.isfinite(row["margin"].values[rest]).all()


def test_one_warning_a_recorder_and_the_count_of_all_epochs(tmp_path: Path) -> None:
    broken = draw(1)
    broken[10] = NAN
    with pytest.warns(UserWarning, match="1 of 50") as said:
        recorder = recorded(tmp_path, draw(0), broken, broken)
    assert len(said) == 1
    assert recorder.not_finite == 2


def test_a_sample_without_a_prediction_has_the_scores_of_its_other_epochs(tmp_path: Path) -> None:
    epochs = [draw(seed) for seed in range(4)]
    broken = [logits.clone() for logits in epochs]
    broken[1][:5], broken[3][7] = NAN, INF
    with pytest.warns(UserWarning, match="5 of 50"):
        recorded(tmp_path / "broken", *broken)
    recorded(tmp_path / "whole", *epochs)
    found, whole = load_dynamics(tmp_path / "broken"), load_dynamics(tmp_path / "whole")
    some = whole.isel(epoch=[0, 2, 3], sample=slice(0, 5))
    for name in ("aum", "confidence", "wrong_events", "forgetting_events", "prediction_consistency", "loss"):
        np.testing.assert_array_equal(score(found, name)[:5], score(some, name), err_msg=name)
        np.testing.assert_array_equal(score(found, name)[8:], score(whole, name)[8:], err_msg=name)


def test_an_infinite_logit_does_not_move_the_ranking_of_aum(tmp_path: Path) -> None:
    """One infinite logit in 50 samples took the area under AUM's ROC curve from 1.0 to .88."""
    mislabelled = np.arange(50) < 5
    epochs = [draw(seed) + 8 * functional.one_hot(torch.tensor((GIVEN + mislabelled) % 5), 5) for seed in range(3)]
    epochs[1][4, GIVEN[4]] = INF
    with pytest.warns(UserWarning, match="1 of 50"):
        recorded(tmp_path, *epochs)
    assert detection(-score(load_dynamics(tmp_path), "aum"), mislabelled).roc_auc == 1.0


def test_a_margin_that_float16_cannot_hold_stays_finite(tmp_path: Path) -> None:
    recorded(tmp_path, draw(0) * 1e6)
    margin = load_dynamics(tmp_path)["margin"].values
    assert np.isfinite(margin).all()
    assert abs(margin).max() == 65504


def test_the_first_finite_presentation_is_the_epochs_own_one(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, [0, 1], epochs=1)
    first, second, third = torch.tensor([[NAN, 0.0], [0.0, 2.0]]), torch.tensor([[3.0, 0.0], [NAN, NAN]]), torch.eye(2)
    for logits in (first, second, third):
        recorder.observe(torch.arange(2), logits)
    with pytest.warns(UserWarning, match="2 of 6"):
        recorder.end_epoch()
    assert recorder.last["prediction"].tolist() == [0, 1]
    assert recorder.last["agreement"].tolist() == [1, -1], "what came before a second presentation must be a prediction"


def test_dlbs_repeated_half_is_not_compared_with_an_older_epoch(tmp_path: Path) -> None:
    recorder, index = DynamicsRecorder(tmp_path, [0, 1], epochs=2), torch.arange(2)
    recorder.observe(index, 5 * torch.eye(2), new=slice(0, 2))
    recorder.end_epoch()
    recorder.observe(index, torch.full((2, 2), NAN), new=slice(0, 2))
    recorder.observe(index, 5 * torch.eye(2), new=slice(0, 0))
    with pytest.warns(UserWarning, match="2 of 4"):
        recorder.end_epoch()
    assert recorder.last["prediction"].tolist() == [recorder.missing] * 2
    assert recorder.last["agreement"].tolist() == [-1, -1]


def test_fewer_outputs_than_classes_are_refused(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, GIVEN, epochs=1)
    with pytest.raises(ValueError, match=r"a column for each of the 5 classes .*, got 4; give the network an output for each"):
        recorder.observe(torch.arange(50), draw(0, classes=4))
    with pytest.raises(ValueError, match=r"logits of 6 classes do not fit records made for 5; give num_classes=6"):
        recorder.observe(torch.arange(50), draw(0, classes=6))
    DynamicsRecorder(tmp_path / "six", GIVEN, epochs=1, num_classes=6).observe(torch.arange(50), draw(0, classes=6))


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_a_single_output_for_two_classes_has_a_way(shape: tuple[int, ...], tmp_path: Path) -> None:
    given, z = np.array([0, 1, 1, 0]), torch.tensor([-2.0, 0.5, -1.0, 3.0]).reshape(shape)
    recorder = DynamicsRecorder(tmp_path, given, epochs=1)
    with pytest.raises(ValueError, match=r"each of 2 classes, got shape \[4.*binary_logits\(logits\), from noisylab.recording"):
        recorder.observe(torch.arange(4), z)
    recorder.observe(torch.arange(4), binary_logits(z))
    recorder.end_epoch()
    assert recorder.last["prediction"].tolist() == [0, 1, 0, 1]
    target = torch.tensor(given, dtype=torch.float32)
    loss = functional.binary_cross_entropy_with_logits(z.reshape(-1), target, reduction="none")
    np.testing.assert_allclose(recorder.last["loss"], loss, rtol=2e-3)
    with pytest.raises(ValueError, match=r"\[B\] or \[B, 1\], got shape \[2, 3\]"):
        binary_logits(torch.zeros(2, 3))


def test_accuracy_counts_an_output_that_is_not_finite_as_wrong() -> None:
    logits = torch.tensor([[NAN, NAN], [NAN, 1.0], [2.0, INF], [3.0, 1.0]])
    assert predicted(logits).tolist() == [-1, -1, -1, 0]
    assert classes_of(logits).tolist() == [-1, -1, -1, 0]
    labels = [0, 0, 1, 0]
    assert confusion(classes_of(logits), labels).tolist() == [[1, 0], [0, 0]]
    assert class_accuracy(classes_of(logits), labels).tolist() == [1 / 3, 0.0]
    assert top_k_accuracy(logits, labels, 1) == 0.25
    assert top_k_accuracy(logits, labels, 2) == 0.25
    assert mean_churn([[-1, 0], [-1, 0]]) == 0.5


def test_the_outputs_of_a_run_with_nan_are_wrong_in_every_table() -> None:
    logits = torch.tensor([[5.0, 0.0], [0.0, NAN], [INF, 0.0], [0.0, 5.0]])
    held = compact(logits).numpy()
    assert np.isnan(held[1:3]).all()
    assert classes_of(held).tolist() == [0, -1, -1, 1]
    found = measured(Predictions(held, np.array([0, 1, 0, 1])))
    assert np.isnan(found["test_ece"])
    assert found["test_top5"] == 0.5


@pytest.mark.parametrize("measure", [nll, ece])
def test_calibration_names_the_first_output_that_is_none(measure: object) -> None:
    with pytest.raises(ValueError, match=r"NaN or infinity for 2 of 3 samples, the first at position 1; leave out those"):
        measure([[0.0, 1.0], [NAN, 1.0], [-INF, -INF]], [0, 1, 1])  # type: ignore[operator]
    assert np.isfinite(ece([[0.0, -INF]], [0])), "a log-probability may be -inf"


def test_other_peoples_outputs_that_are_not_finite_are_missing(tmp_path: Path) -> None:
    lines = [{"guid": i, "logits_epoch_0": [0.0, float(i)], "gold": 1} for i in range(3)]
    lines[1]["logits_epoch_0"] = [NAN, 1.0]
    (tmp_path / "dynamics_epoch_0.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.warns(UserWarning, match="1 of 3 lines in .* NaN or infinite, and count as missing"):
        records = read_cartography(tmp_path)
    assert records["prediction"].values.tolist() == [[0, -1, 1]]
    assert np.isnan(records["margin"].values[0, 1])
    (tmp_path / "aum.csv").write_text("sample_id,aum\n01,1.5\n1,inf\n2,nan\n")
    with pytest.warns(UserWarning, match="1 of 3 AUMs"):
        values = read_aum(tmp_path / "aum.csv")
    assert values.index.tolist() == ["01", "1", "2"], "01 and 1 are two samples"
    assert values.isna().tolist() == [False, True, True]


def test_scores_of_ones_own_arrays_leave_out_what_is_not_finite() -> None:
    assert aum([[1.0, 2.0], [INF, 4.0], [NAN, 6.0]]).tolist() == [1.0, 4.0]
    assert np.isnan(error_norm([[NAN, 1.0], [1.0, 0.0]], [0, 0])).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"given must be classes in \[0, 2\)"):
        error_norm([[0.5, 0.5]], [-1])


def test_finite_logits_of_any_size_give_no_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorded(tmp_path, draw(0) * 1e37, draw(1) * 1e-37, torch.full((50, 5), -1e4))
