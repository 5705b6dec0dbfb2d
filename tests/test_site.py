"""The site of the documentation: it builds without a warning, and its notebooks run."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers_once import Once
from nbclient import NotebookClient

from noisylab.core.registries import METHODS, NOISES, SCORES
from noisylab.core.stubs import PUBLIC

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(once: Once) -> Path:
    """The site of a copy of the pages. Notebooks have a test of their own, so they are not run for it."""
    return once("site", build) / "built"


def build(folder: Path) -> None:
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("generated", "__pycache__"))
    for name in ("README.md", "CONTRIBUTING.md", "CITATION.cff"):
        shutil.copy(ROOT / name, folder)
    options = ["-W", "--keep-going", "-q", "-D", "nb_execution_mode=off"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(folder / "docs"), str(folder / "built")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_site_has_a_page_for_each_method_noise_kind_and_score(site: Path) -> None:
    for kind, registry in (("methods", METHODS), ("noise", NOISES), ("scores", SCORES)):
        own = {entry.name for entry in registry.entries().values() if entry.module.startswith("noisylab.")}
        assert {path.stem for path in (site / "generated" / kind).glob("*.html")} == own | {"index"}
    page = (site / "generated" / "methods" / "elr.html").read_text(encoding="utf-8")
    # A default with its source, the published settings, and a formula from a docstring.
    for text in (
        "paper, CIFAR-10, symmetric noise",
        "learning_rate=0.02, weight_decay=0.001",
        "averaged over the batch, p clamped",
    ):
        assert text in page


@pytest.mark.slow
@pytest.mark.parametrize("room", ["noisylab", *PUBLIC])
def test_the_reference_leads_to_every_public_name(site: Path, room: str) -> None:
    page = (site / "generated" / "api" / f"{room}.html").read_text(encoding="utf-8")
    first_cells = re.findall(r"<tr[^>]*><td>(.*?)</td>", page, flags=re.DOTALL)
    linked = {re.sub("<.*?>", "", cell).strip() for cell in first_cells if "<a " in cell}
    names = importlib.import_module("noisylab" if room == "noisylab" else f"noisylab.{room}").__all__
    assert linked >= set(names)


@pytest.mark.slow
def test_every_link_inside_the_site_leads_somewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    names = {page: set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8"))) for page in pages}
    lost = []
    for page in pages:
        for link in re.findall(r'\b(?:href|src)="([^"]+)"', page.read_text(encoding="utf-8")):
            path, _, place = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            there = (page.parent / path.partition("?")[0]).resolve() if path else page
            if not there.exists() or (place and there in names and place not in names[there]):
                lost.append(f"{page.relative_to(site)}: {link}")
    assert not lost


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert not [cell for cell in cells if cell.outputs or cell.execution_count]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_in_half_a_minute(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import time; print(time.process_time())"))
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    # Seconds of one core, with all imports.
    assert float(notebook.cells[-1].outputs[0].text) < 30


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX")
def test_the_cheat_sheet_is_one_page(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "pdflatex",
            "-halt-on-error",
            "-interaction=nonstopmode",
            f"-output-directory={tmp_path}",
            ROOT / "docs" / "cheatsheet.tex",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "(1 page," in done.stdout.replace("\n", "")
    assert "Overfull" not in done.stdout
