"""Settings that do nothing, and studies that are not finished, say so."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers_report import only_figures

import noisylab
from noisylab.cli import main
from noisylab.data.batches.composition import Delayed, check_batches

SMALL = {"noise": "symmetric:0.4", "epochs": 2, "train_size": 100, "progress": False}


@pytest.mark.parametrize("setting", [{"milestones": (0.5,)}, {"decay": 0.5}])
def test_settings_of_another_schedule_train_nothing_again_and_say_so(tmp_path: Path, setting: dict[str, object]) -> None:
    noisylab.sweep(tmp_path, methods="ce", seeds=1, schedule="cosine", **SMALL)
    with pytest.warns(
        UserWarning, match=f"{next(iter(setting))} is for the step schedule and has no effect with schedule cosine"
    ):
        study = noisylab.sweep(tmp_path, methods="ce", seeds=1, schedule="cosine", **SMALL, **setting)
    assert len(study.results) == 1


@pytest.mark.parametrize("method", ["dlb", "repeat", "soft_target_memory(unit='iterations', age=3)"])
def test_batches_that_repeat_nothing_of_their_epoch_are_refused(tmp_path: Path, method: str) -> None:
    with pytest.raises(ValueError, match=r"shows 100 new samples a batch, and there are 100: .*take a batch size of at most"):
        noisylab.sweep(tmp_path, methods=["ce", method], seeds=1, batch_size=200, budget="epochs", **SMALL)
    assert not list(tmp_path.glob("*/config.json"))


def test_the_advised_batch_size_is_the_largest_that_works() -> None:
    labels = np.arange(100) % 10
    check_batches("last", labels, 198)
    check_batches(Delayed(3), labels, 198)
    for composition in ("last", Delayed(3)):
        with pytest.raises(ValueError, match="at most 198"):
            check_batches(composition, labels, 200)  # type: ignore[arg-type]


def test_partners_of_the_same_class_need_a_class_with_two_samples() -> None:
    with pytest.raises(ValueError, match="every class has a single sample"):
        check_batches("same_class", np.arange(10), 4)


def test_a_diverged_run_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--method", "ce", "--learning-rate", "1000", "--epochs", "2", "--train-size", "100", "--out", str(tmp_path)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SystemExit):
            main(["train", *asked])
    (line,) = capsys.readouterr().err.splitlines()
    assert "the training diverged: its loss is " in line
    assert "try a learning rate below 1000" in line
    (failure,) = (json.loads(path.read_text()) for path in tmp_path.glob("*/failure.json"))
    assert "diverged" in failure["reason"]


def test_figures_page_and_status_of_an_unfinished_study_say_how_much_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_figures(monkeypatch, "memorisation")
    with pytest.warns(UserWarning, match="the training diverged"):
        study = noisylab.sweep(tmp_path, methods=["ce", "ce@learning_rate=1000"], seeds=2, **SMALL)
    drawn = study.figure("noise_robustness")
    assert drawn.caption.count("2 of 4 runs, 2 failed") == 1
    assert "2 of 4 runs, 2 failed" in study.report(samples=False).read_text()
    assert study.status()["state"].tolist().count("failed") == 2
    finished = noisylab.sweep(tmp_path / "whole", methods="ce", seeds=1, **SMALL)
    assert "runs" not in finished.figure("noise_robustness").caption
