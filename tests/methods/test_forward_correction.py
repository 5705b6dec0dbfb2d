"""Forward correction against its formula, and where its matrix comes from."""

import numpy as np
import pytest
import torch
from helpers_training import CLASSES, SAMPLES, Finished, make_method, network, training_set
from method_kit import average, check_far_off, check_formula, draw, draw_labels, pulls
from torch import Tensor
from torch.nn import functional

from noisylab.corruption import anchor_points
from noisylab.methods import RunInfo
from noisylab.methods.forward_correction import ForwardCorrection, forward_corrected_loss

# Not symmetric, so that its transpose is another matrix, and with zeros.
PAIRS = 0.7 * torch.eye(5, dtype=torch.float64) + 0.3 * torch.eye(5, dtype=torch.float64).roll(1, dims=1)
UNIFORM = 0.5 * torch.eye(5, dtype=torch.float64) + 0.1


def by_hand(p: list[Tensor], g: int, transition: Tensor) -> Tensor:
    return -torch.log(sum(float(transition[i, g]) * p[i] for i in range(len(p))))


@pytest.mark.parametrize("transition", [PAIRS, UNIFORM], ids=["pairs", "uniform"])
def test_loss_and_gradient_are_those_of_the_formula(transition: Tensor) -> None:
    check_formula(
        lambda y, z: forward_corrected_loss(z, y, transition),
        average(lambda p, g: by_hand(p, g, transition)),
        sizes=((8, 5), (5, 5), (1, 5)),
        halves=True,
    )
    check_far_off(lambda y, z: forward_corrected_loss(z, y, transition[:3, :3]))


def test_rows_are_true_classes() -> None:
    # Of class 0, as class 1 is given by PAIRS; of class 1, class 0 never is.
    sure = torch.tensor([[30.0, 0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    assert float(forward_corrected_loss(sure, torch.tensor([1]), PAIRS)) == pytest.approx(-np.log(0.3))
    sure = sure.roll(1, dims=1)
    assert float(forward_corrected_loss(sure, torch.tensor([0]), PAIRS)) > 20


def test_without_noise_it_is_cross_entropy() -> None:
    logits, labels = draw(8, 5), draw_labels(8, 5)
    identity = torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(forward_corrected_loss(logits, labels, identity), functional.cross_entropy(logits, labels))
    check_far_off(lambda y, z: forward_corrected_loss(z, y, torch.eye(3)))


def test_the_more_noise_the_less_a_sample_that_is_off_pulls() -> None:
    def loss(z: Tensor, rate: float) -> Tensor:
        return forward_corrected_loss(z, torch.tensor([1]), torch.eye(3) * (1 - 1.5 * rate) + 0.5 * rate)

    sizes = [float(gradient.abs().sum()) for gradient in pulls(loss, [[6.0, 0.0, 0.0]], (0.0, 0.1, 0.3, 0.6))]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("percentile", [None, 90.0])
def test_the_matrix_is_that_of_the_anchor_points_of_a_network_trained_with_ce(percentile: float | None) -> None:
    data = training_set()
    teachers, method = Finished(data), ForwardCorrection(RunInfo(network, CLASSES, SAMPLES, 3), percentile=percentile)
    method.prepare(teachers)
    assert teachers.asked == [("ce", None)]
    again = Finished(data)
    logits = again.logits(again.trained("ce"))
    wanted = anchor_points(logits.double().softmax(1).numpy(), percentile=percentile)
    torch.testing.assert_close(method.transition, torch.tensor(wanted, dtype=torch.float32))
    torch.testing.assert_close(method.transition.sum(1), torch.ones(CLASSES))
    assert (method.transition != method.transition.T).any()


def test_nothing_of_the_network_that_estimates_remains_and_a_known_matrix_needs_none() -> None:
    assert {name.split(".")[0] for name in make_method("forward_correction").state_dict()} == {"network", "transition"}
    method = ForwardCorrection(RunInfo(network, CLASSES, SAMPLES, 3, transition=torch.eye(CLASSES)), transition="known")
    teachers = Finished(training_set())
    method.prepare(teachers)
    assert teachers.asked == []
    assert torch.equal(method.transition, torch.eye(CLASSES))
    assert ForwardCorrection.num_trainings(transition="known", percentile=None) == 1
    assert ForwardCorrection.num_trainings(transition="anchor", percentile=None) == ForwardCorrection.num_trainings() == 2


@pytest.mark.parametrize(
    ("transition", "options", "said"),
    [
        (None, {"transition": "known"}, "which is not known for this noise"),
        (torch.eye(3), {"transition": "known"}, r"must be \[4, 4\], got \[3, 3\]"),
        (torch.ones(4, 4), {"transition": "known"}, "rows must sum to 1"),
        (torch.eye(4), {"transition": "known", "percentile": 97.0}, "percentile is for anchor points"),
        (None, {"percentile": 0.0}, "percentile must be"),
        (None, {"transition": "oracle"}, "transition must be one of 'anchor', 'known'"),
    ],
)
def test_what_does_not_fit_is_refused(transition: Tensor | None, options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ForwardCorrection(RunInfo(network, CLASSES, SAMPLES, 3, transition=transition), **options)  # type: ignore[arg-type]
