"""The page of a study, opened in a real browser without a network."""

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import xarray
from helpers_report import FEW

from noisylab.core.registries import DATA_SETS, FIGURES
from noisylab.data.image_data import load_data
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.study_runs import study_runs
from noisylab.recording import load_dynamics
from noisylab.study.study_results import collect

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra noisylab[test] with playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs Chromium from the system's packages", allow_module_level=True)

pytestmark = pytest.mark.slow
SAMPLES = 150
Opener = Callable[..., Any]


@pytest.fixture(scope="module")
def open_page(study: Path) -> Iterator[Opener]:
    """Opens the page, with the state after #, in a window; fails on any error of its script."""
    errors: list[str] = []
    with sync_api.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)

        def opened(
            state: str = "", *, file: Path = study / "report.html", width: int = 1400, height: int = 900, **options: Any
        ) -> Any:
            context = browser.new_context(offline=True, viewport={"width": width, "height": height}, **options)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("requestfailed", lambda request: errors.append(request.url))
            page.goto(file.as_uri() + state)
            # A page without samples has nothing to draw.
            if 'id="samples"' in page.content():
                page.wait_for_selector("body[data-drawn]", timeout=20_000)
            return page

        yield opened
        browser.close()
    assert errors == []


@pytest.fixture(scope="module")
def page(open_page: Opener) -> Any:
    return open_page()


def settle(page: Any, action: Callable[[], object]) -> None:
    """Do something, and wait until the samples are selected anew and drawn."""
    before = page.evaluate("document.body.dataset.ready")
    action()
    page.wait_for_function(
        f"document.body.dataset.ready !== '{before}' && document.body.dataset.drawn === document.body.dataset.ready"
    )


@pytest.fixture
def reset(page: Any) -> Any:
    """The page without filters and chosen sample."""
    page.evaluate("document.getElementById('more').open = true")
    settle(page, lambda: page.click("#reset"))
    if page.query_selector("#close"):
        page.click("#close")
    return page


def choose(page: Any, **values: str) -> None:
    for name, value in values.items():
        settle(page, lambda name=name, value=value: page.select_option(f"#{name}", value))


def fill(page: Any, name: str, value: str) -> None:
    settle(page, lambda: page.fill(f"#{name}", value))


def shown(page: Any) -> list[int]:
    return page.evaluate("[...document.querySelectorAll('.tile')].map((tile) => Number(tile.dataset.position))")  # type: ignore[no-any-return]


def count(page: Any) -> int:
    return int(page.inner_text("#count").split(" of ")[0].replace(",", ""))


def focused(page: Any) -> str:
    return str(page.evaluate("document.activeElement.dataset.position ?? document.activeElement.id"))


def records(study: Path, method: str = "ce", noise: str = "symmetric:0.4", seed: int = 0) -> xarray.Dataset:
    rows = collect(study)
    chosen = rows[(rows["noise"] == noise) & (rows["seed"] == seed) & (rows["method"] == method)]
    return load_dynamics(study / chosen["id"].iloc[0]).load()


@pytest.fixture(scope="module")
def explored(study: Path) -> xarray.Dataset:
    """The records of the first method, with which the page starts."""
    return records(study)


def state_of(page: Any) -> dict[str, str]:
    return dict(page.evaluate("[...new URLSearchParams(location.hash.replace('#samples?', ''))]"))


# Tables and figures


def test_the_page_has_tables_and_figures_as_images(page: Any) -> None:
    cells = page.inner_text("#summary")
    for text in ("symmetric:0.4", "images", "updates", "±", "Primary contrasts", "with probability", "peak †"):
        assert text in cells
    assert_pictures(page, FEW)


def test_every_figure_is_on_the_page_as_an_image(open_page: Opener, whole_page: Path) -> None:
    # No runs of the study differ in a setting.
    names = [name for name in FIGURES.entries() if name not in ("axis_comparison", "option_map")]
    page = open_page(file=whole_page, width=390)
    assert_pictures(page, names)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def assert_pictures(page: Any, names: Iterable[str]) -> None:
    for name in names:
        page.locator(f"#figure-{name}").scroll_into_view_if_needed()
        page.wait_for_function(f"document.querySelector('#figure-{name} img').naturalWidth > 300")


