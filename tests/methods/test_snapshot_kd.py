"""Snapshot distillation: its formula, its cycles, and its snapshot."""

from pathlib import Path

import pytest
import torch
from helpers_methods import (
    CONFIG,
    Watch,
    assert_formula,
    assert_gradients,
    assert_resumes,
    assert_small_cases,
    build,
    cross_entropy,
    divergence,
    draw,
    draw_labels,
    make_batch,
    probabilities,
)
from helpers_training import training_set
from torch import Tensor
from torch.nn import functional

from noisylab.methods import Method
from noisylab.methods.snapshot_kd import snapshot_kd_loss
from noisylab.training import TrainConfig, train
from noisylab.training.callback import EpochSummary


@pytest.mark.parametrize("temperature", [2.0, 1.0, 5.0])
@pytest.mark.parametrize(("count", "classes"), [(5, 4), (1, 3), (3, 1)])
def test_loss_and_gradient_are_those_of_the_formula(count: int, classes: int, temperature: float) -> None:
    labels = draw_labels(count, classes)

    def formula(z: Tensor, teacher: Tensor) -> Tensor:
        taught = divergence(probabilities(teacher.detach(), temperature), probabilities(z))
        return (1 + 1 / temperature) * cross_entropy(z, labels) + taught

    def loss(z: Tensor, teacher: Tensor) -> Tensor:
        return snapshot_kd_loss(z, labels, teacher, temperature=temperature)

    assert_formula(loss, formula, [draw(count, classes)], [draw(count, classes, seed=1)])


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
    config, watch = TrainConfig(epochs=8, batch_size=16, device="cpu", milestones=(0.5,)), Watch()
    train(build("snapshot_kd", epochs=8), training_set(), config, [watch])
    assert watch.rates == pytest.approx([0.05, 0.05, 0.005, 0.005] * 2)


def test_the_end_of_the_last_cycle_teaches_the_next_and_the_first_is_cross_entropy() -> None:
    class Ends(Watch):
        def __init__(self) -> None:
            super().__init__()
            self.states: dict[int, dict[str, Tensor]] = {}

        def on_epoch(self, summary: EpochSummary, method: Method) -> None:
            self.states[summary.epoch] = {name: value.clone() for name, value in method.network.state_dict().items()}

    method = build("snapshot_kd:3", epochs=4)
    batch, watch = make_batch(method), Ends()
    step = assert_gradients(method, batch)
    assert torch.equal(step.loss, functional.cross_entropy(step.logits, batch.labels))
    method = build("snapshot_kd:3", epochs=4)
    train(method, training_set(), CONFIG, [watch])
    # Cycles start at epochs 0, 1 and 2; the end of the last one teaches nobody.
    held = method.snapshot.network.state_dict()
    assert all(torch.equal(value, watch.states[1][name]) for name, value in held.items())
    step = assert_gradients(method, batch)
    teacher = method.snapshot(batch.images)
    torch.testing.assert_close(step.loss, snapshot_kd_loss(step.logits, batch.labels, teacher, temperature=2.0))
    assert_gradients(method, make_batch(method, new=1))


@pytest.mark.parametrize("spec", ["snapshot_kd", "snapshot_kd:3", "snapshot_kd:4", "snapshot_kd:1"])
def test_training_goes_on_to_the_bit(spec: str, tmp_path: Path) -> None:
    assert_resumes(spec, tmp_path)


def test_small_cases() -> None:
    assert_small_cases("snapshot_kd")


def test_more_cycles_than_epochs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cycles.*4, got 5"):
        build("snapshot_kd:5")
