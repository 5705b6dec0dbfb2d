"""What the tests of methods share: reference losses, one check of formulas, methods and batches in small, and one watcher."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, training_set
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.methods import Frozen, Method, RunInfo, Step
from noisylab.methods.averaged import Averaged
from noisylab.models import Backbone
from noisylab.training import Callback, TrainConfig, train

NAMES = list(METHODS.entries())
# What else a method can be by its options: other memories, other teachers, other batches.
VARIANTS = [
    "ban:3",
    "dlb(two_forward=True)",
    "forward_correction(transition='known')",
    "backward_correction(transition='known')",
    *("lsr:-0.5", "mean_teacher(form='kl')", "bake(batches='plain')", "logit_clip(on='elr')"),
    *("lwr(k=1)", "lwr(k=2)", "ps_kd(snapshot=True)"),
    *("cores2(sieve_from=0)", "peer_loss(alpha=None)", "coteaching_plus(warm_up=0)"),
    *(
        "dividemix(warm_up=0)",
        "dividemix(warm_up=0, window=2)",
        "dividemix(warm_up=1, confidence_penalty=True)",
        "elr_plus(ramp_up=0.5)",
    ),
    *("mr_kd(interval=1)", "mr_kd(copies=1, interval=2)", "mr_kd(copies=3, interval=1)"),
    *("snapshot_kd:1", "snapshot_kd:3"),
    *("temporal_ensembling(momentum=0.0)", "byot(hints='all')", "tf_kd_reg(form='paper')"),
    *("dlb(on='elr')", "repeat(on='temporal_ensembling')", "dlb(on='forward_correction')"),
    *("soft_target_memory:2", "soft_target_memory(age=2, momentum=0.5)", "soft_target_memory(age=2, held=True)"),
    *("soft_target_memory(repeat=True)", "soft_target_memory(repeat=True, age=2, momentum=0.5)"),
    *("soft_target_memory(unit='iterations')", "soft_target_memory(unit='iterations', age=4, momentum=0.5)"),
    "soft_target_memory(schedule='linear', convex=True)",
]


# Reference losses, written out sample by sample.


def probabilities(z: Tensor, temperature: float = 1.0) -> Tensor:
    """softmax(z / T)."""
    e = torch.exp(z.double() / temperature)
    return e / e.sum(1, keepdim=True)


def cross_entropy(z: Tensor, labels: Tensor) -> Tensor:
    """-log p_label."""
    p = probabilities(z)
    return -sum((torch.log(p[i, labels[i]]) for i in range(len(z))), torch.zeros(())) / len(z)


def divergence(targets: Tensor, z: Tensor, temperature: float = 1.0) -> Tensor:
    """KL(targets || p^T), term by term, without the factor T^2."""
    p, total = probabilities(z, temperature), torch.zeros((), dtype=torch.float64)
    for i, k in itertools.product(*map(range, targets.shape)):
        if targets[i, k] > 0:
            total = total + targets[i, k].double() * (torch.log(targets[i, k].double()) - torch.log(p[i, k]))
    return total / len(z)


def average(each: Callable[[list[Tensor], int], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of labels and logits that is the mean of `each(p, g)` over the samples."""

    def loss(labels: Tensor, logits: Tensor) -> Tensor:
        rows = zip(probabilities(logits), labels.tolist(), strict=True)
        return sum(each(list(row), g) for row, g in rows) / len(logits)

    return loss


def draw(*shape: int, seed: int = 0) -> Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw_labels(count: int, classes: int, seed: int = 9) -> Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


# The check of formulas. Sizes: a whole batch, a batch of one, a single class.
SIZES = ((5, 4), (1, 3), (3, 1))


def check_formula(
    loss: Callable[..., Tensor],
    formula: Callable[..., Tensor],
    *,
    trained: int = 1,
    taught: int = 0,
    sizes: Iterable[tuple[int, int]] = SIZES,
    halves: bool = False,
) -> None:
    """`loss(labels, *logits)` is `formula(labels, *logits)`, with gradients to the first `trained` logits and to no others.

    halves: what is computed of float16 logits is what is computed of the same ones in float32.
    """
    for count, classes in sizes:
        inputs = [draw(count, classes, seed=seed) for seed in range(trained + taught)]
        for labels in (draw_labels(count, classes), torch.full((count,), classes - 1)):
            assert_formula(
                lambda *z, y=labels: loss(y, *z), lambda *z, y=labels: formula(y, *z), inputs[:trained], inputs[trained:]
            )
            if halves:
                short = [z.half() for z in inputs]
                assert torch.equal(loss(labels, *short), loss(labels, *(z.float() for z in short)))


