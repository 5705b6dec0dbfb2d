"""LWR's loss against its formula, and when its memory is renewed."""

from pathlib import Path

import pytest
import torch
from helpers_memory import (
    SHAPES,
    Presentation,
    check_formula,
    check_repeated_ids,
    check_resuming,
    check_round_trip,
    check_targets_get_no_gradient,
    check_training,
    count_passes,
    cross_entropy,
    divergence,
    draw,
    softmax,
    watched,
)
from helpers_training import make_method
from torch import Tensor
from torch.nn import functional

from noisylab.methods.lwr import lwr_loss


def by_hand(z: Tensor, labels: Tensor, targets: Tensor, temperature: float, weight: float) -> Tensor:
    return (1 - weight) * cross_entropy(z, labels) + weight * divergence(z, targets, temperature)


@pytest.mark.parametrize(("entries", "classes"), SHAPES)
@pytest.mark.parametrize(("temperature", "weight"), [(5.0, 0.9), (1.0, 0.5), (2.0, 0.0), (3.0, 1.0)])
def test_loss_and_gradient_are_those_of_the_formula(entries: int, classes: int, temperature: float, weight: float) -> None:
    z, labels, targets = draw(entries, classes)
    check_formula(
        lambda z: lwr_loss(z, labels, targets, temperature=temperature, weight=weight),
        lambda z: by_hand(z, labels, targets, temperature, weight),
        z,
    )


def test_no_gradient_reaches_the_targets() -> None:
    z, labels, targets = draw(6)
    check_targets_get_no_gradient(lambda z, t: lwr_loss(z, labels, t, temperature=5.0, weight=0.5), z, targets)


def test_the_weight_moves_the_minimum_from_the_label_to_the_target_and_temperature_keeps_the_gradient_s_size() -> None:
    z, labels, targets = draw(4)
    at_target = (3.0 * targets.log()).requires_grad_()
    (gradient,) = torch.autograd.grad(lwr_loss(at_target, labels, targets, temperature=3.0, weight=1.0), at_target)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-6, rtol=0)
    sizes = []
    for temperature in (50.0, 100.0):
        soft = torch.softmax(torch.randn(4, 5, generator=torch.Generator().manual_seed(1)) / temperature, dim=1)
        (gradient,) = torch.autograd.grad(lwr_loss(z, labels, soft, temperature=temperature, weight=1.0), z)
        sizes.append(float(gradient.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_targets_are_renewed_every_k_epochs_and_the_weight_rises(k: int) -> None:
    ages = set()

    def expected(each: Presentation) -> Tensor:
        if each.epoch < k:
            return functional.cross_entropy(each.step.logits, each.batch.labels)
        age = each.epoch % k + 1
        ages.add(age)
        targets = softmax(torch.stack([rows[-age] for rows in each.before]), 4.0)
        weight = 0.6 * (each.epoch + 1) / 7
        return by_hand(each.step.logits, each.batch.labels, targets, 4.0, weight)

    method = check_training(f"lwr(k={k}, temperature=4.0, weight=0.6)", expected, epochs=7)
    assert ages == set(range(1, k + 1))
    assert float(method.weight) == pytest.approx(0.6)


def test_the_first_k_epochs_are_cross_entropy_to_the_bit() -> None:
    for each in watched("lwr(k=3)", 3)[1]:
        assert torch.equal(each.step.loss, functional.cross_entropy(each.step.logits, each.batch.labels))


def test_one_forward_pass() -> None:
    batches, passes = count_passes("lwr(k=1)")
    assert batches == passes


@pytest.mark.parametrize("k", [1, 2])
def test_state_round_trips_in_mid_epoch(k: int) -> None:
    check_round_trip(f"lwr(k={k})")


@pytest.mark.parametrize("k", [1, 2])
def test_resuming_is_exact(k: int, tmp_path: Path) -> None:
    check_resuming(f"lwr(k={k})", tmp_path)


def test_repeated_ids() -> None:
    assert check_repeated_ids("lwr(k=1)").targets.sum() == pytest.approx(3)
    assert check_repeated_ids("lwr(k=2)").targets.sum() == 0, "the third epoch of k = 2 keeps nothing"


@pytest.mark.parametrize("options", ["k=0", "temperature=0.0", "weight=1.5"])
def test_bad_options_are_refused(options: str) -> None:
    with pytest.raises(ValueError, match=options.split("=")[0]):
        make_method(f"lwr({options})")
