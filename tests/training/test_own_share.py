"""What the loop adds to forward, backward and update, by counts: operations, draws, writes and sizes of batches."""

import dataclasses
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, CONFIG, make_method, training_set
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from noisylab.data.augmentations.crop import Crop
from noisylab.data.batches import loader
from noisylab.data.batches.batch import Batch
from noisylab.methods import DLBLoss, Step, dlb
from noisylab.models import Backbone, create_model, small_maps
from noisylab.models.stacked import StackedNetwork
from noisylab.recording import DynamicsRecorder, load_dynamics, store
from noisylab.training import Callback, train
from noisylab.training.evaluate import Evaluator
from noisylab.training.loop import Training, train_together

LONG = dataclasses.replace(CONFIG, epochs=2, batch_size=4)


def network() -> Backbone:
    """A network that can be stacked."""
    stages = [nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())]
    return Backbone(nn.Identity(), stages, [4], CLASSES)


class Operations(TorchDispatchMode):
    """Counts operations on tensors, without those that only look at one in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not func.is_view
        return func(*args, **(kwargs or {}))


class Steps(Callback):
    """The operations of every step of the second epoch."""

    def __init__(self, operations: Operations) -> None:
        self.operations, self.counts, self.last = operations, list[int](), 0

    def on_step(self, batch: Batch, step: Step) -> None:
        self.counts.append(self.operations.count - self.last)
        self.last = self.operations.count


def operations_of_a_step(name: str, stack: int = 1) -> float:
    """The median, for each run of a stack."""
    with Operations() as operations:
        steps = Steps(operations)
        methods, data = [make_method(name, make_network=network) for _ in range(stack)], training_set()
        runs = [Training(method, data, [] if seed else [steps], seed) for seed, method in enumerate(methods)]
        assert train_together(runs, dataclasses.replace(LONG, stack=stack)) == [None] * stack
    return float(np.median(steps.counts)) / stack


def operations_of_a_bare_step() -> int:
    """Of forward, backward and update by plain torch, with the same network and batch."""
    bare = network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(bare.parameters(), 0.05, 0.9, 0, 5e-4, nesterov=True, fused=True)
    images, labels = torch.rand(4, 1, 8, 8).contiguous(memory_format=torch.channels_last), torch.zeros(4, dtype=torch.int64)
    for _ in range(2):
        with Operations() as operations:
            optimizer.zero_grad()
            functional.cross_entropy(bare(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return operations.count


def test_the_loop_adds_few_operations_to_a_step() -> None:
    bare = operations_of_a_bare_step()
    assert operations_of_a_step("ce") <= bare
    assert operations_of_a_step("dlb") <= bare + 24
    assert operations_of_a_step("ce", stack=4) < 0.6 * bare


def test_runs_make_one_generator_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Counter[str]()

    class Generator(torch.Generator):
        def __new__(cls, *args: Any) -> "Generator":
            made["torch"] += 1
            return super().__new__(cls, *args)

    def default_rng(*args: Any) -> np.random.Generator:
        made["numpy"] += 1
        return np.random.Generator(np.random.PCG64(*args))

    method, data = make_method("ce"), training_set()
    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(np.random, "default_rng", default_rng)
    train(method, data, LONG)
    # One for the augmentation, and one for the order.
    assert made == {"torch": LONG.epochs, "numpy": LONG.epochs}


class Watch(Callback):
    """Keeps the images of every batch."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.images.append(batch.images.clone())


def test_small_batches_are_augmented_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    crop, calls = Crop(1, True), list[int]()

    class Counts(Crop):
        def __call__(self, images: Tensor, drawn: Tensor) -> Tensor:
            calls.append(len(images))
            return crop(images, drawn)

    data = dataclasses.replace(training_set(), augmentation=Counts(1, True))

    def images() -> list[Tensor]:
        calls.clear()
        watch = Watch()
        train(make_method("dlb"), data, dataclasses.replace(CONFIG, epochs=1), [watch])
        return watch.images

    at_once = images()
    assert calls == [sum(map(len, at_once))]
    monkeypatch.setattr(loader, "BLOCK", 1)
    one_by_one = images()
    assert calls == [len(each) for each in one_by_one]
    assert all(map(torch.equal, at_once, one_by_one))


def test_images_that_leave_vectors_incomplete_are_augmented_batch_by_batch() -> None:
    assert loader._blocks([4, 4, 2], torch.empty(9, 1, 8, 8)) == [range(3)]
    assert loader._blocks([4, 4, 2], torch.empty(9, 1, 7, 7)) == [range(1), range(1, 2), range(2, 3)]
    large = loader.BLOCK // 4
    assert loader._blocks([3, 1, 4, 9, 1], torch.empty(9, 1, 1, large)) == [range(2), range(2, 3), range(3, 4), range(4, 5)]


