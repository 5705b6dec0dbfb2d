"""Training configurations."""

import re

import pytest

from noisylab.training import TrainConfig


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"epochs": 0}, "epochs must be a number >= 1, got 0"),
        ({"batch_size": 7}, "batch_size must be even"),
        ({"learning_rate": 0}, "learning_rate must be a number > 0, got 0"),
        ({"momentum": 1}, "momentum must be a number"),
        ({"schedule": "linear"}, "schedule must be one of 'step', 'cosine', got 'linear'"),
        ({"milestones": (1.5,)}, "milestones must be all a number in [0, 1], got (1.5,)"),
        ({"warmup": 40}, "warmup must be shorter than the 40 epochs, got 40"),
        ({"device": "tpu"}, "device must be one of"),
    ],
)
def test_impossible_values_are_named(bad: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        TrainConfig(**bad)  # type: ignore[arg-type]


def test_the_step_schedule_drops_at_its_milestones() -> None:
    config = TrainConfig(epochs=240, learning_rate=0.05)
    rates = [config.learning_rate_at(epoch) for epoch in (0.1, 149.9, 150, 179.9, 180, 209.9, 210, 239.9)]
    assert rates == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005, 0.00005, 0.00005])


def test_the_cosine_schedule_falls_to_zero_after_its_warm_up() -> None:
    config = TrainConfig(epochs=10, learning_rate=0.4, schedule="cosine", warmup=2)
    assert [config.learning_rate_at(epoch) for epoch in (1, 2, 6, 10)] == pytest.approx([0.2, 0.4, 0.2, 0])