def assert_formula(
    loss: Callable[..., Tensor], formula: Callable[..., Tensor], trained: list[Tensor], taught: Iterable[Tensor] = ()
) -> None:
    """`loss(*trained, *taught)` has value and gradients of `formula`, every row of `trained` has some, and `taught` none."""
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-6)):
        results = []
        for function in (loss, formula):
            inputs = [x.detach().to(dtype).requires_grad_() for x in [*trained, *taught]]
            value = function(*inputs)
            results.append((value.double(), torch.autograd.grad(value, inputs, allow_unused=True)))
        (value, gradients), (wanted, wanted_gradients) = results
        torch.testing.assert_close(value, wanted, rtol=tolerance, atol=tolerance)
        for own, other in zip(gradients[: len(trained)], wanted_gradients, strict=False):
            torch.testing.assert_close(own, other, rtol=tolerance, atol=tolerance)
            assert own.shape[1] == 1 or (own.abs().sum(1) > 0).all()
        assert set(gradients[len(trained) :]) <= {None}, "no gradient reaches a teacher"


def check_far_off(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Loss and gradient of labels and logits are finite if p_g is 0 in float32."""
    logits = torch.tensor([[200.0, 0.0, -200.0], [0.0, 0.0, 500.0]], requires_grad=True)
    value = loss(torch.tensor([2, 2]), logits)
    (gradient,) = torch.autograd.grad(value, logits)
    assert torch.isfinite(value)
    assert torch.isfinite(gradient).all()


def check_temperature(distilled: Callable[[Tensor, Tensor, float], Tensor]) -> None:
    """The higher T, the more an unlikely class counts that teacher and student see differently; alike, nothing is left."""
    teacher, student = torch.tensor([[8.0, 0.0, -2.0]]), torch.tensor([[8.0, 0.0, -6.0]])
    values = [float(distilled(student, teacher, temperature)) for temperature in (1.0, 2.0, 4.0)]
    assert 0 < values[0] < values[1] < values[2]
    assert all(abs(float(distilled(teacher, teacher, temperature))) < 1e-6 for temperature in (1.0, 4.0))


def pulls(loss: Callable[[Tensor, float], Tensor], logits: list[list[float]], options: Iterable[float]) -> list[Tensor]:
    """The gradient of `loss(logits, option)` with the logits, for every option."""
    z = torch.tensor(logits, requires_grad=True)
    return [torch.autograd.grad(loss(z, option), z)[0] for option in options]


# Methods and batches in small.


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
        self.asked.append((str(METHODS.parse(method)), model))
        return build(method, classes=self.classes, seed=100 * len(self.asked))

    def logits(self, method: Method) -> Tensor:
        return method.eval()(draw(SAMPLES, 1, 8, 8).float()).detach()


def build(
    spec: str,
    *,
    classes: int = CLASSES,
    epochs: int = CONFIG.epochs,
    seed: int = 5,
    teachers: Untrained | None = None,
    networks: Callable[[int], Backbone] | None = None,
) -> Method:
    """A method as a run makes it, with teachers that are not trained; `networks(n)` makes the n-th network."""
    count = itertools.count(seed + 1)
    known = 0.6 * torch.eye(classes) + 0.4 / classes

    def network() -> Backbone:
        return make_network(classes, next(count)) if networks is None else networks(next(count) - seed)

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        info = RunInfo(network, classes, SAMPLES, epochs, noise_rate=0.4, transition=known)
        method: Method = METHODS.create(METHODS.parse(spec), info)
    method.prepare(Untrained(classes) if teachers is None else teachers)
    return method.train()


def make_batch(method: Method, new: int = 5, classes: int = CLASSES) -> Batch:
    """The first batch of a method's composition, with `new` new samples."""
    twice = method.composition in ("twin", "same_class")
    images = draw(new * (1 + twice), 1, 8, 8, seed=new).float()
    index = torch.arange(new)
    other = index if method.composition == "twin" else index + new
    return Batch(images, draw_labels(new, classes).repeat(1 + twice), torch.cat([index, other][: 1 + twice]), slice(0, new))


def some_batch(index: list[int]) -> Batch:
    """A batch of new samples of the training set, with these ids."""
    data, ids = training_set(), torch.tensor(index)
    images = (torch.from_numpy(data.images).float() / 255 - 0.5) / 0.25
    return Batch(images[ids], torch.from_numpy(data.given_labels)[ids], ids, slice(0, len(index)))


def take_step(method: Method, batch: Batch) -> Step:
    """A step of training but for the optimiser's; dropout is the same in each."""
    torch.manual_seed(0)
    method.zero_grad()
    step = method.loss(batch)
    step.loss.backward()
    method.observe(step.logits.detach(), batch)
    return step


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """What the network says in training mode, leaving its running statistics alone."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    logits = network(images)
    with torch.no_grad():
        network.load_state_dict(state)
    return logits


def watch_passes(method: Method, passes: list[int]) -> RemovableHandle:
    """From now on, `passes` gets the entries of every pass of the measured network that has a gradient."""

    def hook(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if output.requires_grad:
            passes.append(len(output))

    return method.network.classifier.register_forward_hook(hook)


def check_gradients(method: Method, batch: Batch) -> Step:
    """One step: a gradient for all that is trained, none for teachers, which also stay as they are."""
    teachers = [module for module in method.modules() if isinstance(module, Frozen)]
    before = [{name: value.clone() for name, value in module.state_dict().items()} for module in teachers]
    passes: list[int] = []
    hook = watch_passes(method, passes)
    step = take_step(method.train(), batch)
    hook.remove()
    assert passes == [len(batch.images)], "one pass of the trained network over the batch"
    assert step.logits.shape == (len(batch.images), step.logits.shape[1])
    assert step.loss.dtype == torch.float32
    averages = [module for module in method.modules() if isinstance(module, Averaged)]
    frozen = {id(parameter) for module in [*teachers, *averages] for parameter in module.parameters()}
    for name, parameter in method.named_parameters():
        assert parameter.requires_grad == (id(parameter) not in frozen), name
        if not parameter.requires_grad:
            assert parameter.grad is None, name
        # A bias before batch norm moves nothing.
        elif not name.endswith("0.bias"):
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name
    for module, state in zip(teachers, before, strict=True):
        assert not module.training
        assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    return step


class Given(nn.Module):
    """A network that says what it was told to."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        assert len(images) == len(self.logits)
        return self.logits


# The watcher.


class Presentation(NamedTuple):
    """One step as it was: with it goes `before`, the logits of every sample's presentations until then, oldest first."""

    epoch: int
    batch: Batch
    step: Step
    before: list[list[Tensor]]


@dataclass
class Watch(Callback):
    """Keeps every step, learning rate and end of an epoch; `stop` ends training in that epoch before it is saved, as a kill."""

    stop: int | None = None
    presentations: list[Presentation] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    states: list[dict[str, Tensor]] = field(default_factory=list)
    seen: dict[int, list[Tensor]] = field(default_factory=lambda: defaultdict(list))

    def on_step(self, batch: Batch, step: Step) -> None:
        kept = Step(step.loss.detach().clone(), step.logits.detach().clone())
        before = [list(self.seen[i]) for i in batch.index.tolist()]
        self.presentations.append(Presentation(len(self.rates), batch, kept, before))
        for i in range(batch.new.start, batch.new.stop):
            self.seen[int(batch.index[i])].append(kept.logits[i])

    def on_epoch(self, summary, method: Method) -> None:  # type: ignore[no-untyped-def]
        self.rates.append(summary.learning_rate)
        self.states.append({name: value.clone() for name, value in method.network.state_dict().items()})
        if summary.epoch == self.stop:
            raise KeyboardInterrupt

    @property
    def losses(self) -> list[float]:
        return [float(each.step.loss) for each in self.presentations]


def watched(method: str | Method, epochs: int = 5, config: TrainConfig = CONFIG) -> tuple[Method, Watch]:
    """The method (spec), trained with a partial last batch in every epoch, and all its steps."""
    built = make_method(method, epochs=epochs) if isinstance(method, str) else method
    watch = Watch()
    train(built, training_set(), replace(config, epochs=epochs), [watch])
    return built, watch


def check_training(spec: str, by_hand: Callable[[Presentation], Tensor | float], epochs: int = 5) -> Method:
    """Every loss of a training is that which `by_hand` gets from the steps before."""
    method, watch = watched(spec, epochs)
    assert len({len(each.batch.images) for each in watch.presentations}) > 1
    for each in watch.presentations:
        assert float(each.step.loss) == pytest.approx(float(by_hand(each)), rel=2e-6, abs=2e-6), each.epoch
    return method