def test_alternative_texts_tell_numbers_of_the_figure(page: Any, study: Path) -> None:
    told = page.get_attribute("#figure-noise_robustness img", "alt")
    results = collect(study)
    hard = results[results["noise"] == "symmetric:0.4"].groupby("method")["test_accuracy_last"].mean()
    assert f"under symmetric:0.4: CE {100 * hard['ce']:.1f} %; DLB {100 * hard['dlb']:.1f} %." in told


def test_the_address_of_the_samples_leads_to_them(open_page: Opener) -> None:
    page = open_page("#samples")
    page.wait_for_timeout(300)
    assert -5 <= page.evaluate("document.getElementById('samples').getBoundingClientRect().top") <= 60
    page.evaluate("scrollTo(0, 0)")
    page.click("nav a[href='#samples']")
    # All pictures above have come by now.
    page.wait_for_timeout(500)
    assert -5 <= page.evaluate("document.getElementById('samples').getBoundingClientRect().top") <= 60


def test_the_table_of_runs_sorts_by_any_column(page: Any, study: Path) -> None:
    def column(name: str) -> list[str]:
        names = page.eval_on_selector_all("#runs th", "(heads) => heads.map((head) => head.textContent)")
        return page.eval_on_selector_all(  # type: ignore[no-any-return]
            "#runs tbody tr",
            f"(rows) => rows.map((row) => row.cells[{names.index(name)}].dataset.value ?? row.cells[0].textContent)",
        )

    results = collect(study)
    page.click("#runs th:has-text('memorised') button")
    found = [float(value) for value in column("memorised")[: int(results["memorised"].notna().sum())]]
    assert found == sorted(results["memorised"].dropna())
    page.click("#runs th:has-text('memorised') button")
    found = [float(value) for value in column("memorised")[: len(found)]]
    assert found == sorted(found, reverse=True)
    assert page.get_attribute("#runs th:has-text('memorised')", "aria-sort") == "descending"
    assert len(column("method")) == len(results) == 8


# Filters


def test_filters_keep_what_the_records_say(reset: Any, explored: xarray.Dataset) -> None:
    given, true = explored["given"].values, explored["true"].values
    last, wrong = explored["prediction"].values[-1], given != true
    assert count(reset) == SAMPLES
    for which, wanted in {
        "mislabelled": wrong,
        "clean": ~wrong,
        "memorised": wrong & (last == given),
        "recovered": wrong & (last == true),
    }.items():
        choose(reset, which=which)
        assert count(reset) == wanted.sum()
        assert set(shown(reset)) <= set(np.flatnonzero(wanted).tolist())
    choose(reset, which="all", true="3")
    assert count(reset) == (true == 3).sum()
    choose(reset, predicted="3")
    assert count(reset) == ((true == 3) & (last == 3)).sum()
    choose(reset, predicted="", given=str(given[true == 3][0]))
    assert count(reset) == ((true == 3) & (given == given[true == 3][0])).sum()


def test_noise_seed_and_method_choose_the_run(reset: Any, study: Path) -> None:
    for method, noise, seed in [("dlb", "symmetric:0.4", 1), ("ce", "symmetric:0", 1), ("ce", "symmetric:0.4", 0)]:
        choose(reset, noise=noise)
        choose(reset, seed=str(seed), method="1" if method == "dlb" else "0", which="clean")
        of_run = records(study, method, noise, seed)
        right = (of_run["given"] == of_run["true"]).values
        assert count(reset) == right.sum()
        assert f"under {noise}, seed {seed}" in reset.inner_text("#said")
        choose(reset, which="all", sort="confidence")
        least = of_run["p_given"].values.astype(np.float64).mean(0).argmin()
        assert shown(reset)[0] == least


def test_one_button_shows_what_ce_memorised_and_dlb_recovered(reset: Any, study: Path) -> None:
    ce, dlb = records(study), records(study, "dlb")
    given, true = ce["given"].values, ce["true"].values
    wanted = (given != true) & (ce["prediction"].values[-1] == given) & (dlb["prediction"].values[-1] == true)
    assert reset.inner_text("#pair") == "memorised by CE and recovered by DLB"
    settle(reset, lambda: reset.click("#pair"))
    if wanted.any():
        assert count(reset) == wanted.sum()
    else:
        assert reset.inner_text("#count").startswith("No samples")
    assert reset.get_attribute("#pair", "aria-pressed") == "true"
    settle(reset, lambda: reset.click("#pair"))
    assert count(reset) == SAMPLES


