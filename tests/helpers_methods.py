"""What the tests of single methods share: formulas written out, small networks and batches, and training that is cut off."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, SAMPLES, same_state, training_set
from torch import Tensor, nn

from noisylab.core.registries import METHODS
from noisylab.data import TrainingSet
from noisylab.data.batches.batch import Batch
from noisylab.methods import Frozen, Method, RunInfo, Step
from noisylab.models import Backbone
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary

EPOCHS = 4
CONFIG = TrainConfig(epochs=EPOCHS, batch_size=16, learning_rate=0.05, device="cpu", milestones=(0.5,))


def probabilities(z: Tensor, temperature: float = 1.0) -> Tensor:
    """softmax(z / T), written out."""
    e = torch.exp(z.double() / temperature)
    return e / e.sum(1, keepdim=True)


def cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    """-log p_label, sample by sample."""
    p = probabilities(z)
    return -sum((torch.log(p[i, labels[i]]) for i in range(len(z))), torch.zeros(())) / len(z)


def divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """KL of probabilities, the teacher's first, term by term, averaged over samples."""
    total = torch.zeros((), dtype=torch.float64)
    for i, k in np.ndindex(*teacher.shape):
        if teacher[i, k] > 0:
            total = total + teacher[i, k] * (torch.log(teacher[i, k]) - torch.log(student[i, k]))
    return total / len(teacher)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw_labels(count: int, classes: int, seed: int = 9) -> Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


def assert_formula(
    loss: Callable[..., Tensor], formula: Callable[..., Tensor], trained: list[Tensor], taught: list[Tensor] | None = None
) -> None:
    """`loss(*trained, *taught)` has value and gradients of `formula`, every row of `trained` has some, and `taught` none."""
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-6)):
        results = []
        for function in (loss, formula):
            inputs = [x.detach().to(dtype).requires_grad_() for x in [*trained, *(taught or [])]]
            value = function(*inputs)
            gradients = torch.autograd.grad(value, inputs, allow_unused=True)
            results.append((value.double(), gradients))
        (value, gradients), (wanted, wanted_gradients) = results
        torch.testing.assert_close(value, wanted.double(), rtol=tolerance, atol=tolerance)
        for place, (one, other) in enumerate(zip(gradients, wanted_gradients, strict=True)):
            if place >= len(trained):
                assert one is None, "no gradient reaches a teacher"
            else:
                torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
                if one.shape[1] > 1:
                    assert (one.abs().sum(1) > 0).all()


def make_network(classes: int = CLASSES, seed: int = 5, widths: tuple[int, ...] = (4, 6), tail: bool = False) -> Backbone:
    def stage(inputs: int, outputs: int, stride: int) -> nn.Module:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        stages = [stage(i, o, 1 + (n > 0)) for n, (i, o) in enumerate(zip((1, *widths), widths, strict=False))]
        return Backbone(nn.Identity(), stages, widths, classes, tail=nn.Tanh() if tail else None)


class Untrained:
    """A provider whose teachers are never trained, each from an own initialisation."""

    def __init__(self, classes: int = CLASSES) -> None:
        self.classes, self.asked = classes, list[tuple[str, str | None]]()

    def trained(self, method: str, *, model: str | None = None) -> Method:
        self.asked.append((method, model))
        return build(method, classes=self.classes, seed=100 * len(self.asked))

    def logits(self, method: Method) -> Tensor:
        raise NotImplementedError


def build(
    spec: str,
    *,
    classes: int = CLASSES,
    epochs: int = EPOCHS,
    seed: int = 5,
    teachers: Untrained | None = None,
    networks: Callable[[int], Backbone] | None = None,
) -> Method:
    """A method as a run makes it, with teachers that are not trained; `networks(n)` makes the n-th network."""
    made = 0

    def network() -> Backbone:
        nonlocal made
        made += 1
        return make_network(classes, seed + made) if networks is None else networks(made)

    info = RunInfo(network, classes, SAMPLES, epochs)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        method: Method = METHODS.create(METHODS.parse(spec), info)
    method.prepare(Untrained(classes) if teachers is None else teachers)
    return method.train()


