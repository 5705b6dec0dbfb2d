"""The examples of the documentation do what they say."""

import doctest
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
import torch
from torch import Tensor

import noisylab.cli
from noisylab.cli.arguments import parse_command_line
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, ENGINES, FIGURES, METHODS, MODELS, NAMED_STUDIES, NOISES, SCORES
from noisylab.core.specs import Registry
from noisylab.report.analysis_table import analysis_table
from noisylab.report.comparison_tables import contrasts_table
from noisylab.report.tables import accuracy_table

ROOT = Path(__file__).resolve().parents[1]
DOCS, README = ROOT / "docs", ROOT / "README.md"
# The site's build writes pages too.
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(page for page in DOCS.glob("**/*.md") if "generated" not in page.parts)]
CHEAT_SHEET = DOCS / "cheatsheet.tex"
BLOCK = {".md": r"^```\n(.*?)^```", ".tex": r"^\\begin{Verbatim}\n(.*?)^\\end{Verbatim}"}
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


# Whole studies are trained for it.
LONG = ("studies.md",)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page.name in LONG else [], id=page.name)
        for page in sorted(DOCS.glob("*.md"))
    ],
)
def test_examples_in_the_pages_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Examples write files.
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert bool(tried) == (">>>" in page.read_text(encoding="utf-8"))
    assert not failed


@pytest.mark.slow
def test_the_readme_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 4
    assert all(len(block.splitlines()) <= 10 for block in blocks)
    # What the reader brings.
    names: dict[str, Any] = {"torch": torch, "train_labels": torch.arange(200) % 10, "train_step": Tensor.backward}
    names["train_set"] = [(torch.rand(1, 8, 8), int(label)) for label in names["train_labels"]]
    names["model"] = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
    for block in blocks:
        # The same study, smaller.
        exec(block.replace("seeds=5", "seeds=2, epochs=2, progress=False"), names)
    made = ["memorisation.csv", "memorisation.pdf", "memorisation.png", "memorisation.tex", "my_run", "paper", "runs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()


class Parsed(Exception):  # noqa: N818
    """A command line was understood."""


def lines_of(page: Path) -> list[list[str]]:
    """The words of each command line of a page."""
    found = []
    for block in re.findall(BLOCK[page.suffix], page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE):
        found += re.findall(r"^(?:noisylab|python) .*$", block.replace("\\\n", " "), flags=re.MULTILINE)
    return [shlex.split(line, comments=True) for line in found]


def commands() -> list[list[str]]:
    """The command lines of all pages, without those that need a plug-in or a file."""
    found = []
    for page in [*PAGES, CHEAT_SHEET]:
        for words in lines_of(page):
            script = re.fullmatch(r"(studies|figures)/(\w+)\.py", words[1])
            if script:
                kind, name = script.groups()
                own = {"train": ["train"], "cost_table": ["costs"]}.get(name, ["sweep", name])
                words = ["noisylab", *(own if kind == "studies" else ["figure", name]), *words[2:]]
            if words[0] == "noisylab" and words[1].isalpha() and not {"--plugin", "--config"} & set(words):
                found.append(words[1:])
    return found


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_the_command_understands_the_lines_of_the_pages(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*arguments: Any) -> None:
        parse_command_line(*arguments)
        raise Parsed

    module = importlib.import_module(f"noisylab.cli.{'listing' if command[0] == 'list' else command[0]}")
    monkeypatch.setattr(module, "parse_command_line", parse)
    with pytest.raises(Parsed):
        noisylab.cli.main(command)


@pytest.mark.slow
def test_the_commands_of_the_first_five_minutes_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = lines_of(DOCS / "start.md")
    assert [words[1] for words in lines] == ["corrupt", "sweep", "compare", "figure", "figure", "report"]
    for program, *words in lines:
        assert program == "noisylab"
        assert noisylab.cli.main(words) == 0
    made = ["figures", "given.csv", "noise.png", "noise_examples.png", "runs"]
    assert sorted(path.name for path in tmp_path.iterdir()) == made
    assert (tmp_path / "runs" / "start" / "report.html").is_file()


def test_every_figure_is_in_the_gallery_with_its_command() -> None:
    drawn = {words[2].partition("(")[0] for words in lines_of(DOCS / "gallery.md") if words[1] == "figure"}
    pictures = {path.stem for path in (DOCS / "figures" / "gallery").glob("*.png")}
    assert drawn == pictures == set(FIGURES.entries())


def tables_of_results() -> list[tuple[Path, str]]:
    """The tables of the pages of results that stand for a file of numbers beside the page, each with its text."""
    block = re.compile(r"<!-- (\S+)\.md -->\n(.*?)\n<!-- end -->", re.DOTALL)
    pages = sorted((DOCS / "results").glob("*.md"))
    return [(page.parent / f"{name}.csv", text) for page in pages for name, text in block.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("numbers", "text"), [pytest.param(*each, id=str(each[0].relative_to(DOCS))) for each in tables_of_results()]
)
def test_tables_of_results_are_those_of_the_numbers_beside_them(numbers: Path, text: str) -> None:
    read = pandas.read_csv(numbers)
    study = numbers.parent.name
    by = NAMED_STUDIES.create(study).grid.compared_within if study in NAMED_STUDIES.entries() else ()
    if numbers.stem == "contrasts":
        table = contrasts_table(read, by, results=pandas.read_csv(numbers.with_name("results.csv")))
    elif numbers.stem == "summary":
        table = accuracy_table(pandas.read_csv(numbers.with_name("results.csv")), by=by)
    else:
        # A column of counts, some of them missing, is read as fractions.
        table = analysis_table(numbers.stem, read.convert_dtypes())
    assert table.markdown().strip() == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            path, _, heading = link.partition("#")
            there = (page.parent / path).resolve() if path else page
            assert there.exists(), link
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), flags=re.MULTILINE) if heading else []
            assert heading in ["", *(re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings)], link


