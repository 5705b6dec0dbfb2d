"""One run with its metrics, and DLB's sensitivity, as their users run them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

ROOT = Path(__file__).parents[2]


def study(name: str, options: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, f"studies/{name}.py", *options.split()],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


def test_a_run_shows_every_epoch_and_is_one_of_its_study(tmp_path: Path) -> None:
    options = f"--epochs 3 --train-size 120 --device cpu --out {tmp_path}"
    printed = study("train", options)
    (row,) = pandas.read_csv(tmp_path / "results.csv").to_dict("records")
    lines = [line.split() for line in printed.splitlines() if re.match(r" +[0-9]+ ", line)]
    metrics = pandas.read_csv(tmp_path / row["id"] / "metrics.csv")
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert [float(line[2]) for line in lines] == metrics["test_accuracy"].round(3).tolist()
    assert f"{row['test_accuracy_last']:.4f} at the last epoch" in printed
    again = study("train", options)
    assert not [line for line in again.splitlines() if re.match(r" +[0-9]+ ", line)], "it is done"
    assert "at the last epoch" in again


def test_sensitivity_maps_every_cell_and_matches_the_images_of_ce(tmp_path: Path) -> None:
    small = "--epochs 2 --train-size 120 --seeds 2 --jobs 2 --device cpu"
    printed = study("sensitivity", f"--temperatures 1 3 --alphas 0.3 1 --batch-sizes 16 {small} --out {tmp_path}")
    assert str(tmp_path / "sensitivity.png") in printed
    table = pandas.read_csv(tmp_path / "sensitivity.csv")
    assert len(table) == 3 + 4
    assert set(table["n"]) == {2}
    cells = table[table["method"] == "dlb"].set_index(["batch_size", "temperature", "alpha"])
    assert set(cells.index) == {(size, t, a) for size in (16,) for t in (1, 3) for a in (0.3, 1)}
    images = table.drop_duplicates(["batch_size", "method"]).set_index(["batch_size", "method"])["images_processed"]
    for size in (16,):
        assert images[size, "ce-matched"] == 2 * images[size, "ce"]
        assert images[size, "ce-matched"] - size <= images[size, "dlb"] <= images[size, "ce-matched"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--temperatures 0", "temperatures"),
        ("--alphas 1 1", "none twice"),
        ("--batch-sizes 15", "even"),
        ("--noise symmetric:0.2 symmetric:0.4", "must name one"),
    ],
)
def test_an_impossible_sensitivity_is_refused(options: str, said: str, tmp_path: Path) -> None:
    error = study("sensitivity", f"{options} --out {tmp_path / 'new'}", status=2)
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_augmentations_are_compared_in_the_order_asked(tmp_path: Path) -> None:
    small = f"--epochs 2 --train-size 120 --methods ce dlb --seeds 2 --jobs 1 --device cpu --out {tmp_path}"
    printed = study("augmentation", f"--augmentations cutmix auto {small}")
    assert str(tmp_path / "augmentation.png") in printed
    table = pandas.read_csv(tmp_path / "augmentation.csv")
    assert list(zip(table["augmentation"], table["method"], strict=True)) == [
        ("cutmix", "ce"),
        ("cutmix", "dlb"),
        ("auto", "ce"),
        ("auto", "dlb"),
    ]
    # Of mixed images there is no prediction, and the digits' own flip, none, is CutMix's too.
    assert table["memorised"].isna().tolist() == [True, True, False, False]
    configs = [json.loads(path.read_text())["augment"] for path in (tmp_path / "cutmix").glob("*/config.json")]
    assert set(configs) == {"cutmix(probability=0.5, alpha=1.0, padding=1, flip=False)"}
    paired = pandas.read_csv(tmp_path / "differences.csv")
    assert len(paired) == 2
    assert (paired["p_holm"] >= paired["p"]).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--augmentations mixup mixup:1.0", "none twice"),
        ("--augmentations cutmixx", "cutmixx"),
        ("--augmentations none cutout", "needs a size below 16"),
        ("--noise symmetric:0.2 symmetric:0.4", "must name one"),
    ],
)
def test_an_impossible_comparison_of_augmentations_is_refused(options: str, said: str, tmp_path: Path) -> None:
    error = study("augmentation", f"{options} --out {tmp_path / 'new'}", status=2)
    assert said in error
    assert not (tmp_path / "new").exists()
