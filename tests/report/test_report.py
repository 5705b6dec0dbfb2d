"""What the page of a study holds, and the command that writes it."""

import dataclasses
import gzip
import json
import re
import sys
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas
import pytest
import xarray
from helpers_cli import noisylab
from helpers_report import only_figures
from PIL import Image

from noisylab.api import sweep
from noisylab.core.registries import DATA_SETS, FIGURES
from noisylab.data.image_data import load_data
from noisylab.plotting.study_runs import study_runs
from noisylab.report.page import _settings_in_order, build_page, explore, write_report
from noisylab.report.runs_table import runs_table
from noisylab.report.samples import PER_ROW, PER_SHEET, chosen_epochs, curves, explorer_data, packed, sheets
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.training.config import TrainConfig

# The packing


def test_thumbnails_stand_where_the_page_looks_for_them() -> None:
    images = np.random.default_rng(0).integers(0, 256, (PER_SHEET + 5, 3, 6, 5), dtype=np.uint8)
    urls, tile = sheets(images)
    assert (len(urls), tile) == (2, (6, 5))
    sheet = np.asarray(Image.open(BytesIO(b64decode(urls[1].partition(",")[2]))))
    np.testing.assert_array_equal(sheet[:6, 10:15], images[PER_SHEET + 2].transpose(1, 2, 0))


def test_large_images_become_small_thumbnails_and_many_are_compressed() -> None:
    urls, tile = sheets(np.zeros((3, 1, 200, 100), dtype=np.uint8))
    assert tile == (64, 32)
    assert Image.open(BytesIO(b64decode(urls[0].partition(",")[2]))).size == (32 * PER_ROW, 64)
    many, _ = sheets(np.zeros((10_001, 1, 2, 2), dtype=np.uint8))
    assert many[0].startswith("data:image/jpeg")


def test_curves_hold_prediction_and_probability_in_a_byte() -> None:
    records = xarray.Dataset(
        {
            "prediction": (("epoch", "sample"), np.array([[1, 0, 9], [0, 2, 1]], dtype=np.uint8)),
            "p_given": (("epoch", "sample"), np.array([[0.5, 0.0, np.nan], [1.0, 0.25, 0.9]], dtype=np.float16)),
            "given": ("sample", np.array([1, 1, 1])),
            "true": ("sample", np.array([1, 0, 1])),
        },
        attrs={"missing": 9},
    )
    made = curves(records, [0, 1])
    assert (made >> 6).tolist() == [[1, 2, 3], [0, 0, 1]]
    np.testing.assert_allclose((made & 63) / 63, [[0.5, 0, 0], [1, 0.25, 0.9]], atol=0.5 / 63 + 1e-3)


@pytest.mark.parametrize("epochs", [1, 2, 49, 50, 51, 200])
def test_curves_have_few_points_with_the_first_and_the_last(epochs: int) -> None:
    chosen = chosen_epochs(epochs)
    assert len(chosen) == min(epochs, 50)
    assert (chosen[0], chosen[-1]) == (0, epochs - 1)


def test_packed_arrays_are_little_endian_and_equal_for_equal_values() -> None:
    assert gzip.decompress(b64decode(packed(np.array([1, 258], dtype=">u2")))) == b"\x01\x00\x02\x01"
    assert packed([1, 2]) == packed([1, 2])


def test_the_explorer_names_what_each_method_has(study: Path) -> None:
    runs = study_runs(study, labels={"dlb": "ours"})
    about, arrays = explorer_data(explore(runs), (8, 8), runs.looks, runs.names)
    assert [method["name"] for method in about["methods"]] == ["CE", "ours"]
    assert [(setting["noise"], setting["seed"]) for setting in about["settings"]] == [
        ("symmetric:0.4", 0),
        ("symmetric:0.4", 1),
        ("symmetric:0", 0),
        ("symmetric:0", 1),
    ]
    ce, dlb = about["settings"][0]["runs"].values()
    assert "step_consistency" in dlb["scores"]
    assert "step_consistency" not in ce["scores"]
    assert len({method["color"] for method in about["methods"]}) == 2
    assert {"true", "sample", "given3", "last1", "curves1", "scores7"} <= set(arrays)


def test_settings_that_are_too_many_are_left_out_and_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = study_runs(study)
    monkeypatch.setattr("noisylab.report.page.MOST_ROWS", 2 * 150)
    explored = explore(runs, seed=1)
    assert list(explored.settings) == [("symmetric:0.4", 1)]
    assert "are left out: symmetric:0, seeds 0 and 1; symmetric:0.4, seed 0; " in explored.left_out


def test_every_noisy_setting_gets_room_before_a_second_seed_and_clean_ones_come_last(study: Path) -> None:
    noises, seeds = ("symmetric:0", "symmetric:0.2", "symmetric:0.4"), (0, 1, 2)
    rates = pandas.DataFrame({"noise": noises, "realised_rate": [0.0, 0.2, 0.4]})
    settings = [(noise, seed) for noise in noises for seed in seeds]
    assert _settings_in_order(settings, ("symmetric:0.4", 1), rates) == [
        *(("symmetric:0.4", 1), ("symmetric:0.2", 1)),
        *(("symmetric:0.4", 0), ("symmetric:0.2", 0), ("symmetric:0.4", 2), ("symmetric:0.2", 2)),
        *(("symmetric:0", 1), ("symmetric:0", 0), ("symmetric:0", 2)),
    ]
    # A noise that lacks the seed has one of its own.
    assert _settings_in_order(settings[:4], ("symmetric:0", 1), rates)[:2] == [("symmetric:0", 1), ("symmetric:0.2", 0)]