def test_bounds_that_nothing_meets_are_named(reset: Any, explored: xarray.Dataset) -> None:
    choose(reset, sort="confidence")
    mean = explored["p_given"].values.astype(np.float32).mean(0)
    fill(reset, "low", "2")
    assert reset.inner_text("#count") == f"No samples: values of confidence are between {mean.min():.3g} and {mean.max():.3g}."
    fill(reset, "high", "1")
    assert "the lower bound of confidence, 2, is above the upper one, 1" in reset.inner_text("#count")
    fill(reset, "high", "")
    fill(reset, "low", "0.1")
    assert count(reset) == (mean >= np.float32(0.1)).sum()


def test_a_cell_of_the_confusions_filters(reset: Any, explored: xarray.Dataset) -> None:
    true, last, given = explored["true"].values, explored["prediction"].values[-1], explored["given"].values
    row, column = int(true[0]), int(last[0])
    cell = f"#matrix button[data-pair='{row},{column}']"
    wanted = ((true == row) & (last == column)).sum()
    assert reset.inner_text(cell) == str(wanted)
    settle(reset, lambda: reset.click(cell))
    assert count(reset) == wanted
    # The focus stays, and a second click takes the filter away.
    assert reset.evaluate("document.activeElement.dataset.pair") == f"{row},{column}"
    settle(reset, lambda: reset.keyboard.press("Enter"))
    assert count(reset) == SAMPLES
    choose(reset, columns="given")
    wanted = ((true == row) & (given == row)).sum()
    assert reset.inner_text(f"#matrix button[data-pair='{row},{row}']") == str(wanted)


def test_a_box_in_the_scatter_filters(reset: Any, explored: xarray.Dataset) -> None:
    box = reset.locator("#scatter .u-over").bounding_box()
    reset.mouse.move(box["x"] + 5, box["y"] + 5)
    reset.mouse.down()
    reset.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    settle(reset, reset.mouse.up)
    left, right, low, high = map(float, state_of(reset)["box"].split(","))
    p = explored["p_given"].values.astype(np.float64)
    x, y = p.std(0), p.mean(0)
    inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
    assert 0 < inside.sum() < SAMPLES
    assert count(reset) == inside.sum()
    settle(reset, lambda: reset.click("#unbox"))
    assert count(reset) == SAMPLES


def test_a_click_on_a_point_shows_its_sample(reset: Any, explored: xarray.Dataset) -> None:
    p = explored["p_given"].values.astype(np.float64)
    farthest = int(p.std(0).argmax())
    place = reset.evaluate(
        f"(() => {{ const chart = document.querySelector('#scatter').chart;"
        f" return [chart.valToPos({p.std(0)[farthest]}, 'x'), chart.valToPos({p.mean(0)[farthest]}, 'y')]; }})()"
    )
    reset.locator("#scatter .u-over").click(position={"x": place[0], "y": place[1]})
    reset.wait_for_selector(f"#detail[data-sample='{int(explored['sample'].values[farthest])}']")


# The list


def test_sorting_puts_the_most_suspect_first(reset: Any, explored: xarray.Dataset) -> None:
    wrong_events = (explored["prediction"].values != explored["given"].values).sum(0)
    choose(reset, sort="wrong_events")
    values = wrong_events[shown(reset)]
    assert values[0] == wrong_events.max()
    assert (np.diff(values) <= 0).all()
    # What is never learnt is the most suspect of all.
    choose(reset, sort="forgetting_events")
    never = (explored["prediction"].values != explored["given"].values).all(0)
    assert never[shown(reset)[: int(never.sum())]].all()
    choose(reset, sort="wrong_events", order="clear")
    assert wrong_events[shown(reset)][0] == wrong_events.min()
    fill(reset, "low", "2")
    assert count(reset) == (wrong_events >= 2).sum()


def test_the_list_begins_as_the_figure_of_the_most_suspect_samples(reset: Any, study: Path, explored: xarray.Dataset) -> None:
    figure = draw_figure("suspicious_samples", study_runs(study)).numbers["sample"].unique().tolist()
    assert explored["sample"].values[shown(reset)[: len(figure)]].tolist() == figure


