"""The training loop: repeatable, resumable, and leaving everything else as it was."""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, Cut, make_method, same_state, training_set, true_labels
from method_kit import NAMES, VARIANTS

from noisylab.core.seeds import derive_seed
from noisylab.corruption import from_pair
from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, Step, dlb
from noisylab.recording import DynamicsRecorder, load_dynamics
from noisylab.study.run_log import Labelled, RunLog
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary
from noisylab.training.checkpoint import is_whole
from noisylab.training.evaluate import Evaluator
from noisylab.training.loop import DivergedError


class Watch(Callback):
    """Keeps every batch, step and summary."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.steps: list[Step] = []
        self.summaries: list[EpochSummary] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.batches.append(batch)
        self.steps.append(Step(step.loss.detach().clone(), step.logits.detach().clone()))

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.summaries.append(summary)


def trained(name: str, seed: int = 0, callbacks: Any = (), config: TrainConfig = CONFIG, **options: Any) -> Method:
    method = make_method(name, config.epochs)
    train(method, training_set(given_labels()), config, callbacks, seed=seed, **options)
    return method


def given_labels() -> np.ndarray:
    given = true_labels()
    given[:9] = (given[:9] + 1) % 4
    return given


def run_log(folder: Path, resume: bool = False) -> RunLog:
    given, data = given_labels(), training_set()
    return RunLog(
        recorder=DynamicsRecorder(folder, given, true_labels=true_labels(), epochs=CONFIG.epochs, resume=resume),
        noisy=from_pair(true_labels(), given, CLASSES),
        test=Labelled(Evaluator(data.images[:12], data.mean, data.std), true_labels()[:12]),
        validation=Labelled(Evaluator(data.images[12:30], data.mean, data.std), given[12:30]),
        keep_selected=True,
    )


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_the_same_bits_and_another_seed_others(name: str) -> None:
    first = trained(name)
    torch.manual_seed(99)
    assert same_state(first, trained(name))
    assert not same_state(first, trained(name, seed=1))


def test_generators_and_thread_count_are_as_before() -> None:
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1], random.getstate(), torch.get_num_threads()  # noqa: NPY002
    trained("dlb", config=TrainConfig(epochs=1, batch_size=16, device="cpu", threads=torch.get_num_threads() + 1))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert random.getstate() == before[2]
    assert torch.get_num_threads() == before[3]


def test_every_entry_is_augmented_on_its_own_as_a_function_of_seed_and_epoch() -> None:
    one, again, other = Watch(), Watch(), Watch()
    data = training_set()
    data.images[:] = data.images[0]
    for seed, watch in ((0, one), (0, again), (1, other)):
        train(make_method("repeat"), data, CONFIG, [watch], seed=seed)
    assert all(torch.equal(a.images, b.images) for a, b in zip(one.batches, again.batches, strict=True))
    assert not all(torch.equal(a.images, b.images) for a, b in zip(one.batches, other.batches, strict=True))
    views = {image.numpy().tobytes() for image in one.batches[1].images}
    assert len(views) > 5, "one image, differently cut and mirrored in one batch"
    per_epoch = len(one.batches) // CONFIG.epochs
    assert not torch.equal(one.batches[1].images, one.batches[1 + per_epoch].images)


def test_summaries_count_what_was_processed() -> None:
    ce, repeat = Watch(), Watch()
    trained("ce", callbacks=[ce])
    trained("repeat", callbacks=[repeat])
    assert [(s.images, s.updates) for s in ce.summaries] == [(46, 3)] * 3
    # Six steps with new halves of 8 and a last one of 6; the very first batch has nothing to repeat.
    assert [(s.images, s.updates) for s in repeat.summaries] == [(86, 6), (92, 6), (92, 6)]
    assert ce.summaries[0].train_loss == pytest.approx(np.mean([float(s.loss) for s in ce.steps[:3]]), rel=1e-6)


def test_a_step_is_one_of_sgd_with_nesterov_momentum_and_weight_decay() -> None:
    config = TrainConfig(epochs=1, batch_size=SAMPLES, device="cpu", learning_rate=0.1, weight_decay=0.01, momentum=0.5)
    watch, before = Watch(), make_method("ce")
    after = trained("ce", config=config, callbacks=[watch])
    name = "network.classifier.weight"
    start = before.state_dict()[name].clone()
    # In the first step the momentum buffer is the gradient g itself, and Nesterov moves by g + m g.
    moved = (start - after.state_dict()[name]) / (0.1 * 1.5) - 0.01 * start
    before.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(0, "step", 0, 0))
        before.loss(watch.batches[0]).loss.backward()
    torch.testing.assert_close(moved, dict(before.named_parameters())[name].grad, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, *VARIANTS])
def test_resuming_after_any_epoch_is_exact(name: str, tmp_path: Path) -> None:
    whole = run_log(tmp_path / "whole")
    expected = trained(name, callbacks=[whole])
    # A run without a checkpoint begins anew, whatever its method.
    for cut in range(0 if name in ("ce", "dlb") else 1, CONFIG.epochs):
        path, records = tmp_path / f"{cut}.pt", tmp_path / f"cut {cut}"
        always = {"checkpoint": path, "checkpoint_seconds": -1.0}
        # A kill before the checkpoint of epoch `cut` is written: that epoch is trained, and recorded, a second time.
        with pytest.raises(KeyboardInterrupt):
            trained(name, callbacks=[run_log(records), Ghost(Cut(cut))], **always)
        assert path.exists() == (cut > 0)
        if cut == 0:
            # Without a checkpoint, a run starts with new records.
            shutil.rmtree(records)
        log = run_log(records, resume=True)
        resumed = trained(name, callbacks=[log, Ghost(Callback())], **always)
        assert same_state(expected, resumed)
        measured = [[{k: v for k, v in row.items() if "second" not in k} for row in rows] for rows in (whole.rows, log.rows)]
        # As text, where nan, the fractions of a method without online predictions, equals nan.
        assert repr(measured[0]) == repr(measured[1])
        assert load_dynamics(tmp_path / "whole").identical(load_dynamics(records))


class Ghost(Callback):
    """Passes events on and has no state of its own."""

    def __init__(self, inner: Callback) -> None:
        self.on_epoch = inner.on_epoch  # type: ignore[method-assign]


def test_a_finished_run_is_not_trained_further(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    done = trained("dlb", checkpoint=path)
    assert same_state(done, trained("dlb", seed=1, checkpoint=path))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_is_not_used(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    expected = trained("dlb", callbacks=[Watch()], checkpoint=path)
    content = bytearray(path.read_bytes())
    assert is_whole(path)
    content[len(content) // 2] ^= 4 if damage == "flipped" else 0
    path.write_bytes({"truncated": content[:-100], "flipped": content, "empty": b"", "text": b"nothing"}[damage])
    assert not is_whole(path)
    watch = Watch()
    assert same_state(expected, trained("dlb", callbacks=[watch], checkpoint=path))
    assert len(watch.summaries) == CONFIG.epochs


def test_any_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    trained("dlb", checkpoint=path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    # The end of the file is the archive's directory.
    places = np.r_[rng.integers(0, len(content), 150), rng.integers(len(content) - 2000, len(content), 250)]
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        assert not is_whole(path), place


def test_a_loss_that_is_no_number_ends_training() -> None:
    with pytest.raises(DivergedError, match="epoch 1"):
        trained("ce", config=TrainConfig(epochs=2, batch_size=16, device="cpu", learning_rate=1e30))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Counts calls that, on a GPU, would wait for it."""
    counts: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    names = ("item", "tolist", "cpu", "numpy", "nonzero", "__bool__", "__float__", "__int__", "__index__", "__array__")
    for name in names:
        monkeypatch.setattr(torch.Tensor, name, counted(name, getattr(torch.Tensor, name)))
    return counts


# In the fast tier test_waits.py watches every method, in another way.
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in {"ce", "dlb", "elr", "coteaching"} else pytest.mark.slow) for name in NAMES],
)
def test_the_device_is_waited_for_once_an_epoch_however_many_steps(
    name: str, waits: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on an accelerator.
    monkeypatch.setattr(dlb, "_reads_at_once", lambda _: False)
    totals = []
    for batch_size in (4, 16):
        waits.clear()
        config = TrainConfig(epochs=CONFIG.epochs, batch_size=batch_size, device="cpu")
        trained(name, callbacks=[run_log(tmp_path / str(batch_size))], config=config)
        totals.append(dict(waits))
    assert totals[0] == totals[1]
    assert totals[0]["item"] > 0, "the count counts"


def test_a_checkpoint_is_written_as_often_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    seen: list[bool] = []

    class Look(Callback):
        def on_epoch(self, summary: EpochSummary, method: Method) -> None:
            seen.append(path.exists())

    trained("ce", callbacks=[Look()], checkpoint=path, checkpoint_seconds=1e6)
    assert seen == [False] * 3
    assert path.exists()
