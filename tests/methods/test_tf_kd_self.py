"""Tf-KD_self: its formula and its teacher."""

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
from torch import Tensor

from noisylab.methods.tf_kd_self import TfKDSelf, tf_kd_self_loss


@pytest.mark.parametrize(("temperature", "alpha", "beta"), [(6.0, 0.95, 0.475), (1.0, 0.0, 1.0), (3.0, 1.0, 2.0)])
@pytest.mark.parametrize(("count", "classes"), [(5, 4), (1, 3), (3, 1)])
def test_loss_and_gradient_are_those_of_the_formula(
    count: int, classes: int, temperature: float, alpha: float, beta: float
) -> None:
    labels = draw_labels(count, classes)

    def formula(z: Tensor, teacher: Tensor) -> Tensor:
        taught = divergence(probabilities(teacher.detach(), temperature), probabilities(z, temperature))
        return (1 - alpha) * cross_entropy(z, labels) + beta * temperature**2 * taught

    def loss(z: Tensor, teacher: Tensor) -> Tensor:
        return tf_kd_self_loss(z, labels, teacher, temperature=temperature, alpha=alpha, beta=beta)

    assert_formula(loss, formula, [draw(count, classes)], [draw(count, classes, seed=1)])


def test_alpha_takes_from_the_label_and_beta_and_temperature_give_to_the_teacher() -> None:
    z, teacher, labels = draw(4, 3), draw(4, 3, seed=1), draw_labels(4, 3)

    def loss(alpha: float, beta: float) -> Tensor:
        return tf_kd_self_loss(z, labels, teacher, temperature=2.0, alpha=alpha, beta=beta)

    torch.testing.assert_close(loss(0, 0), cross_entropy(z, labels))
    torch.testing.assert_close(loss(0.75, 0), loss(0, 0) / 4)
    assert loss(1, 0) == 0
    torch.testing.assert_close(loss(1, 3), 3 * loss(1, 1))
    label = torch.tensor([0])
    assert_temperature(lambda s, t, temperature: tf_kd_self_loss(s, label, t, temperature=temperature, alpha=1, beta=1))


def test_the_teacher_is_the_finished_network_of_ce_and_only_the_student_learns() -> None:
    teachers = Untrained()
    method = build("tf_kd_self(temperature=2.0, alpha=0.5, beta=0.7)", teachers=teachers)
    assert teachers.asked == [("ce", None)]
    assert method.num_trainings(alpha=0.5) == TfKDSelf.num_trainings() == 2
    batch = make_batch(method)
    step = assert_gradients(method, batch)
    teacher = build("ce", seed=100).eval()(batch.images)
    expected = tf_kd_self_loss(step.logits, batch.labels, teacher, temperature=2.0, alpha=0.5, beta=0.7)
    torch.testing.assert_close(step.loss, expected)
    assert_gradients(method_of_one := build("tf_kd_self"), make_batch(method_of_one, new=1))


def test_the_student_is_not_its_own_teacher() -> None:
    method = build("tf_kd_self")
    student = {parameter.data_ptr() for parameter in method.network.parameters()}
    assert not student & {parameter.data_ptr() for parameter in method.teacher.parameters()}
    method.eval()
    images = make_batch(method).images
    assert torch.equal(method(images), method.network(images))


def test_training_goes_on_to_the_bit(tmp_path: Path) -> None:
    assert_resumes("tf_kd_self", tmp_path)
    assert_small_cases("tf_kd_self")