def test_a_log_tells_what_the_report_is_at(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = noisylab(capsys, "report", study, "--out", tmp_path / "page.html", "--no-samples", "--noise", "symmetric:0")
    assert not sys.stderr.isatty()
    lines = answer.err.splitlines()
    assert lines[0] == "report: tables"
    assert sum(line.startswith("report: figure ") for line in lines) == len(FIGURES.entries())


def test_a_page_that_opens_with_a_noise_has_figures_of_all_noises(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_figures(monkeypatch, "noise_robustness")
    write_report(study, tmp_path / "page.html", noise="symmetric:0.4", samples=False)
    assert "Test accuracy against the noise rate. " in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_words_of_a_figure_tell_its_caption_and_its_main_numbers(whole_page: Path) -> None:
    images = re.findall(r'<img[^>]* alt="([^"]*)"', whole_page.read_text(encoding="utf-8"))
    assert len(images) >= 15
    # What the sentence of each figure says is compared in tests/plotting.
    assert all(re.search(r"\. [^:.]+(: .*[0-9]| \d+ are mislabelled)", words) for words in images)


def test_the_table_of_runs_has_a_row_a_run_and_what_all_share(study: Path) -> None:
    runs = study_runs(study)
    table = runs_table(runs.results, runs.names)
    assert len(table.rows) == 8
    first, names = dict(zip([column.name for column in table.columns], table.rows[0], strict=True)), dict(table.alike)
    accuracy = runs.results["test_accuracy_last"].iloc[0]
    assert first["method"] == ("CE", None)
    assert first["last"] == (f"{100 * accuracy:.1f} %", pytest.approx(accuracy))
    assert (names["epochs"], names["budget"]) == ("4", "images")


@pytest.mark.slow
def test_runs_of_unequal_length_and_without_online_records_have_a_page(tmp_path: Path) -> None:
    data = load_data(DATA_SETS.parse("digits"), None, 100)
    grid = Grid(noise=("symmetric:0.4",), seeds=(0,), train_size=100, budget="images", augment="mixup", methods=("ce", "dlb"))
    for config in plan(dataclasses.replace(grid, training=TrainConfig(epochs=4, batch_size=32, device="cpu")), data).configs:
        run_one(config, data, tmp_path)
    runs, parts = study_runs(tmp_path), []
    text = build_page(runs, explored=explore(runs), progress=parts.append)
    about = json.loads(re.search(r'id="about">(.*?)</script>', text)[1])  # type: ignore[index]
    assert [run["epochs"] for run in about["settings"][0]["runs"].values()] == [[1, 2, 3, 4], [1, 2]]
    # Every part is told before it is made.
    assert {part.split(": ")[-1] for part in parts} >= {"tables", "samples of 2 runs", *FIGURES.entries()}


@pytest.mark.slow
def test_no_folder_of_the_author_is_on_the_page(tmp_path: Path) -> None:
    digits = load_data(DATA_SETS.parse("digits"), None, 100)
    arrays = {"train_images": digits.train_images[:, 0], "train_labels": digits.train_labels}
    np.savez(tmp_path / "pets.npz", **arrays, test_images=digits.test_images[:50, 0], test_labels=digits.test_labels[:50])
    study = sweep(tmp_path / "study", data=f"npz:{tmp_path / 'pets.npz'}", methods=["ce"], seeds=1, epochs=1, progress=False)
    text = study.report(labels={"ce": "plain training"}).read_text(encoding="utf-8")
    packed_texts = re.findall(r'id="(csv-[^"]+)">([^<]*)<', text)
    assert str(tmp_path) not in text
    assert "<h1>study: npz:pets" in text
    assert "plain training" in text
    assert packed_texts
    for name, content in packed_texts:
        assert str(tmp_path) not in gzip.decompress(b64decode(content)).decode(), name


# The command line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--noise", "symmetric:0.5"], "symmetric:0.4"),
        (["--seed", "7"], "0, 1"),
        (["--data-root", "/nowhere"], "/nowhere"),
        (["--label", "elr=ELR"], "elr"),
    ],
)
def test_bad_choices_are_refused_in_one_line_that_names_the_good_ones(
    options: list[str], said: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert noisylab(capsys, "report", study, "--out", study / "other.html", *options).refuses(said)
    assert not (study / "other.html").exists()


def test_a_folder_without_runs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert noisylab(capsys, "report", tmp_path).refuses("no finished runs")


@pytest.mark.slow
def test_a_page_without_samples_is_small(whole_page: Path) -> None:
    text = whole_page.read_text()
    assert len(text) < 2_500_000
    assert 'id="samples"' not in text
