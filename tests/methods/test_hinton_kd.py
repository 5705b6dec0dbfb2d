"""Knowledge distillation: its formula and its teacher, of another network or of the student's own."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.core.registries import MODELS
from noisylab.methods.hinton_kd import HintonKD, hinton_kd_loss


@pytest.mark.parametrize(("temperature", "alpha"), [(4.0, 0.9), (1.0, 0.5), (2.0, 1.0)])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float, alpha: float) -> None:
    def formula(labels: Tensor, z: Tensor, teacher: Tensor) -> Tensor:
        taught = temperature**2 * kit.divergence(kit.probabilities(teacher, temperature), z, temperature)
        return (1 - alpha) * kit.cross_entropy(z, labels) + alpha * taught

    kit.check_formula(lambda y, z, t: hinton_kd_loss(z, y, t, temperature=temperature, alpha=alpha), formula, taught=1)


def test_alpha_moves_weight_from_the_label_to_the_teacher() -> None:
    z, teacher, labels = kit.draw(4, 3), kit.draw(4, 3, seed=1), kit.draw_labels(4, 3)
    loss = {a: hinton_kd_loss(z, labels, teacher, temperature=4.0, alpha=a) for a in (0.0, 0.25, 1.0)}
    torch.testing.assert_close(loss[0.0], kit.cross_entropy(z, labels))
    torch.testing.assert_close(loss[0.25], 0.75 * loss[0.0] + 0.25 * loss[1.0])
    kit.check_temperature(lambda s, t, heat: hinton_kd_loss(s, torch.tensor([0]), t, temperature=heat, alpha=1.0))


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        ("hinton_kd", None),
        ("hinton_kd(teacher='resnet20')", str(MODELS.parse("resnet20"))),
        ("hinton_kd:resnet20", str(MODELS.parse("resnet20"))),
        ("hinton_kd:small_cnn(width=32)", "small_cnn(width=32)"),
    ],
)
def test_the_teacher_is_a_finished_network_of_the_model_asked_for(spec: str, asked: str | None) -> None:
    teachers = kit.Untrained()
    method = kit.build(spec, teachers=teachers)
    assert teachers.asked == [("ce()", asked)]
    assert method.num_trainings() == HintonKD.num_trainings(teacher=asked) == 2
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    teacher = kit.build("ce", seed=100).eval()(batch.images)
    torch.testing.assert_close(step.loss, hinton_kd_loss(step.logits, batch.labels, teacher, temperature=4.0, alpha=0.9))


@pytest.mark.parametrize("teacher", ["'resnet21'", "'small_cnn:0'", "3"])
def test_a_teacher_that_cannot_be_made_is_refused_before_training(teacher: str) -> None:
    with pytest.raises(ValueError, match=r"resnet20|width|teacher"):
        kit.build(f"hinton_kd(teacher={teacher})")
