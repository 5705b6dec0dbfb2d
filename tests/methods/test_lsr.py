"""Label smoothing: its formula and its effect."""

import pytest
import torch
from method_kit import SIZES, average, check_formula, cross_entropy, draw, draw_labels
from torch import Tensor
from torch.nn import functional

from noisylab.core.registries import METHODS
from noisylab.methods.lsr import lsr_loss


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.6, 1.0, -0.4, -3.0])
def test_loss_and_gradient_are_those_of_the_formula(epsilon: float) -> None:
    def by_hand(p: list[Tensor], g: int) -> Tensor:
        return -sum(((1 - epsilon) * (k == g) + epsilon / len(p)) * torch.log(p[k]) for k in range(len(p)))

    check_formula(lambda y, z: lsr_loss(z, y, epsilon=epsilon), average(by_hand), sizes=(*SIZES, (4, 2)))


def test_no_smoothing_is_cross_entropy_and_the_rest_is_torch_s_own() -> None:
    z, labels = draw(6, 5), draw_labels(6, 5)
    torch.testing.assert_close(lsr_loss(z, labels, epsilon=0.0), cross_entropy(z, labels))
    torch.testing.assert_close(lsr_loss(z, labels, epsilon=0.3), functional.cross_entropy(z, labels, label_smoothing=0.3))


def test_more_smoothing_asks_for_less_confidence() -> None:
    best = []
    for epsilon in (0.0, 0.1, 0.5):
        margins = [torch.tensor([[margin, 0.0, 0.0]]) for margin in range(12)]
        losses = [float(lsr_loss(z, torch.tensor([0]), epsilon=epsilon)) for z in margins]
        best.append(losses.index(min(losses)))
    assert best[0] > best[1] > best[2] > 0


def test_a_negative_rate_pushes_the_other_classes_down_without_end() -> None:
    z = torch.zeros(1, 4, requires_grad=True)
    pulls = []
    for epsilon in (0.0, -0.5, -2.0):
        (gradient,) = torch.autograd.grad(lsr_loss(z, torch.tensor([1]), epsilon=epsilon), z)
        pulls.append(float(-gradient[0, 1]))
    # At equal predictions, (1 - e) times that of cross-entropy.
    assert pulls == pytest.approx([0.75, 0.75 * 1.5, 0.75 * 3])
    sure = [float(lsr_loss(torch.tensor([[0.0, margin]]), torch.tensor([1]), epsilon=-0.5)) for margin in (0.0, 20.0, 200.0)]
    assert sure[0] > 0 > sure[1] > sure[2]
    assert sure[2] == pytest.approx(-50)


def test_a_negative_rate_is_an_option_like_any_other() -> None:
    assert METHODS.parse("lsr:-0.5").options == {"epsilon": -0.5}
    assert METHODS.parse("lsr(epsilon=-0.5)") == METHODS.parse("lsr:-0.5")
    with pytest.raises(ValueError, match=r"epsilon must be a number <= 1, got 1\.5"):
        METHODS.parse("lsr:1.5")
