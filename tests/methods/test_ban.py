"""BAN: its formula, and its generations."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.core.registries import METHODS
from noisylab.methods.ban import BAN, ban_loss


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float) -> None:
    def formula(labels: Tensor, z: Tensor, teacher: Tensor) -> Tensor:
        soft = -(kit.probabilities(teacher, temperature) * torch.log(kit.probabilities(z, temperature))).sum() / len(z)
        return kit.cross_entropy(z, labels) + temperature**2 * soft

    kit.check_formula(lambda y, z, t: ban_loss(z, y, t, temperature=temperature), formula, taught=1)


def test_but_for_the_teacher_s_entropy_it_is_a_divergence_that_grows_with_temperature() -> None:
    z, teacher, labels = kit.draw(4, 3), kit.draw(4, 3, seed=1), kit.draw_labels(4, 3)
    q = kit.probabilities(teacher)
    expected = kit.cross_entropy(z, labels) + kit.divergence(q, z) - (q * torch.log(q)).sum(1).mean()
    torch.testing.assert_close(ban_loss(z, labels, teacher, temperature=1.0), expected)
    label = torch.tensor([0])

    def taught(s: Tensor, t: Tensor, temperature: float) -> Tensor:
        s, t = s.double(), t.double()
        apart = kit.cross_entropy(s, label) - kit.cross_entropy(t, label)
        return ban_loss(s, label, t, temperature=temperature) - ban_loss(t, label, t, temperature=temperature) - apart

    kit.check_temperature(taught)


@pytest.mark.parametrize(
    ("spec", "asked", "trainings"),
    [
        ("ban", "ce", 2),
        ("ban:2", "ce", 2),
        ("ban:3", "ban(generations=2, temperature=1.0)", 3),
        ("ban(generations=4, temperature=2)", "ban(generations=3, temperature=2.0)", 4),
    ],
)
def test_each_generation_is_taught_by_the_one_before(spec: str, asked: str, trainings: int) -> None:
    teachers = kit.Untrained()
    method = kit.build(spec, teachers=teachers)
    assert teachers.asked == [(str(METHODS.parse(asked)), None)]
    assert BAN.num_trainings(**METHODS.parse(spec).options) == trainings
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    teacher = kit.build(asked, seed=100).eval()(batch.images)
    torch.testing.assert_close(step.loss, ban_loss(step.logits, batch.labels, teacher, temperature=method.temperature))


def test_a_teacher_s_own_teacher_is_not_kept() -> None:
    names = [set(kit.build(spec).state_dict()) for spec in ("ban:2", "ban:4")]
    assert names[0] == names[1]


def test_one_generation_alone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"generations.*>= 2"):
        kit.build("ban:1")
