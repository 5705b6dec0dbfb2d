"""A run that fails by itself is an outcome: it is kept with its reason, ends nothing else, and is not tried again unasked."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import noisylab as nl
from noisylab.core.registries import METHODS
from noisylab.methods.ce import CE
from noisylab.study.failure import is_of_the_run
from noisylab.training.loop import DivergedError

SMALL: dict[str, Any] = {
    "noise": "symmetric:0.4",
    "train_size": 60,
    "test_size": 30,
    "batch_size": 30,
    "epochs": 3,
    "model": "small_cnn(width=4)",
    "progress": False,
}


class Raises(CE):
    """CE that raises `what` in epoch 2, if there is any."""

    what: BaseException | None = None

    def start_epoch(self, epoch: int) -> None:
        """Raise it."""
        super().start_epoch(epoch)
        if epoch == 2 and self.what is not None:
            raise self.what


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    METHODS.forget(__name__)


@pytest.mark.parametrize(
    ("error", "stack"),
    [
        (RuntimeError("no way"), 1),
        (RuntimeError("no way"), 2),
        (SystemExit(3), 1),
        (SystemExit(3), 2),
        (KeyboardInterrupt(), 1),
        (KeyboardInterrupt(), 2),
        (GeneratorExit(), 1),
        (torch.OutOfMemoryError("out of memory"), 1),
        (torch.OutOfMemoryError("out of memory"), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_whatever_a_method_raises_costs_its_own_runs(
    error: BaseException, stack: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Raises, "what", error)
    with pytest.warns(UserWarning, match=f"failed: {type(error).__name__}"):
        study = nl.sweep(tmp_path, methods=[Raises, "ce"], seeds=2, stack=stack, **SMALL)
    assert study.results["method"].tolist() == ["ce", "ce"]
    assert [failure.config.method for failure in study.failures] == ["raises()"] * 2
    status = study.status()
    failed = status[status["state"] == "failed"]
    assert failed["method"].tolist() == ["raises"] * 2
    assert failed["epoch"].tolist() == [2, 2]
    held = json.loads((tmp_path / failed["id"].iloc[0] / "failure.json").read_text())
    assert "in start_epoch" in held["traceback"]
    assert type(error).__name__ in held["reason"]


def test_a_failed_run_is_tried_again_only_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raises, "what", RuntimeError("no way"))
    for _ in range(2):
        with pytest.warns(UserWarning, match="RuntimeError: no way"):
            study = nl.sweep(tmp_path, methods=[Raises], seeds=1, **SMALL)
        assert len(study.failures) == 1
        # The second call reports the failure without a training.
        monkeypatch.setattr(Raises, "what", None)
    study = nl.sweep(tmp_path, methods=[Raises], seeds=1, retry_failed=True, **SMALL)
    assert not study.failures
    assert study.status()["state"].tolist() == ["done"]
    assert not list(tmp_path.glob("*/failure.json"))


def test_what_the_machine_did_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raises, "what", OSError(28, "No space left on device"))
    with pytest.warns(UserWarning, match="No space left"):
        nl.sweep(tmp_path, methods=[Raises], seeds=1, **SMALL)
    assert not list(tmp_path.glob("*/failure.json"))
    monkeypatch.setattr(Raises, "what", None)
    assert len(nl.sweep(tmp_path, methods=[Raises], seeds=1, **SMALL).results) == 1


def test_what_counts_as_a_failure_of_the_run() -> None:
    assert is_of_the_run(DivergedError("nan"))
    assert is_of_the_run(ZeroDivisionError())
    assert not is_of_the_run(ImportError("no module"))
    assert not is_of_the_run(MemoryError())


def test_an_error_that_the_terminal_cannot_encode_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(Raises, "what", RuntimeError("ж"))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    with pytest.warns(UserWarning, match="ж"):
        study = nl.sweep(tmp_path, methods=[Raises, "ce"], seeds=1, **SMALL | {"progress": True})
    assert len(study.results) == 1
