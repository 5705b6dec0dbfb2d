"""Losses that are added to another one (`on=`): against both, written out by hand over a whole training."""

import math
from collections.abc import Callable
from pathlib import Path

import method_kit as kit
import pytest
import torch
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, same_state, training_set
from torch import Tensor, nn

from noisylab.core.registries import METHODS
from noisylab.methods import DLBLoss, Method, composed
from noisylab.methods.composed import Composed, base_losses
from noisylab.training import train

EPOCHS = 4
# Per sample, of its probabilities and its given label.
KNOWN = 0.6 * torch.eye(CLASSES).double() + 0.1
UNIFORM = (1 - 0.99) / (CLASSES - 1)


def virtual(p: Tensor, g: int) -> Tensor:
    raised = [math.exp((0.99 if k == g else UNIFORM) / 20) for k in range(CLASSES)]
    taught = sum(t / sum(raised) * (math.log(t / sum(raised)) - torch.log(p[k])) for k, t in enumerate(raised))
    return -0.9 * torch.log(p[g]) + 0.1 * taught


PLAIN: dict[str, Callable[[Tensor, int], Tensor]] = {
    "ce": lambda p, g: -torch.log(p[g]),
    "gce": lambda p, g: (1 - p[g] ** 0.7) / 0.7,
    "sce": lambda p, g: -0.1 * torch.log(p[g]) - math.log(1e-4) * (1 - p[g]),
    "lsr": lambda p, g: -0.9 * torch.log(p[g]) - 0.1 / CLASSES * torch.log(p).sum(),
    "bootstrap_soft": lambda p, g: -0.95 * torch.log(p[g]) - 0.05 * (p * torch.log(p)).sum(),
    "bootstrap_hard": lambda p, g: -0.8 * torch.log(p[g]) - 0.2 * torch.log(p.max()),
    "nce_rce": lambda p, g: torch.log(p[g]) / torch.log(p).sum() - math.log(1e-4) * (1 - p[g]),
    "forward_correction(transition='known')": lambda p, g: -torch.log((KNOWN.T @ p)[g]),
    "tf_kd_reg": virtual,
}


class Elr:
    def __init__(self) -> None:
        self.targets = torch.zeros(SAMPLES, CLASSES).double()

    def each(self, p: Tensor, g: int, i: int, epoch: int, last: Tensor) -> Tensor:
        clamped, last = (q.clamp(1e-4, 1 - 1e-4) for q in (p, last))
        target = 0.7 * self.targets[i] + 0.3 * last / last.sum()
        return -torch.log(p[g]) + 3 * torch.log(1 - (target * clamped).sum())

    def keep(self, p: Tensor, i: int) -> None:
        clamped = p.clamp(1e-4, 1 - 1e-4)
        self.targets[i] = 0.7 * self.targets[i] + 0.3 * clamped / clamped.sum()


class PsKd(Elr):
    def each(self, p: Tensor, g: int, i: int, epoch: int, last: Tensor) -> Tensor:
        weight = 0.8 * (epoch + 1) / EPOCHS if epoch else 0
        return -(1 - weight) * torch.log(p[g]) - weight * (self.targets[i] * torch.log(p)).sum()

    def keep(self, p: Tensor, i: int) -> None:
        self.targets[i] = p


class Lwr(PsKd):
    """k = 1: the weight is .75 t / E, and the targets are renewed in every epoch."""

    def each(self, p: Tensor, g: int, i: int, epoch: int, last: Tensor) -> Tensor:
        if epoch == 0:
            return -torch.log(p[g])
        weight, soft = 0.75 * (epoch + 1) / EPOCHS, p**0.2 / (p**0.2).sum()
        taught = 25 * (self.targets[i] * (torch.log(self.targets[i]) - torch.log(soft))).sum()
        return -(1 - weight) * torch.log(p[g]) + weight * taught

    def keep(self, p: Tensor, i: int) -> None:
        self.targets[i] = p**0.2 / (p**0.2).sum()


class Ensemble(PsKd):
    """A mean that is corrected for its start, with the rate of the epoch."""

    epoch = 0

    def each(self, p: Tensor, g: int, i: int, epoch: int, last: Tensor) -> Tensor:
        self.epoch = epoch
        weight = 300 * math.exp(-5 * (1 - min(1, epoch / (EPOCHS * 80 / 300))) ** 2) if epoch else 0
        return -torch.log(p[g]) + weight * (p - self.targets[i]).square().mean()

    def keep(self, p: Tensor, i: int) -> None:
        rate = 0.4 / (1 - 0.6 ** (self.epoch + 1))
        self.targets[i] = (1 - rate) * self.targets[i] + rate * p


REMEMBERING = {"elr": Elr, "ps_kd": PsKd, "lwr(k=1)": Lwr, "temporal_ensembling": Ensemble}
BASES = [*PLAIN, *REMEMBERING]


def by_hand(watch: kit.Watch, base: str, alpha: float) -> list[float]:
    """The losses of a training on batches [repeated, new], from its logits."""
    memory = REMEMBERING.get(base, Elr)()
    losses, last = [], torch.empty(0, CLASSES)
    for epoch, batch, step, _ in watch.presentations:
        p = kit.probabilities(step.logits)
        rows = list(zip(p, batch.labels.tolist(), batch.index.tolist(), strict=True))
        # Where an epoch ends, a sample can be in both halves: its last entry is remembered.
        newest = {i: q for q, _, i in rows}
        each = [memory.each(q, g, i, epoch, newest[i]) if base in REMEMBERING else PLAIN[base](q, g) for q, g, i in rows]
        loss = sum(map(float, each)) / len(each)
        if len(last):
            taught = kit.divergence(kit.probabilities(last, 2.0), step.logits[: len(last)], 2.0)
            loss += alpha * 4 * float(taught)
        losses.append(loss)
        for i, q in newest.items():
            memory.keep(q, i)
        last = step.logits[batch.new]
    return losses