def test_what_orders_equal_values_is_said_and_shown(reset: Any, explored: xarray.Dataset) -> None:
    wrong_events = (explored["prediction"].values != explored["given"].values).sum(0)
    mean = explored["p_given"].values.astype(np.float32).mean(0)
    choose(reset, sort="wrong_events")
    order = shown(reset)
    first = int((wrong_events == wrong_events.max()).sum())
    assert 1 < first < SAMPLES
    said = reset.inner_text("#ties")
    assert (
        "equal wrong events are in the order of p, the mean probability of the given label (confidence), the lowest first"
        in said
    )
    assert f"{first} share the first place" in said
    assert len(order[:first]) > 2
    assert (np.diff(mean[order[:first]]) >= 0).all()
    tiles = reset.eval_on_selector_all(".tile", "(all) => all.map((each) => each.lastChild.textContent)")
    assert [tile.split(", p ")[0] for tile in tiles] == [str(wrong_events[i]) for i in order]
    np.testing.assert_allclose([float(tile.split(", p ")[1]) for tile in tiles], mean[order], rtol=6e-3)
    choose(reset, order="clear")
    assert "the highest first" in reset.inner_text("#ties")
    # Without ties, nothing is said of them.
    choose(reset, sort="confidence")
    assert reset.inner_text("#ties") == ""
    assert ", p " not in reset.inner_text(".tile >> nth=0")


def test_pages_show_every_sample_once(reset: Any) -> None:
    choose(reset, sort="sample")
    seen = shown(reset)
    while reset.get_attribute("#next", "aria-disabled") == "false":
        before = shown(reset)
        reset.click("#next")
        reset.wait_for_function(f"document.querySelector('.tile').dataset.position !== '{before[0]}'")
        seen += shown(reset)
    assert sorted(seen) == list(range(SAMPLES))


def test_the_keyboard_reaches_the_list_and_moves_in_it(open_page: Opener) -> None:
    page = open_page()
    page.focus("#noise")
    stops = 1
    while page.evaluate("document.activeElement.className").split(" ")[0] != "tile":
        page.keyboard.press("Tab")
        stops += 1
        assert stops <= 15
    order = shown(page)
    across = page.evaluate(
        "(() => { const all = [...document.querySelectorAll('.tile')];"
        " return all.filter((tile) => tile.offsetTop === all[0].offsetTop).length; })()"
    )
    for key, place in [("ArrowRight", 1), ("ArrowDown", 1 + across), ("ArrowLeft", across), ("End", 59), ("Home", 0)]:
        page.keyboard.press(key)
        assert focused(page) == str(order[place]), key
    page.keyboard.press("Enter")
    page.wait_for_selector("#detail[data-sample]")
    assert focused(page) == str(order[0])
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail:not([data-sample])")
    assert focused(page) == str(order[0])
    page.keyboard.press("PageDown")
    page.wait_for_function(f"document.activeElement.dataset.position !== '{order[0]}'")
    assert focused(page) == str(shown(page)[0])
    assert not set(shown(page)) & set(order)


def test_the_skip_link_leads_to_the_list(open_page: Opener) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focused(page) == "list"


# The detail


def test_a_click_shows_the_sample_s_labels_image_and_a_curve_per_method(reset: Any, explored: xarray.Dataset) -> None:
    choose(reset, which="mislabelled")
    position = shown(reset)[0]
    reset.click(".tile >> nth=0")
    sample = int(explored["sample"].values[position])
    reset.wait_for_selector(f"#detail[data-sample='{sample}']")
    heading = reset.inner_text("#detail h3")
    true, given = explored["true"].values[position], explored["given"].values[position]
    assert heading == f"Sample {sample}: {true}, labelled as {given}"
    assert reset.eval_on_selector_all("#lines label", "(all) => all.map((each) => each.textContent)") == ["CE", "DLB"]
    drawn = reset.evaluate("document.querySelector('#curve').chart.data[1]")
    p = explored["p_given"].values[:, position]
    np.testing.assert_allclose(drawn, p, atol=0.5 / 63 + 1e-3)
    told = re.search(r"CE from (\S+) at epoch 1 to (\S+) at epoch 4", reset.get_attribute("#curve", "aria-label"))
    assert told is not None
    np.testing.assert_allclose([float(told[1]), float(told[2])], p[[0, -1]], atol=0.5 / 63 + 5e-3)
    pixels = reset.evaluate(
        "Array.from(document.querySelector('#detail canvas.sample').getContext('2d').getImageData(0, 0, 8, 8).data)"
        ".filter((_, i) => i % 4 === 0)"
    )
    images = load_data(DATA_SETS.parse("digits"), None, SAMPLES).train_images
    assert pixels == images[position, 0].ravel().tolist()


