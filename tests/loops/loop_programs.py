"""The programs of docs/own_loop.md, run as they are printed, and what the plain loop in one process makes of their batches."""

import itertools
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import noisylab as nl

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "own_loop.md"
# Headings of the page, and what each program imports beside noisylab's own needs.
TRAINERS = {
    "Plain PyTorch": "torch",
    "Mixed precision": "torch",
    "Accelerate": "accelerate",
    "Lightning": "lightning",
    "HuggingFace's Trainer": "transformers",
}
EPOCHS, BATCH_SIZE = 3, 64


class Log(NamedTuple):
    """What one process was given: steps (logits, labels, whether with index, loss), index of each, steps at epochs' ends."""

    steps: list[tuple[Tensor, Tensor, bool, Tensor]]
    observed: list[Tensor]
    ends: list[int]
    refused: list[str] = []  # noqa: RUF012

    def epochs(self) -> list[slice]:
        """The steps of each epoch."""
        return [slice(start, stop) for start, stop in itertools.pairwise([0, *self.ends])]


@cache
def program(trainer: str) -> str:
    """The program below a heading of the page."""
    (section,) = re.findall(rf"(?ms)^## {re.escape(trainer)}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"))
    (source,) = re.findall(r"(?ms)^```python\n((?!>>>).*?)^```", section)
    return str(source)


def launch(trainer: str, folder: Path, processes: int, *rest: str, timeout: int = 600) -> "subprocess.CompletedProcess[str]":
    """Run a program in a folder, by `python` or by `torchrun`, on the CPU."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loop.py").write_text(program(trainer), encoding="utf-8")
    runner = str(Path(__file__).with_name("logged_program.py"))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *torchrun, runner, "loop.py", str(folder), *rest]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False)


def logs_of(folder: Path, processes: int) -> list[Log]:
    """What the processes logged."""
    return [Log(**torch.load(folder / f"steps-{rank}.pt")) for rank in range(processes)]


def joined(before: Log, after: Log, saved: int) -> Log:
    """What a training was given that was saved after so many steps, and went on from there."""
    ends = [stop for stop in before.ends if stop <= saved] + [saved + stop for stop in after.ends]
    return Log(before.steps[:saved] + after.steps, before.observed[:saved] + after.observed, ends)


@cache
def labels() -> nl.NoisyLabels:
    return nl.symmetric(nl.load_data("digits").train_labels, 0.4, seed=1)


def check_orders(logs: list[Log], steps: int | None = None) -> None:
    """The batches are those of `LastBatchSampler`, of each process its own.

    Without `steps` (of an epoch that is left early), each sample is new once an epoch, and repeated once, in the next batch.
    """
    samples, processes = len(labels()), len(logs)
    for rank, log in enumerate(logs):
        sampler = nl.LastBatchSampler(samples, BATCH_SIZE, num_replicas=processes, rank=rank)
        batches = [list(itertools.islice(sampler, steps)) for _ in range(EPOCHS)]
        assert len(log.observed) == len(log.steps), "the recorder observed every step"
        assert [index.tolist() for index in log.observed] == list(itertools.chain(*batches)), "batches of LastBatchSampler"
    if steps is None:
        check_presentations(logs)


def check_presentations(logs: list[Log], twice: int = 0) -> None:
    """Each sample is new once an epoch and repeated once. Up to so many are new twice, to give all processes equally many."""
    samples = len(labels())
    orders = []
    for epoch in range(EPOCHS):
        new: list[int] = []
        for log in logs:
            last: list[int] = [] if epoch == 0 else halves(log)[log.ends[epoch - 1] - 1]
            steps = log.epochs()[epoch]
            own = halves(log)[steps]
            repeated = [index.tolist()[: -len(half)] for index, half in zip(log.observed[steps], own, strict=True)]
            assert repeated == [last, *own[:-1]], "each new half is repeated in the next batch"
            new += itertools.chain(*own)
        left_out = 0 if twice else samples % len(logs)
        assert len(new) - len(set(new)) <= twice, "samples are new once an epoch"
        assert len(set(new)) == samples - left_out, "all samples are new"
        orders.append(new)
    assert all(one != other for one, other in itertools.combinations(orders, 2)), "orders differ between epochs"


def halves(log: Log) -> list[list[int]]:
    """The new half of each batch: what does not repeat the new half of the batch before."""
    found: list[list[int]] = []
    for index in log.observed:
        ids, last = index.tolist(), found[-1] if found else []
        found.append(ids[len(last) :] if ids[: len(last)] == last else ids)
    return found


def check_losses(logs: list[Log], *, mixed: bool = False, first_memory_at: int = -1) -> None:
    """Logits and losses are those of the plain loop in one process on the same batches, to the bit.

    The gradient is the mean over processes. Before step `first_memory_at`, every process gets the memory of the first one.
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    images, given = torch.tensor(nl.load_data("digits").train_images).float() / 255, torch.tensor(labels().given)
    criteria = [nl.DLBLoss(temperature=3.0, alpha=1.0) for _ in logs]
    for step in range(len(logs[0].steps)):
        optimizer.zero_grad()
        if step == first_memory_at:
            for criterion in criteria[1:]:
                criterion.load_state_dict(criteria[0].state_dict())
        for log, criterion in zip(logs, criteria, strict=True):
            (logits, told, with_index, loss), index = log.steps[step], log.observed[step]
            assert torch.equal(told, given[index]), f"given labels in step {step}"
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                expected = model(images[index])
                own = criterion(expected, told, index if with_index else None)
            (own / len(logs)).backward()
            assert torch.equal(expected, logits), f"logits in step {step}"
            assert torch.equal(own, loss), f"loss in step {step}"
            if step == first_memory_at and log is not logs[0]:
                assert torch.equal(loss, functional.cross_entropy(logits, told)), "without the memory, nothing is distilled"
        optimizer.step()


def check_record(folder: Path, logs: list[Log]) -> None:
    """The record of a program is that of a plain loop over the same steps."""
    plain = folder / "plain"
    for rank, log in enumerate(logs):
        options: dict[str, Any] = {"epochs": EPOCHS, "true_labels": labels().true, "shard": (rank, len(logs))}
        recorder = nl.DynamicsRecorder(plain, labels().given, overwrite=True, **options)
        for epoch in log.epochs():
            for (logits, told, *_), index in zip(log.steps[epoch], log.observed[epoch], strict=True):
                recorder.observe(index, logits, told)
            recorder.end_epoch()
    expected, record = nl.load_dynamics(plain), nl.load_dynamics(folder / "my_run")
    assert dict(record.sizes) == dict(expected.sizes) == {"epoch": EPOCHS, "sample": len(labels())}
    for name in expected.variables:
        np.testing.assert_array_equal(record[name].values, expected[name].values, err_msg=f"{name} of the record")