@pytest.mark.parametrize("base", BASES)
def test_the_loss_is_the_base_over_all_entries_and_the_distillation(base: str) -> None:
    for method, alpha in ((f'dlb(temperature=2, alpha=1.5, on="{base}")', 1.5), (f'repeat(on="{base}")', 0.0)):
        watch = kit.watched(method, EPOCHS)[1]
        assert watch.losses == pytest.approx(by_hand(watch, base, alpha), rel=1e-5, abs=1e-5)


def base_spec(name: str) -> str:
    return "forward_correction(transition='known')" if name == "forward_correction" else name


@pytest.mark.parametrize("name", base_losses())
def test_without_distillation_dlb_is_repeat_to_the_bit_on_every_base(name: str) -> None:
    trained = [make_method(f'{outer}on="{base_spec(name)}")') for outer in ("dlb(alpha=0, ", "repeat(")]
    for method in trained:
        train(method, training_set(), CONFIG)
    assert same_state(trained[0].network, trained[1].network)
    assert same_state(trained[0].base, trained[1].base)


@pytest.mark.parametrize("name", base_losses())
def test_every_base_gives_a_gradient_and_goes_on_to_the_bit(name: str, tmp_path: Path) -> None:
    spec = f'dlb(on="{base_spec(name)}")'
    kit.check_gradients(kit.build(spec), kit.make_batch(kit.build(spec)))
    whole, cut, again = (make_method(spec) for _ in range(3))
    train(whole, training_set(), CONFIG)
    with pytest.raises(KeyboardInterrupt):
        train(cut, training_set(), CONFIG, [kit.Watch(stop=2)], checkpoint=tmp_path / "c.pt", checkpoint_seconds=0)
    train(again, training_set(), CONFIG, [kit.Watch()], checkpoint=tmp_path / "c.pt")
    assert same_state(whole, again)


def test_the_base_has_no_network_and_its_teachers_are_prepared() -> None:
    made = list[nn.Module]()

    def network(number: int) -> nn.Module:
        made.append(kit.make_network(seed=number))
        return made[-1]

    teachers = kit.Untrained()
    method = kit.build('dlb(on="forward_correction")', teachers=teachers, networks=network)  # type: ignore[arg-type]
    assert len(made) == 1
    assert not list(method.base.network.parameters())
    assert teachers.asked == [("ce()", None)]
    assert method.base.transition.sum() > 0
    assert METHODS.load("dlb").num_trainings(on="forward_correction()") == 2
    assert METHODS.load("dlb").num_trainings(on="elr()") == 1


def test_every_hook_reaches_the_base_or_keeps_a_method_from_being_one() -> None:
    hooks = {name for name, value in vars(Method).items() if callable(value) and not name.startswith("_")}
    of_network = {"assess", "forward"}
    own = {"loss", "loss_from_logits"}
    assert hooks & set(vars(Composed)) == hooks - own - of_network
    for hook in of_network:
        judging = type("Judging", (Method,), {"is_base_loss": True, hook: lambda self: None})
        assert not composed._is_base(judging)


def test_a_base_changes_gradients_and_the_place_in_the_schedule() -> None:
    method = make_method("dlb(on='volminnet')")
    method.base.adjust_gradients = lambda: method.base.weights.grad.zero_()
    method.base.schedule_position = lambda progress: progress / 2
    before = method.base.weights.detach().clone()
    train(method, training_set(), CONFIG)
    assert torch.equal(method.base.weights, before)
    assert method.schedule_position(3.0) == 1.5


@pytest.mark.parametrize("on", ["dml", "dlb", "coteaching", "ps_kd(snapshot=True)", "cs_kd"])
def test_a_method_that_needs_a_network_is_no_base(on: str) -> None:
    with pytest.raises(ValueError, match=r"on must be a method whose loss .* got .*; it can be .*bootstrap_hard.* gce, .*lsr"):
        kit.build(f'repeat(on="{on}")')
    with pytest.raises(ValueError, match="did you mean"):
        METHODS.parse('dlb(on="gec")')


def test_the_text_is_canonical_and_the_default_is_not_shown() -> None:
    assert METHODS.parse("dlb(on='ce')").label == METHODS.parse("dlb").label == "dlb"
    assert str(METHODS.parse("dlb(on='ce')")) == str(METHODS.parse("dlb"))
    assert METHODS.parse("repeat(on='gce(q=0.7)')").label == "repeat(on='gce')"


def test_the_public_loss_adds_to_any_callable() -> None:
    smooth = nn.CrossEntropyLoss(label_smoothing=0.2)
    criterion, plain = DLBLoss(2.0, 1.5, base=smooth), DLBLoss(2.0, 1.5)
    first, second, labels = torch.randn(3, 4), torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    assert torch.equal(criterion(first, labels[:3]), smooth(first, labels[:3]))
    plain(first, labels[:3])
    added = plain(second, labels) - nn.functional.cross_entropy(second, labels)
    torch.testing.assert_close(criterion(second, labels), smooth(second, labels) + added)
    criterion.eval()
    assert torch.equal(criterion(second, labels), smooth(second, labels))
