"""Backward correction against its formula, its expectation under noise, and its matrix."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, SAMPLES, Finished, network, training_set
from method_kit import Untrained, average, build, check_far_off, check_formula, draw, draw_labels, some_batch
from torch import Tensor
from torch.nn import functional

from noisylab.corruption import anchor_points
from noisylab.methods import Method, RunInfo
from noisylab.methods.backward_correction import BackwardCorrection, backward_corrected_loss

# Not symmetric, so that its inverse's transpose is another matrix.
SKEWED = torch.tensor([[0.6, 0.4, 0.0, 0.0], [0.0, 0.9, 0.1, 0.0], [0.1, 0.0, 0.7, 0.2], [0.0, 0.0, 0.0, 1.0]]).double()
UNIFORM = 0.5 * torch.eye(4, dtype=torch.float64) + 0.125


@pytest.mark.parametrize("transition", [SKEWED, UNIFORM], ids=["skewed", "uniform"])
def test_loss_and_gradient_are_those_of_the_formula(transition: Tensor) -> None:
    inverse = torch.from_numpy(np.linalg.inv(transition.numpy()))

    def by_hand(p: list[Tensor], g: int) -> Tensor:
        return sum(float(inverse[g, j]) * -torch.log(p[j]) for j in range(len(p)))

    check_formula(
        lambda y, z: backward_corrected_loss(z, y, inverse), average(by_hand), sizes=((8, 4), (4, 4), (1, 4)), halves=True
    )
    check_far_off(lambda y, z: backward_corrected_loss(z, y, inverse[:3, :3]))


def test_on_average_over_the_given_labels_it_is_the_cross_entropy_of_the_true_class() -> None:
    inverse, logits = torch.linalg.inv(SKEWED), draw(1, 4)
    for true in range(4):
        losses = torch.stack([backward_corrected_loss(logits, torch.tensor([given]), inverse) for given in range(4)])
        torch.testing.assert_close(SKEWED[true] @ losses, functional.cross_entropy(logits, torch.tensor([true])))


def test_without_noise_it_is_cross_entropy_and_with_noise_it_can_be_negative() -> None:
    logits, labels = draw(8, 4), draw_labels(8, 4)
    identity = torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(backward_corrected_loss(logits, labels, identity), functional.cross_entropy(logits, labels))
    sure = torch.tensor([[9.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    assert backward_corrected_loss(sure, torch.tensor([0]), torch.linalg.inv(UNIFORM)) < -5


@pytest.mark.parametrize("percentile", [None, 90.0])
def test_the_inverse_is_that_of_the_matrix_of_a_network_trained_with_ce(percentile: float | None) -> None:
    data = training_set()
    teachers, method = Finished(data), BackwardCorrection(RunInfo(network, CLASSES, SAMPLES, 3), percentile=percentile)
    method.prepare(teachers)
    assert teachers.asked == [("ce", None)]
    again = Finished(data)
    estimate = anchor_points(again.logits(again.trained("ce")).double().softmax(1).numpy(), percentile=percentile)
    torch.testing.assert_close(method.inverse @ method.transition, torch.eye(CLASSES), atol=1e-3, rtol=0)
    torch.testing.assert_close(method.transition, torch.tensor(estimate, dtype=torch.float32))


def test_the_true_matrix_is_inverted_and_used_by_the_row_of_the_given_label() -> None:
    method = BackwardCorrection(RunInfo(network, 4, SAMPLES, 3, transition=SKEWED), transition="known")
    torch.testing.assert_close(method.inverse.double(), torch.linalg.inv(SKEWED))
    teachers = Untrained()
    method.prepare(teachers)
    assert teachers.asked == []
    assert BackwardCorrection.num_trainings(transition="known") == 1
    assert BackwardCorrection.num_trainings() == 2
    method = build("backward_correction(transition='known')")
    logits, labels = draw(5, 4).float(), draw_labels(5, 4)
    (weights,) = torch.autograd.grad(
        method.loss_from_logits(logits.requires_grad_(), replace(some_batch([0, 1, 2, 3, 4]), labels=labels)), logits
    )
    wanted = backward_corrected_loss(logits, labels, torch.linalg.inv(0.6 * torch.eye(4) + 0.1))
    torch.testing.assert_close(weights, torch.autograd.grad(wanted, logits)[0], atol=1e-5, rtol=1e-5)


def test_an_estimate_of_classes_that_share_an_anchor_has_the_pseudo_inverse() -> None:
    class Undecided(Untrained):
        def logits(self, method: Method) -> Tensor:
            # Classes 1 and 2 are likeliest in the same sample.
            return torch.tensor([[3.0, 0.0, 0.0, 0.0], [0.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 3.0]])

    method = BackwardCorrection(RunInfo(network, CLASSES, SAMPLES, 3))
    method.prepare(Undecided())
    assert torch.equal(method.transition[1], method.transition[2])
    torch.testing.assert_close(method.inverse, torch.linalg.pinv(method.transition.double()).float())
    assert float(method.inverse.abs().max()) < 10


@pytest.mark.parametrize(
    ("transition", "options", "said"),
    [
        (None, {"transition": "known"}, "which is not known for this noise"),
        (torch.eye(3), {"transition": "known"}, r"must be \[4, 4\], got \[3, 3\]"),
        (torch.full((4, 4), 0.25), {"transition": "known"}, "must have an inverse, got one of rank 1 for 4 classes"),
        (torch.eye(4), {"transition": "known", "percentile": 97.0}, "percentile is for anchor points"),
    ],
)
def test_what_does_not_fit_is_refused(transition: Tensor | None, options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        BackwardCorrection(RunInfo(network, CLASSES, SAMPLES, 3, transition=transition), **options)  # type: ignore[arg-type]
