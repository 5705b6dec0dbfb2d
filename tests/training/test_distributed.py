"""Two processes that train one network: what they do is what one would do."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from helpers_training import make_method, training_set
from noisylab.core.shares import Whole
from two_processes import COMPARED, UNEQUAL, losses

from noisylab.analysis import load_dynamics
from noisylab.core.distributed import gathered
from noisylab.core.registries import DATA_SETS, METHODS
from noisylab.data.batches.samplers import SAMPLERS, LastBatchSampler, PlainSampler, SameClassSampler
from noisylab.data.image_data import load_data
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.training import TrainConfig, TrainingSet, train

ROOT = Path(__file__).parents[2]


def torchrun(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("two") / "found.json"
    process = torchrun(Path(__file__).with_name("two_processes.py"), out)
    assert process.returncode == 0, process.stderr
    result: dict[str, Any] = json.loads(out.read_text())
    return result


@pytest.mark.parametrize("name", COMPARED)
def test_with_synced_statistics_the_loss_is_that_of_one_process(found: dict[str, Any], name: str) -> None:
    one = losses(name, UNEQUAL)
    np.testing.assert_allclose(found["synced"][name], one, rtol=1e-4)


@pytest.mark.parametrize("name", COMPARED)
def test_the_exposure_is_that_of_one_process_and_own_statistics_give_another_loss(found: dict[str, Any], name: str) -> None:
    one, two = np.array(losses(name, UNEQUAL)), np.array(found["own"][name])
    assert np.array_equal(one[:, 1:], two[:, 1:])
    assert not np.allclose(one[:, 0], two[:, 0], rtol=1e-4)


def test_statistics_of_all_in_a_shorter_precision(found: dict[str, Any]) -> None:
    one = losses("dlb", dataclasses.replace(UNEQUAL, precision="bf16"))
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
    # The teacher's images too.
    assert first[0]["images_processed"] == 2 * 100


def run(out: Path, *arguments: str) -> list[str | Path]:
    options = ["--epochs", "2", "--train-size", "330", "--learning-rate", "0.01", "--out", str(out)]
    return [ROOT / "studies" / "train.py", *options, *arguments]


def test_a_run_of_two_processes_records_every_sample(tmp_path: Path) -> None:
    two = torchrun(*run(tmp_path / "two", "--sync-batch-norm"))
    assert two.returncode == 0, two.stderr
    assert two.stdout.count("at the last epoch") == 1
    training = TrainConfig(epochs=2, learning_rate=0.01, device="cpu")
    grid = Grid(methods=("dlb",), noise=("symmetric:0.4",), seeds=(0,), train_size=330)
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
    assert process.stderr.count("train.py: error: batch_size counts the entries of all 2 processes") == 1


def test_synced_batch_norm_wants_several_processes(tmp_path: Path) -> None:
    command = [sys.executable, *map(str, run(tmp_path, "--sync-batch-norm"))]
    process = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert process.returncode == 2
    assert "sync_batch_norm needs several processes" in process.stderr


def test_a_configuration_for_more_processes_than_there_are_is_refused() -> None:
    config = TrainConfig(epochs=1, processes=2, device="cpu")
    with pytest.raises(ValueError, match="for 2 processes, and 1 are training"):
        train(make_method("ce"), training_set(), config)


@pytest.mark.parametrize("processes", [2, 3, 4])
@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_the_shares_of_a_batch_are_the_batch(name: str, processes: int) -> None:
    def make(rank: int, of: int) -> PlainSampler:
        if name == "same_class":
            return SameClassSampler(np.arange(101) % 5, 24, seed=3, shard=(rank, of))
        return SAMPLERS[name](101, 24, 3, shard=(rank, of))

    samplers = [make(rank, processes) for rank in range(processes)]
    for _ in range(3):
        shares = list(zip(*samplers, strict=True))
        epoch = samplers[0].epoch - 1
        for entries, parts in zip(samplers[0].batches(epoch), shares, strict=True):
            assert sorted(entries.ids.tolist()) == sorted(id_ for part in parts for id_ in part)
            assert min(map(len, parts)) >= 1


def test_each_process_repeats_its_own_last_half() -> None:
    for rank in range(3):
        sampler, last = LastBatchSampler(100, 24, seed=1, shard=(rank, 3)), []
        for _ in range(2):
            epoch = sampler.epoch
            for entries, ids in zip(sampler.batches(epoch), sampler, strict=True):
                new = sampler.whole(entries).new_of(rank)
                assert ids[: new.start] == last
                last = ids[new]


def test_two_processes_have_the_batches_of_one() -> None:
    for size in range(40, 75):
        one, two = LastBatchSampler(size, 16), LastBatchSampler(size, 16, shard=(1, 2))
        assert all(np.array_equal(a.ids, b.ids) for a, b in zip(one.batches(1), two.batches(1), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((100, 16, 0, (2, 2)), r"shard must be \(rank, number of processes\)"),
        ((100, 18, 0, (0, 2)), "must be a multiple of 4 for 2 of them, got 18"),
        ((100, 4, 0, (0, 2)), "two new entries"),
        ((3, 16, 0, (0, 2)), "two new entries"),
    ],
)
def test_shares_that_cannot_be(arguments: Sequence[Any], message: str) -> None:
    *positional, shard = arguments
    with pytest.raises(ValueError, match=message):
        LastBatchSampler(*positional, shard=shard)


def test_weights_of_shares_count_every_entry_alike() -> None:
    whole = Whole(before=3, new=5, after=0, processes=2)
    means = [torch.tensor(whole.share(rank), dtype=torch.float64).mean() * whole.weight(rank) for rank in range(2)]
    assert sum(means) / 2 == pytest.approx(3.5)
    assert gathered(rows := torch.ones(3), None) is rows


def test_a_set_of_one_process_is_not_split() -> None:
    data: TrainingSet = training_set()
    sampler = PlainSampler(len(data.images), 16)
    assert [len(ids) for ids in sampler] == [16, 16, 14]
