"""Tf-KD_reg: the paper's formula, and what the public code makes of it."""

import pytest
import torch
from method_kit import SIZES, check_formula, cross_entropy, divergence, draw, draw_labels
from torch import Tensor
from torch.nn import functional

from noisylab.methods.lsr import lsr_loss
from noisylab.methods.tf_kd_reg import tf_kd_reg_loss, virtual_teacher


def by_hand(labels: Tensor, classes: int, temperature: float, correct: float) -> Tensor:
    """p_d at temperature T: p_d^(1/T) over its sum, entry by entry."""
    others = (1 - correct) / max(classes - 1, 1)
    rows = [[1.0 if classes == 1 else correct if k == g else others for k in range(classes)] for g in labels.tolist()]
    p = torch.tensor(rows, dtype=torch.float64) ** (1 / temperature)
    return p / p.sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("temperature", "alpha", "correct"), [(20.0, 0.1, 0.99), (1.0, 0.5, 0.8), (4.0, 1.0, 1.0), (2.0, 1.0, 0.0)]
)
def test_loss_and_gradient_are_those_of_the_formula(temperature: float, alpha: float, correct: float) -> None:
    def formula(labels: Tensor, z: Tensor) -> Tensor:
        taught = divergence(by_hand(labels, z.shape[1], temperature, correct), z, temperature)
        return (1 - alpha) * cross_entropy(z, labels) + alpha * taught

    weights = {"temperature": temperature, "alpha": alpha, "correct": correct}
    check_formula(lambda y, z: tf_kd_reg_loss(z, y, **weights), formula, sizes=(*SIZES, (4, 2)))


def test_the_teacher_made_by_hand_is_sure_at_t_1_and_nearly_even_at_t_20() -> None:
    made = {
        t: virtual_teacher(torch.tensor([2]), 4, temperature=t, correct=0.99, dtype=torch.float64)[0] for t in (1e-4, 1, 20)
    }
    torch.testing.assert_close(made[1], torch.tensor([0.01 / 3, 0.01 / 3, 0.99, 0.01 / 3], dtype=torch.float64))
    assert made[1e-4].tolist() == [0, 0, 1, 0]
    assert 0.25 < made[20][2] < 0.35
    for row in made.values():
        assert float(row.sum()) == pytest.approx(1)


def test_alpha_takes_from_the_label_what_it_gives_to_the_teacher() -> None:
    z, labels = draw(4, 3), draw_labels(4, 3)
    loss = {a: tf_kd_reg_loss(z, labels, temperature=3.0, alpha=a, correct=0.9) for a in (0.0, 0.5, 1.0)}
    torch.testing.assert_close(loss[0.0], cross_entropy(z, labels))
    torch.testing.assert_close(loss[0.5], (loss[0.0] + loss[1.0]) / 2)


def test_the_public_code_s_form_has_the_gradient_of_label_smoothing_and_ours_has_not() -> None:
    z, labels, alpha = draw(6, 10).requires_grad_(), draw_labels(6, 10), 0.1
    p = torch.full((6, 10), 0.01 / 9, dtype=torch.float64).scatter(1, labels[:, None], 0.99)
    public = (1 - alpha) * cross_entropy(z, labels) + alpha * divergence(functional.softmax(p / 20.0, dim=1), z)
    # Its teacher is even but for exp(.99 / 20) on the label: nearly the smoothing with epsilon = alpha.
    smoothed, ours = lsr_loss(z, labels, epsilon=alpha), tf_kd_reg_loss(z, labels, temperature=20.0, alpha=0.1, correct=0.99)
    gradients = [torch.autograd.grad(loss, z)[0] for loss in (public, smoothed, ours)]
    assert (gradients[0] - gradients[1]).norm() < 0.005 * gradients[1].norm()
    assert (gradients[2] - gradients[1]).norm() > 0.02 * gradients[1].norm()
