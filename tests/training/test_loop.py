"""The loop: repeatable, resumable, and blind to true labels."""

import gc
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from conftest import make_method, same, weights

from noisylab.analysis import load_dynamics
from noisylab.analysis.log import RunLog
from noisylab.analysis.recorder import DynamicsRecorder
from noisylab.corruption import NoisyLabels
from noisylab.data.batch import Batch
from noisylab.methods.base import Method, Step
from noisylab.registries import METHODS
from noisylab.training import Callback, TrainConfig, TrainingSet, train
from noisylab.training.checkpoint import is_whole
from noisylab.training.evaluate import Evaluator
from noisylab.training.loop import DivergedError, EpochSummary

ALL = list(METHODS.entries())
CONFIG = TrainConfig(epochs=3, batch_size=16, device="cpu")


def run_log(folder: Path, data: TrainingSet, noisy: NoisyLabels) -> RunLog:
    recorder = DynamicsRecorder(folder, noisy.labels, true_labels=noisy.clean, num_classes=4, epochs=3)
    test = Evaluator(data.images[:20], data.mean, data.std)
    return RunLog(recorder, noisy.labels, noisy.clean, test, noisy.clean[:20])


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_bits_other_seed_other_bits(name: str, training_set: TrainingSet) -> None:
    results = []
    for seed in (0, 0, 1):
        method = make_method(name)
        train(method, training_set, CONFIG, seed=seed)
        results.append(weights(method))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


@pytest.mark.parametrize("name", ALL)
def test_other_true_labels_change_nothing(name: str, training_set: TrainingSet, noisy: NoisyLabels, tmp_path: Path) -> None:
    other = NoisyLabels(noisy.labels, (noisy.clean + 1) % 4, 4, kind="other", nominal_rate=0, seed=0)
    results = []
    for folder, record in (("a", noisy), ("b", other)):
        method = make_method(name)
        train(method, training_set, CONFIG, [run_log(tmp_path / folder, training_set, record)])
        results.append(weights(method))
    assert same(*results)


def reachable(roots: Iterable[object]) -> list[np.ndarray | torch.Tensor]:
    """Every array and tensor that can be reached from some objects, without passing through modules or types."""
    seen: set[int] = set()
    found: list[np.ndarray | torch.Tensor] = []
    stack = list(roots)
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, type | type(gc)):
            continue
        seen.add(id(item))
        if isinstance(item, np.ndarray | torch.Tensor):
            found.append(item)
        stack.extend(gc.get_referents(item))
        if callable(item) and hasattr(item, "__globals__"):
            # A function reaches its module, which no method may fill with labels; closures and defaults are followed above.
            seen.add(id(item.__globals__))
    return found


def holds(roots: Iterable[object], labels: np.ndarray) -> bool:
    """Whether an array of all the true labels can be reached."""
    return any(
        array.shape == labels.shape
        and bool((np.asarray(array.detach() if isinstance(array, torch.Tensor) else array) == labels).all())
        for array in reachable(roots)
    )