class Sizes(nn.Module):
    """A network that keeps the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.sizes = nn.Parameter(torch.ones(2)), list[int]()

    def forward(self, images: Tensor) -> Tensor:
        assert torch.is_inference_mode_enabled()
        self.sizes.append(len(images))
        return images.flatten(1)[:, :2] * self.weight


@pytest.mark.parametrize(("side", "sizes"), [(8, [512, 88]), (16, [128] * 4 + [88]), (32, [64] * 9 + [24])])
def test_a_cpu_evaluates_as_many_images_at_once_as_the_caches_take(side: int, sizes: list[int]) -> None:
    images, network = np.zeros((600, 1, side, side), dtype=np.uint8), Sizes()
    logits = Evaluator(images, (0.5,), (0.25,)).logits(network)
    assert network.sizes == sizes
    # A loss can use them.
    weight = torch.ones(2, requires_grad=True)
    (logits * weight).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None


def test_rows_are_written_when_they_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, write = list[int](), store.Store.write

    def count(self: store.Store) -> None:
        if self._kept:
            written.append(self._kept.stop)
        write(self)

    monkeypatch.setattr(store.Store, "write", count)
    logits = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))

    def record(folder: Path, **options: bool) -> DynamicsRecorder:
        made = DynamicsRecorder(folder, [0, 1, 2, 0], epochs=5, divergence=True, probabilities=True)
        for epoch in range(4):
            made.observe(torch.arange(4), logits[epoch])
            made.end_epoch(**options)
        return made

    at_once, late = record(tmp_path / "a"), record(tmp_path / "b", write=False)
    assert written == [1, 2, 3, 4]
    assert load_dynamics(tmp_path / "b").sizes["epoch"] == 0
    assert all(np.array_equal(late.last[name], values, equal_nan=True) for name, values in at_once.last.items())
    late.state_dict()
    assert written[4:] == [4]
    assert load_dynamics(tmp_path / "b").identical(load_dynamics(tmp_path / "a"))
    for made in (at_once, late):
        made.observe(torch.arange(4), logits[4])
        made.end_epoch(write=False)
    # The last epoch is written in any case.
    assert load_dynamics(tmp_path / "b").identical(load_dynamics(tmp_path / "a"))
    assert load_dynamics(tmp_path / "b").sizes["epoch"] == 5


def test_rows_in_memory_are_not_lost_by_going_back(tmp_path: Path) -> None:
    made = DynamicsRecorder(tmp_path, [0, 1, 2, 0], epochs=5, probabilities=True)
    logits = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(0))
    for epoch in range(3):
        made.observe(torch.arange(4), logits[epoch])
        made.end_epoch(write=False)
    made.go_to(2)
    assert made.epoch == 2
    records = load_dynamics(tmp_path)
    assert records["prediction"][:2].values.tolist() == logits[:2].argmax(2).tolist()


def test_a_cpu_distils_in_fewer_operations_and_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(2, 8, 10, generator=torch.Generator().manual_seed(0))

    def step(logits: Tensor) -> tuple[Tensor, Tensor, int]:
        criterion, now = DLBLoss(), logits[1].clone().requires_grad_()
        labels = torch.arange(8)
        criterion(logits[0][:4], labels[:4])
        with Operations() as operations:
            loss = criterion(now, labels)
            loss.backward()
        assert now.grad is not None
        return loss.detach(), now.grad, operations.count

    overflown = logits.clone()
    overflown[0, 1, 2] = torch.inf
    quick, slow_for_once = step(logits), step(overflown)
    monkeypatch.setattr(dlb, "_reads_at_once", lambda _: False)
    for found, expected in ((quick, step(logits)), (slow_for_once, step(overflown))):
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])
    assert quick[2] <= step(logits)[2] - 8


@pytest.mark.slow
def test_training_imports_no_compiler() -> None:
    code = (
        "import sys, numpy, torch\n"
        "from noisylab.data import TrainingSet\n"
        "from noisylab.data.augmentations.crop import Crop\n"
        "from noisylab.methods import create_method\n"
        "from noisylab.training import TrainConfig, train\n"
        "data = TrainingSet(numpy.zeros((8, 1, 8, 8), 'uint8'), numpy.arange(8) % 2, (0.5,), (0.25,), Crop(1, False))\n"
        "for optimizer in ('sgd', 'adam', 'adamw'):\n"
        "    method = create_method('dlb', num_classes=2, num_samples=8, epochs=1, in_channels=1)\n"
        "    train(method, data, TrainConfig(epochs=1, batch_size=4, optimizer=optimizer, device='cpu'))\n"
        "print('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_maps_of_few_pixels_have_the_gradients_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    images, weight = (torch.randn(*shape, generator=generator) for shape in ((6, 3 * 16, 2, 2), (3 * 32, 16, 3, 3)))
    images, weight = (each.contiguous(memory_format=torch.channels_last) for each in (images, weight))
    assert small_maps.pays(images, weight, 3)
    assert not small_maps.pays(torch.rand(6, 48, 4, 4), weight, 3)
    assert not small_maps.pays(images.bfloat16(), weight.bfloat16(), 3)
    assert not small_maps.pays(images[:, :24], torch.rand(96, 8, 3, 3), 3)

    def gradients(outputs: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, ...]:
        leaves = [each.clone().requires_grad_() for each in (images, weight)]
        result = outputs(*leaves)
        (result**2).sum().backward()  # type: ignore[no-untyped-call]
        return (result.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None))

    ours = gradients(lambda x, w: small_maps.convolve(x, w, 3))
    theirs = gradients(lambda x, w: functional.conv2d(x, w, padding=1, groups=3))
    assert len(ours) == len(theirs) == 3
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    pooled = gradients(lambda x, _: small_maps.pool(x))
    averaged = gradients(lambda x, _: functional.adaptive_avg_pool2d(x, 1).flatten(1))
    assert all(map(torch.equal, pooled, averaged))


def test_a_stack_of_the_default_network_uses_them() -> None:
    networks = [create_model("small_cnn", num_classes=10, in_channels=1) for _ in range(2)]
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        StackedNetwork(networks)(torch.rand(2, 4, 1, 8, 8)).sum().backward()  # type: ignore[no-untyped-call]
    counts = {event.key: event.count for event in profile.key_averages()}
    assert counts["_ConvolveBackward"] == counts["_PoolBackward"] == 1
