"""What methods cost is found by looking at what they do, whatever they are called."""

import copy
import dataclasses
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.core.specs import REQUIRED
from noisylab.costs.measure import extra_parameters
from noisylab.costs.passes import count_passes
from noisylab.costs.peak_memory import LiveMemory
from noisylab.costs.speed import Stepper
from noisylab.costs.workload import Workload
from noisylab.data.batches.batch import Batch
from noisylab.methods import Frozen, Method, RunInfo, Step, TeacherProvider
from noisylab.training import Callback, TrainConfig, train
from noisylab.training.callback import EpochSummary

WORKLOAD = Workload("small_cnn(width=4)", (1, 8, 8), 4, batch_size=8, epochs=12, steps_per_epoch=2)
# Of the package; those of this file are known while its tests run.
NAMES = [name for name, e in METHODS.entries().items() if all(option.default is not REQUIRED for option in e.options.values())]


def towards(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (logits - target.detach()).square().mean()


class Memory(Method):
    """What each sample was predicted as in the epoch before."""

    def __init__(self, run: RunInfo) -> None:
        super().__init__(run)
        self.remember(old=torch.zeros(run.num_samples, run.num_classes), now=torch.zeros(run.num_samples, run.num_classes))

    def loss(self, batch: Batch) -> Step:
        logits = self.network(batch.images)
        self.now[batch.index] = logits.detach()
        return Step(functional.cross_entropy(logits, batch.labels) + towards(logits, self.old[batch.index]), logits)

    def end_epoch(self, epoch: int) -> None:
        self.old.copy_(self.now)


class Copy(Method):
    """A teacher that the subclasses fill."""

    def __init__(self, run: RunInfo) -> None:
        super().__init__(run)
        self.teacher = Frozen(run.make_network())

    def loss(self, batch: Batch) -> Step:
        logits = self.network(batch.images)
        return Step(functional.cross_entropy(logits, batch.labels) + towards(logits, self.teacher(batch.images)), logits)

    def take(self) -> None:
        self.teacher.network.load_state_dict(self.network.state_dict())


class AtEnds(Copy):
    def end_epoch(self, epoch: int) -> None:
        self.take()


class AtStarts(Copy):
    def start_epoch(self, epoch: int) -> None:
        self.take()


class EveryFive(Copy):
    def end_epoch(self, epoch: int) -> None:
        if (epoch + 1) % 5 == 0:
            self.take()


class New(Copy):
    """Another module at every epoch."""

    def end_epoch(self, epoch: int) -> None:
        self.teacher = Frozen(copy.deepcopy(self.network))


class Average(Copy):
    """The weights' running average, after every step."""

    def loss(self, batch: Batch) -> Step:
        step = super().loss(batch)
        with torch.no_grad():
            for own, other in zip(self.teacher.network.parameters(), self.network.parameters(), strict=True):
                own.lerp_(other, 0.5)
        return step


class Twice(Copy):
    """A teacher that was there before."""

    def prepare(self, teachers: TeacherProvider) -> None:
        self.teacher = Frozen(teachers.trained("ce", model="small_cnn(width=2)").network)


class Cached(Memory):
    """Targets of a teacher that was there before, which no step asks again."""

    def prepare(self, teachers: TeacherProvider) -> None:
        self.old.copy_(teachers.logits(teachers.trained("test_twice")))

    def end_epoch(self, epoch: int) -> None:
        pass


class Peers(Method):
    def __init__(self, run: RunInfo) -> None:
        super().__init__(run)
        self.peer = run.make_network()

    def loss(self, batch: Batch) -> Step:
        one, other = self.network(batch.images), self.peer(batch.images)
        return Step(towards(one, other) + towards(other, one), one)


class Heads(Method):
    """A head of its own, and the network reached by way of its stages."""

    def __init__(self, run: RunInfo) -> None:
        super().__init__(run)
        self.head = nn.Linear(self.network.widths[0], run.num_classes)

    def loss(self, batch: Batch) -> Step:
        first, *_, last = self.network.stage_outputs(batch.images)
        logits = self.network.classifier(self.network.pool(last))
        return Step(
            functional.cross_entropy(logits, batch.labels) + towards(self.head(self.network.pool(first)), logits), logits
        )


class OneModule(Copy):
    """The teacher's weights, called through the student's module."""

    def loss(self, batch: Batch) -> Step:
        logits = self.network(batch.images)
        with torch.no_grad():
            target = torch.func.functional_call(self.network, dict(self.teacher.network.named_parameters()), batch.images)
        return Step(functional.cross_entropy(logits, batch.labels) + towards(logits, target), logits)


class Present(Method):
    """Its own prediction with running statistics, which is no memory of earlier weights."""

    def loss(self, batch: Batch) -> Step:
        logits = self.network(batch.images)
        with torch.no_grad():
            target = self.network.eval()(batch.images)
        self.network.train()
        return Step(functional.cross_entropy(logits, batch.labels) + towards(logits, target), logits)


class Later(Copy):
    """A teacher that is asked from the fourth epoch on."""

    asked = False

    def start_epoch(self, epoch: int) -> None:
        self.asked = epoch >= 3

    def loss(self, batch: Batch) -> Step:
        if self.asked:
            return super().loss(batch)
        logits = self.network(batch.images)
        return Step(functional.cross_entropy(logits, batch.labels), logits)


class Assessed(Method):
    """All samples are judged before each epoch, and once more before the last."""

    def assess(self, epoch: int, outputs: Callable[[nn.Module], torch.Tensor], given: torch.Tensor) -> None:
        for _ in range(1 + (epoch == 11)):
            assert outputs(self.network).shape == (len(given), 4)

    def loss_from_logits(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        return functional.cross_entropy(logits, batch.labels)


# Forward and backward passes, networks, images (measured network, all networks); teachers; has it parameters of its own?
EXPECTED = {
    "ce": ((1, 1, 1, 1, 1), 0, False),
    "repeat": ((1, 1, 1, 2, 2), 0, False),
    "dlb": ((1, 1, 1, 2, 2), 0, False),
    "dlb(two_forward=True)": ((2, 2, 1, 2, 2), 0, False),
    "test_memory": ((1, 1, 1, 1, 1), 0, False),
    "test_ends": ((2, 1, 2, 1, 2), 0, False),
    "test_starts": ((2, 1, 2, 1, 2), 0, False),
    "test_five": ((2, 1, 2, 1, 2), 0, False),
    "test_new": ((2, 1, 2, 1, 2), 0, False),
    "test_average": ((2, 1, 2, 1, 2), 0, False),
    "test_twice": ((2, 1, 2, 1, 2), 1, False),
    "test_cached": ((1, 1, 1, 1, 1), 2, False),
    "test_peers": ((2, 2, 2, 1, 2), 0, False),
    "test_heads": ((1, 1, 1, 1, 1), 0, True),
    "test_one_module": ((2, 1, 2, 1, 2), 0, False),
    "test_present": ((2, 1, 1, 1, 2), 0, False),
    "test_later": ((2, 1, 2, 1, 1 + 9 / 12), 0, False),
    "test_assessed": ((1, 1, 1, 1, 2 + 1 / 12), 0, False),
}
OWN = {
    "test_memory": Memory,
    "test_ends": AtEnds,
    "test_starts": AtStarts,
    "test_five": EveryFive,
    "test_new": New,
    "test_average": Average,
    "test_twice": Twice,
    "test_cached": Cached,
    "test_peers": Peers,
    "test_heads": Heads,
    "test_one_module": OneModule,
    "test_present": Present,
    "test_later": Later,
    "test_assessed": Assessed,
}


@pytest.fixture(autouse=True, scope="module")
def known() -> Iterator[None]:
    """The methods of this file are registered while its tests run, and no longer."""
    for name, method in OWN.items():
        METHODS.register(name)(method)
    yield
    METHODS.forget(__name__)


@pytest.mark.parametrize("method", EXPECTED)
def test_passes_and_networks_are_those_of_a_step_at_work(method: str) -> None:
    passes = count_passes(WORKLOAD, method, "cpu")
    assert dataclasses.astuple(passes) == pytest.approx(EXPECTED[method][0])


@pytest.mark.parametrize("method", EXPECTED)
def test_teachers_and_new_layers_are_those_that_are_there(method: str) -> None:
    prepared = WORKLOAD.build_prepared(method)
    assert prepared.teachers == EXPECTED[method][1]
    assert (extra_parameters(prepared.method) > 0) == EXPECTED[method][2]


# Methods whose costs depend on an option, beside the defaults.
VARIANTS = [
    *("dlb(two_forward=True)", "ps_kd(snapshot=True)", "mr_kd(copies=3, interval=2)", "snapshot_kd:1", "snapshot_kd:5"),
    *("ban(generations=3)", "forward_correction(transition='known')", "soft_target_memory(unit='iterations')"),
]


@pytest.mark.parametrize("epochs", [5, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("method", [*NAMES, *VARIANTS])
def test_the_images_of_a_whole_run_are_those_that_a_method_states(method: str, epochs: int) -> None:
    spec = METHODS.parse(method)
    chosen, workload = METHODS.load(spec.name), dataclasses.replace(WORKLOAD, epochs=epochs)
    passes = count_passes(workload, method, "cpu")
    assert 1 <= passes.networks <= passes.forward
    assert 1 <= passes.backward <= passes.forward
    assert passes.images_total >= passes.images >= 1
    assert passes.images == pytest.approx(chosen.images_factor(**spec.options))
    assert passes.images_total == pytest.approx(chosen.total_images_factor(epochs=epochs, **spec.options))


@pytest.mark.parametrize("method", NAMES)
def test_a_method_declares_its_trainings_and_its_compute_factor_counts_them(method: str) -> None:
    spec = METHODS.parse(method)
    chosen = METHODS.load(spec.name)
    own = chosen.total_images_factor(epochs=7, **spec.options)
    teachers = WORKLOAD.build_prepared(method).teachers
    assert teachers + 1 == chosen.num_trainings(**spec.options)
    assert chosen.compute_factor(epochs=7, **spec.options) >= own + teachers - 1e-9


class Counts(Callback):
    """How many images the measured network has seen after the first epoch, in which the very first batch repeats nothing."""

    def __init__(self, seen: list[int]) -> None:
        self.seen, self.images = seen, 0

    def on_epoch(self, summary: EpochSummary, method: Method) -> None:
        self.images = self.images or sum(self.seen)


@pytest.mark.parametrize("method", [*NAMES, "dlb(two_forward=True)", "soft_target_memory(age=2, unit='iterations')"])
def test_the_images_of_the_measured_network_are_those_that_a_method_states(method: str) -> None:
    spec, built, seen = METHODS.parse(method), WORKLOAD.build_prepared(method).method, list[int]()
    built.network.classifier.register_forward_hook(
        # Passes without a gradient are among `total_images_factor`.
        lambda module, inputs, output: seen.append(len(output) * output.requires_grad)
    )
    config = TrainConfig(2, WORKLOAD.batch_size, device="cpu")
    first = Counts(seen)
    train(built, WORKLOAD.data(method), config, [first])
    assert sum(seen) - first.images == WORKLOAD.samples(method) * METHODS.load(spec.name).images_factor(**spec.options)


@pytest.mark.parametrize("model", ["vgg16", "resnet20", "densenet40_12"])
def test_passes_are_counted_whatever_the_classifier_is(model: str) -> None:
    workload = Workload(model, (3, 32, 32), 4, batch_size=4, epochs=2, steps_per_epoch=2)
    passes = count_passes(workload, "dlb", "cpu")
    assert dataclasses.astuple(passes) == (1, 1, 1, 2, 2)


def test_counting_leaves_no_hook() -> None:
    before = dict(torch.nn.modules.module._global_forward_hooks)
    count_passes(WORKLOAD, "ce", "cpu")
    assert before == torch.nn.modules.module._global_forward_hooks


def test_memory_is_followed_to_the_byte() -> None:
    before = torch.ones(250)
    with LiveMemory() as memory:
        double = before * 2
        assert (memory.live, memory.peak) == (2000, 2000)
        view = double[:10].reshape(2, 5)
        assert memory.live == 2000
        del double
        assert memory.live == 2000
        del view
        assert (memory.live, memory.peak) == (1000, 2000)
        memory.restart()
        assert memory.peak == 1000
        (before.requires_grad_() * 3).exp().sum().backward()
        assert memory.live == 2000  # with the gradient
        assert 3000 <= memory.peak <= 5000


def test_the_last_batch_costs_no_memory_beyond_repeating_it() -> None:
    workload = Workload("resnet20", (3, 16, 16), 10, batch_size=64, epochs=2, steps_per_epoch=1)
    repeat, dlb, smaller = (
        Stepper(given, method, torch.device("cpu")).peak_bytes
        for given, method in (
            (workload, "repeat"),
            (workload, "dlb"),
            (Workload("resnet20", (3, 16, 16), 10, batch_size=32, epochs=2, steps_per_epoch=1), "dlb"),
        )
    )
    assert repeat <= dlb <= 1.02 * repeat
    assert 0.5 < smaller / dlb < 0.7


def test_peak_memory_is_the_same_at_every_measurement() -> None:
    peaks = {Stepper(WORKLOAD, "dlb", torch.device("cpu")).peak_bytes for _ in range(3)}
    assert len(peaks) == 1


def test_a_network_that_cannot_take_the_images_is_refused() -> None:
    tiny = Workload("small_cnn", (1, 2, 2), 4, batch_size=8, epochs=2, steps_per_epoch=1)
    with pytest.raises(ValueError, match=r"model 'small_cnn' cannot take images of 1x2x2"):
        tiny.check(["ce"])