def make_batch(method: Method, new: int = 5, classes: int = CLASSES) -> Batch:
    """A batch of the composition that the method needs, with `new` new samples."""
    views = 1 if method.composition == "plain" else 2
    images = draw(views * new, 1, 8, 8, seed=new).float()
    labels = draw_labels(new, classes).repeat(views)
    index = torch.arange(new)
    other = index if method.composition == "twin" else index + new
    return Batch(images, labels, torch.cat([index, other])[: views * new], slice(0, new))


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """What the network says in training mode, leaving its running statistics alone."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    logits = network(images)
    with torch.no_grad():
        network.load_state_dict(state)
    return logits


def assert_gradients(method: Method, batch: Batch) -> Step:
    """One backward pass: a gradient for all that is trained, none for teachers, which also stay as they are."""
    teachers = {name: module for name, module in method.named_modules() if isinstance(module, Frozen)}
    before = {name: {k: v.clone() for k, v in module.state_dict().items()} for name, module in teachers.items()}
    passes: list[int] = []
    hook = method.network.classifier.register_forward_hook(lambda module, inputs, output: passes.append(len(inputs[0])))
    step = method.train().loss(batch)
    hook.remove()
    assert passes == [len(batch.images)], "one pass of the trained network over the batch"
    assert step.logits is not None
    assert len(step.logits) == len(batch.images)
    assert step.loss.dtype == torch.float32
    step.loss.backward()
    frozen = {id(parameter) for module in teachers.values() for parameter in module.parameters()}
    for name, parameter in method.named_parameters():
        assert parameter.requires_grad == (id(parameter) not in frozen), name
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            # A bias before batch norm moves nothing.
            if not name.endswith("0.bias"):
                assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name
    for name, module in teachers.items():
        assert not module.training
        assert all(torch.equal(value, before[name][key]) for key, value in module.state_dict().items())
    return step


class Watch(Callback):
    """Keeps every loss; ends training after an epoch as a kill would, before that epoch is saved."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop = stop
        self.losses: list[float] = []
        self.rates: list[float] = []

    def on_step(self, batch: Batch, step: Step) -> None:
        self.losses.append(float(step.loss.detach()))

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.rates.append(summary.learning_rate)
        if summary.epoch == self.stop:
            raise KeyboardInterrupt


def assert_resumes(spec: str, folder: Path) -> Method:
    """Cut off after any epoch and gone on, losses and state are those of a training that was not, to the bit."""
    whole, all_losses = build(spec), Watch()
    train(whole, training_set(), CONFIG, [all_losses])
    per_epoch = len(all_losses.losses) // EPOCHS
    for cut in range(1, EPOCHS):
        checkpoint, rest = folder / f"{cut}.pt", Watch()
        with pytest.raises(KeyboardInterrupt):
            train(build(spec), training_set(), CONFIG, [Watch(cut)], checkpoint=checkpoint, checkpoint_seconds=0)
        gone_on = build(spec)
        train(gone_on, training_set(), CONFIG, [rest], checkpoint=checkpoint)
        assert rest.losses == all_losses.losses[cut * per_epoch :]
        assert same_state(whole, gone_on)
    # Without an epoch's start, which could tell a method where it is.
    fresh = build(spec)
    fresh.load_state_dict(whole.state_dict())
    fresh.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batch = make_batch(whole)
    assert torch.equal(whole.train().loss(batch).loss, fresh.loss(batch).loss)
    return whole


def subset(count: int, labels: list[int] | None = None) -> TrainingSet:
    whole = training_set()
    given = whole.given_labels[:count] if labels is None else np.array(labels)
    return TrainingSet(whole.images[:count], given, whole.mean, whole.std, whole.augmentation)


def assert_small_cases(spec: str, *, zero: bool = True) -> None:
    """A last batch of one, one given class among many, a single class, and reduced precision.

    zero: with a single class there is nothing to learn.
    """
    for data in (subset(17), subset(1), subset(20, [0] * 20), subset(3, [0, 1, 1])):
        watch = Watch()
        train(build(spec), data, CONFIG, [watch])
        assert np.isfinite(watch.losses).all()
    single = build(spec, classes=1)
    losses = Watch()
    train(single, subset(17, [0] * 17), CONFIG, [losses])
    assert np.isfinite(losses.losses).all()
    if zero:
        assert losses.losses == [0.0] * len(losses.losses)
    method = build(spec)
    batch = make_batch(method)
    method.end_epoch(EPOCHS // 2 - 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.loss(batch).loss
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, build_like(method, spec).loss(batch).loss, rtol=0.05, atol=0.05)


def build_like(method: Method, spec: str) -> Method:
    other = build(spec)
    other.load_state_dict(method.state_dict())
    return other


def assert_temperature(distilled: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """The higher T, the more an unlikely class counts that teacher and student see differently; alike, nothing is left."""
    teacher, student = torch.tensor([[8.0, 0.0, -2.0]]), torch.tensor([[8.0, 0.0, -6.0]])
    values = [float(distilled(student, teacher, temperature)) for temperature in (1.0, 2.0, 4.0)]
    assert 0 < values[0] < values[1] < values[2]
    assert all(abs(float(distilled(teacher, teacher, temperature))) < 1e-6 for temperature in (1.0, 4.0))