@pytest.mark.parametrize(
    ("registry", "page"),
    [
        (METHODS, "methods.md"),
        (NOISES, "corruption.md"),
        (DATA_SETS, "data.md"),
        (AUGMENTATIONS, "data.md"),
        (MODELS, "models.md"),
        (SCORES, "analysis.md"),
        (FIGURES, "figures.md"),
        (ENGINES, "clusters.md"),
    ],
    ids=lambda value: value.kind if isinstance(value, Registry) else value,
)
def test_every_name_is_in_a_table(registry: Registry[Any], page: str) -> None:
    rows = [line for line in (DOCS / page).read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    # Plug-ins of other tests may be registered too.
    names = [name for name, entry in registry.entries().items() if entry.module.startswith("noisylab.")]
    assert names
    assert not [name for name in names if not any(re.search(rf"`{name}[`:(]", row) for row in rows)]


def test_every_named_study_is_documented() -> None:
    text = (DOCS / "studies.md").read_text(encoding="utf-8")
    assert not [name for name in NAMED_STUDIES.entries() if f"`noisylab sweep {name}`" not in text]


def run(*arguments: str, path: Path, cwd: Path) -> str:
    """What Python says with `path` before everything else; in a process of its own, since methods register themselves."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def written(tmp_path: Path) -> dict[str, Path]:
    """The files in the page on adding a method."""
    text = (DOCS / "adding_a_method.md").read_text(encoding="utf-8")
    files = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", text, flags=re.DOTALL)
    for name, code in files:
        (tmp_path / name).write_text(code, encoding="utf-8")
    return {name: tmp_path / name for name, _ in files}


@pytest.mark.slow
def test_the_method_of_the_page_trains_from_one_s_own_code(written: dict[str, Path], tmp_path: Path) -> None:
    assert list(written) == ["confidence_penalty.py", "train_it.py"]
    assert len(written["confidence_penalty.py"].read_text().splitlines()) <= 35
    said = run("train_it.py", path=DOCS.parent, cwd=tmp_path)
    (share,) = re.fullmatch(r"true labels predicted: (\d+)%\n", said).groups()  # type: ignore[union-attr]
    # Of the given labels, 60 % are true.
    assert int(share) > 80


@pytest.mark.slow
def test_the_method_of_the_page_is_known_everywhere_once_its_file_is_in_the_package(
    written: dict[str, Path], tmp_path: Path
) -> None:
    for part in ("noisylab", "tests", "studies", "pyproject.toml"):
        copy = shutil.copytree if (DOCS.parent / part).is_dir() else shutil.copy
        copy(DOCS.parent / part, tmp_path / "copy" / part)  # type: ignore[operator]
    root = tmp_path / "copy"
    shutil.copy(written["confidence_penalty.py"], root / "noisylab" / "methods")
    listed = run("-m", "noisylab", "list", "methods", path=root, cwd=root)
    # A summary goes on in lines that are indented.
    (said,) = re.findall(r"^confidence_penalty .*\n(?: .*\n)*", listed, flags=re.MULTILINE)
    assert "Pereyra et al., ICLR workshop 2017" in " ".join(said.split())
    described = run("-m", "noisylab", "list", "methods", "confidence_penalty", path=root, cwd=root)
    assert "weight  a finite number >= 0 (default: 0.1)" in described
    general = ["-m", "pytest", "tests/methods/test_methods.py", "-k", "confidence_penalty", "-p", "no:cacheprovider"]
    tests = run(*general, path=root, cwd=root)
    assert int(re.search(r"(\d+) passed", tests)[1]) >= 5  # type: ignore[index]
