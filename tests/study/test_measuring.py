"""What a run holds out, when it tests, and what it keeps of its outputs."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from hypothesis import given as cases
from hypothesis import strategies as st

from noisylab.analysis import class_accuracy, confusion, mean_churn, nll, top_k_accuracy
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.corruption import NoisyLabels, long_tailed, open_set, symmetric
from noisylab.data.image_data import ImageData, load_data
from noisylab.methods import Method, RunInfo
from noisylab.recording import load_dynamics
from noisylab.study.inputs import trained_data_of_run
from noisylab.study.predictions import (
    Predictions,
    churn_table,
    class_accuracy_table,
    compact,
    confusion_table,
    read_predictions,
)
from noisylab.study.run import _Teachers, run_one
from noisylab.study.run_config import RunConfig
from noisylab.study.run_folder import read_config, read_metrics, read_result
from noisylab.study.study_results import collect
from noisylab.study.trained_network import load_network
from noisylab.study.validation_split import split, training_part
from noisylab.study.verify import damages
from noisylab.training.config import TrainConfig
from noisylab.training.loop import train_together

SIZE, EPOCHS = 200, 4


@pytest.fixture(scope="module")
def data() -> ImageData:
    return load_data(DATA_SETS.parse("digits"), None, SIZE)


def config(
    data: ImageData, method: str = "ce", noise: str = "symmetric:0.4", epochs: int = EPOCHS, **changes: Any
) -> RunConfig:
    made = RunConfig(
        data=str(DATA_SETS.parse("digits")),
        data_digest=data.digest(),
        noise_digest="",
        train_size=SIZE,
        test_size=len(data.test_labels),
        model=str(MODELS.parse("small_cnn(width=4)")),
        method=str(METHODS.parse(method)),
        noise=str(NOISES.parse(noise, data.noise_defaults)),
        noise_seed=3,
        seed=0,
        augment=str(AUGMENTATIONS.parse(data.augment)),
        record="online",
        training=TrainConfig(epochs=epochs, batch_size=32, device="cpu", learning_rate=0.1),
        budget="epochs",
    )
    return replace(made, **changes)


# The split


@cases(st.lists(st.integers(0, 4), min_size=20, max_size=90), st.floats(0.1, 0.9), st.integers(0, 5))
def test_every_sample_is_in_one_part_and_every_class_is_split_alike(labels: list[int], share: float, seed: int) -> None:
    noisy = symmetric(labels, 0, num_classes=5, seed=0)
    part, held_out = split(noisy, share, seed)
    assert part.positions is not None
    assert held_out.positions is not None
    assert sorted([*part.positions, *held_out.positions]) == list(range(len(labels)))
    for one in (part, held_out):
        np.testing.assert_array_equal(one.given, noisy.given[one.positions])
        assert np.all(np.diff(one.positions) > 0), "in their order"
    assert len(held_out) == round(share * len(labels))
    counts = np.bincount(labels, minlength=5)
    # The positions in between are at most one more or less in a class.
    assert (np.abs(np.bincount(held_out.given, minlength=5) - counts * len(held_out) / len(labels)) < 1.0001).all()


def test_the_split_is_one_of_the_noise_seed_and_by_given_label() -> None:
    noisy = symmetric(np.arange(1000) % 10, 0.4, seed=1)
    held_out = split(noisy, 0.1, 1)[1]
    assert split(noisy, 0.1, 1)[1] == held_out
    assert split(noisy, 0.1, 2)[1] != held_out
    np.testing.assert_allclose(np.bincount(held_out.given), np.bincount(noisy.given) / 10, atol=1)
    assert held_out.rate > 0.25, "its labels are as noisy as all others"
    assert training_part(noisy, 0.0, 1) is noisy


@pytest.mark.parametrize(("share", "size"), [(0.001, 0), (0.999, 100)])
def test_a_split_with_an_empty_part_is_refused(share: float, size: int) -> None:
    with pytest.raises(ValueError, match=f"validation={share} holds out {size} of 100 samples; .* between 0.01 and 0.99, or 0"):
        split(symmetric(np.arange(100) % 10, 0.4), share, 0)


def test_a_part_of_long_tailed_and_of_open_set_noise_keeps_positions_and_images(data: ImageData, tmp_path: Path) -> None:
    tail = long_tailed(data.train_labels, 0.25, "symmetric:0.2", num_classes=10, seed=0)
    part, held_out = split(tail, 0.2, 0)
    assert tail.positions is not None
    assert sorted([*part.positions, *held_out.positions]) == sorted(tail.positions)  # type: ignore[misc]
    for one in (part, held_out):
        np.testing.assert_array_equal(data.with_noise(one).train_labels, one.true)
    np.save(tmp_path / "outside.npy", np.full((30, 8, 8), 77, np.uint8))
    opened = open_set(data.train_labels, 0.4, outside=str(tmp_path / "outside.npy"), num_classes=10, seed=0)
    for one in split(opened, 0.2, 0):
        assert one.replaced_by is not None
        foreign = (data.with_noise(one).train_images == 77).all(axis=(1, 2, 3))
        np.testing.assert_array_equal(foreign, one.replaced_by >= 0)
        assert foreign.any()


# A run with a part held out


@pytest.mark.parametrize("noise", ["symmetric:0.4", "long_tailed(factor=0.25, noise='symmetric:0.2')"])
def test_a_run_trains_records_and_counts_the_training_part_alone(data: ImageData, tmp_path: Path, noise: str) -> None:
    run = config(data, "elr", noise, validation=0.1)
    result = run_one(run, data, tmp_path)
    noisy = NoisyLabels.load(tmp_path / run.id / "noise.npz")
    part, held_out = split(noisy, 0.1, run.noise_seed)
    assert result["realised_rate"] == noisy.rate
    assert result["images_processed"] == EPOCHS * len(part)
    records = load_dynamics(tmp_path / run.id)
    np.testing.assert_array_equal(records["sample"], data.train_ids[part.positions])
    np.testing.assert_array_equal(records["given"], part.given)
    prediction = records["prediction"].values
    assert (prediction != records.attrs["missing"]).all()
    wrong = part.mislabelled
    assert result["memorised"] == pytest.approx((prediction[-1] == part.given)[wrong].mean())
    same = prediction[1:] == prediction[:-1]
    metrics = read_metrics(tmp_path / run.id)
    np.testing.assert_allclose(metrics["consistency_clean"], [np.nan, *same[:, ~wrong].mean(axis=1)])
    np.testing.assert_allclose(metrics["consistency_mislabelled"], [np.nan, *same[:, wrong].mean(axis=1)])
    assert result["consistency_mislabelled"] == pytest.approx(same[:, wrong].mean())
    # Held-out images are judged by their given labels, without augmentation.
    network = load_network(tmp_path / run.id)
    held_images = torch.from_numpy(data.with_noise(held_out).train_images)
    predicted = network(held_images).argmax(dim=1).numpy()
    assert result["validation_accuracy"] == pytest.approx((predicted == held_out.given).mean())


def test_a_method_is_made_for_the_training_part(data: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[RunInfo] = []

    def spy(self: Method, run: RunInfo) -> None:
        made.append(run)
        init(self, run)

    init = Method.__init__
    monkeypatch.setattr(Method, "__init__", spy)
    run = config(data, "coteaching", validation=0.25)
    run_one(run, data, tmp_path)
    part = split(NoisyLabels.load(tmp_path / run.id / "noise.npz"), 0.25, run.noise_seed)[0]
    assert [(info.num_samples, info.noise_rate) for info in made] == [(150, part.rate)]


@pytest.mark.parametrize("seed", [0, 7])
def test_a_teacher_never_sees_what_its_student_holds_out(data: ImageData, tmp_path: Path, seed: int) -> None:
    student = config(data, "tf_kd_self", validation=0.2, seed=seed)
    run_one(student, data, tmp_path)
    (teacher,) = (path for path in (tmp_path / ".teachers").iterdir() if path.is_dir())
    ids = [set(load_dynamics(folder)["sample"].values.tolist()) for folder in (teacher, tmp_path / student.id)]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 160


def test_the_reports_show_the_images_of_the_records(data: ImageData, tmp_path: Path) -> None:
    from noisylab.study.inputs import keep_data

    run = config(data, validation=0.2)
    run_one(run, data, tmp_path)
    keep_data(tmp_path, data)
    shown, records = trained_data_of_run(tmp_path, tmp_path / run.id), load_dynamics(tmp_path / run.id)
    np.testing.assert_array_equal(shown.train_ids, records["sample"])
    np.testing.assert_array_equal(shown.train_labels, records["true"])


# Selection


def test_the_selected_epoch_is_the_first_best_on_validation_and_its_outputs_are_kept(data: ImageData, tmp_path: Path) -> None:
    run = config(data, epochs=12, validation=0.1, select="validation")
    result = run_one(run, data, tmp_path)
    metrics = read_metrics(tmp_path / run.id)
    best = int(metrics["validation_accuracy"].to_numpy().argmax())
    assert result["selected_epoch"] == best
    assert result["validation_accuracy_selected"] == metrics["validation_accuracy"].max()
    assert result["test_accuracy_selected"] == metrics["test_accuracy"][best]
    assert result["test_accuracy_last"] == metrics["test_accuracy"].iloc[-1], "training went on to the end"
    found = read_predictions(tmp_path / run.id)
    assert found.logits_selected is not None
    assert (found.logits_selected.argmax(axis=1) == found.labels).mean() == result["test_accuracy_selected"]
    network = load_network(tmp_path / run.id, selected=True)
    predicted = network(torch.from_numpy(data.test_images)).argmax(dim=1).numpy()
    assert (predicted == found.labels).mean() == pytest.approx(result["test_accuracy_selected"])
    assert best < 11, "the case is one in which the last epoch is another"
    # Whether an epoch is selected changes nothing of the training.
    plain = run_one(replace(run, select="last"), data, tmp_path)
    for name in ("test_accuracy_last", "selected_epoch", "test_accuracy_selected", "test_nll", "memorised"):
        assert plain[name] == result[name]
    assert read_predictions(tmp_path / plain["id"]).logits_selected is None
    with pytest.raises(ValueError, match="has no selected network; train it with"):
        load_network(tmp_path / plain["id"], selected=True)


def test_without_validation_nothing_is_selected(data: ImageData, tmp_path: Path) -> None:
    result = run_one(config(data), data, tmp_path)
    names = ["validation_accuracy", "selected_epoch", "test_accuracy_selected", "validation_accuracy_selected"]
    assert all(np.isnan(result[name]) for name in names)


@pytest.mark.parametrize(
    "method", ["dlb", *(pytest.param(name, marks=pytest.mark.slow) for name in ("coteaching", "tf_kd_self"))]
)
def test_a_run_with_a_selection_goes_on_to_the_bit(
    data: ImageData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    run = config(data, method, epochs=6, validation=0.2, select="validation", evaluate_every=2)
    run_one(run, data, tmp_path / "whole")
    monkeypatch.setattr("noisylab.study.run.train_together", functools.partial(train_together, checkpoint_seconds=0))

    def cut(stop: int, done: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    for stop in (1, 3, 4, 6):
        with pytest.raises(KeyboardInterrupt):
            run_one(run, data, tmp_path / "cut", functools.partial(cut, stop))
    run_one(run, data, tmp_path / "cut")
    one, two = (folder / run.id for folder in (tmp_path / "whole", tmp_path / "cut"))
    timings = ["seconds", "images_per_second"]
    pandas.testing.assert_frame_equal(*(read_metrics(folder).drop(columns=timings) for folder in (one, two)), check_exact=True)
    assert (one / "predictions.npz").read_bytes() == (two / "predictions.npz").read_bytes()
    weights = [load_network(folder, selected=True).state_dict() for folder in (one, two)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


# What is tested, and when


def test_tests_are_made_after_every_kth_epoch_and_the_last_ten(data: ImageData, tmp_path: Path) -> None:
    result = run_one(config(data, epochs=16, evaluate_every=4, validation=0.1), data, tmp_path)
    every = run_one(config(data, epochs=16, validation=0.1), data, tmp_path)
    tables = [read_metrics(tmp_path / run["id"]) for run in (result, every)]
    for name in ("test_accuracy", "validation_accuracy"):
        assert np.flatnonzero(tables[0][name].notna()).tolist() == [3, *range(6, 16)]
        shared = tables[0][name].notna()
        np.testing.assert_array_equal(tables[0][name][shared], tables[1][name][shared])
    assert result["test_accuracy_peak"] == tables[0]["test_accuracy"].max()
    assert result["test_accuracy_last10"] == every["test_accuracy_last10"] == tables[1]["test_accuracy"].tail(10).mean()
    assert result["test_accuracy_gap"] == result["test_accuracy_peak"] - result["test_accuracy_last"]


def test_less_than_ten_epochs_have_no_mean_of_the_last_ten(data: ImageData, tmp_path: Path) -> None:
    assert np.isnan(run_one(config(data, epochs=9), data, tmp_path)["test_accuracy_last10"])
    assert run_one(config(data, epochs=10), data, tmp_path)["test_accuracy_last10"] > 0


def test_a_test_subset_is_stratified_and_always_the_same(data: ImageData, tmp_path: Path) -> None:
    part = data.test_subset(100)
    np.testing.assert_array_equal(part.test_images, data.test_subset(100).test_images)
    assert (np.abs(np.bincount(part.test_labels) - np.bincount(data.test_labels) * 100 / 450) < 2).all()
    assert part.train_images is data.train_images
    assert data.test_subset(450) is data
    for size in (9, 451):
        with pytest.raises(ValueError, match=rf"test size must be between 10 \(the classes\) and 450 .*, got {size}"):
            data.test_subset(size)
    run = config(part)
    result = run_one(run, part, tmp_path)
    found = read_predictions(tmp_path / run.id)
    np.testing.assert_array_equal(found.labels, part.test_labels)
    assert result["test_size"] == 100
    assert (found.logits.argmax(axis=1) == found.labels).mean() == result["test_accuracy_last"]


# predictions.npz


def test_the_measures_of_a_result_are_those_of_its_predictions(data: ImageData, tmp_path: Path) -> None:
    run = config(data)
    result = run_one(run, data, tmp_path)
    found = read_predictions(tmp_path / run.id)
    assert (found.logits.dtype, found.labels.dtype, found.logits.shape) == (np.float16, np.int64, (450, 10))
    assert (found.logits.argmax(axis=1) == found.labels).mean() == result["test_accuracy_last"]
    assert result["test_nll"] == nll(found.logits, found.labels)
    assert result["test_top5"] == top_k_accuracy(found.logits, found.labels, 5) >= result["test_accuracy_last"]
    with torch.no_grad():
        logits = load_network(tmp_path / run.id)(torch.from_numpy(data.test_images))
    assert result["test_nll"] == pytest.approx(nll(logits.numpy(), found.labels), abs=2e-3)


@cases(st.lists(st.integers(-(2**23), 2**23), min_size=2, max_size=6, unique=True), st.sampled_from([0.5**20, 0.5**12, 1.0]))
def test_compact_logits_have_the_same_prediction_and_nearly_the_same_probabilities(row: list[int], unit: float) -> None:
    exact = unit * torch.tensor([row], dtype=torch.float32)
    kept = compact(exact)
    assert kept.dtype == torch.float16
    assert kept.isfinite().all()
    assert kept.argmax() == exact.argmax()
    torch.testing.assert_close(kept.double().softmax(1), exact.double().softmax(1), atol=2e-3, rtol=0)


@pytest.mark.parametrize("damage", ["gone", "flipped", "empty"])
def test_a_run_without_whole_predictions_is_not_done(data: ImageData, tmp_path: Path, damage: str) -> None:
    run = config(data)
    first = run_one(run, data, tmp_path)
    file = tmp_path / run.id / "predictions.npz"
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else content[:300] + bytes([content[300] ^ 1]) + content[301:])
    assert damages(tmp_path / run.id) == ["predictions.npz"]
    with pytest.raises(ValueError, match=r"predictions.npz' (is damaged|cannot be read)"):
        read_predictions(tmp_path / run.id)
    with pytest.warns(UserWarning, match="done again: damaged: predictions.npz"):
        again = run_one(run, data, tmp_path)
    assert file.read_bytes() == content
    assert again["test_nll"] == first["test_nll"]


def test_tables_of_predictions_are_those_of_the_runs(data: ImageData, tmp_path: Path) -> None:
    runs = [config(data, method, seed=seed, epochs=1) for method in ("ce", "dlb") for seed in (0, 1, 2)]
    for run in runs:
        run_one(run, data, tmp_path)
    results = collect(tmp_path)
    found: dict[str, Predictions] = {run.id: read_predictions(tmp_path / run.id) for run in runs}
    accuracy = class_accuracy_table(tmp_path, results)
    counts = confusion_table(tmp_path, results)
    for run in runs:
        outputs = found[run.id]
        prediction = outputs.logits.argmax(axis=1)
        own = accuracy[accuracy["id"] == run.id]
        np.testing.assert_array_equal(own["accuracy"], class_accuracy(prediction, outputs.labels))
        assert own["n"].sum() == 450
        assert own["class_name"].tolist() == [*data.class_names]
        matrix = counts[counts["id"] == run.id].pivot(index="true", columns="predicted", values="n")
        np.testing.assert_array_equal(matrix, confusion(prediction, outputs.labels, 10))
    names = np.array(data.class_names)
    assert counts["true_name"].tolist() == names[counts["true"]].tolist()
    assert counts["predicted_name"].tolist() == names[counts["predicted"]].tolist()
    table = churn_table(tmp_path, results).set_index("method")
    predictions = [found[run.id].logits.argmax(axis=1) for run in runs[:3]]
    assert table.loc["ce", "churn"] == mean_churn(np.stack(predictions))
    assert table["n"].tolist() == [3, 3]


# What the columns state


def all_networks(method: str, images: int) -> int:
    """Images through all networks of a run, apart from its teachers' trainings."""
    spec = METHODS.parse(method)
    kind: type[Method] = METHODS.load(spec.name)
    return round(images * kind.total_images_factor(epochs=EPOCHS, **spec.options) / kind.images_factor(**spec.options))


