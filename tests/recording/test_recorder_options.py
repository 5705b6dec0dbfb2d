"""The recorder's further quantities, interrupted and shared recordings, and older files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from noisylab.data import LastBatchSampler
from noisylab.recording import DynamicsRecorder, load_dynamics, recorder
from noisylab.recording.records import intact_epochs, shard_file

GIVEN = np.array([0, 1, 2, 1, 0, 2, 2, 0])
TRUE = np.array([0, 1, 2, 0, 0, 1, 2, 0])


def draw(seed: int, entries: int) -> Tensor:
    return 2 * torch.randn(entries, 3, generator=torch.Generator().manual_seed(seed))


def make(folder: Path, epochs: int = 4, **options: Any) -> DynamicsRecorder:
    return DynamicsRecorder(folder, GIVEN, **({"epochs": epochs, "divergence": True, "probabilities": True} | options))


def kl(before: Tensor, now: Tensor) -> float:
    a, b = (torch.log_softmax(z.double(), dim=0) for z in (before, now))
    return float((a.exp() * (a - b)).sum())


def record(records: DynamicsRecorder, until: int, new: bool = True) -> list[list[tuple[int, Tensor, bool]]]:
    """Record DLB's batches; each epoch's presentations (sample, logits, own) in order of time."""
    sampler, shown = LastBatchSampler(8, 6, seed=0), []
    while records.epoch < until:
        epoch: list[tuple[int, Tensor, bool]] = []
        for step, entries in enumerate(sampler.batches(records.epoch)):
            ids, logits = torch.from_numpy(entries.ids), draw(records.epoch * 10 + step, len(entries.ids))
            records.observe(ids, logits, new=entries.new if new else None)
            own = np.zeros(len(ids), dtype=bool)
            own[entries.new] = True
            epoch += [(int(sample), z, bool(o)) for sample, z, o in zip(ids, logits, own, strict=True)]
        shown.append(epoch)
        records.end_epoch()
    return shown


@pytest.mark.parametrize("buffered", [1, 3, 2**16])
def test_divergences_and_mean_probabilities_are_those_of_a_walk(
    buffered: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "BUFFERED", buffered)
    shown = record(make(tmp_path), 4)
    read = load_dynamics(tmp_path)
    divergence, step = np.full((2, 4, 8), np.nan)
    total: dict[int, list[Tensor]] = {}
    latest: dict[int, Tensor] = {}
    before: dict[int, Tensor] = {}
    for epoch, presentations in enumerate(shown):
        now: dict[int, Tensor] = {}
        for sample, z, own in presentations:
            if own:
                now[sample] = z
                total.setdefault(sample, []).append(torch.softmax(z, dim=0))
                if sample in before:
                    divergence[epoch, sample] = kl(before[sample], z)
            elif sample in latest:
                step[epoch, sample] = kl(latest[sample], z)
            latest[sample] = z
        before = now
    assert np.isfinite(divergence[1:]).all()
    np.testing.assert_allclose(read["divergence"].values.astype(float), divergence, rtol=5e-3, atol=2e-3)
    np.testing.assert_allclose(read["step_divergence"].values.astype(float), step, rtol=5e-3, atol=2e-3)
    assert (np.isfinite(step) == (read["agreement"].values >= 0)).all()
    for sample, rows in total.items():
        np.testing.assert_allclose(read["probabilities"][sample], torch.stack(rows).mean(dim=0), atol=1e-3)


def test_only_consecutive_epochs_are_compared(tmp_path: Path) -> None:
    records = make(tmp_path)
    for index in ([0, 1], [1], [0, 1], []):
        records.observe(torch.tensor(index, dtype=torch.int64), draw(len(index), len(index)))
        records.end_epoch()
    found = np.isfinite(load_dynamics(tmp_path)["divergence"].values[:, :2])
    assert found.tolist() == [[False, False], [False, True], [False, True], [False, False]]


@pytest.mark.parametrize("classes", [2, 3, 300])
def test_what_is_derived_is_as_exact_as_float16(classes: int, tmp_path: Path) -> None:
    given = np.arange(2000) % classes
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2000, classes, generator=generator) * torch.logspace(-2, 1.6, 2000)[:, None]
    records = DynamicsRecorder(tmp_path, given, epochs=1, num_classes=classes)
    records.observe(torch.arange(2000), logits)
    records.end_epoch()
    read = load_dynamics(tmp_path)
    log_p = torch.log_softmax(logits.double(), dim=1)
    loss = -log_p[torch.arange(2000), torch.from_numpy(given)].numpy()
    np.testing.assert_allclose(read["loss"][0], loss, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(read["p_given"][0], np.exp(-loss), atol=5e-4)
    np.testing.assert_allclose(read["p_max"][0], log_p.max(dim=1).values.exp(), atol=5e-4)


def test_derived_variables_are_indexed_like_the_others(tmp_path: Path) -> None:
    record(make(tmp_path), 4)
    read = load_dynamics(tmp_path)
    whole = read["loss"].values
    assert float(read["loss"][2, 3]) == whole[2, 3]
    np.testing.assert_array_equal(read["loss"].isel(epoch=slice(1, 3), sample=[5, 1]).values, whole[1:3][:, [5, 1]])
    np.testing.assert_array_equal(read["loss"].sel(sample=4).values, whole[:, 4])


def test_labels_are_the_given_ones_unless_said_otherwise(tmp_path: Path) -> None:
    index, logits = torch.arange(8), draw(0, 8)
    for name, labels in (("default", None), ("said", torch.from_numpy(GIVEN)), ("other", torch.from_numpy(TRUE))):
        records = make(tmp_path / name)
        records.observe(index, logits, labels, check_labels=name != "other")
        records.end_epoch()
    margins = {name: load_dynamics(tmp_path / name)["margin"].values[0] for name in ("default", "said", "other")}
    np.testing.assert_array_equal(margins["default"], margins["said"])
    assert ((margins["default"] != margins["other"]) == (GIVEN != TRUE)).all()


def test_repeated_ids_in_one_step_count_once(tmp_path: Path) -> None:
    records, logits = make(tmp_path), draw(0, 5)
    records.observe(torch.tensor([3, 3, 1, 3, 1]), logits)
    records.end_epoch()
    assert records.last["prediction"][[3, 1]].tolist() == logits[[0, 2]].argmax(dim=1).tolist()
    np.testing.assert_allclose(load_dynamics(tmp_path)["probabilities"][3], torch.softmax(logits[0], 0), atol=1e-3)
    # The last of several second presentations stays.
    assert records.last["agreement"][3] == int(logits[3].argmax() == logits[1].argmax())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_under_autocast_and_in_batches_of_one(kind: torch.dtype, tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 3)
    inputs = torch.randn(8, 4)
    records = make(tmp_path)
    for sample in range(8):
        with torch.autocast("cpu", dtype=kind):
            logits = model(inputs[[sample]])
        assert logits.dtype == kind
        records.observe(torch.tensor([sample]), logits)
    records.end_epoch()
    expected = torch.softmax(model(inputs).float(), dim=1)[torch.arange(8), torch.from_numpy(GIVEN)]
    np.testing.assert_allclose(records.last["p_given"], expected.detach(), atol=2e-2)


def test_bad_steps_are_refused(tmp_path: Path) -> None:
    records = make(tmp_path)
    with pytest.raises(ValueError, match=r"\[B\], \[B, K\] and \[B\], got \[\[2\], \[3, 3\], None\]"):
        records.observe(torch.arange(2), draw(0, 3))
    with pytest.raises(ValueError, match=r"got \[\[3\], \[3, 3\], \[2\]\]"):
        records.observe(torch.arange(3), draw(0, 3), torch.arange(2))
    records.observe(torch.tensor([7, 8]), draw(0, 2))
    with pytest.raises(ValueError, match=r"index must be in \[0, 8\), got 7 to 8"):
        records.end_epoch()
    records = make(tmp_path / "labels")
    records.observe(torch.tensor([7, 6]), draw(0, 2), torch.tensor([0, -100]))
    with pytest.raises(ValueError, match=r"labels must be in \[0, 3\), got -100 to 0"):
        records.end_epoch()
    with pytest.raises(ValueError, match="rank below the number"):
        make(tmp_path, shard=(2, 2))


def equal(one: Path, two: Path, *, but: tuple[str, ...] = ()) -> None:
    first, second = load_dynamics(one), load_dynamics(two)
    for name in set(first.variables) - set(but):
        np.testing.assert_array_equal(first[name].values, second[name].values, err_msg=str(name))


def test_a_state_brings_everything_back(tmp_path: Path) -> None:
    record(make(tmp_path / "whole"), 4)
    parts = make(tmp_path / "parts")
    record(parts, 2)
    state = parts.state_dict()
    record(parts, 3)
    again = make(tmp_path / "parts", resume=True)
    again.load_state_dict(state)
    record(again, 4)
    equal(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("back_to", [0, 1, 2])
def test_a_loop_may_go_on_with_any_epoch(back_to: int, tmp_path: Path) -> None:
    record(make(tmp_path / "whole"), 4)
    parts = make(tmp_path / "parts")
    record(parts, 3)
    parts.observe(torch.tensor([0]), draw(0, 1))
    parts.go_to(back_to)
    record(parts, 4)
    # What the divergences compare with, and the sums behind a mean, are not on disk.
    lost = () if back_to == 0 else ("divergence", "step_divergence", "probabilities", "agreement")
    equal(tmp_path / "whole", tmp_path / "parts", but=lost)


def test_an_epoch_that_was_broken_off_does_not_count(tmp_path: Path) -> None:
    records = make(tmp_path)
    records.observe(torch.tensor([0]), draw(0, 1))
    records.go_to(0)
    records.observe(torch.tensor([1]), draw(0, 1))
    records.end_epoch()
    assert (records.last["prediction"] != records.missing).tolist() == [False, True] + [False] * 6
    records.go_to(3)
    assert records.epoch == 3
    assert (load_dynamics(tmp_path)["prediction"].values[1:] == records.missing).all()
    with pytest.raises(ValueError, match=r"epoch must be in \[0, 4\], got 5"):
        records.go_to(5)


LOOP = """
import sys, time
import numpy as np, torch
from noisylab.recording import DynamicsRecorder
folder, rank, shards, epochs, pause = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])
given = np.arange(40) % 4
options = dict(epochs=epochs, resume=True, shard=(rank, shards), divergence=True, probabilities=True)
recorder = DynamicsRecorder(folder, given, true_labels=given, **options)
for epoch in range(recorder.epoch, epochs):
    logits = torch.randn(40, 4, generator=torch.Generator().manual_seed(epoch))
    order = np.random.default_rng(epoch).permutation(40)
    # As a distributed sampler does: every process has its part, and the last ones are filled up with samples of others.
    part = np.resize(order, -(-40 // shards) * shards)[rank::shards]
    for ids in np.array_split(part, 3):
        time.sleep(pause)
        recorder.observe(torch.from_numpy(ids), logits[ids])
    recorder.end_epoch()
    print(epoch, flush=True)
"""


def start(folder: Path, rank: int = 0, shards: int = 1, epochs: int = 6, pause: float = 0.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", LOOP, str(folder), str(rank), str(shards), str(epochs), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_several_processes_write_what_one_writes(tmp_path: Path) -> None:
    processes = [start(tmp_path / "one"), *(start(tmp_path / "three", rank, 3) for rank in range(3))]
    assert [process.wait(timeout=120) for process in processes] == [0] * 4
    assert len(list((tmp_path / "three").glob("dynamics-*-of-3.zarr"))) == 3
    # A process knows the epoch before only of samples that it had itself; who filled up may be shown twice, or in a mean twice.
    equal(tmp_path / "one", tmp_path / "three", but=("divergence", "probabilities"))
    one, three = load_dynamics(tmp_path / "one"), load_dynamics(tmp_path / "three")
    compared = np.isfinite(three["divergence"].values)
    assert 0.2 < compared[1:].mean() < 0.6
    np.testing.assert_array_equal(one["divergence"].values[compared], three["divergence"].values[compared])
    np.testing.assert_allclose(one["probabilities"].values, three["probabilities"].values, atol=0.2)
    size = [sum(path.stat().st_size for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("one", "three")]
    assert size[1] < 4 * size[0]


def test_shards_that_lack_or_do_not_fit_are_refused(tmp_path: Path) -> None:
    for rank in range(2):
        records = make(tmp_path, shard=(rank, 2))
        records.end_epoch()
    records.end_epoch()
    assert load_dynamics(tmp_path).sizes["epoch"] == 1, "the epochs that all have done"
    (tmp_path / shard_file(0, 2)).rename(tmp_path / shard_file(0, 3))
    with pytest.raises(ValueError, match="must hold the records of 3 processes"):
        load_dynamics(tmp_path)
    (tmp_path / shard_file(0, 3)).rename(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="must hold the records of 2 processes"):
        load_dynamics(tmp_path)
    DynamicsRecorder(tmp_path, GIVEN[::-1].copy(), epochs=4, shard=(0, 2), divergence=True, probabilities=True)
    with pytest.raises(ValueError, match="other samples or settings"):
        load_dynamics(tmp_path)


@pytest.mark.slow
def test_a_killed_process_leaves_what_can_be_continued(tmp_path: Path) -> None:
    assert start(tmp_path / "whole").wait(timeout=120) == 0
    for epoch in (1, 3):
        process = start(tmp_path / "killed", pause=0.03)
        assert process.stdout is not None
        while int(process.stdout.readline()) < epoch:
            pass
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert epoch < intact_epochs(tmp_path / "killed") < 6
    assert start(tmp_path / "killed").wait(timeout=120) == 0
    equal(tmp_path / "whole", tmp_path / "killed", but=("divergence", "probabilities"))
    whole, killed = load_dynamics(tmp_path / "whole"), load_dynamics(tmp_path / "killed")
    np.testing.assert_allclose(whole["probabilities"].values, killed["probabilities"].values, atol=2e-3)


def test_records_of_an_earlier_format_are_refused_with_the_way_out(tmp_path: Path) -> None:
    make(tmp_path, epochs=2)
    file = tmp_path / "dynamics.zarr" / "zarr.json"
    held = json.loads(file.read_text())
    held["attributes"] = {"format": 2, "epochs": 2, "epochs_done": 0}
    file.write_text(json.dumps(held))
    with pytest.raises(ValueError, match=r"holds records with format 2, and this version .* reads format 3; record again"):
        load_dynamics(tmp_path)
    assert intact_epochs(tmp_path) == 0
    with pytest.raises(ValueError, match="holds records with format"):
        make(tmp_path, epochs=2, resume=True)


def test_the_bytes_on_disk_are_those_that_are_stated(tmp_path: Path) -> None:
    given = np.arange(20_000) % 10

    def size(**options: Any) -> float:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        records = DynamicsRecorder(folder, given, epochs=20, **options)
        for epoch in range(20):
            ids = torch.arange(20_000).repeat(2)
            logits = torch.randn(40_000, 10, generator=torch.Generator().manual_seed(epoch))
            records.observe(ids, logits)
            records.end_epoch()
        arrays = [path for path in (folder / "dynamics.zarr").glob("*/c") if path.parent.name != "probabilities"]
        return sum(file.stat().st_size for path in arrays for file in path.rglob("*") if file.is_file()) / 400_000

    static = 4 / 20
    assert size() == pytest.approx(8 + static, abs=0.01)
    assert size(divergence=True, probabilities=True) == pytest.approx(12 + static, abs=0.01)
