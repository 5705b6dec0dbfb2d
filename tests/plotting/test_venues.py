"""Figures fit the pages of venues: width, height, fonts, formats, and LaTeX with a finished caption."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
import tueplots.fontsizes
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.lines import Line2D

import noisylab
from noisylab.core.registries import FIGURES
from noisylab.plotting.backgrounds import is_dark
from noisylab.plotting.catalogue import HIGHEST, _fits
from noisylab.plotting.colours import contrast
from noisylab.plotting.drawing_style import FIXED, drawing_style
from noisylab.plotting.drawn_figure import FORMATS, RASTER, DrawnFigure
from noisylab.plotting.style import paper_style
from noisylab.plotting.venues import VENUES, VenueName, venue_page

NEEDS_LATEX = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
# They need runs that differ in a setting.
OF_OTHER_STUDIES = ("axis_comparison", "option_map")
# A page of ICML: two columns of 3.25 inches on one of 6.75.
PAGE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage{times,graphicx,pgf}
\setlength{\textwidth}{6.75in}\setlength{\columnsep}{.25in}\setlength{\textheight}{9in}
\begin{document}
%s
\end{document}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> noisylab.Study:
    """A finished study. Not to be changed."""
    settings = {"epochs": 2, "train_size": 100, "device": "cpu", "progress": False}
    noise = ["symmetric:0", "symmetric:0.4"]
    return noisylab.sweep(tmp_path_factory.mktemp("venues") / "a_$b%", methods=["ce", "dlb"], noise=noise, seeds=2, **settings)


def errors_of_latex(folder: Path, body: str) -> list[str]:
    (folder / "page.tex").write_text(PAGE % body, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "page.tex"]
    said = subprocess.run(command, cwd=folder, capture_output=True, timeout=120).stdout.decode("utf-8", "replace")
    assert (folder / "page.pdf").is_file(), said
    return re.findall(r"^(?:!.*|Overfull.*|.*Float too large.*)$", said, re.MULTILINE)


# The page


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize("tex", [False, True])
def test_a_venue_has_widths_a_height_and_settings_that_matplotlib_knows(name: str, tex: bool) -> None:
    page = venue_page(name, tex=tex)
    assert 3 < page.column <= page.page < 7.1
    assert 3 < page.height < 9.8
    assert "figure.figsize" not in page.settings
    with mpl.rc_context(page.settings):
        assert 8 <= mpl.rcParams["font.size"] <= 10
        assert mpl.rcParams["text.usetex"] is (tex and name != "beamer")


def test_the_widths_are_those_of_the_author_kits() -> None:
    widths = {name: (round(venue_page(name).column, 2), round(venue_page(name).page, 2)) for name in VENUES}
    assert widths["icml"] == (3.25, 6.75)
    assert widths["neurips"] == widths["iclr"] == (5.5, 5.5)
    assert widths["cvpr"] == (3.25, 6.88)
    assert widths["acl"] == (3.03, 6.3)
    assert widths["tmlr"] == (6.5, 6.5)


def test_every_venue_of_tueplots_is_known_by_its_newest_template() -> None:
    newest: dict[str, str] = {}
    for name in sorted(vars(tueplots.fontsizes)):
        if match := re.fullmatch(r"([a-z]+)\d{4}", name):
            newest[match[1]] = name
    assert {name: venue.tueplots for name, venue in VENUES.items() if venue and name != "beamer"} == newest
    assert set(VENUES) == {*newest, "acl", "beamer"} == set(get_args(VenueName))


def test_a_figure_has_the_width_and_the_fonts_of_its_venue(study: noisylab.Study) -> None:
    column = study.figure("noise_robustness", venue="icml", width="column").figure
    assert column.get_figwidth() == 3.25
    assert column.axes[0].xaxis.label.get_fontsize() == 8
    assert column.axes[0].get_xticklabels()[0].get_fontsize() == 6
    assert "STIXGeneral" in column.axes[0].xaxis.label.get_fontfamily()
    assert study.figure("memorisation", venue="neurips").figure.get_figwidth() == 5.5
    assert study.figure("memorisation", venue="neurips", width=4).figure.get_figwidth() == 4
    # Without a venue, and afterwards.
    assert study.figure("noise_robustness", width="column").figure.axes[0].xaxis.label.get_fontfamily() == ["DejaVu Sans"]


def test_the_font_of_a_venue_is_in_the_file(study: noisylab.Study) -> None:
    there = {font.name for font in mpl.font_manager.fontManager.ttflist}
    pdf = study.figure("noise_robustness", venue="icml").rendered("pdf")
    (name,) = {name.decode() for name in re.findall(rb"/FontName /[A-Z]+\+(\w+)", pdf)} - {"DejaVuSans"}
    wanted = next(font for font in venue_page("icml").settings["font.serif"] if font in there)
    assert name.startswith(wanted.replace(" ", ""))


@pytest.mark.parametrize(
    ("name", "width", "venue"),
    [
        ("consistency", "column", None),
        ("loss_separation", "column", "eccv"),
        *(
            pytest.param(name, width, "eccv", marks=pytest.mark.slow)
            for name in FIGURES.entries()
            if name not in OF_OTHER_STUDIES
            for width in ("column", "page")
        ),
    ],
)
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_no_figure_is_higher_than_its_page(study: noisylab.Study, name: str, width: str, venue: str | None) -> None:
    figure = study.figure(name, width=width, venue=venue).figure
    assert figure.get_figheight() <= (HIGHEST[width == "page"] if venue is None else venue_page(venue).height)
    figure.draw_without_rendering()


def test_a_page_that_is_too_low_for_all_panels_gets_some_or_none(study: noisylab.Study) -> None:
    drawn = study.figure("detection", venue="beamer")
    assert drawn.numbers["method"].unique().tolist() == ["dlb"]
    assert "1 of 2 methods" in drawn.caption
    with pytest.raises(ValueError, match=r"figure transition_matrix cannot be read in 5.5 x 3.1 inches, not even a part of it"):
        study.figure("transition_matrix", venue="beamer")


def test_texts_that_meet_in_the_fonts_of_a_page_do_not_fit() -> None:
    figure, (above, below) = plt.subplots(2, 1, figsize=(3, 2), layout="constrained")
    drawn = DrawnFigure(figure, pandas.DataFrame(), "", drawing_style("beamer"))
    assert _fits(drawn, 3.1)
    for ax in (above, below):
        ax.set_ylabel("share of samples")
    assert not _fits(drawn, 3.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"venue": "icml2024"}, "venue must be one of aaai, acl, .*, got 'icml2024'"),
        ({"venue": "icml", "width": "half"}, "width must be 'column'"),
        ({"style": "gggplot"}, "style must be a file or a style of matplotlib, got 'gggplot'; did you mean 'ggplot'"),
        ({"style": ["ggplot", "missing.mplstyle"]}, "got 'missing.mplstyle'"),
    ],
)
def test_what_is_unknown_is_refused(study: noisylab.Study, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study.figure("noise_robustness", **options)  # type: ignore[arg-type]


# Styles


def test_a_style_of_scienceplots_names_the_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scienceplots", None)
    for style in ("science", "ieee"):
        monkeypatch.delitem(plt.style.library, style, raising=False)
        with pytest.raises(ValueError, match=f"style '{style}' is one of SciencePlots, .*; pip install SciencePlots"):
            drawing_style(styles=style)


def test_styles_lie_on_top_by_name_and_as_files_and_change_nothing_else(study: noisylab.Study, tmp_path: Path) -> None:
    own = tmp_path / "own.mplstyle"
    own.write_text(
        "axes.labelsize: 7\nsavefig.bbox: tight\npdf.fonttype: 3\nfigure.constrained_layout.use: True\n"
        "axes.formatter.use_mathtext: True\n"
    )
    before = dict(mpl.rcParams)
    drawn = study.figure("noise_robustness", style=["dark_background", own], venue="icml")
    assert drawn.figure.get_facecolor() == (0, 0, 0, 1)
    assert drawn.figure.axes[0].xaxis.label.get_fontsize() == 7
    assert "$" not in drawn.figure.axes[0].get_yticklabels()[0].get_text()
    # The rest of the venue stays.
    assert drawn.figure.axes[0].get_xticklabels()[0].get_fontsize() == 6
    pdf = drawn.rendered("pdf")
    width = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", pdf)[1])  # type: ignore[index]
    assert width == pytest.approx(72 * drawn.figure.get_figwidth(), abs=0.1)
    assert b"/Type3" not in pdf
    assert dict(mpl.rcParams) == before
    plain = study.figure("noise_robustness").figure
    assert plain.get_facecolor() == (1, 1, 1, 1)


@pytest.mark.parametrize("name", ["noise_robustness", "training_dynamics", "aum_histogram"])
def test_methods_and_clean_samples_are_seen_on_a_dark_background(study: noisylab.Study, name: str) -> None:
    figure = study.figure(name, style="dark_background").figure
    seen = {}
    for ax in figure.axes:
        assert is_dark(ax.get_facecolor())
        for artist, label in zip(*ax.get_legend_handles_labels(), strict=True):
            line = artist.patches[0] if isinstance(artist, BarContainer) else artist
            colour = line.get_color() if isinstance(line, Line2D) else line.get_edgecolor()
            seen[label] = contrast(colour, ax.get_facecolor())
    assert min(seen.values()) >= 3, seen
    for line in figure.legends[0].get_lines():
        assert contrast(line.get_color(), figure.get_facecolor()) >= 3
    white = study.figure(name).figure.axes[0]
    assert not is_dark(white.get_facecolor())
    assert any(to_hex(line.get_color()) == "#000000" for line in white.lines) == (name != "aum_histogram")


@pytest.mark.parametrize("style", ["ggplot", "fivethirtyeight", "seaborn-v0_8-poster", "classic"])
def test_a_style_by_name_keeps_the_sizes_and_fonts_of_the_venue(style: str) -> None:
    kept = (
        "font.size",
        "axes.labelsize",
        "axes.titlesize",
        "xtick.labelsize",
        "lines.linewidth",
        "font.family",
        "axes.titlepad",
    )
    with drawing_style("icml").settings():
        plain = {name: mpl.rcParams[name] for name in kept}
    with drawing_style("icml", style).settings():
        assert {name: mpl.rcParams[name] for name in kept} == plain
        assert mpl.rcParams["axes.facecolor"] == plt.style.library[style].get("axes.facecolor", "white")


def test_a_style_with_tex_escapes_the_text(tmp_path: Path) -> None:
    own = tmp_path / "tex.mplstyle"
    own.write_text("text.usetex: True\n")
    style = drawing_style(styles=own)
    with style.in_use(), paper_style():
        assert not mpl.rcParams["text.usetex"]
        figure, ax = plt.subplots()
        ax.set_title("5 % of a_b")
        drawn = DrawnFigure(figure, pandas.DataFrame())
    assert ax.title.get_text() == r"5 \% of a\_b"
    assert drawn.style.tex
    assert not drawing_style().tex


def test_without_a_title_the_panels_are_larger_and_the_caption_says_the_same(study: noisylab.Study) -> None:
    with_title, without = study.figure("memorisation"), study.figure("memorisation", title=False)
    assert without.caption == with_title.caption
    assert with_title.figure.get_suptitle()
    assert without.figure.get_suptitle() == ""
    heights = []
    for drawn in (with_title, without):
        drawn.figure.draw_without_rendering()
        heights.append(drawn.figure.axes[0].get_position().height)
    assert heights[1] > heights[0]


# Files


def test_text_of_svg_is_text(study: noisylab.Study) -> None:
    svg = study.figure("noise_robustness").rendered("svg").decode()
    assert "test accuracy, last epoch</text>" in svg
    assert "training samples)," in svg


def test_no_font_is_of_type_3_and_rasters_have_400_pixels_an_inch(study: noisylab.Study) -> None:
    for name in ("noise_robustness", "data_map"):
        assert b"/Type3" not in study.figure(name).rendered("pdf")
    with paper_style():
        figure = plt.figure(figsize=(3, 2))
        figure.add_axes((0, 0, 1, 1)).imshow(np.eye(8), aspect="auto")
        drawn = DrawnFigure(figure, pandas.DataFrame())
    size = {key: int(re.search(rb"/%s (\d+)" % key, drawn.rendered("pdf"))[1]) for key in (b"Width", b"Height")}  # type: ignore[index]
    assert size[b"Width"] == pytest.approx(3 * RASTER, abs=2)
    assert size[b"Height"] == pytest.approx(2 * RASTER, abs=2)
    svg = drawn.rendered("svg").decode()
    assert int(re.search(r'<image [^>]*width="(\d+)', svg)[1]) == pytest.approx(3 * 72, abs=1)  # type: ignore[index]


@pytest.mark.parametrize("kind", [kind if kind != "pgf" else pytest.param(kind, marks=NEEDS_LATEX) for kind in FORMATS])
def test_equal_numbers_give_equal_files(study: noisylab.Study, kind: str, tmp_path: Path) -> None:
    first, second = ([*study.figure("data_map").save(tmp_path / name / "map", [kind])] for name in "ab")
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_pgf_without_latex_is_refused(study: noisylab.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = study.figure("noise_robustness")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="pgf needs LaTeX, and there is no pdflatex on the PATH; install TeX Live"):
        drawn.save(tmp_path / "x", ["pgf"])
    assert not list(tmp_path.iterdir())
    with mpl.rc_context({"text.usetex": True}):
        drawn = study.figure("noise_robustness")
    with pytest.raises(ValueError, match=r"text\.usetex needs LaTeX, and there is no latex on the PATH"):
        drawn.rendered("pdf")


def test_the_caption_is_finished_and_stands_in_a_figure_environment(study: noisylab.Study, tmp_path: Path) -> None:
    drawn = study.figure("noise_robustness", width="column", venue="acl")
    size = int(study.results["train_size"].iloc[0])
    assert drawn.caption == (
        f"Test accuracy against the noise rate. Runs on digits ({size:,} training samples), small_cnn, images of 2 epochs. "
        "Small: 2 seeds, large: their mean."
    )
    drawn.save(tmp_path / "my rates_1")
    lines = (tmp_path / "my rates_1.tex").read_text().splitlines()
    assert lines[1] == r"\begin{figure}[tb]"
    assert lines[4].startswith(r"  \caption{Test accuracy against the noise rate. Runs on digits (")
    assert lines[4].endswith("Small: 2 seeds, large: their mean.}")
    assert lines[3:6:2] == [
        r"  \includegraphics[width=\ifdim 3.031in>\linewidth \linewidth\else 3.031in\fi]{my rates_1}",
        r"  \label{fig:my-rates_1}",
    ]
    assert str(study.path.parent) not in drawn.caption
    assert study.figure("memorisation", venue="acl").latex("x").splitlines()[1] == r"\begin{figure*}[tb]"
    assert study.figure("memorisation", venue="iclr").latex("x").splitlines()[1] == r"\begin{figure}[tb]"


@NEEDS_LATEX
def test_a_page_of_latex_with_figures_has_no_overfull_box(study: noisylab.Study, tmp_path: Path) -> None:
    body = []
    for width in ("column", "page"):
        for name, kind in (("differences", "pdf"), ("noise_robustness", "pgf")):
            study.figure(name, width=width, venue="icml").save(tmp_path / f"{name}_{width}", [kind])
            body.append(rf"Text. \input{{{name}_{width}.tex}}\clearpage")
    assert errors_of_latex(tmp_path, "\n".join(body)) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", ["column", "page"])
@pytest.mark.parametrize("venue", [None, "icml"])
@pytest.mark.filterwarnings("error:constrained_layout not applied")
def test_no_figure_is_higher_than_its_page_nor_too_large_for_one_of_latex(
    study: noisylab.Study, width: str, venue: str | None, tmp_path: Path
) -> None:
    # Drawing takes longest: each figure is drawn once for all of this.
    kinds = ["png", "pgf"] if venue and shutil.which("pdflatex") else ["png"]
    pages: dict[str, list[str]] = {kind: [] for kind in kinds}
    for name in FIGURES.entries():
        if name in OF_OTHER_STUDIES:
            continue
        drawn = study.figure(name, width=width, venue=venue)
        assert drawn.figure.get_figheight() <= (HIGHEST[width == "page"] if venue is None else venue_page(venue).height), name
        drawn.save(tmp_path / name, kinds)
        for kind, body in pages.items():
            (tmp_path / f"{name}_{kind}.tex").write_text(drawn.latex(name, kind), encoding="utf-8")
            body.append(rf"Text. \input{{{name}_{kind}.tex}}\clearpage")
    for body in pages.values() if shutil.which("pdflatex") else ():
        assert errors_of_latex(tmp_path, "\n".join(body)) == []


def test_whatever_is_fixed_is_a_setting_of_matplotlib() -> None:
    assert set(FIXED) <= set(mpl.rcParams)