@pytest.mark.parametrize("width", [1400, 390])
def test_the_detail_opens_beside_the_list_or_below_the_row(open_page: Opener, width: int) -> None:
    page = open_page("#samples", width=width)
    tile = page.locator(".tile >> nth=5")
    tile.click()
    page.wait_for_selector("#detail[data-sample]")
    detail, chosen = page.locator("#detail").bounding_box(), tile.bounding_box()
    if width == 1400:
        assert detail["x"] >= page.locator("#list").bounding_box()["x"] + page.locator("#list").bounding_box()["width"]
        assert detail["y"] < 900
    else:
        assert 0 <= detail["y"] - (chosen["y"] + chosen["height"]) < 20
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1400, 390])
def test_nothing_is_cut_and_no_chooser_is_too_wide(open_page: Opener, width: int) -> None:
    page = open_page("#samples", width=width)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.click(".tile >> nth=3")
    page.wait_for_selector("#detail[data-sample]")
    # Confusions of ten classes, and the scores of a sample.
    cut = page.eval_on_selector_all("#matrix, #detail, #detail .wide", "(all) => all.map((e) => e.scrollWidth - e.clientWidth)")
    assert len(cut) == 3
    assert max(cut) <= 0
    widths = page.eval_on_selector_all("#samples select", "(all) => all.map((each) => each.offsetWidth)")
    assert len(widths) == 12
    assert max(widths) <= 240
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_names_of_rows_stay_in_sight_and_leave_room_for_numbers(open_page: Opener) -> None:
    page = open_page(width=390)
    headings = {"All measures": "method", "Accuracy": "method", "Primary contrasts": "difference", "runs": "method"}
    for name, heading in headings.items():
        table = page.locator(f"[aria-label='Table: {name}']")
        head, cell = table.locator("thead th.name"), table.locator("tbody td.name").first
        assert head.inner_text() == heading
        # As long as the names of some methods with settings of their own.
        cell.evaluate("(cell) => { cell.textContent = 'coteaching_plus@optimizer=adam,learning_rate=0.001'; }")
        box, most = table.bounding_box(), table.evaluate("(table) => table.scrollWidth - table.clientWidth")
        assert box["x"] + box["width"] <= 390
        table.evaluate("(table) => { table.scrollLeft = 10_000; }")
        assert table.evaluate("(table) => table.scrollLeft") == pytest.approx(most, abs=1)
        for there in (head, cell):
            place = there.bounding_box()
            assert box["x"] - 1 <= place["x"]
            assert place["x"] + place["width"] <= box["x"] + 0.6 * box["width"]


# The address


def test_the_address_brings_the_state_back(open_page: Opener, reset: Any) -> None:
    choose(reset, seed="1", which="mislabelled", sort="confidence", x="aum")
    fill(reset, "high", "0.5")
    reset.click(".tile >> nth=1")
    reset.wait_for_selector("#detail[data-sample]")
    wanted = shown(reset)
    address = reset.evaluate("location.hash")
    copy = open_page(address)
    copy.wait_for_selector("#detail[data-sample]")
    assert shown(copy) == wanted
    assert copy.input_value("#seed") == "1"
    assert copy.input_value("#x") == "aum"
    assert copy.inner_text("#detail h3") == reset.inner_text("#detail h3")
    # An address that holds nonsense opens all the same.
    odd = open_page("#samples?noise=no&seed=x&sort=y&true=99&box=1,2&page=900&sample=-1&which=z")
    assert count(odd) == SAMPLES


# Downloads


def saved(page: Any, what: str) -> bytes:
    with page.expect_download() as download:
        page.click(what)
    return Path(download.value.path()).read_bytes()


def test_the_selection_is_downloaded_as_csv(reset: Any, explored: xarray.Dataset) -> None:
    choose(reset, which="mislabelled")
    rows = list(csv.DictReader(io.StringIO(saved(reset, "#save").decode())))
    wrong = explored["given"].values != explored["true"].values
    assert sorted(int(row["sample"]) for row in rows) == sorted(explored["sample"].values[wrong].tolist())
    of_sample = {int(row["sample"]): row for row in rows}
    for position in np.flatnonzero(wrong):
        row = of_sample[int(explored["sample"].values[position])]
        assert (row["true"], row["given"]) == tuple(str(explored[name].values[position]) for name in ("true", "given"))
        p = explored["p_given"].values[:, position].astype(np.float64).mean()
        assert float(row["confidence"]) == pytest.approx(p, rel=1e-5)


