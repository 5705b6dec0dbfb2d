"""The memory's loss against its formula, the age of its targets, and the methods that are settings of it."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers_memory import (
    SHAPES,
    Presentation,
    check_formula,
    check_repeated_ids,
    check_resuming,
    check_round_trip,
    check_targets_get_no_gradient,
    check_training,
    count_passes,
    cross_entropy,
    divergence,
    draw,
    softmax,
    watched,
)
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.data.batches.samplers import Delayed
from noisylab.data.image_data import ImageData
from noisylab.methods.soft_target_memory import soft_target_loss
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.training import TrainConfig, train


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, temperature: float, weight: float, convex: bool = False) -> Tensor:
    if len(targets) == 0:
        return cross_entropy(z, labels)
    taught = divergence(z[: len(targets)], targets, temperature)
    return (1 - weight if convex else 1) * cross_entropy(z, labels) + weight * taught


@pytest.mark.parametrize(("entries", "classes"), SHAPES)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("temperature", "weight", "convex"), [(3.0, 1.0, False), (1.0, 0.8, True), (5.0, 3.0, False)])
def test_loss_and_gradient_are_those_of_the_formula(
    entries: int, classes: int, share: float, temperature: float, weight: float, convex: bool
) -> None:
    z, labels, targets = draw(entries, classes)
    targets = targets[: math.ceil(share * entries)]
    present = torch.ones(len(targets), dtype=torch.bool)
    options = {"temperature": temperature, "weight": weight, "convex": convex}
    check_formula(
        lambda z: soft_target_loss(z, labels, targets, present, **options),
        lambda z: by_hand(z, labels, targets, temperature, weight, convex),
        z,
    )


@pytest.mark.parametrize("convex", [False, True])
def test_targets_that_are_not_there_teach_nothing(convex: bool) -> None:
    z, labels, targets = draw(6)
    absent = torch.zeros(6, dtype=torch.bool)
    loss = soft_target_loss(z, labels, torch.zeros_like(targets), absent, temperature=3.0, weight=0.7, convex=convex)
    assert torch.equal(loss, functional.cross_entropy(z, labels))
    present = torch.tensor([True, False, True, False, False, True])
    got = soft_target_loss(z, labels, targets, present, temperature=3.0, weight=0.7, convex=convex)
    expected = cross_entropy(z, labels) * (1 - 0.35 if convex else 1) + 0.35 * divergence(z[present], targets[present], 3.0)
    torch.testing.assert_close(got.double(), expected, rtol=1e-6, atol=1e-6)


def test_no_gradient_reaches_the_targets_and_weight_and_temperature_have_their_effect() -> None:
    z, labels, targets = draw(6)
    present = torch.ones(6, dtype=torch.bool)
    check_targets_get_no_gradient(lambda z, t: soft_target_loss(z, labels, t, present, temperature=3.0, weight=1.0), z, targets)
    loss = {w: soft_target_loss(z, labels, targets, present, temperature=3.0, weight=w) for w in (0.0, 1.0, 3.0)}
    torch.testing.assert_close(loss[3.0] - loss[0.0], 3 * (loss[1.0] - loss[0.0]))
    assert loss[1.0] > loss[0.0]
    sizes = []
    for temperature in (50.0, 100.0):
        soft = torch.softmax(torch.randn(6, 5, generator=torch.Generator().manual_seed(1)) / temperature, dim=1)
        total = soft_target_loss(z, labels, soft, present, temperature=temperature, weight=1.0, convex=True)
        sizes.append(float(torch.autograd.grad(total, z)[0].norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def averaged(rows: list[Tensor], momentum: float, temperature: float) -> Tensor:
    """The corrected moving average of these logits' soft predictions, oldest first."""
    total = torch.zeros(rows[0].shape, dtype=torch.float64)
    for z in rows:
        total = momentum * total + (1 - momentum) * softmax(z[None], temperature)[0]
    return total / (1 - momentum ** len(rows))


@pytest.mark.parametrize("age", [1, 2, 3])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_an_age_in_epochs_is_the_prediction_of_so_many_epochs_before(age: int, momentum: float) -> None:
    def expected(each: Presentation) -> Tensor:
        taught = [averaged(rows[: each.epoch - age + 1], momentum, 2.0) for rows in each.before if each.epoch >= age]
        targets = torch.stack(taught) if taught else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)

    check_training(f"soft_target_memory(age={age}, momentum={momentum}, weight=0.5, temperature=2.0)", expected, epochs=7)


@pytest.mark.parametrize("age", [1, 2])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_with_repeat_it_is_on_the_repeated_half_and_so_many_epochs_older(age: int, momentum: float) -> None:
    def expected(each: Presentation) -> Tensor:
        repeated = each.before[: each.batch.new.start]
        taught = [averaged(rows[:-age], momentum, 2.0) for rows in repeated if len(rows) > age]
        assert len(taught) in (0, len(repeated))
        targets = torch.stack(taught) if taught else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)

    name = f"soft_target_memory(age={age}, repeat=True, momentum={momentum}, weight=0.5, temperature=2.0)"
    check_training(name, expected, epochs=6)


