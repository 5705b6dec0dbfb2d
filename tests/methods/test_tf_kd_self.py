"""Tf-KD_self: its formula and its teacher."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.methods.tf_kd_self import TfKDSelf, tf_kd_self_loss


@pytest.mark.parametrize(("temperature", "alpha", "beta"), [(6.0, 0.95, 0.475), (1.0, 0.0, 1.0), (3.0, 1.0, 2.0)])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float, alpha: float, beta: float) -> None:
    def formula(labels: Tensor, z: Tensor, teacher: Tensor) -> Tensor:
        taught = temperature**2 * kit.divergence(kit.probabilities(teacher, temperature), z, temperature)
        return (1 - alpha) * kit.cross_entropy(z, labels) + beta * taught

    weights = {"temperature": temperature, "alpha": alpha, "beta": beta}
    kit.check_formula(lambda y, z, t: tf_kd_self_loss(z, y, t, **weights), formula, taught=1)


def test_alpha_takes_from_the_label_and_beta_and_temperature_give_to_the_teacher() -> None:
    z, teacher, labels = kit.draw(4, 3), kit.draw(4, 3, seed=1), kit.draw_labels(4, 3)

    def loss(alpha: float, beta: float) -> Tensor:
        return tf_kd_self_loss(z, labels, teacher, temperature=2.0, alpha=alpha, beta=beta)

    torch.testing.assert_close(loss(0, 0), kit.cross_entropy(z, labels))
    torch.testing.assert_close(loss(0.75, 0), loss(0, 0) / 4)
    assert loss(1, 0) == 0
    torch.testing.assert_close(loss(1, 3), 3 * loss(1, 1))
    kit.check_temperature(lambda s, t, heat: tf_kd_self_loss(s, torch.tensor([0]), t, temperature=heat, alpha=1, beta=1))


def test_the_teacher_is_the_finished_network_of_ce() -> None:
    teachers = kit.Untrained()
    method = kit.build("tf_kd_self(temperature=2.0, alpha=0.5, beta=0.7)", teachers=teachers)
    assert teachers.asked == [("ce()", None)]
    assert method.num_trainings(alpha=0.5) == TfKDSelf.num_trainings() == 2
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    teacher = kit.build("ce", seed=100).eval()(batch.images)
    expected = tf_kd_self_loss(step.logits, batch.labels, teacher, temperature=2.0, alpha=0.5, beta=0.7)
    torch.testing.assert_close(step.loss, expected)
    student = {parameter.data_ptr() for parameter in method.network.parameters()}
    assert not student & {parameter.data_ptr() for parameter in method.teacher.parameters()}, "not its own teacher"
