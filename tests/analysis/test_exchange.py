"""Records to and from cartography, the aum package and cleanlab."""

import json
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
import xarray
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores

from noisylab.analysis import (
    cleanlab_issues,
    cleanlab_table,
    detection,
    read_aum,
    read_cartography,
    score,
    write_aum,
    write_cartography,
)
from noisylab.recording import DynamicsRecorder, load_dynamics

SAMPLES, CLASSES, EPOCHS = 120, 4, 6
RNG = np.random.default_rng(0)
TRUE = RNG.integers(0, CLASSES, SAMPLES)
GIVEN = np.where(RNG.random(SAMPLES) < 0.25, (TRUE + 1) % CLASSES, TRUE)


def logits(epoch: int) -> torch.Tensor:
    """What a network might say: the true class, more and more, and some of the given one."""
    noise = torch.randn(SAMPLES, CLASSES, generator=torch.Generator().manual_seed(epoch))
    return noise + 0.4 * epoch * torch.eye(CLASSES)[TRUE] + 0.1 * epoch * torch.eye(CLASSES)[GIVEN]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> xarray.Dataset:
    folder = tmp_path_factory.mktemp("records")
    recorder = DynamicsRecorder(
        folder, GIVEN, epochs=EPOCHS, true_labels=TRUE, sample_ids=np.arange(SAMPLES) + 7, divergence=True, probabilities=True
    )
    for epoch in range(EPOCHS):
        # The last sample is first shown in epoch 2.
        index = torch.arange(SAMPLES - (epoch < 2))
        recorder.observe(index, logits(epoch)[index])
        recorder.end_epoch()
    return load_dynamics(folder)


def cartography_metrics(folder: Path) -> pandas.DataFrame:
    """What cartography computes from its files, by guid (after its train_dy_filtering.py)."""
    p: dict[int, list[float]] = {}
    right: dict[int, list[bool]] = {}
    for epoch in range(EPOCHS):
        for line in (folder / "training_dynamics" / f"dynamics_epoch_{epoch}.jsonl").read_text().splitlines():
            entry = json.loads(line)
            values = torch.softmax(torch.tensor(entry[f"logits_epoch_{epoch}"], dtype=torch.float64), dim=0)
            p.setdefault(entry["guid"], []).append(float(values[entry["gold"]]))
            right.setdefault(entry["guid"], []).append(int(values.argmax()) == entry["gold"])
    rows = {guid: (np.mean(p[guid]), np.std(p[guid]), np.mean(right[guid])) for guid in p}
    return pandas.DataFrame(rows, index=["confidence", "variability", "correctness"]).T


def test_cartography_computes_from_our_files_what_we_compute(records: xarray.Dataset, tmp_path: Path) -> None:
    write_cartography(records, tmp_path, CLASSES)
    theirs = cartography_metrics(tmp_path)
    assert theirs.index.tolist() == records["sample"].values.tolist()
    for name in theirs:
        np.testing.assert_allclose(theirs[name], score(records, name), atol=1e-6)


def test_what_is_written_for_cartography_is_read_back(records: xarray.Dataset, tmp_path: Path) -> None:
    write_cartography(records, tmp_path, CLASSES)
    read = read_cartography(tmp_path, TRUE)
    assert read["sample"].values.tolist() == records["sample"].values.tolist()
    assert read.attrs["record"] == "online"
    for name in ("wrong_events", "forgetting_events", "learning_time", "confidence", "aum", "loss", "prediction_entropy"):
        np.testing.assert_allclose(score(read, name), score(records, name), atol=1e-5, err_msg=name)


def test_cartographys_own_logits_give_all_scores(records: xarray.Dataset, tmp_path: Path) -> None:
    for epoch in range(EPOCHS):
        index = np.arange(SAMPLES - (epoch < 2))
        table = pandas.DataFrame(
            {"guid": index + 7, f"logits_epoch_{epoch}": logits(epoch)[index].tolist(), "gold": GIVEN[index]}
        )
        table.to_json(tmp_path / f"dynamics_epoch_{epoch}.jsonl", lines=True, orient="records")
    read = read_cartography(tmp_path, TRUE)
    for name in ("aum", "el2n", "loss", "confidence", "prediction_consistency", "prediction_divergence"):
        np.testing.assert_allclose(score(read, name), score(records, name), atol=5e-3, err_msg=name)


