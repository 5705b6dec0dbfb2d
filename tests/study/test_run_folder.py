"""A run's identity, whether it is done, and many runs as one table."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from noisylab.study.run_folder import (
    FORMAT,
    LIBRARIES,
    RunConfig,
    collect,
    read_metrics,
    read_result,
    write_result,
    write_results,
)
from noisylab.training.config import TrainConfig

CONFIG = RunConfig(
    data="digits()",
    data_digest="0" * 64,
    noise_digest="0" * 64,
    train_size=100,
    model="small_cnn(width=16)",
    method="dlb(temperature=3.0, alpha=1.0)",
    noise="symmetric(rate=0.4, include_true=False, sampling='exact_per_class')",
    noise_seed=0,
    seed=0,
    augment="crop(padding=1, flip=False)",
    record="online",
    training=TrainConfig(device="cpu"),
    budget="epochs",
)

OTHER: dict[str, Any] = {
    "data": "digits(x=1)",
    "data_digest": "1" * 64,
    "noise_digest": "1" * 64,
    "train_size": 101,
    "model": "small_cnn(width=17)",
    "method": "dlb(temperature=3.0, alpha=1.5)",
    "noise": "symmetric(rate=0.4, include_true=True, sampling='exact_per_class')",
    "noise_seed": 1,
    "seed": 1,
    "augment": "crop(padding=1, flip=True)",
    "record": "eval",
    "budget": "images",
}

OTHER_TRAINING: dict[str, Any] = {
    "epochs": 41,
    "batch_size": 66,
    "learning_rate": 0.05000001,
    "momentum": 0.8,
    "weight_decay": 0.0,
    "schedule": "cosine",
    "milestones": (0.5,),
    "decay": 0.2,
    "warmup": 1.0,
    "device": "cuda",
    "precision": "bf16",
    "gradient_clip": 1.0,
    "ema": 0.9,
    "compile": True,
    "threads": 2,
    "processes": 2,
    "sync_batch_norm": True,
}


def finish(study: Path, **changes: Any) -> dict[str, Any]:
    """The folder of a finished run that was never trained."""
    metrics = b"epoch,test_accuracy\n0,0.5\n1,0.75\n"
    result = {
        "id": "a",
        "data": "digits",
        "model": "small_cnn",
        "method": "ce",
        "noise": "symmetric:0.4",
        "noise_kind": "symmetric",
        "nominal_rate": 0.4,
        "seed": 0,
        "noise_seed": 0,
        "test_accuracy_last": 0.75,
    } | changes
    folder = study / result["id"]
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_bytes(metrics)
    write_result(folder, result, metrics)
    return result


def test_the_tables_of_this_test_name_every_field() -> None:
    assert set(OTHER) == {field.name for field in dataclasses.fields(RunConfig)} - {"training"}
    assert set(OTHER_TRAINING) == {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("field", OTHER)
def test_every_field_of_a_run_is_part_of_its_identity(field: str) -> None:
    assert dataclasses.replace(CONFIG, **{field: OTHER[field]}).id != CONFIG.id


@pytest.mark.parametrize("field", OTHER_TRAINING)
def test_every_training_option_is_part_of_a_runs_identity(field: str) -> None:
    # What needs several processes is compared among runs of these.
    several = {"processes": 2} if field == "sync_batch_norm" else {}
    config = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, **several))
    training = dataclasses.replace(config.training, **{field: OTHER_TRAINING[field]})
    assert dataclasses.replace(config, training=training).id != config.id


def test_the_format_is_part_of_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = CONFIG.id
    monkeypatch.setattr("noisylab.study.run_folder.FORMAT", FORMAT + 1)
    assert CONFIG.id != before


def test_equal_configurations_have_equal_ids_that_begin_readably() -> None:
    assert dataclasses.replace(CONFIG).id == CONFIG.id
    assert re.fullmatch(r"dlb-symmetric-0.4-seed0-[0-9a-f]{12}", CONFIG.id)


def test_an_id_is_a_plain_file_name() -> None:
    config = dataclasses.replace(CONFIG, noise="from_transition(matrix=[[0.5, 0.5], [0, 1]])", method="a/b(c='../..')")
    assert re.fullmatch(r"[A-Za-z0-9.-]+", config.id)


@pytest.mark.parametrize(("field", "value"), [("seed", -1), ("seed", 0.5), ("noise_seed", -1), ("record", "both")])
def test_a_value_that_no_run_can_have_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(CONFIG, **{field: value})


def test_the_saved_configuration_holds_all_fields_the_id_and_the_versions(tmp_path: Path) -> None:
    CONFIG.save(tmp_path)
    saved = json.loads((tmp_path / "config.json").read_text())
    assert saved["id"] == CONFIG.id
    assert set(saved["versions"]) == set(LIBRARIES)
    assert {key: saved[key] for key in CONFIG.canonical()} == CONFIG.canonical()
    fields = {key: saved[key] for key in OTHER}
    training = TrainConfig(**(saved["training"] | {"milestones": tuple(saved["training"]["milestones"])}))
    assert RunConfig(**fields, training=training) == CONFIG


def test_a_folder_without_a_result_is_not_done(tmp_path: Path) -> None:
    assert read_result(tmp_path / "none") is None
    CONFIG.save(tmp_path)
    assert read_result(tmp_path) is None


def test_a_result_cut_off_anywhere_is_not_done(tmp_path: Path) -> None:
    result = finish(tmp_path)
    path = tmp_path / "a" / "result.json"
    content = path.read_bytes()
    assert read_result(path.parent) == result
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert read_result(path.parent) is None


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"\x00" * 40])
def test_a_result_overwritten_with_other_bytes_is_not_done(tmp_path: Path, content: bytes) -> None:
    finish(tmp_path)
    (tmp_path / "a" / "result.json").write_bytes(content)
    assert read_result(tmp_path / "a") is None


def test_a_run_whose_metrics_changed_or_are_gone_is_not_done(tmp_path: Path) -> None:
    finish(tmp_path)
    path = tmp_path / "a" / "metrics.csv"
    assert read_metrics(path.parent)["test_accuracy"].tolist() == [0.5, 0.75]
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.85"))
    assert read_result(path.parent) is None
    with pytest.raises(ValueError, match="a finished run"):
        read_metrics(path.parent)
    path.unlink()
    assert read_result(path.parent) is None


def test_a_study_is_one_table_in_an_order_that_is_not_that_of_the_folders(tmp_path: Path) -> None:
    finish(tmp_path, id="a", nominal_rate=0.6, noise="symmetric:0.6")
    finish(tmp_path, id="b", seed=1)
    finish(tmp_path, id="c", seed=0)
    (tmp_path / "unfinished").mkdir()
    assert collect(tmp_path)["id"].tolist() == ["c", "b", "a"]
    assert write_results(tmp_path)["id"].tolist() == ["c", "b", "a"]
    assert [line.split(",")[0] for line in (tmp_path / "results.csv").read_text().splitlines()] == ["id", "c", "b", "a"]


def test_a_study_without_a_finished_run_is_an_empty_table(tmp_path: Path) -> None:
    assert collect(tmp_path).empty
    write_results(tmp_path)
    assert (tmp_path / "results.csv").read_text().strip() == ""
