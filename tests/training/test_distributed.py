"""Two processes that train one network: what they do is what one would do."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from helpers_once import Once
from helpers_training import make_method, training_set
from two_processes import COMPARED, CUT, losses

from noisylab.core.registries import DATA_SETS, METHODS
from noisylab.data.image_data import load_data
from noisylab.recording import load_dynamics
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.training import TrainConfig, train

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def torchrun(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def found(once: Once) -> dict[str, Any]:
    def fill(folder: Path) -> None:
        process = torchrun(Path(__file__).with_name("two_processes.py"), folder / "found.json")
        assert process.returncode == 0, process.stderr

    result: dict[str, Any] = json.loads((once("two_processes", fill) / "found.json").read_text())
    return result


@pytest.mark.parametrize("name", COMPARED)
def test_with_synced_statistics_the_loss_is_that_of_one_process(found: dict[str, Any], name: str) -> None:
    one = losses(name, CUT)
    np.testing.assert_allclose(found["synced"][name], one, rtol=1e-4)


@pytest.mark.parametrize("name", COMPARED)
def test_the_exposure_is_that_of_one_process_and_own_statistics_give_another_loss(found: dict[str, Any], name: str) -> None:
    one, two = np.array(losses(name, CUT)), np.array(found["own"][name])
    assert np.array_equal(one[:, 1:], two[:, 1:])
    assert not np.allclose(one[:, 0], two[:, 0], rtol=1e-4)


def test_what_cannot_be_shared_evenly_is_left_out_and_processes_remember_alike(found: dict[str, Any]) -> None:
    # Of 45 samples, 22 each.
    assert [row[1:] for row in found["odd"]["losses"]] == [[44, 4]] * 3
    assert found["odd"]["same memory"] is True


def test_statistics_of_all_in_a_shorter_precision(found: dict[str, Any]) -> None:
    one = losses("dlb", dataclasses.replace(CUT, precision="bf16"))
    np.testing.assert_allclose(found["short"], one, rtol=0.01)


@pytest.mark.parametrize("name", ["dlb", "elr"])
def test_after_an_interruption_each_process_ends_with_what_it_would_have_had(found: dict[str, Any], name: str) -> None:
    assert found["resumed"][name] == [True, True]


@pytest.mark.parametrize("name", sorted(METHODS.entries()))
def test_the_processes_end_with_the_same_weights(found: dict[str, Any], name: str) -> None:
    assert found["apart"][name]


def test_every_process_has_the_result_of_a_run_with_a_teacher_and_finds_it_when_it_is_done(found: dict[str, Any]) -> None:
    first, again = found["executed"]
    assert first[0] == first[1] == again[0] == again[1]
    assert first[0]["images_processed"] == 100
    # The teacher's training, and its passes in every step of its student, too.
    assert first[0]["images_total"] == 3 * 100


def run(out: Path, *arguments: str) -> list[str | Path]:
    options = ["--epochs", "2", "--train-size", "330", "--learning-rate", "0.01", "--out", str(out)]
    return [ROOT / "studies" / "train.py", *options, *arguments]


def test_a_run_of_two_processes_records_every_sample(tmp_path: Path) -> None:
    two = torchrun(*run(tmp_path / "two", "--sync-batch-norm"))
    assert two.returncode == 0, two.stderr
    assert " ".join(two.stdout.split()).count("at the last epoch") == 1
    training = TrainConfig(epochs=2, learning_rate=0.01, device="cpu")
    grid = Grid(methods=("dlb",), noise=("symmetric:0.4",), seeds=(0,), train_size=330, budget="epochs")
    data = load_data(DATA_SETS.parse("digits"), None, 330)
    (config,) = plan(dataclasses.replace(grid, training=training), data).configs
    result = run_one(config, data, tmp_path / "one")
    folders = [next((tmp_path / name).glob("dlb*")) for name in ("one", "two")]
    assert folders[0].name != folders[1].name
    (row,) = pandas.read_csv(tmp_path / "two" / "results.csv").to_dict("records")
    assert row["images_processed"] == result["images_processed"]
    one, other = (load_dynamics(folder) for folder in folders)
    assert (other["prediction"] != other.attrs["missing"]).all()
    # The sums of two shares are rounded otherwise than those of one batch.
    for name in ("loss", "margin", "step_divergence"):
        np.testing.assert_allclose(one[name][0], other[name][0], atol=0.02)
    assert np.array_equal(one["agreement"] < 0, other["agreement"] < 0)
    metrics = [pandas.read_csv(folder / "metrics.csv") for folder in folders]
    np.testing.assert_allclose(metrics[0]["train_loss"], metrics[1]["train_loss"], rtol=1e-4)


def test_what_is_wrong_is_said_once(tmp_path: Path) -> None:
    process = torchrun(*run(tmp_path, "--batch-size", "30"))
    assert process.returncode != 0
    assert process.stderr.count("noisylab: error: batch_size counts the entries of all 2 processes") == 1


def test_synced_batch_norm_wants_several_processes(tmp_path: Path) -> None:
    command = [sys.executable, *map(str, run(tmp_path, "--sync-batch-norm"))]
    process = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert process.returncode == 2
    assert "sync_batch_norm needs several processes" in process.stderr


def test_a_configuration_for_more_processes_than_there_are_is_refused() -> None:
    config = TrainConfig(epochs=1, processes=2, device="cpu")
    with pytest.raises(ValueError, match="for 2 processes, but 1 are training"):
        train(make_method("ce"), training_set(), config)
