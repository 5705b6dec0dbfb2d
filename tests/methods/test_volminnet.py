"""VolMinNet against its formula, its matrix and its two learning rates."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.methods.volminnet import starting_weight, transition_of, volminnet_loss


def matrix_by_hand(w: Tensor) -> list[list[Tensor]]:
    rows = []
    for i in range(len(w)):
        row = [torch.ones((), dtype=w.dtype) if i == j else 1 / (1 + torch.exp(-w[i, j])) for j in range(len(w))]
        rows.append([value / sum(row) for value in row])
    return rows


def determinant(rows: list[list[Tensor]]) -> Tensor:
    """By the first row."""
    if len(rows) == 1:
        return rows[0][0]
    minors = [determinant([row[:k] + row[k + 1 :] for row in rows[1:]]) for k in range(len(rows))]
    return sum((-1) ** k * value * minor for k, (value, minor) in enumerate(zip(rows[0], minors, strict=True)))


def by_hand(z: Tensor, labels: Tensor, w: Tensor, volume: float) -> Tensor:
    t, total = matrix_by_hand(w.double()), torch.zeros((), dtype=torch.float64)
    for row, g in zip(kit.probabilities(z), labels, strict=True):
        total = total - torch.log(sum(row[i] * t[i][int(g)] for i in range(len(row))))
    return total / len(z) + volume * torch.log(abs(determinant(t)))


@pytest.mark.parametrize("volume", [0.0, 1e-4, 0.5])
def test_loss_and_both_gradients_are_those_of_the_formula(volume: float) -> None:
    labels, w = kit.draw_labels(6, 4), kit.draw(4, 4, seed=3)
    kit.assert_formula(
        lambda z, w: volminnet_loss(z, labels, transition_of(w), volume=volume),
        lambda z, w: by_hand(z, labels, w, volume),
        [kit.draw(6, 4), w],
    )
    kit.check_far_off(lambda y, z: volminnet_loss(z, y, transition_of(w[:3, :3].float()), volume=volume))


def test_the_matrix_starts_well_conditioned_with_a_constant_diagonal() -> None:
    assert starting_weight(10) == starting_weight(4) == pytest.approx(-2)
    assert starting_weight(100) == pytest.approx(-4.5, abs=0.02)
    for classes in (1, 2, 10, 100):
        start = torch.full((classes, classes), starting_weight(classes), dtype=torch.float64)
        t = transition_of(start)
        torch.testing.assert_close(t.sum(1), torch.ones(classes, dtype=torch.float64))
        assert torch.linalg.cond(t) < 10, "a sigmoid on the diagonal too would start singular"
    assert float(transition_of(torch.full((10, 10), starting_weight(10)))[3, 3]) == pytest.approx(0.482, abs=1e-3)


def test_a_class_that_is_given_as_another_shows_in_its_row() -> None:
    # All samples are predicted as class 0 and given as class 2.
    w = torch.full((3, 3), -2.0, requires_grad=True)
    volminnet_loss(torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([2]), transition_of(w), volume=0.0).backward()
    assert int(w.grad.argmin()) == 2, "row: true class, column: given class"
    assert not w.grad.diagonal().any()


def test_the_matrix_has_a_learning_rate_of_its_own_and_the_logits_predict_the_true_class() -> None:
    method = kit.build("volminnet(rate=0.3)")
    assert [(parameters[0] is method.weights, rate) for parameters, rate in method.own_learning_rates()] == [(True, 0.3)]
    batch = kit.make_batch(method)
    logits = kit.logits_of(method.network, batch.images)
    assert torch.equal(kit.check_gradients(method, batch).logits, logits)
    trained, watch = kit.watched("volminnet(rate=0.3)", 1)
    assert not torch.equal(trained.weights, kit.build("volminnet").weights)
    assert all(torch.isfinite(each.step.loss) for each in watch.presentations)