@pytest.mark.parametrize("method", ["ce", "dlb", "coteaching", "tf_kd_self", "ban(generations=3)", "forward_correction"])
def test_exposure_is_that_of_the_run_and_of_all_its_networks(data: ImageData, tmp_path: Path, method: str) -> None:
    passes: list[Method] = []

    def logits(self: Any, teacher: Method) -> torch.Tensor:
        passes.append(teacher)
        return found(self, teacher)

    found = _Teachers.logits
    run = config(data, method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Teachers, "logits", logits)
        result = run_one(run, data, tmp_path)
    metrics = read_metrics(tmp_path / run.id)
    assert result["images_processed"] == metrics["images"].sum()
    assert result["updates"] == metrics["updates"].sum()
    expected = all_networks(method, result["images_processed"]) + len(passes) * SIZE
    for folder in (tmp_path / ".teachers").glob("*-*"):
        teacher = read_result(folder)
        assert teacher is not None
        expected += all_networks(read_config(folder)["method"], teacher["images_processed"])
    assert result["images_total"] == expected
    known = {
        "ce": 1,
        "dlb": 1,
        "coteaching": 2,
        # The student, its teacher in every step, and the teacher's training.
        "tf_kd_self": 3,
        # CE; twice a student, its teacher in every step.
        "ban(generations=3)": 5,
        # CE, and one pass for its outputs.
        "forward_correction": 2 + 1 / EPOCHS,
    }
    assert result["images_total"] == known[method] * result["images_processed"]
    assert result["fidelity"] == METHODS.load(METHODS.parse(method).name).provenance.fidelity
    assert result["epochs_trained"] == EPOCHS


def test_selecting_methods_state_how_well_they_select(data: ImageData, tmp_path: Path) -> None:
    result = run_one(config(data, "coteaching(gradual_epochs=2)", epochs=8), data, tmp_path)
    metrics = read_metrics(tmp_path / result["id"])
    # The first epoch keeps all: as precise as the labels are.
    assert metrics["selection_precision"][0] == pytest.approx(1 - result["realised_rate"])
    assert metrics["selection_recall"][0] == 1
    assert result["selection_precision"] == metrics["selection_precision"].iloc[-1] > 1 - result["realised_rate"]
    assert 0.5 < result["selection_recall"] < 1
    assert np.isnan(run_one(config(data, "dlb"), data, tmp_path)["selection_precision"])
