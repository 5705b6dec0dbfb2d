"""Names that mean something elsewhere: to a typesetter, a browser, a spreadsheet, a terminal, a file system."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from matplotlib.text import Text
from PIL import Image
from rich.console import Console

import noisylab
from noisylab.analysis.display_names import DisplayNames
from noisylab.core.foreign_text import (
    class_texts,
    for_csv,
    for_file_name,
    for_html,
    for_latex,
    for_markdown,
    padded,
    printable,
    short_names,
    width_of,
)
from noisylab.core.registries import DATA_SETS, FIGURES
from noisylab.corruption import NoisyLabels, symmetric
from noisylab.data import from_datasets
from noisylab.data.image_data import ImageData
from noisylab.plotting.corruption import corruption_figure, example, examples_figure, transition_heatmap
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.style import paper_style
from noisylab.report.console import say
from noisylab.report.table import Column, Table

ROOT = Path(__file__).parents[2]

HEBREW = "\u05e9\u05dc\u05d5\u05dd"

# A file system allows these as names of folders.
IN_FILES = (
    "a$b$",
    "$",
    "50%_of^{x",
    "back\\slash",
    "=cmd|' calc'!A0",
    "@SUM(1)",
    "<script>alert(1)<",
    "\"quotes' & <b>",
    "new\nline",
    "猫",
    "שלום",
    "😀",
    "red\x1b[31m",
    "x" * 199 + "1",
    "x" * 199 + "2",
)
# And these are only in memory.
NAMES = (*IN_FILES, "a/b", "tab\there", "two  blanks", "two blanks", "[bold]b[/bold]", ":cat:", "{{ 7 * 7 }}", "</script>", "'")


@pytest.fixture(autouse=True)
def no_missing_glyph() -> Iterator[None]:
    """A character that the font lacks is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def noisy(names: tuple[str, ...]) -> NoisyLabels:
    return symmetric(list(range(len(names))) * 20, 0.4, class_names=names)


def texts(drawn: DrawnFigure) -> list[str]:
    """Everything that is written in a figure, as it is drawn."""
    drawn.figure.canvas.draw()
    return [text._preprocess_math(text.get_text())[0] for text in drawn.figure.findobj(Text)]  # type: ignore[attr-defined]


def is_cut(text: str, whole: str) -> bool:
    """Whether a text is a name with something left out."""
    head, cut, tail = text.partition("…")
    return bool(head and cut) and whole.startswith(head) and whole.rstrip(")").endswith(tail)


# Figures


@pytest.mark.slow
def test_no_name_of_a_class_is_taken_for_a_formula_or_lost_in_a_matrix(tmp_path: Path) -> None:
    for names in (NAMES[:12], NAMES[12:]):
        drawn = corruption_figure(noisy(names), names=names, title=" ".join(names))
        for file in drawn.save(tmp_path / "matrix", ("png", "pdf", "svg")):
            assert file.stat().st_size
        written = texts(drawn)
        for name, shown in zip(names, class_texts(names), strict=True):
            # A narrow panel leaves out more of a long name, and keeps its first letters and what tells it from others.
            whole = shown.replace(r"\$", "$")
            found = [text for text in written if text == whole or is_cut(text, whole)]
            assert len(found) >= 3, name
            # A cut name is that of no other class.
            others = [other.replace(r"\$", "$") for other in class_texts(names) if other != shown]
            assert not [text for text in found if any(text == other or is_cut(text, other) for other in others)], name


def test_a_dollar_is_drawn_as_a_dollar() -> None:
    drawn = corruption_figure(noisy(("a$b$", "c")), names=("a$b$", "c"), title="$x^2$ of 5 %")
    formulas = [text for text in drawn.figure.findobj(Text) if text._preprocess_math(text.get_text())[1]]  # type: ignore[attr-defined]
    assert formulas == []
    # Of a reader's own text it makes a formula.
    drawn.figure.axes[0].set_title(r"$\eta$")
    title: Any = drawn.figure.axes[0].title
    assert title._preprocess_math(title.get_text())[1] is True