def test_tables_and_figures_are_downloaded(page: Any, study: Path) -> None:
    kept = pandas.read_csv(io.BytesIO(saved(page, "a[download='results.csv']")))
    assert kept["test_accuracy_last"].tolist() == pytest.approx(study_runs(study).results["test_accuracy_last"].tolist())
    assert saved(page, "a[download='memorisation.png']").startswith(b"\x89PNG")
    numbers = pandas.read_csv(io.BytesIO(saved(page, "#figure-noise_robustness a[download$='.csv']")))
    assert "test_accuracy_last" in numbers


# For every reader


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing(open_page: Opener, width: int, scheme: str) -> None:
    page = open_page(width=width, color_scheme=scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    page.click(".tile >> nth=3")
    page.wait_for_selector("#detail[data-sample]")
    assert_accessible(page, 30)


def test_axe_finds_nothing_on_the_page_of_all_figures(open_page: Opener, whole_page: Path) -> None:
    assert_accessible(open_page(file=whole_page), 20)


def assert_accessible(page: Any, passes: int) -> None:
    axe = pytest.importorskip("axe_playwright_python", reason="needs the extra noisylab[test] with axe-playwright-python")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > passes
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []


def test_colours_follow_the_scheme(open_page: Opener) -> None:
    def paper(page: Any) -> str:
        return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    assert paper(open_page()) == "rgb(255, 255, 255)"
    assert max(map(int, re.findall(r"\d+", paper(open_page(color_scheme="dark"))))) < 50


def test_printed_tables_are_whole(open_page: Opener) -> None:
    page = open_page(width=720)
    page.emulate_media(media="print")
    wide = page.eval_on_selector_all(".wide", "(all) => all.map((each) => [each.scrollWidth, each.clientWidth])")
    assert len(wide) >= 4
    assert all(needed <= there for needed, there in wide)
    assert not page.is_visible("#samples")


def test_a_printed_page_has_its_pictures(open_page: Opener, study: Path) -> None:
    page = open_page()
    printed = page.pdf()
    assert len(re.findall(rb"/Subtype\s*/Image\b", printed)) >= len(FEW)


def test_pictures_stand_on_paper_of_their_own_on_a_dark_screen(open_page: Opener) -> None:
    def padding(page: Any) -> float:
        return float(page.evaluate("parseFloat(getComputedStyle(document.querySelector('figure img')).paddingLeft)"))

    assert padding(open_page()) == 0
    dark = open_page(color_scheme="dark")
    assert padding(dark) > 5
    dark.emulate_media(media="print", color_scheme="dark")
    assert padding(dark) == 0


def test_scores_of_a_sample_scroll_beside_their_names_on_a_phone(open_page: Opener) -> None:
    page = open_page("#samples", width=390)
    page.click(".tile >> nth=5")
    page.wait_for_selector("#detail[data-sample]")
    # As many methods as a large study has.
    page.evaluate(
        "for (const row of document.querySelectorAll('#detail .wide tr')) for (let k = 0; k < 9; k++) {"
        " const text = row.rowIndex ? (row.rowIndex === 7 ? '∞ (never)' : '-0.123') : 'temporal_ensembling';"
        " row.append(Object.assign(row.lastChild.cloneNode(true), {textContent: text})); }"
    )
    page.wait_for_function("document.querySelector('#detail .wide').tabIndex === 0")
    wide = page.locator("#detail .wide")
    wide.evaluate("(box) => { box.scrollLeft = 100000; }")
    box, name = wide.bounding_box(), page.locator("#detail .wide tbody tr >> nth=1 >> th").bounding_box()
    assert abs(name["x"] - box["x"]) <= 1, "the name of the score stays"
    last = page.locator("#detail .wide tbody tr >> nth=1 >> td >> nth=-1").bounding_box()
    assert last["x"] >= name["x"] + name["width"]
    assert last["x"] + last["width"] <= box["x"] + box["width"] + 1
    assert (box["width"] - name["width"]) / last["width"] > 4.5, "four methods and more are seen at once"
