"""BAN: its formula, and its generations."""

from pathlib import Path

import pytest
import torch
from helpers_methods import (
    Untrained,
    assert_formula,
    assert_gradients,
    assert_resumes,
    assert_small_cases,
    assert_temperature,
    build,
    cross_entropy,
    divergence,
    draw,
    draw_labels,
    make_batch,
    probabilities,
)
from helpers_training import training_set
from torch import Tensor

from noisylab.core.registries import METHODS
from noisylab.methods.ban import BAN, ban_loss


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize(("count", "classes"), [(5, 4), (1, 3), (3, 1)])
def test_loss_and_gradient_are_those_of_the_formula(count: int, classes: int, temperature: float) -> None:
    labels = draw_labels(count, classes)

    def formula(z: Tensor, teacher: Tensor) -> Tensor:
        p, q, total = probabilities(z, temperature), probabilities(teacher.detach(), temperature), torch.zeros(())
        for i in range(count):
            for k in range(classes):
                total = total - q[i, k] * torch.log(p[i, k])
        return cross_entropy(z, labels) + temperature**2 * total / count

    def loss(z: Tensor, teacher: Tensor) -> Tensor:
        return ban_loss(z, labels, teacher, temperature=temperature)

    assert_formula(loss, formula, [draw(count, classes)], [draw(count, classes, seed=1)])


def test_but_for_the_teacher_s_entropy_it_is_a_divergence_that_grows_with_temperature() -> None:
    z, teacher, labels = draw(4, 3), draw(4, 3, seed=1), draw_labels(4, 3)
    q = probabilities(teacher)
    expected = cross_entropy(z, labels) + divergence(q, probabilities(z)) - (q * torch.log(q)).sum(1).mean()
    torch.testing.assert_close(ban_loss(z, labels, teacher, temperature=1.0), expected)
    label = torch.tensor([0])

    def taught(s: Tensor, t: Tensor, temperature: float) -> Tensor:
        apart = torch.nn.functional.cross_entropy(s, label) - torch.nn.functional.cross_entropy(t, label)
        return ban_loss(s, label, t, temperature=temperature) - ban_loss(t, label, t, temperature=temperature) - apart

    assert_temperature(lambda s, t, temperature: taught(s.double(), t.double(), temperature))


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
    class Once(Untrained):
        def trained(self, method: str, *, model: str | None = None):  # type: ignore[no-untyped-def]
            self.asked.append((str(METHODS.parse(method)), model))
            return build("ce", seed=100)

    teachers = Once()
    method = build(spec, teachers=teachers)
    assert teachers.asked == [(str(METHODS.parse(asked)), None)]
    assert BAN.num_trainings(**METHODS.parse(spec).options) == trainings
    batch = make_batch(method)
    step = assert_gradients(method, batch)
    teacher = build("ce", seed=100).eval()(batch.images)
    torch.testing.assert_close(step.loss, ban_loss(step.logits, batch.labels, teacher, temperature=method.temperature))
    assert_gradients(build(spec), make_batch(method, new=1))


def test_a_teacher_s_own_teacher_is_not_kept() -> None:
    names = [set(build(spec).state_dict()) for spec in ("ban:2", "ban:4")]
    assert names[0] == names[1]


def test_one_generation_alone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"generations.*>= 2"):
        build("ban:1")


def test_training_goes_on_to_the_bit(tmp_path: Path) -> None:
    assert len(training_set().images) % 16
    assert_resumes("ban:3", tmp_path)
    assert_small_cases("ban")
