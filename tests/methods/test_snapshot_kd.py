"""Snapshot distillation: its formula, its cycles, and its snapshot."""

import pytest
import torch
from method_kit import build, check_formula, check_gradients, cross_entropy, divergence, make_batch, probabilities, watched
from torch import Tensor
from torch.nn import functional

from noisylab.methods.snapshot_kd import snapshot_kd_loss


@pytest.mark.parametrize("temperature", [2.0, 1.0, 5.0])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float) -> None:
    def formula(labels: Tensor, z: Tensor, teacher: Tensor) -> Tensor:
        return (1 + 1 / temperature) * cross_entropy(z, labels) + divergence(probabilities(teacher, temperature), z)

    check_formula(lambda y, z, t: snapshot_kd_loss(z, y, t, temperature=temperature), formula, taught=1)


def test_temperature_softens_the_teacher_alone() -> None:
    z, labels = torch.tensor([[6.0, 0.0, 0.0]]), torch.tensor([0])

    def taught(temperature: float) -> float:
        loss = snapshot_kd_loss(z, labels, z, temperature=temperature)
        return float(loss - (1 + 1 / temperature) * functional.cross_entropy(z, labels))

    assert taught(1.0) == pytest.approx(0, abs=1e-6)
    assert 0 < taught(2.0) < taught(4.0), "a student as sure as its teacher is asked to be less so"


@pytest.mark.parametrize(("epochs", "cycles", "starts"), [(4, 2, [0, 2]), (7, 3, [0, 2, 4]), (5, 1, [0]), (3, 3, [0, 1, 2])])
def test_each_cycle_goes_through_the_whole_schedule(epochs: int, cycles: int, starts: list[int]) -> None:
    method = build(f"snapshot_kd:{cycles}", epochs=epochs)
    for start, end in zip(starts, [*starts[1:], epochs], strict=True):
        places = [method.schedule_position(start + share * (end - start)) for share in (0, 0.25, 0.5, 0.999)]
        assert places == pytest.approx([0, 0.25 * epochs, 0.5 * epochs, 0.999 * epochs])
    assert method.schedule_position(epochs) == pytest.approx(epochs)


def test_the_learning_rate_falls_in_each_cycle() -> None:
    watch = watched(build("snapshot_kd", epochs=8), 8)[1]
    assert watch.rates == pytest.approx([0.05, 0.05, 0.005, 0.005] * 2)


def test_the_end_of_the_last_cycle_teaches_the_next_and_the_first_is_cross_entropy() -> None:
    method = build("snapshot_kd:3", epochs=4)
    batch = make_batch(method)
    step = check_gradients(method, batch)
    assert torch.equal(step.loss, functional.cross_entropy(step.logits, batch.labels))
    method, watch = watched(build("snapshot_kd:3", epochs=4), 4)
    # Cycles start at epochs 0, 1 and 2; the end of the last one teaches nobody.
    held = method.snapshot.network.state_dict()
    assert all(torch.equal(value, watch.states[1][name]) for name, value in held.items())
    step = check_gradients(method, batch)
    teacher = method.snapshot(batch.images)
    torch.testing.assert_close(step.loss, snapshot_kd_loss(step.logits, batch.labels, teacher, temperature=2.0))


def test_more_cycles_than_epochs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cycles.*3, got 5"):
        build("snapshot_kd:5")