def test_files_that_cartography_did_not_write_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold dynamics_epoch_0.jsonl and so on, got epochs none"):
        read_cartography(tmp_path)
    later = [tmp_path / f"dynamics_epoch_{epoch}.jsonl" for epoch in (10, 9, 2)]
    for path in later:
        path.touch()
    with pytest.raises(ValueError, match="got epochs 2, 9, 10"):
        read_cartography(tmp_path)
    for path in later:
        path.unlink()
    for path in (twice := [tmp_path / f"dynamics_epoch_0.{ending}" for ending in ("json", "jsonl")]):
        path.touch()
    with pytest.raises(ValueError, match=r"one file for each epoch, got dynamics_epoch_0.json, dynamics_epoch_0.jsonl"):
        read_cartography(tmp_path)
    for path in twice:
        path.unlink()
    (tmp_path / "dynamics_epoch_0.jsonl").write_text('{"guid": 1, "logits_epoch_0": [0.5, 1.0], "gold": 0}\n{"guid": 2}\n')
    with pytest.raises(ValueError, match=r"line 2 of dynamics_epoch_0.jsonl must hold guid, gold and logits_epoch_0"):
        read_cartography(tmp_path)
    (tmp_path / "dynamics_epoch_0.jsonl").write_text('{"guid": 1, "logits_epoch_0": [0.5, 1.0], "gold": 2}\n')
    with pytest.raises(ValueError, match=r"a number for each class above 2, got \(1, 2\)"):
        read_cartography(tmp_path)
    (tmp_path / "dynamics_epoch_0.jsonl").write_text('{"guid": 1, "logits_epoch_0": [0.5, 1.0], "gold": 0}\n')
    (tmp_path / "dynamics_epoch_1.jsonl").write_text('{"guid": 1, "logits_epoch_1": [0.5, 1.0], "gold": 1}\n')
    with pytest.raises(ValueError, match="sample 1 must keep its gold label 0, got 1 in epoch 1"):
        read_cartography(tmp_path)


def test_too_few_classes_for_cartography_are_refused(records: xarray.Dataset, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_classes must be above every recorded class, 3, got 3"):
        write_cartography(records, tmp_path, 3)


def test_aum_values_are_written_and_read_as_the_package_does(records: xarray.Dataset, tmp_path: Path) -> None:
    write_aum(records, tmp_path / "aum_values.csv")
    table = pandas.read_csv(tmp_path / "aum_values.csv")
    assert table.columns.tolist() == ["sample_id", "aum"]
    assert table["aum"].is_monotonic_decreasing
    read = read_aum(tmp_path / "aum_values.csv")
    np.testing.assert_allclose(read.loc[records["sample"].values], score(records, "aum"))


def test_the_full_records_of_the_aum_package_are_read(tmp_path: Path) -> None:
    columns = "sample_id,num_measurements,target_logit,target_val,other_logit,other_val,margin,aum"
    rows = ["b,1,2.0,0,1.0,1,1.0,1.0", "a,2,3.0,1,0.0,0,3.0,2.5", "a,1,2.0,1,0.0,0,2.0,2.0"]
    (tmp_path / "full.csv").write_text("\n".join([columns, *rows]) + "\n")
    assert read_aum(tmp_path / "full.csv").to_dict() == {"a": 2.5, "b": 1.0}
    (tmp_path / "other.csv").write_text("id,area\n1,2\n")
    with pytest.raises(ValueError, match="columns sample_id and aum, got id, area"):
        read_aum(tmp_path / "other.csv")
    (tmp_path / "twice.csv").write_text("sample_id,aum\n1,2\n1,3\n")
    with pytest.raises(ValueError, match="each sample once, got '1' again"):
        read_aum(tmp_path / "twice.csv")


def test_cleanlab_finds_issues_in_our_records(records: xarray.Dataset) -> None:
    p = records["probabilities"].values.astype(float)
    p /= p.sum(axis=1, keepdims=True)
    for options in ({}, {"filter_by": "both"}):
        expected = find_label_issues(GIVEN, p, n_jobs=1, **options)
        np.testing.assert_array_equal(cleanlab_issues(records, **options), expected)


def test_cleanlabs_scores_stand_beside_ours(records: xarray.Dataset) -> None:
    table = cleanlab_table(records).set_index(["source", "score"])
    p = records["probabilities"].values.astype(float)
    p /= p.sum(axis=1, keepdims=True)
    mislabelled = GIVEN != TRUE
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        expected = detection(-get_label_quality_scores(GIVEN, p, method=method), mislabelled)
        np.testing.assert_allclose(table.loc[("cleanlab", method), list(expected._fields)].astype(float), expected)
    issues = cleanlab_issues(records)
    own = table.loc[("cleanlab", "find_label_issues")]
    assert own["flagged"] == issues.sum()
    assert own["precision"] == pytest.approx((issues & mislabelled).sum() / issues.sum())
    assert ("noisylab", "aum") in table.index
    # The mean probability of the given label is cleanlab's self-confidence.
    np.testing.assert_allclose(
        table.loc[("cleanlab", "self_confidence"), "roc_auc"], table.loc[("noisylab", "confidence"), "roc_auc"], atol=2e-3
    )


def test_without_probabilities_cleanlab_is_told_what_lacks(records: xarray.Dataset) -> None:
    with pytest.raises(ValueError, match="probabilities=True"):
        cleanlab_issues(records.drop_vars("probabilities"))


def test_without_cleanlab_its_command_is_named(records: xarray.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for function in (cleanlab_issues, cleanlab_table):
        with pytest.raises(ImportError, match=r'pip install "noisylab\[cleanlab\]"'):
            function(records)


def test_samples_never_shown_are_no_issues(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, GIVEN, epochs=1, true_labels=TRUE, probabilities=True)
    index = torch.arange(10, SAMPLES)
    recorder.observe(index, logits(5)[index])
    recorder.end_epoch()
    read = load_dynamics(tmp_path)
    assert not cleanlab_issues(read)[:10].any()
    assert cleanlab_table(read)["precision"].notna().all()
