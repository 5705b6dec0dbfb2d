"""Tf-KD_reg: the printed formula, and what the public code makes of it."""

import math

import pytest
import torch
from method_kit import SIZES, check_formula, cross_entropy, divergence, draw, draw_labels
from torch import Tensor

from noisylab.methods.lsr import lsr_loss
from noisylab.methods.tf_kd_reg import Form, tf_kd_reg_loss, virtual_teacher

ORDINARY = [(20.0, 0.1, 0.99), (1.0, 0.5, 0.8), (4.0, 1.0, 1.0), (2.0, 1.0, 0.0)]


def by_hand(labels: Tensor, classes: int, temperature: float, correct: float, form: Form) -> Tensor:
    """p_d^(1/T) over its sum, or exp(p_d / T) over its sum, entry by entry."""
    others = (1 - correct) / max(classes - 1, 1)
    rows = [[1.0 if classes == 1 else correct if k == g else others for k in range(classes)] for g in labels.tolist()]
    made = [[p ** (1 / temperature) if form == "paper" else math.exp(p / temperature) for p in row] for row in rows]
    return torch.tensor([[each / sum(row) for each in row] for row in made], dtype=torch.float64)


@pytest.mark.parametrize("form", ["code", "paper"])
@pytest.mark.parametrize(("temperature", "alpha", "correct"), ORDINARY)
def test_loss_and_gradient_are_those_of_the_formula(temperature: float, alpha: float, correct: float, form: Form) -> None:
    def formula(labels: Tensor, z: Tensor) -> Tensor:
        teacher = by_hand(labels, z.shape[1], temperature, correct, form)
        taught = divergence(teacher, z, temperature if form == "paper" else 1.0)
        return (1 - alpha) * cross_entropy(z, labels) + alpha * taught

    weights = {"temperature": temperature, "alpha": alpha, "correct": correct}
    check_formula(lambda y, z: tf_kd_reg_loss(z, y, **weights, form=form), formula, sizes=(*SIZES, (4, 2)))


def test_the_printed_teacher_is_sure_at_t_1_and_nearly_even_at_t_20() -> None:
    options = {"correct": 0.99, "form": "paper", "dtype": torch.float64}
    made = {t: virtual_teacher(torch.tensor([2]), 4, temperature=t, **options)[0] for t in (1e-4, 1, 20)}
    torch.testing.assert_close(made[1], torch.tensor([0.01 / 3, 0.01 / 3, 0.99, 0.01 / 3], dtype=torch.float64))
    torch.testing.assert_close(made[1e-4], torch.tensor([0, 0, 1, 0], dtype=torch.float64))
    assert 0.25 < made[20][2] < 0.35
    for row in made.values():
        assert float(row.sum()) == pytest.approx(1)


@pytest.mark.parametrize("form", ["code", "paper"])
def test_alpha_takes_from_the_label_what_it_gives_to_the_teacher(form: Form) -> None:
    z, labels = draw(4, 3), draw_labels(4, 3)
    loss = {a: tf_kd_reg_loss(z, labels, temperature=3.0, alpha=a, correct=0.9, form=form) for a in (0.0, 0.5, 1.0)}
    torch.testing.assert_close(loss[0.0], cross_entropy(z, labels))
    torch.testing.assert_close(loss[0.5], (loss[0.0] + loss[1.0]) / 2)


def test_the_code_s_form_is_label_smoothing_and_the_printed_one_is_weaker_cross_entropy() -> None:
    z, labels = draw(64, 10).requires_grad_(), draw_labels(64, 10)
    weights = {"temperature": 20.0, "alpha": 0.1, "correct": 0.99}
    losses = [tf_kd_reg_loss(z, labels, **weights), tf_kd_reg_loss(z, labels, **weights, form="paper")]
    code, printed = (torch.autograd.grad(loss, z)[0] for loss in losses)
    smoothed, ce = (torch.autograd.grad(loss, z)[0] for loss in (lsr_loss(z, labels, epsilon=0.1), cross_entropy(z, labels)))
    assert (code - smoothed).norm() < 0.001 * smoothed.norm()
    assert (printed - 0.9 * ce).norm() < 0.005 * ce.norm()
    assert (code - 0.9 * ce).norm() > 0.01 * ce.norm()
