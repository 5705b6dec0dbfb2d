"""No step of training waits for the device: neither by design, seen on a CPU, nor on a GPU where there is one."""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers_training import CONFIG, make_method, training_set, true_labels
from torch.utils._python_dispatch import TorchDispatchMode

from noisylab.core.registries import AUGMENTATIONS, METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, Step, dlb
from noisylab.recording import DynamicsRecorder, recorder
from noisylab.training import Callback, train
from noisylab.training.callback import EpochSummary

# The transforms of torchvision treat images one by one, and are drawn on the CPU.
NAMES = sorted(set(AUGMENTATIONS.entries()) - {"autoaugment", "randaugment", "trivialaugment"})
SPECS = {"cutout": "cutout:3"}
ATEN = torch.ops.aten
READS = {ATEN._local_scalar_dense, ATEN.nonzero, ATEN.masked_select, ATEN._unique2, ATEN.bincount, ATEN.equal}
INDEXING = {ATEN.index, ATEN.index_put, ATEN.index_put_}


@pytest.fixture(autouse=True)
def on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read at once on a CPU is not read here."""
    monkeypatch.setattr(dlb, "_reads_at_once", lambda _: False)


class Reads(TorchDispatchMode):
    """Counts operations whose result, or whose size, a GPU would have to send back before the process can go on."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet = func.overloadpacket
        by_mask = packet in INDEXING and any(each is not None and each.dtype == torch.bool for each in args[1])
        if packet in READS or by_mask:
            self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


class Between(Callback):
    """Records as a run does, and keeps what each epoch reads after its first step until its last one is done."""

    def __init__(self, reads: Reads, folder: Path) -> None:
        self.reads, self.found = reads, Counter[str]()
        self.recorder = DynamicsRecorder(folder, true_labels(), epochs=CONFIG.epochs, divergence=True, probabilities=True)
        self.first = True

    def on_step(self, batch: Batch, step: Step) -> None:
        if self.first:
            self.reads.counts.clear()
        if step.logits is not None:
            self.recorder.observe(batch.index, step.logits, batch.labels, batch.new)
        if self.first and self.recorder.epoch == 0:
            # The recorder looks at its very first outputs, whether they are logits.
            self.reads.counts.clear()
        self.first = False
        self.found = Counter(self.reads.counts)

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        assert not self.found
        self.recorder.end_epoch()
        self.first = True


def watched(method: str, augmentation: str, folder: Path, **changes: Any) -> Between:
    reads = Reads()
    between = Between(reads, folder)
    data = dataclasses.replace(
        training_set(), augmentation=AUGMENTATIONS.create(AUGMENTATIONS.parse(SPECS.get(augmentation, augmentation)))
    )
    made = make_method(method)
    with reads:
        train(made, data, dataclasses.replace(CONFIG, **changes), [between])
    return between


@pytest.mark.slow
@pytest.mark.parametrize("method", list(METHODS.entries()))
def test_no_method_reads_from_the_device_within_an_epoch(method: str, tmp_path: Path) -> None:
    assert watched(method, "crop", tmp_path).reads.counts["aten._local_scalar_dense.default"] > 0, "the end of the epoch does"


def test_reducing_a_full_buffer_reads_nothing_from_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "BUFFERED", 8)
    watched("dlb", "crop", tmp_path)


@pytest.mark.parametrize("augmentation", NAMES)
def test_no_augmentation_reads_from_the_device_within_an_epoch(augmentation: str, tmp_path: Path) -> None:
    watched("dlb", augmentation, tmp_path)


@pytest.mark.parametrize("changes", [{"ema": 0.9}, {"gradient_clip": 1.0}, {"precision": "fp16"}], ids=str)
def test_no_option_of_the_loop_reads_from_the_device_within_an_epoch(changes: dict[str, Any], tmp_path: Path) -> None:
    watched("dlb", "crop", tmp_path, **changes)


class Forbids(Callback):
    """Lets CUDA raise an error for every wait after an epoch's first step, until the last one of an epoch of CE."""

    def __init__(self, folder: Path) -> None:
        self.recorder = DynamicsRecorder(folder, true_labels(), epochs=CONFIG.epochs, divergence=True, probabilities=True)
        self.steps = 0

    def on_step(self, batch: Batch, step: Step) -> None:
        if step.logits is not None:
            self.recorder.observe(batch.index, step.logits, batch.labels, batch.new)
        self.steps += 1
        # Other compositions have more steps an epoch; these are the ones that all have.
        torch.cuda.set_sync_debug_mode("error" if self.steps < len(true_labels()) // CONFIG.batch_size else "default")

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.recorder.end_epoch()
        self.steps = 0


@pytest.fixture
def cuda() -> Iterator[None]:
    if not torch.cuda.is_available():
        pytest.skip("waits for a GPU can be forbidden only where there is one")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(
    "changes", [{}, {"precision": "bf16", "ema": 0.9}, {"precision": "fp16", "gradient_clip": 1.0}], ids=str
)
def test_a_gpu_is_not_waited_for_within_an_epoch(changes: dict[str, Any], tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, device="cuda", **changes)
    for method in METHODS.entries():
        train(make_method(method), training_set(), config, [Forbids(tmp_path / method)])