@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize("age", [1, 2, 4, 6])
def test_an_age_in_iterations_is_the_prediction_of_so_many_steps_before(age: int, momentum: float) -> None:
    # Six iterations an epoch; samples come again as new ones before they are repeated.
    name = f"soft_target_memory(age={age}, unit='iterations', momentum={momentum}, weight=0.5, temperature=2.0)"
    presentations = watched(name, epochs=4)[1]
    assert len(presentations) == 24
    early = 0
    for step, each in enumerate(presentations):
        targets = torch.empty(0, CLASSES)
        if step >= age:
            source = presentations[step - age]
            ids = source.batch.index[source.batch.new]
            assert torch.equal(each.batch.index[: each.batch.new.start], ids)
            now = source.step.logits[source.batch.new]
            past = source.before[source.batch.new]
            targets = torch.stack([averaged([*rows, z], momentum, 2.0) for rows, z in zip(past, now, strict=True)])
            early += sum(len(a) > len(b) + 1 for a, b in zip(each.before, past, strict=False))
        else:
            assert each.batch.new.start == 0
        expected = by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)
        assert float(each.step.loss) == pytest.approx(float(expected), rel=2e-6, abs=2e-6), step
    assert (early > 0) == (age > 1)


@pytest.mark.parametrize("age", [2, 3])
def test_held_averages_what_became_a_target(age: int) -> None:
    def expected(each: Presentation) -> Tensor:
        renewals = each.epoch // age
        taught = [averaged(rows[age - 1 : renewals * age : age], 0.6, 2.0) for rows in each.before if renewals]
        targets = torch.stack(taught) if taught else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)

    check_training(f"soft_target_memory(age={age}, held=True, momentum=0.6, weight=0.5, temperature=2.0)", expected, epochs=8)


@pytest.mark.parametrize(
    ("schedule", "rise"),
    [
        ("constant", lambda epoch: 1.0),
        ("linear", lambda epoch: (epoch + 1) / 5),
        ("gaussian", lambda epoch: math.exp(-5 * (1 - min(1, epoch / (5 * 80 / 300))) ** 2)),
    ],
)
@pytest.mark.parametrize("convex", [False, True])
def test_the_weight_follows_its_schedule(schedule: str, rise: object, convex: bool) -> None:
    def expected(each: Presentation) -> Tensor:
        targets = softmax(torch.stack([rows[-1] for rows in each.before])) if each.epoch else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 1.0, 0.7 * rise(each.epoch), convex)

    name = f"soft_target_memory(weight=0.7, schedule={schedule!r}, convex={convex}, temperature=1.0)"
    check_training(name, expected, epochs=5)


SETTINGS = [
    ("dlb", "unit='iterations'"),
    ("dlb(temperature=2.0, alpha=0.5)", "unit='iterations', temperature=2.0, weight=0.5"),
    ("repeat", "unit='iterations', weight=0"),
    ("repeat", "repeat=True, age=2, weight=0"),
    ("ps_kd", "weight=0.8, schedule='linear', convex=True, temperature=1"),
    ("lwr", "age=5, held=True, weight=0.9, schedule='linear', convex=True, temperature=5"),
    ("lwr(k=2, temperature=3.0, weight=0.5)", "age=2, held=True, weight=0.5, schedule='linear', convex=True"),
    ("lwr(k=1, temperature=3.0, weight=0.5)", "weight=0.5, schedule='linear', convex=True"),
    ("temporal_ensembling(distance='kl')", "momentum=0.7, weight=3, schedule='gaussian', temperature=1"),
    ("temporal_ensembling(distance='kl', momentum=0.9)", "momentum=0.9, weight=3, schedule='gaussian', temperature=1"),
    ("ce", "weight=0"),
]


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_other_methods_are_settings_of_it(method: str, options: str) -> None:
    # From the same state, the same gradient: the other's loss on this one's logits, step for step of a whole training.
    name, epochs = f"soft_target_memory({options})", 7
    config = TrainConfig(epochs=epochs, batch_size=16, learning_rate=0.05, device="cpu", milestones=(0.5,))
    one, other = make_method(name, epochs=epochs), make_method(method, epochs=epochs)
    assert one.composition == other.composition
    gradients: list[tuple[Tensor, Tensor]] = []
    other.train()

    def shadow(module: object, images: tuple[Tensor, ...], logits: Tensor) -> None:
        outputs.append(logits)

    outputs: list[Tensor] = []
    handle = one.network.register_forward_hook(shadow)
    inner_loss, inner_start = one.loss, one.start_epoch

    def start_epoch(epoch: int) -> None:
        inner_start(epoch)
        other.start_epoch(epoch)

    def loss(batch):
        step = inner_loss(batch)
        copied = outputs.pop().detach().requires_grad_()
        other.network = Says(copied)
        (wanted,) = torch.autograd.grad(other.loss(batch).loss, copied)
        (got,) = torch.autograd.grad(step.loss, step.logits, retain_graph=True)
        gradients.append((got, wanted))
        return step

    one.loss, one.start_epoch = loss, start_epoch
    train(one, training_set(), config)
    handle.remove()
    assert len(gradients) == epochs * math.ceil(SAMPLES / (8 if one.composition == "last" else 16))
    for got, wanted in gradients:
        assert got.abs().sum() > 0
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6)