def test_in_a_readers_own_axes_a_dollar_is_escaped() -> None:
    figure, ax = plt.subplots()
    transition_heatmap(np.eye(2), names=["a$b$", "c"], ax=ax)
    example(np.zeros((1, 4, 4)), "a$b$", "c", ax=ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == [r"a\$b\$", "c"]
    assert ax.get_title() == "a\\$b\\$\n→ c"
    figure.canvas.draw()
    plt.close(figure)


def test_a_class_whose_name_cannot_be_drawn_is_drawn_by_its_number() -> None:
    assert class_texts(["cat", "猫", "שלום", "é", "", "  "]) == ["cat", "class 1", "class 2", "é", "class 4", "class 5"]


def test_other_text_that_cannot_be_drawn_is_drawn_as_escapes() -> None:
    drawn = corruption_figure(noisy(("a", "b")), title="npz:猫")
    assert r"npz:\u732b" in texts(drawn)


def test_a_font_that_has_the_characters_draws_them() -> None:
    with plt.rc_context({"font.family": ["DejaVu Sans Mono"]}):
        assert class_texts(["→"]) == ["→"]


def test_with_tex_everything_is_escaped_once() -> None:
    with paper_style():
        figure, ax = plt.subplots()
        ax.set(title="5 % of a_b\n$x$ → 猫", xlabel="epoch")
        ax.set_xticks([0, 1], ["a_b", "c&d"])
    with plt.rc_context({"text.usetex": True}):
        drawn = DrawnFigure(figure, pandas.DataFrame())
        again = DrawnFigure(drawn.figure, drawn.numbers)
        assert class_texts(["a_$", "猫"]) == [r"a\_\$", "class 1"]
    title = again.figure.axes[0].title
    assert title.get_usetex()
    assert title.get_text() == "5 \\% of a\\_b\n\\$x\\$ $\\rightarrow$ \\textbackslash{}u732b"
    formatter = again.figure.axes[0].xaxis.get_major_formatter()
    assert formatter.format_ticks([0, 1]) == [r"a\_b", r"c\&d"]


def test_long_names_are_shortened_to_what_differs() -> None:
    long = ["n" * 100 + "cat", "n" * 100 + "dog", "short"]
    assert class_texts(long, 20) == ["nnnnnn…cat", "nnnnnn…dog", "short"]
    hard = [*("a" * count for count in range(1, 200)), "two  blanks", "two blanks", "a" * 300 + " ", "a" * 300]
    for longest in (8, 12, 17, 24, 80):
        shown = short_names(hard, longest)
        assert len(set(shown)) == len(hard)
        assert max(map(len, shown)) <= longest
    assert DisplayNames().short("method", ["dlb", "elr(beta=0.123456789012345678)", "elr(beta=0.123456789012345679)"], 24) == {
        "dlb": "DLB",
        "elr(beta=0.123456789012345678)": "elr…0.123456789012345678",
        "elr(beta=0.123456789012345679)": "elr…0.123456789012345679",
    }


@pytest.mark.parametrize("longest", [10, 12, 14, 16, 20, 24])
def test_a_shortened_name_has_whole_words_and_numbers(longest: int) -> None:
    names = ["Cross-entropy, long", *(f"dlb(temperature=4.125, alpha={alpha})" for alpha in (3.25, 3.5)), "lsr(smoothing=0.1)"]
    words = {word for name in names for word in re.findall(r"[\w.]+", name)} | {"DLB"}
    shown = DisplayNames().short("method", names, longest)
    assert len(set(shown.values())) == len(names)
    for short in shown.values():
        assert len(short) <= longest
        assert set(re.findall(r"[\w.]+", short)) <= words, short


def test_examples_have_their_names_above_the_image() -> None:
    names = ("x" * 199 + "1", "x" * 199 + "2")
    record = noisy(names)
    drawn = examples_figure(record, np.zeros((len(record), 1, 4, 4), np.uint8), names=names, rows=1, columns=2)
    assert {title for ax in drawn.figure.axes if (title := ax.get_title())} <= {"xxxxx…1\n→ xxxxx…2", "xxxxx…2\n→ xxxxx…1"}
    assert drawn.figure.axes[0].get_title()


# The page


def test_a_name_cannot_steer_what_stands_around_it_on_the_page() -> None:
    assert for_html("a\u202eb\x1b") == r"a\u202eb\x1b"
    assert for_html(HEBREW) == f"\u2068{HEBREW}\u2069"


# Tables


def test_a_cell_is_no_formula_for_a_spreadsheet_and_numbers_stay_numbers() -> None:
    signs = ["=A1", "+A1", "-A1", "@A1", "\t=A1", "\r=A1", "\n=A1", "\uff1dA1"]
    plain = ["-", "-1", "+1e3", "dlb - ce", "a=b", "-inf", "", "'", "a\rb"]
    table = pandas.DataFrame({"text": [*signs, *plain], "number": np.arange(-8, 9), "share": -0.5})
    written = for_csv(table)
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    assert [row["text"] for row in rows] == [*(f"'{printable(text)}" for text in signs), *plain[:-1], r"a\rb"]
    read = pandas.read_csv(io.StringIO(written), keep_default_na=False)
    assert read["text"].tolist() == [row["text"] for row in rows]
    assert read["number"].tolist() == table["number"].tolist()
    # Ordinary tables are as pandas writes them.
    usual = pandas.DataFrame({"method": ["ce", None, "dlb(alpha=3)"], "p": [0.1, np.nan, -1], "n": [1, 2, 3]})
    assert for_csv(usual) == usual.to_csv(index=False)


def test_latex_prints_every_sign() -> None:
    assert for_latex("a_b 5 % & {x} #1 $y$") == r"a\_b 5 \% \& \{x\} \#1 \$y\$"
    assert for_latex("\\~^|`") == (r"\textbackslash{}\textasciitilde{}\textasciicircum{}\textbar{}\textasciigrave{}")
    assert for_latex("a\nb") == r"a\textbackslash{}nb"
    assert [for_latex(text) for text in ("--", "''", "[a]", "*")] == ["-{}-", "'{}'", "{[}a]", "{*}"]


def test_markdown_cells_stay_cells() -> None:
    assert for_markdown("a|b\nc") == r"a\|b\\nc"
    assert for_markdown("`x` <b> [a](b) $y$ *z* _w_") == r"\`x\` \<b> [a\](b) \$y\$ \*z\* \_w\_"
    assert for_markdown("elr_plus@learning_rate=0.02, p < .05 & more, [0, 1]") == (
        "elr_plus@learning_rate=0.02, p < .05 & more, [0, 1]"
    )
    table = Table("A | b", (Column("method", text=True),), (("x|y\n",),))
    assert [line.replace("\\|", "").count("|") for line in table.markdown().splitlines() if line.startswith("|")] == [2, 2, 2]


# The terminal


def test_a_terminal_shows_escapes_and_runs_none() -> None:
    buffer = io.StringIO()
    console = Console(file=buffer, width=200)
    say(console, "\x1b[31m[bold]b[/bold] :cat:")
    Table("a\x1b[2J", (Column("[red]m", text=True), Column("n")), (("x\x1b]0;t\x07", "1"),)).print(console)
    assert "\x1b" not in buffer.getvalue()
    assert r"\x1b[31m[bold]b[/bold] :cat:" in buffer.getvalue()
    assert "[red]m" in buffer.getvalue()
    assert r"x\x1b]0;t\x07" in buffer.getvalue()


def test_the_report_of_a_record_shows_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    noisy(("red\x1b[31m", "two\nlines")).report()
    printed = capsys.readouterr().out
    assert r"red\x1b[31m" in printed
    assert r"two\nlines" in printed
    assert "\x1b" not in printed


def test_wide_characters_take_two_columns() -> None:
    assert [width_of(text) for text in ("cat", "猫", "e\u0301")] == [3, 2, 1]
    assert [padded("猫", 4), padded("猫", 4, right=True)] == ["猫  ", "  猫"]


def command(*args: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "noisylab", *args],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_the_command_prints_names_to_a_terminal_that_lacks_their_characters(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(["猫", "red\x1b[31m"] * 10))
    done = command("corrupt", "--labels", str(tmp_path / "labels.json"), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert rb"\u732b" in done.stdout
    assert b"\x1b" not in done.stdout
    done = command("corrupt", "--labels", str(tmp_path / "\x1b[31m.json"))
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr


def test_labels_are_written_as_they_are_and_the_command_warns_of_formulas(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(["=cmd", "+"] * 10))
    done = command("corrupt", "--labels", str(tmp_path / "labels.json"), "--out", str(tmp_path / "out.csv"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(b"noisylab: warning: a spreadsheet would run the label '=cmd'")
    written = pandas.read_csv(tmp_path / "out.csv")
    assert set(written["true"]) == {"=cmd", "+"}


# Names of files


def test_the_name_of_a_folder_is_one_on_any_system() -> None:
    assert for_file_name("elr_plus-symmetric:0.4-seed0") == "elr-plus-symmetric-0.4-seed0"
    assert for_file_name("../../etc") == "etc"
    assert for_file_name("猫-x") == "x"
    assert for_file_name("CON.x") == "CON-.x"
    assert len(for_file_name("m" * 500)) <= 120


# At the door


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a", "b", "a"), "must be different, got 'a' for class 0 and for class 2; rename one"),
        (("a", "", "c"), "must not be empty, got '' for class 1; name it"),
        (("a", "b", " \t"), r"must not be empty, got ' \\t' for class 2"),
        (("a", "b", "\udcff"), r"must be text, got '\\udcff' for class 2, whose bytes are not UTF-8; rename it"),
        ((0, 1, 2), r"must be texts, got 0 for class 0; write \[str\(name\) for name in names\]"),
    ],
)
def test_class_names_that_cannot_name_are_refused_with_value_and_class(names: Any, said: str, image_data: ImageData) -> None:
    with pytest.raises(ValueError, match=said):
        symmetric([0, 1, 2] * 10, 0.2, class_names=names)
    from dataclasses import replace

    with pytest.raises(ValueError, match=said):
        replace(image_data, class_names=names)


def test_repeated_classes_of_a_map_style_data_set_are_refused() -> None:
    rng = np.random.default_rng(0)
    train, test = ([(rng.integers(0, 256, (8, 8), dtype=np.uint8), label) for label in (0, 1, 2)] for _ in range(2))
    with pytest.raises(ValueError, match="must be different, got 'N/A' for class 0 and for class 2"):
        from_datasets(train, test, class_names=["N/A", "cat", "N/A"])


def test_a_class_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    write_images(tmp_path, ("cat", os.fsdecode(b"\xff")))
    with pytest.raises(ValueError, match=r"must be text, got '\\udcff'"):
        DATA_SETS.create(f"folder:{tmp_path}", root=None)


# Figures, page and tables of a study


def write_images(folder: Path, names: tuple[str, ...], count: int = 6) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in names:
            try:
                (folder / part / name).mkdir(parents=True)
            except OSError:
                pytest.skip(f"the file system has no names such as {name!r}")
            for number in range(count):
                Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / part / name / f"{number}.png")


class Page(HTMLParser):
    """The tags, texts and images of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def fails(runs: object, *, width: float | str = "page") -> DrawnFigure:
    """A figure that fails."""
    raise KeyError("no <i>such</i> column")


@pytest.fixture
def failing_figure() -> Iterator[str]:
    """A registered figure that fails with something else than a reason."""
    FIGURES.register("breaks_here", caption="A figure that fails <b>")(fails)
    yield "breaks_here"
    FIGURES.forget(__name__)


@pytest.mark.slow
def test_a_study_of_hostile_names_is_shown_whole(tmp_path: Path, failing_figure: str) -> None:
    """All figures, the page and the tables of a data set whose every class, and its own folder, has a name with meaning."""
    mpl.use("Agg")
    place = tmp_path / "=we$ird_$ % {dir} 猫"
    write_images(place, IN_FILES)
    settings: dict[str, Any] = {"methods": ["ce", "dlb"], "noise": ["symmetric:0", "symmetric:0.4"], "epochs": 2}
    study = noisylab.sweep(tmp_path / "st[x]dy", data=f"folder:{place}", seeds=2, batch_size=30, progress=False, **settings)
    runs = noisylab.open_study(study.path)
    assert len(runs.results) == 8
    drawn = {}
    for name in FIGURES.entries():
        try:
            drawn[name] = runs.figure(name)
        except ValueError:
            continue
        except KeyError:
            assert name == failing_figure
    assert len(drawn) >= 12
    for name, figure in drawn.items():
        for path in figure.save(tmp_path / "figures" / name, ("png", "pdf", "svg")):
            if path.suffix == ".csv":
                rows = list(csv.reader(path.open(newline="", encoding="utf-8")))
                assert len(rows) == 1 + len(pandas.read_csv(path))
            if path.suffix == ".png":
                assert Image.open(path).size[0] > 400
    text = study.report(tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.tags) == text.count("</script>")
    pictures = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == len(drawn)
    assert any("A figure that fails <b>: it failed with KeyError" in said for said in page.texts)
    about = json.loads(next(said for said in page.texts if said.startswith("{") and '"classes"' in said))
    assert len(set(about["classes"])) == len(IN_FILES)
    assert "<script>alert(1)<" in about["classes"]
    read = pandas.read_csv(study.path / "results.csv")
    assert read["id"].tolist() == runs.results["id"].tolist()
    assert not read["data"].str.match(r"[=+\-@]").any()


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "red\x1b[31m", "\u202ebackwards", "null\0"])
def test_a_name_for_own_data_that_nobody_can_see_is_refused_where_it_is_read(name: str) -> None:
    with pytest.raises(ValueError, match="name must be characters that can be seen, got "):
        DATA_SETS.parse(f"npz(path='a.npz', name={name!r})")
