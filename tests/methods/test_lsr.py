"""Label smoothing: its formula and its effect."""

import pytest
import torch
from helpers_methods import (
    assert_formula,
    assert_gradients,
    assert_small_cases,
    build,
    cross_entropy,
    draw,
    draw_labels,
    make_batch,
    probabilities,
)
from torch import Tensor

from noisylab.methods.lsr import lsr_loss


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.6, 1.0])
@pytest.mark.parametrize(("count", "classes"), [(5, 4), (1, 3), (4, 2), (3, 1)])
def test_loss_and_gradient_are_those_of_the_formula(count: int, classes: int, epsilon: float) -> None:
    labels = draw_labels(count, classes)

    def formula(z: Tensor) -> Tensor:
        p, total = probabilities(z), torch.zeros(())
        for i in range(count):
            for k in range(classes):
                target = (1 - epsilon) * (k == int(labels[i])) + epsilon / classes
                total = total - target * torch.log(p[i, k])
        return total / count

    assert_formula(lambda z: lsr_loss(z, labels, epsilon=epsilon), formula, [draw(count, classes)])


def test_no_smoothing_is_cross_entropy_and_the_rest_is_torch_s_own() -> None:
    z, labels = draw(6, 5), draw_labels(6, 5)
    torch.testing.assert_close(lsr_loss(z, labels, epsilon=0.0), cross_entropy(z, labels))
    expected = torch.nn.functional.cross_entropy(z, labels, label_smoothing=0.3)
    torch.testing.assert_close(lsr_loss(z, labels, epsilon=0.3), expected)


def test_more_smoothing_asks_for_less_confidence() -> None:
    labels = torch.tensor([0])
    best = []
    for epsilon in (0.0, 0.1, 0.5):
        losses = [float(lsr_loss(torch.tensor([[margin, 0.0, 0.0]]), labels, epsilon=epsilon)) for margin in range(12)]
        best.append(losses.index(min(losses)))
    assert best[0] > best[1] > best[2] > 0


def test_a_step_and_small_cases() -> None:
    method = build("lsr:0.3")
    batch = make_batch(method)
    step = assert_gradients(method, batch)
    assert torch.equal(step.loss, lsr_loss(step.logits, batch.labels, epsilon=0.3))
    assert_gradients(build("lsr"), make_batch(method, new=1))
    assert_small_cases("lsr")


@pytest.mark.parametrize("epsilon", ["-0.1", "1.1", "'a'"])
def test_a_share_outside_0_to_1_is_refused(epsilon: str) -> None:
    with pytest.raises(ValueError, match="epsilon"):
        build(f"lsr(epsilon={epsilon})")