class Says(torch.nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> Tensor:
        return self.logits


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_trainings_of_the_settings_end_alike(method: str, options: str) -> None:
    networks = []
    for name in (method, f"soft_target_memory({options})"):
        trained, presentations = watched(name, epochs=7)
        networks.append((trained.network.state_dict(), [float(each.step.loss) for each in presentations]))
    for key, value in networks[0][0].items():
        torch.testing.assert_close(networks[1][0][key], value, rtol=1e-3, atol=1e-5)
    if method != "ps_kd":  # whose loss has the target's entropy as well
        np.testing.assert_allclose(networks[0][1], networks[1][1], rtol=1e-4, atol=1e-5)
    if "weight=0" in options.replace("weight=0.", ""):
        assert all(torch.equal(value, networks[1][0][key]) for key, value in networks[0][0].items())


def test_the_loss_of_ps_kd_differs_by_the_entropy_of_its_target() -> None:
    pairs = [watched(name)[1] for name in ("ps_kd", f"soft_target_memory({SETTINGS[4][1]})")]
    for one, other in zip(*pairs, strict=True):
        entropy = 0.0
        if one.epoch:
            t = softmax(torch.stack([rows[-1] for rows in one.before]))
            entropy = 0.8 * (one.epoch + 1) / 5 * float(-(t * t.log()).sum(1).mean())
        assert float(one.step.loss) == pytest.approx(float(other.step.loss) + entropy, rel=1e-4, abs=1e-5)


VARIANTS = [
    "",
    "age=2",
    "age=2, momentum=0.5",
    "age=2, held=True",
    "repeat=True",
    "unit='iterations'",
    "unit='iterations', momentum=0.5",
    "schedule='linear', convex=True",
]


@pytest.mark.parametrize("options", VARIANTS)
def test_state_round_trips_in_mid_epoch(options: str) -> None:
    check_round_trip(f"soft_target_memory({options})", epochs=4)


@pytest.mark.parametrize("options", [*VARIANTS, "unit='iterations', age=4", "repeat=True, age=2, momentum=0.5"])
def test_resuming_is_exact(options: str, tmp_path: Path) -> None:
    check_resuming(f"soft_target_memory({options})", tmp_path)


@pytest.mark.parametrize("options", VARIANTS)
def test_one_forward_pass(options: str) -> None:
    batches, passes = count_passes(f"soft_target_memory({options})")
    assert batches == passes


@pytest.mark.parametrize("options", ["", "age=2, momentum=0.5", "held=True", "age=2, held=True"])
def test_repeated_ids(options: str) -> None:
    method = check_repeated_ids(f"soft_target_memory({options})")
    assert method.written.nonzero().flatten().tolist() == [3, 5, 7]
    assert method.written.max() == 1


def test_samplings_and_budgets_follow_the_options(image_data: ImageData) -> None:
    wanted = {
        "": "plain",
        "repeat=True, age=3": "last",
        "unit='iterations'": "last",
        "unit='iterations', age=4": Delayed(4),
    }
    for options, composition in wanted.items():
        spec = METHODS.parse(f"soft_target_memory({options})")
        assert make_method(f"soft_target_memory({options})").composition == composition
        assert METHODS.load(spec.name).composition_for(**spec.options) == composition
        grid = Grid(methods=(str(spec),), noise=("symmetric:0.2",), seeds=(0,), budget="images")
        (config,) = plan(dataclasses.replace(grid, training=CONFIG.__class__(epochs=8, device="cpu")), image_data).configs
        assert config.epochs_trained == (8 if composition == "plain" else 4)
    assert make_method("soft_target_memory:3").age == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("age=0", "age"),
        ("unit='steps'", "unit"),
        ("momentum=1.0", "momentum"),
        ("weight=2.0, convex=True", "weight"),
        ("held=True, repeat=True", "held"),
        ("held=True, unit='iterations'", "held"),
        ("temperature=0", "temperature"),
        ("schedule='cosine'", "schedule"),
    ],
)
def test_bad_options_are_refused(options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_method(f"soft_target_memory({options})")


def test_an_age_beyond_an_epoch_is_to_be_written_in_epochs() -> None:
    with pytest.raises(ValueError, match="at most the 6 iterations of an epoch, got 7"):
        watched("soft_target_memory(age=7, unit='iterations')")
