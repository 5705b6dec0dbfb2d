"""The memory's loss against its formula, the age of its targets, and the methods that are settings of it."""

import dataclasses
import math
from dataclasses import replace

import method_kit as kit
import numpy as np
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.data.batches.batch import Batch
from noisylab.data.batches.composition import Delayed
from noisylab.data.image_data import ImageData
from noisylab.methods.soft_target_memory import TargetHistory, soft_target_loss
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.training import train


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, temperature: float, weight: float, convex: bool = False) -> Tensor:
    if len(targets) == 0:
        return kit.cross_entropy(z, labels)
    taught = temperature**2 * kit.divergence(targets, z[: len(targets)], temperature)
    return (1 - weight if convex else 1) * kit.cross_entropy(z, labels) + weight * taught


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("temperature", "weight", "convex"), [(3.0, 1.0, False), (1.0, 0.8, True), (5.0, 3.0, False)])
def test_loss_and_gradient_are_those_of_the_formula(share: float, temperature: float, weight: float, convex: bool) -> None:
    def loss(labels: Tensor, z: Tensor, t: Tensor) -> Tensor:
        targets = t.softmax(1)[: math.ceil(share * len(z))]
        present = torch.ones(len(targets), dtype=torch.bool)
        return soft_target_loss(z, labels, targets, present, temperature=temperature, weight=weight, convex=convex)

    def formula(labels: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return by_hand(z, labels, t.softmax(1)[: math.ceil(share * len(z))], temperature, weight, convex)

    kit.check_formula(loss, formula, taught=1)


@pytest.mark.parametrize("convex", [False, True])
def test_targets_that_are_not_there_teach_nothing(convex: bool) -> None:
    z, labels, targets = kit.draw(6, 5).requires_grad_(), kit.draw_labels(6, 5), kit.draw(6, 5, seed=1).softmax(1)
    absent = torch.zeros(6, dtype=torch.bool)
    loss = soft_target_loss(z, labels, torch.zeros_like(targets), absent, temperature=3.0, weight=0.7, convex=convex)
    assert torch.equal(loss, functional.cross_entropy(z, labels))
    present = torch.tensor([True, False, True, False, False, True])
    got = soft_target_loss(z, labels, targets, present, temperature=3.0, weight=0.7, convex=convex)
    expected = kit.cross_entropy(z, labels) * (1 - 0.35 if convex else 1) + 0.35 * 9 * kit.divergence(
        targets[present], z[present], 3.0
    )
    torch.testing.assert_close(got.double(), expected, rtol=1e-6, atol=1e-6)


def test_weight_and_temperature_have_their_effect() -> None:
    z, labels, targets = kit.draw(6, 5).requires_grad_(), kit.draw_labels(6, 5), kit.draw(6, 5, seed=1).softmax(1)
    present = torch.ones(6, dtype=torch.bool)
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
        total = momentum * total + (1 - momentum) * kit.probabilities(z[None], temperature)[0]
    return total / (1 - momentum ** len(rows))


@pytest.mark.parametrize("age", [1, 2, 3])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_an_age_in_epochs_is_the_prediction_of_so_many_epochs_before(age: int, momentum: float) -> None:
    def expected(each: kit.Presentation) -> Tensor:
        taught = [averaged(rows[: each.epoch - age + 1], momentum, 2.0) for rows in each.before if each.epoch >= age]
        targets = torch.stack(taught) if taught else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)

    kit.check_training(f"soft_target_memory(age={age}, momentum={momentum}, weight=0.5, temperature=2.0)", expected, epochs=7)


@pytest.mark.parametrize("age", [1, 2])
@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_with_repeat_it_is_on_the_repeated_half_and_so_many_epochs_older(age: int, momentum: float) -> None:
    def expected(each: kit.Presentation) -> Tensor:
        repeated = each.before[: each.batch.new.start]
        taught = [averaged(rows[:-age], momentum, 2.0) for rows in repeated if len(rows) > age]
        assert len(taught) in (0, len(repeated))
        targets = torch.stack(taught) if taught else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)

    name = f"soft_target_memory(age={age}, repeat=True, momentum={momentum}, weight=0.5, temperature=2.0)"
    kit.check_training(name, expected, epochs=6)


@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize("age", [1, 2, 4, 6])
def test_an_age_in_iterations_is_the_prediction_of_so_many_steps_before(age: int, momentum: float) -> None:
    # Six iterations an epoch; samples come again as new ones before they are repeated.
    name = f"soft_target_memory(age={age}, unit='iterations', momentum={momentum}, weight=0.5, temperature=2.0)"
    presentations = kit.watched(name, epochs=4)[1].presentations
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
    def expected(each: kit.Presentation) -> Tensor:
        renewals = each.epoch // age
        taught = [averaged(rows[age - 1 : renewals * age : age], 0.6, 2.0) for rows in each.before if renewals]
        targets = torch.stack(taught) if taught else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 2.0, 0.5)

    kit.check_training(
        f"soft_target_memory(age={age}, held=True, momentum=0.6, weight=0.5, temperature=2.0)", expected, epochs=8
    )


@pytest.mark.parametrize(
    ("schedule", "rise"),
    [
        ("constant", lambda epoch: 1.0),
        ("linear", lambda epoch: (epoch + 1) / 5),
        ("stair", lambda epoch: (epoch + 1) / 5),
        ("gaussian", lambda epoch: math.exp(-5 * (1 - min(1, epoch / (5 * 80 / 300))) ** 2)),
    ],
)
@pytest.mark.parametrize("convex", [False, True])
def test_the_weight_follows_its_schedule(schedule: str, rise: object, convex: bool) -> None:
    def expected(each: kit.Presentation) -> Tensor:
        targets = kit.probabilities(torch.stack([rows[-1] for rows in each.before])) if each.epoch else torch.empty(0, CLASSES)
        return by_hand(each.step.logits, each.batch.labels, targets, 1.0, 0.7 * rise(each.epoch), convex)

    name = f"soft_target_memory(weight=0.7, schedule={schedule!r}, convex={convex}, temperature=1.0)"
    kit.check_training(name, expected, epochs=5)


