"""The page of a study, opened in a real browser."""

import dataclasses
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
from filelock import FileLock
from matplotlib.colors import to_hex
from PIL import Image

from noisylab.core.registries import DATA_SETS
from noisylab.data.image_data import load_data
from noisylab.plotting.study_runs import study_runs
from noisylab.plotting.style import method_styles
from noisylab.recording import load_dynamics
from noisylab.report.page import build_page, explore
from noisylab.report.samples import PER_SHEET, chosen_epochs, curves, explorer_data, packed, sheets
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.study.run_folder import collect
from noisylab.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
GRID = "--train-size 150 --epochs 4 --jobs 2 --device cpu --methods ce dlb --noise symmetric:0 symmetric:0.4 --seeds 2"


def run(*command: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study with its report. Not to be changed."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = base / "reported"
    with FileLock(base / "reported.lock"):
        if not (out / "report.html").exists():
            run("studies/noise_sweep.py", *GRID.split(), "--out", str(out))
            printed = run("-m", "noisylab", "report", str(out))
            assert printed.startswith(str(out / "report.html"))
    return out


@pytest.fixture(scope="module")
def page(study: Path) -> Iterator[Any]:
    """The page in a browser without a network; fails on any error of its script."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra noisylab[test] with playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium from the system's packages")
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(offline=True)
        opened = context.new_page()
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        opened.on("requestfailed", lambda request: errors.append(request.url))
        opened.goto((study / "report.html").as_uri())
        opened.wait_for_selector("body[data-ready]", timeout=20_000)
        yield opened
        browser.close()
        assert errors == []


def settle(page: Any, action: Any) -> None:
    """Do something, and wait until the samples are selected anew."""
    before = page.evaluate("document.body.dataset.ready")
    action()
    page.wait_for_function(f"document.body.dataset.ready !== '{before}'")


@pytest.fixture
def reset(page: Any) -> Any:
    """The page without filters."""
    settle(page, lambda: page.click("#reset"))
    return page


def shown(page: Any) -> list[int]:
    return [int(tile.get_attribute("data-position")) for tile in page.query_selector_all("#tiles button")]


def count(page: Any) -> int:
    return int(page.inner_text("#count").split(" of ")[0].replace(",", ""))


@pytest.fixture(scope="module")
def explored(study: Path) -> xarray.Dataset:
    """The records of the first method that the page starts with."""
    rows = collect(study)
    chosen = rows[(rows["noise"] == "symmetric:0.4") & (rows["seed"] == 0) & (rows["method"] == "ce")]
    return load_dynamics(study / chosen["id"].iloc[0]).load()


# In the browser


def test_the_page_has_tables_and_every_figure_as_an_image(page: Any, study: Path) -> None:
    cells = page.inner_text("#summary")
    for text in ("symmetric:0.4", "dlb", "images", "updates", "±", "Primary contrasts", "is found with probability", "peak †"):
        assert text in cells
    for name in ("memorisation", "differences", "noise_robustness", "method_ranks"):
        page.locator(f"#figure-{name}").scroll_into_view_if_needed()
        page.wait_for_function(f"document.querySelector('#figure-{name} img').naturalWidth > 300")


def test_filters_keep_what_the_records_say(reset: Any, explored: xarray.Dataset) -> None:
    given, true = explored["given"].values, explored["true"].values
    last, wrong = explored["prediction"].values[-1], given != true
    assert count(reset) == 150
    for which, wanted in {
        "mislabelled": wrong,
        "clean": ~wrong,
        "memorised": wrong & (last == given),
        "recovered": wrong & (last == true),
    }.items():
        settle(reset, lambda which=which: reset.select_option("#which", which))
        assert count(reset) == wanted.sum()
        assert set(shown(reset)) <= set(np.flatnonzero(wanted).tolist())
    settle(reset, lambda: reset.select_option("#which", "all"))
    settle(reset, lambda: reset.select_option("#true", "3"))
    assert count(reset) == (true == 3).sum()
    settle(reset, lambda: reset.select_option("#given", "5"))
    assert count(reset) == ((true == 3) & (given == 5)).sum()


def test_sorting_puts_the_most_suspect_first_and_bounds_hold(reset: Any, explored: xarray.Dataset) -> None:
    wrong_events = (explored["prediction"].values != explored["given"].values).sum(0)
    settle(reset, lambda: reset.select_option("#sort", "wrong_events"))
    values = wrong_events[shown(reset)]
    assert values[0] == wrong_events.max()
    assert (np.diff(values) <= 0).all()
    # Who never learns is the most suspect of all.
    settle(reset, lambda: reset.select_option("#sort", "forgetting_events"))
    never = (explored["prediction"].values != explored["given"].values).all(0)
    assert never[shown(reset)[: int(never.sum())]].all()
    settle(reset, lambda: reset.select_option("#sort", "wrong_events"))
    settle(reset, lambda: reset.select_option("#order", "clear"))
    assert wrong_events[shown(reset)][0] == wrong_events.min()

    def bound() -> None:
        reset.fill("#low", "2")
        reset.dispatch_event("#low", "change")

    settle(reset, bound)
    assert count(reset) == (wrong_events >= 2).sum()


def test_pages_show_every_sample_once(reset: Any) -> None:
    settle(reset, lambda: reset.select_option("#sort", "sample"))
    seen = shown(reset)
    while reset.is_enabled("#next"):
        before = shown(reset)
        reset.click("#next")
        reset.wait_for_function(f"document.querySelector('#tiles button').dataset.position !== '{before[0]}'")
        seen += shown(reset)
    assert sorted(seen) == list(range(150))


def test_a_click_shows_the_sample_s_labels_image_and_a_curve_per_method(reset: Any, explored: xarray.Dataset) -> None:
    settle(reset, lambda: reset.select_option("#which", "mislabelled"))
    position = shown(reset)[0]
    reset.click("#tiles button >> nth=0")
    sample = int(explored["sample"].values[position])
    reset.wait_for_selector(f"#detail[data-sample='{sample}']")
    heading = reset.inner_text("#detail h3")
    true, given = explored["true"].values[position], explored["given"].values[position]
    assert heading == f"Sample {sample}: {true}, labelled as {given}"
    names = reset.evaluate("document.querySelector('#curve').data.map((trace) => trace.name)")
    assert names == ["ce", "dlb"]
    drawn = reset.evaluate("document.querySelector('#curve').data[0].y")
    np.testing.assert_allclose(drawn, explored["p_given"].values[:, position], atol=0.5 / 63 + 1e-3)
    pixels = reset.evaluate(
        "Array.from(document.querySelector('#detail canvas').getContext('2d').getImageData(0, 0, 8, 8).data)"
        ".filter((_, i) => i % 4 === 0)"
    )
    images = load_data(DATA_SETS.parse("digits"), None, 150).train_images
    assert pixels == images[position, 0].ravel().tolist()


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
    assert Image.open(BytesIO(b64decode(urls[0].partition(",")[2]))).size == (32 * 32, 64)
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
    rows = collect(study)[lambda x: (x["noise"] == "symmetric:0.4") & (x["seed"] == 0)]
    about, arrays = explorer_data({row["method"]: study / row["id"] for row in rows.to_dict("records")}, ["a"] * 10, (8, 8))
    assert set(about["scores"]) == {"ce", "dlb"}
    assert "step_consistency" in about["scores"]["dlb"]
    assert "step_consistency" not in about["scores"]["ce"]
    assert about["colors"]["dlb"] == to_hex(method_styles(["dlb"])["dlb"]["color"])
    assert {"given", "true", "sample", "last1", "curves1", "scores1"} <= set(arrays)


def test_runs_of_unequal_length_and_without_online_records_have_a_page(tmp_path: Path) -> None:
    data = load_data(DATA_SETS.parse("digits"), None, 100)
    grid = Grid(noise=("symmetric:0.4",), seeds=(0,), train_size=100, budget="images", augment="mixup", methods=("ce", "dlb"))
    for config in plan(dataclasses.replace(grid, training=TrainConfig(epochs=4, batch_size=32, device="cpu")), data).configs:
        run_one(config, data, tmp_path)
    runs = study_runs(tmp_path)
    text = build_page(runs, explored=explore(runs))
    about = json.loads(re.search(r'id="about">(.*?)</script>', text)[1])  # type: ignore[index]
    assert about["epochs"] == {"ce": [1, 2, 3, 4], "dlb": [1, 2]}


# The command line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--noise", "symmetric:0.5"], "symmetric:0.4"),
        (["--seed", "7"], "0, 1"),
        (["--data-root", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_choices_are_refused_in_one_line_that_names_the_good_ones(options: list[str], said: str, study: Path) -> None:
    error = run("-m", "noisylab", "report", str(study), "--out", str(study / "other.html"), *options, status=2)
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (study / "other.html").exists()


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    assert "no finished runs" in run("-m", "noisylab", "report", str(tmp_path), status=2)


@pytest.mark.slow
def test_a_page_without_samples_is_small(study: Path, tmp_path: Path) -> None:
    run("-m", "noisylab", "report", str(study), "--no-samples", "--out", str(tmp_path / "small.html"))
    text = (tmp_path / "small.html").read_text()
    assert len(text) < 3_000_000
    assert 'id="samples"' not in text
