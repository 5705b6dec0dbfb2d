"""What the tests of methods with a memory share: the formulas' parts by hand, and training that is watched."""

import copy
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from helpers_training import CONFIG, SAMPLES, make_method, same_state, training_set
from torch import Tensor

from noisylab.data.batches.batch import Batch
from noisylab.methods import Method, Step
from noisylab.training import Callback, TrainConfig, train


def softmax(z: Tensor, temperature: float = 1.0) -> Tensor:
    e = torch.exp(z.double() / temperature)
    return e / e.sum(1, keepdim=True)


def cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    p = softmax(z)
    return -sum(torch.log(p[i, labels[i]]) for i in range(len(z))) / len(z)


def divergence(z: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """T^2 KL(target || p^T), averaged over the batch."""
    t, p = targets.double(), softmax(z, temperature)
    return temperature**2 * sum((t[i] * (torch.log(t[i]) - torch.log(p[i]))).sum() for i in range(len(z))) / len(z)


def draw(entries: int, classes: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, labels, and targets that are probabilities."""
    generator = torch.Generator().manual_seed(entries * 100 + classes)
    logits = 3 * torch.randn(entries, classes, generator=generator)
    labels = torch.randint(classes, (entries,), generator=generator)
    targets = torch.softmax(2 * torch.randn(entries, classes, generator=generator), dim=1)
    return logits.requires_grad_(), labels, targets


# A whole batch, an odd one, a batch of one, a single class.
SHAPES = [(8, 5), (7, 3), (1, 5), (4, 1)]


def check_formula(loss: Callable[[Tensor], Tensor], by_hand: Callable[[Tensor], Tensor], logits: Tensor) -> None:
    """Value and gradient agree to 1e-6, in float32 and in float64, and every entry of several classes has a gradient."""
    for z in (logits.detach().requires_grad_(), logits.detach().double().requires_grad_()):
        got, wanted = loss(z), by_hand(z)
        torch.testing.assert_close(got.double(), wanted, rtol=1e-6, atol=1e-6)
        (gradient,), (expected,) = torch.autograd.grad(got, z), torch.autograd.grad(wanted, z)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)
        assert z.shape[1] == 1 or (gradient.abs().sum(1) > 0).all()


def check_targets_get_no_gradient(loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor) -> None:
    student, teacher = logits.detach().requires_grad_(), targets.clone().requires_grad_()
    loss(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None


class Presentation(NamedTuple):
    """One step as it was: with it goes `before`, the logits of every sample's presentations until then, oldest first."""

    epoch: int
    batch: Batch
    step: Step
    before: list[list[Tensor]]


class Watch(Callback):
    """Keeps all steps, for a reference that computes them again from the logits alone."""

    def __init__(self) -> None:
        self.epoch = 0
        self.presentations: list[Presentation] = []
        self.seen: dict[int, list[Tensor]] = defaultdict(list)

    def on_step(self, batch: Batch, step: Step) -> None:
        assert step.logits is not None
        kept = Step(step.loss.detach().clone(), step.logits.detach().clone())
        before = [list(self.seen[i]) for i in batch.index.tolist()]
        self.presentations.append(Presentation(self.epoch, batch, kept, before))
        for i in range(batch.new.start, batch.new.stop):
            self.seen[int(batch.index[i])].append(kept.logits[i])

    def on_epoch(self, summary: object, method: Method) -> None:
        self.epoch += 1


def watched(name: str, epochs: int = 5, config: TrainConfig | None = None) -> tuple[Method, list[Presentation]]:
    """The method, trained with a partial last batch in every epoch, and all its steps."""
    config = config or TrainConfig(epochs=epochs, batch_size=16, learning_rate=0.05, device="cpu", milestones=(0.5,))
    assert SAMPLES % config.batch_size
    method, watch = make_method(name, epochs=config.epochs), Watch()
    train(method, training_set(), config, [watch])
    return method, watch.presentations


def check_training(name: str, by_hand: Callable[[Presentation], Tensor | float], epochs: int = 5) -> Method:
    """Every loss of a training is that which `by_hand` gets from the steps before."""
    method, presentations = watched(name, epochs)
    assert len({len(each.batch.images) for each in presentations}) > 1
    for each in presentations:
        assert float(each.step.loss) == pytest.approx(float(by_hand(each)), rel=2e-6, abs=2e-6), each.epoch
    return method


def some_batch(index: list[int], new: slice | None = None) -> Batch:
    data, ids = training_set(), torch.tensor(index)
    images = (torch.from_numpy(data.images).float() / 255 - 0.5) / 0.25
    return Batch(images[ids], torch.from_numpy(data.given_labels)[ids], ids, new or slice(0, len(index)))


def check_round_trip(name: str, epochs: int = 3) -> None:
    """In the middle of an epoch, a freshly built method with the state goes on with the same losses to the bit."""
    method = make_method(name, epochs=CONFIG.epochs)
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.05)
    repeats, order = method.composition == "last", list(range(SAMPLES))
    halves = [order[start : start + 12] for start in range(0, SAMPLES, 12)]
    last: list[int] = []
    for epoch in range(epochs):
        method.train().start_epoch(epoch)
        for step, half in enumerate(halves):
            entries = (last if repeats else []) + half
            batch = some_batch(entries, slice(len(entries) - len(half), len(entries)))
            last = half
            if step in (0, 2):
                fresh = make_method(name, epochs=CONFIG.epochs).train()
                fresh.load_state_dict(copy.deepcopy(method.state_dict()))
                twin = copy.deepcopy(method)
                for _ in range(3):
                    losses = []
                    for each in (twin, fresh):
                        torch.manual_seed(step)
                        losses.append(each.loss(batch).loss)
                    assert torch.equal(*losses)
                assert all(torch.equal(value, fresh.state_dict()[key]) for key, value in twin.state_dict().items())
            optimizer.zero_grad()
            method.loss(batch).loss.backward()
            optimizer.step()
        method.end_epoch(epoch)


class Cut(Callback):
    """Ends training before the checkpoint of an epoch is written."""

    def __init__(self, epoch: int) -> None:
        self.left = epoch

    def on_epoch(self, summary: object, method: Method) -> None:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1


def check_resuming(name: str, folder: Path) -> None:
    """Training cut off in any epoch and continued by a freshly built method ends the same to the bit."""
    config = replace(CONFIG, epochs=5)
    whole = make_method(name, epochs=5)
    train(whole, training_set(), config, [Callback()])
    for cut in range(1, 5):
        path = folder / f"{cut}.pt"
        with pytest.raises(KeyboardInterrupt):
            train(make_method(name, epochs=5), training_set(), config, [Cut(cut)], checkpoint=path, checkpoint_seconds=-1.0)
        resumed = make_method(name, epochs=5)
        train(resumed, training_set(), config, [Callback()], checkpoint=path)
        assert same_state(whole, resumed)


def check_repeated_ids(name: str, epoch: int = 2) -> Method:
    """A batch may hold a sample more than once: the memory keeps its last entry, as though it alone had been there."""
    method = make_method(name)
    method.train().start_epoch(epoch)
    # Network outputs that are given, so that those of a sample differ between its entries.
    given = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    method.network = Given(given)
    method.loss(some_batch([3, 5, 3, 7, 3]))
    other = make_method(name)
    other.train().start_epoch(epoch)
    other.network = Given(given[[1, 3, 4]])
    other.loss(some_batch([5, 7, 3]))
    states = method.state_dict(), other.state_dict()
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
    return method


class Given(torch.nn.Module):
    """A network that says what it was told to."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        assert len(images) == len(self.logits)
        return self.logits


def count_passes(name: str) -> tuple[list[int], list[int]]:
    """Entries of every batch, and of every forward pass of the trained network."""
    method, passes = make_method(name), []
    method.network.classifier.register_forward_hook(lambda module, inputs, output: passes.append(len(inputs[0])))
    watch = Watch()
    train(method, training_set(), CONFIG, [watch])
    return [len(each.batch.images) for each in watch.presentations], passes