SETTINGS = [
    ("dlb", "unit='iterations'"),
    ("dlb(temperature=2.0, alpha=0.5)", "unit='iterations', temperature=2.0, weight=0.5"),
    ("repeat", "unit='iterations', weight=0"),
    ("repeat", "repeat=True, age=2, weight=0"),
    ("ps_kd", "weight=0.8, schedule='linear', convex=True, temperature=1"),
    ("lwr", "age=5, held=True, weight=0.75, schedule='stair', convex=True, temperature=5"),
    ("lwr(k=2, temperature=3.0, weight=0.5)", "age=2, held=True, weight=0.5, schedule='stair', convex=True"),
    ("lwr(k=1, temperature=3.0, weight=0.5)", "weight=0.5, schedule='linear', convex=True"),
    ("ce", "weight=0"),
]


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_other_methods_are_settings_of_it(method: str, options: str) -> None:
    # From the same state, the same gradient: the other's loss on this one's logits, step for step of a whole training.
    epochs = 7
    one, other = make_method(f"soft_target_memory({options})", epochs=epochs), make_method(method, epochs=epochs).train()
    assert one.composition == other.composition
    gradients: list[tuple[Tensor, Tensor]] = []
    inner_loss, inner_start = one.loss_from_logits, one.start_epoch

    def start_epoch(epoch: int) -> None:
        inner_start(epoch)
        other.start_epoch(epoch)

    def loss_from_logits(logits: Tensor, batch: Batch) -> Tensor:
        loss, copied = inner_loss(logits, batch), logits.detach().requires_grad_()
        (wanted,) = torch.autograd.grad(other.loss_from_logits(copied, batch), copied)
        (got,) = torch.autograd.grad(loss, logits, retain_graph=True)
        other.observe(copied.detach(), batch)
        gradients.append((got, wanted))
        return loss

    one.loss_from_logits, one.start_epoch = loss_from_logits, start_epoch
    train(one, training_set(), replace(CONFIG, epochs=epochs))
    assert len(gradients) == epochs * math.ceil(SAMPLES / (8 if one.composition == "last" else 16))
    for got, wanted in gradients:
        assert got.abs().sum() > 0
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("method", "options"), SETTINGS)
def test_trainings_of_the_settings_end_alike(method: str, options: str) -> None:
    networks = []
    for name in (method, f"soft_target_memory({options})"):
        trained, watch = kit.watched(name, epochs=7)
        networks.append((trained.network.state_dict(), watch.losses))
    for key, value in networks[0][0].items():
        torch.testing.assert_close(networks[1][0][key], value, rtol=1e-3, atol=1e-5)
    if method != "ps_kd":  # whose loss has the target's entropy as well
        np.testing.assert_allclose(networks[0][1], networks[1][1], rtol=1e-4, atol=1e-5)
    if "weight=0" in options.replace("weight=0.", ""):
        assert all(torch.equal(value, networks[1][0][key]) for key, value in networks[0][0].items())


def test_the_loss_of_ps_kd_differs_by_the_entropy_of_its_target() -> None:
    pairs = [kit.watched(name)[1].presentations for name in ("ps_kd", f"soft_target_memory({SETTINGS[4][1]})")]
    for one, other in zip(*pairs, strict=True):
        entropy = 0.0
        if one.epoch:
            t = kit.probabilities(torch.stack([rows[-1] for rows in one.before]))
            entropy = 0.8 * (one.epoch + 1) / 5 * float(-(t * t.log()).sum(1).mean())
        assert float(one.step.loss) == pytest.approx(float(other.step.loss) + entropy, rel=1e-4, abs=1e-5)


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


def test_an_age_beyond_an_epoch_is_to_be_written_in_epochs() -> None:
    with pytest.raises(ValueError, match="at most the 6 iterations of an epoch, got 7"):
        kit.watched("soft_target_memory(age=7, unit='iterations')")


@pytest.mark.parametrize(
    ("options", "message"),
    [("weight=2.0, convex=True", "weight"), ("held=True, repeat=True", "held"), ("held=True, unit='iterations'", "held")],
)
def test_options_that_do_not_fit_each_other_are_refused(options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_method(f"soft_target_memory({options})")


@pytest.mark.parametrize("momentum", [0.0, 0.6])
@pytest.mark.parametrize(("rows", "every"), [(1, 1), (3, 1), (1, 2), (2, 3)])
def test_a_history_keeps_the_latest_targets_of_each_sample(rows: int, every: int, momentum: float) -> None:
    history, made = TargetHistory(rows, 4, 3, every=every, momentum=momentum), kit.draw(7, 3).softmax(1).float()
    expected: list[Tensor] = []
    total = torch.zeros(3)
    for n, row in enumerate(made, start=1):
        # Sample 2 is written by the last of its two entries, and sample 0 not at all.
        history.write(torch.tensor([2, 3, 2]), torch.stack([torch.full((3,), 9.0), torch.full((3,), 0.5), row]))
        if n % every == 0:
            total = momentum * total + (1 - momentum) * row
            expected.append(total / (1 - momentum ** (len(expected) + 1)))
        for number in range(max(1, len(expected) - rows + 1), len(expected) + 1):
            read = history.read(torch.tensor([2]), torch.tensor([number]))[0]
            torch.testing.assert_close(read, expected[number - 1])
    assert history.predictions.tolist() == [0, 0, 7, 7]
    assert not history.targets[:, 0].any()