class Spy(Callback):
    """Looks at what a method is given at every step."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.batches.append(batch)


@pytest.mark.parametrize("name", ALL)
def test_no_method_can_reach_the_true_labels(name: str, training_set: TrainingSet, noisy: NoisyLabels) -> None:
    method, spy = make_method(name), Spy()
    train(method, training_set, CONFIG, [spy])
    assert not holds([method, spy.batches, training_set], noisy.clean)
    # The search does find them where they are.
    method.extra = [{"hidden": torch.from_numpy(noisy.clean.copy())}]  # type: ignore[assignment]
    assert holds([method], noisy.clean)
    assert holds([lambda: noisy], noisy.clean)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_that_is_continued_ends_as_one_that_was_not_interrupted(
    name: str, stop: int, training_set: TrainingSet, noisy: NoisyLabels, tmp_path: Path
) -> None:
    class Interrupt(Callback):
        def on_epoch(self, summary: EpochSummary, method: Method) -> None:
            if summary.epoch == stop:
                raise InterruptedError

    whole, log = make_method(name), run_log(tmp_path / "whole", training_set, noisy)
    train(whole, training_set, CONFIG, [log])
    first = make_method(name)
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(InterruptedError):
        train(
            first,
            training_set,
            CONFIG,
            [run_log(tmp_path / "parts", training_set, noisy), Interrupt()],
            checkpoint=checkpoint,
            checkpoint_seconds=0,
        )
    again, continued = make_method(name, seed=1), run_log(tmp_path / "parts", training_set, noisy)
    # Saved with a callback more, which has no state.
    train(again, training_set, CONFIG, [continued, Callback()], checkpoint=checkpoint)
    assert same(weights(whole), weights(again))
    timing = {"seconds", "images_per_second"}
    assert [{k: v for k, v in row.items() if k not in timing} for row in log.rows] == [
        {k: v for k, v in row.items() if k not in timing} for row in continued.rows
    ]
    assert load_dynamics(tmp_path / "whole").identical(load_dynamics(tmp_path / "parts"))


def test_a_finished_checkpoint_trains_nothing_more(training_set: TrainingSet, tmp_path: Path) -> None:
    method, spy = make_method("dlb"), Spy()
    train(method, training_set, CONFIG, checkpoint=tmp_path / "c.pt")
    again = make_method("dlb", seed=1)
    train(again, training_set, CONFIG, [], checkpoint=tmp_path / "c.pt")
    assert same(weights(method), weights(again))
    assert not spy.batches


def test_a_damaged_checkpoint_is_not_used(training_set: TrainingSet, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    train(make_method("ce"), training_set, CONFIG, checkpoint=path)
    content = path.read_bytes()
    assert is_whole(path)
    for damaged in (content[:-100], content[: len(content) // 2], b"", content[:5000] + b"\xff" * 10 + content[5010:]):
        path.write_bytes(damaged)
        assert not is_whole(path)
    spy = Spy()
    train(make_method("ce"), training_set, CONFIG, [spy], checkpoint=path)
    assert len(spy.batches) == 3 * 4
    assert is_whole(path)


def test_repeat_is_dlb_with_alpha_zero(training_set: TrainingSet) -> None:
    repeat, dlb = make_method("repeat"), make_method("dlb(alpha=0)")
    for method in (repeat, dlb):
        train(method, training_set, CONFIG)
    assert same(weights(repeat.network), weights(dlb.network))


def test_generators_and_threads_of_the_process_are_as_before(training_set: TrainingSet) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads()  # type: ignore[index, union-attr]  # noqa: NPY002
    train(make_method("dlb"), training_set, TrainConfig(epochs=1, batch_size=16, device="cpu", threads=2))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]  # noqa: NPY002
    assert random.getstate() == before[2]
    assert torch.get_num_threads() == before[3]


def test_the_number_of_waits_for_the_device_does_not_grow_with_the_steps(
    training_set: TrainingSet, noisy: NoisyLabels, tmp_path: Path
) -> None:
    calls: list[str] = []

    def counted(name: str) -> Any:
        original = getattr(torch.Tensor, name)

        def method(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return original(self, *args, **kwargs)

        return mock.patch.object(torch.Tensor, name, method)

    def waits(batch_size: int) -> int:
        calls.clear()
        config = TrainConfig(epochs=1, batch_size=batch_size, device="cpu")
        recorder = DynamicsRecorder(tmp_path / str(batch_size), noisy.labels, num_classes=4, epochs=1)
        log = RunLog(recorder, noisy.labels, noisy.clean, Evaluator(training_set.images[:4], (0.5,), (0.25,)), noisy.clean[:4])
        train(make_method("dlb"), training_set, config, [log])
        return len(calls)

    names = ["item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__", "__index__", "nonzero", "equal"]
    patches = [counted(name) for name in names if hasattr(torch.Tensor, name)]
    for patch in patches:
        patch.start()
    try:
        few, many = waits(50), waits(4)
    finally:
        for patch in patches:
            patch.stop()
    assert few == many > 0


def test_a_diverging_loss_ends_the_run(training_set: TrainingSet) -> None:
    config = TrainConfig(epochs=30, batch_size=16, learning_rate=1e30, device="cpu")
    with pytest.raises(DivergedError, match="in epoch"):
        train(make_method("ce"), training_set, config)


def test_exposure_counts_every_presentation(training_set: TrainingSet) -> None:
    class Count(Callback):
        images = steps = 0

        def on_epoch(self, summary: EpochSummary, method: Method) -> None:
            self.images += summary.images
            self.steps += summary.steps

    counts = {}
    for name in ("ce", "dlb"):
        count = Count()
        train(make_method(name), training_set, CONFIG, [count])
        counts[name] = (count.images, count.steps)
    # 50 samples: 4 batches of 16, or 7 of 8 new ones; the first has nothing to repeat, and 2 are new in the last.
    assert counts == {"ce": (150, 12), "dlb": (298, 21)}
