"""Figures of a study are drawn again only if something has changed on which they depend."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest

import noisylab
from noisylab.report import kept_figures, study_report
from noisylab.report.console import Terminal

Draws = Callable[[], int]


@pytest.fixture
def draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draws:
    """How many figures a further look at a study of two finished runs draws; one was drawn before."""
    settings = {"epochs": 1, "train_size": 60, "test_size": 30, "device": "cpu", "progress": False}
    study = noisylab.sweep(tmp_path / "a", methods=["ce", "lsr"], noise="symmetric:0.4", seeds=1, jobs=1, **settings)
    drawn: list[str] = []
    draw = study_report.draw_figure
    monkeypatch.setattr(study_report, "draw_figure", lambda name, runs: drawn.append(name) or draw(name, runs))

    def show() -> int:
        drawn.clear()
        study_report.show(study.results, study.path, figures=["noise_robustness"], console=Terminal())
        assert (study.path / "noise_robustness.pdf").is_file()
        return len(drawn)

    assert show() == 1
    return show


def test_a_further_look_draws_nothing_and_names_the_same_files(draws: Draws, capsys: pytest.CaptureFixture[str]) -> None:
    assert draws() == 0
    first = capsys.readouterr().out
    assert "noise_robustness.pdf" in first
    assert draws() == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize("name", ["noise_robustness.pdf", "noise_robustness.png", "noise_robustness.csv"])
def test_a_file_that_is_gone_or_changed_is_written_anew(draws: Draws, tmp_path: Path, name: str) -> None:
    file = tmp_path / "a" / name
    content = file.read_bytes()
    file.unlink()
    assert draws() == 1
    file.write_bytes(content + b" ")
    assert draws() == 1
    assert file.read_bytes() == content


def test_figures_are_drawn_again_once_their_runs_have_changed(draws: Draws, tmp_path: Path) -> None:
    settings = {"epochs": 1, "train_size": 60, "test_size": 30, "device": "cpu", "progress": False}
    noisylab.sweep(tmp_path / "a", methods=["ce", "lsr"], noise="symmetric:0.4", seeds=2, jobs=1, **settings)
    assert draws() == 1
    assert draws() == 0


def test_figures_are_drawn_again_with_other_settings_libraries_or_code(
    draws: Draws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mpl.rc_context({"savefig.dpi": 77}):
        assert draws() == 1
    monkeypatch.setattr(kept_figures, "version", lambda _: "0")
    assert draws() == 1
    assert draws() == 0
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    monkeypatch.setattr(noisylab, "__file__", str(tmp_path / "package" / "__init__.py"))
    assert draws() == 1
    assert draws() == 0
    (tmp_path / "package" / "__init__.py").write_text("#")
    assert draws() == 1


def test_figures_are_always_drawn_beside_plug_ins(draws: Draws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_figures, "loaded_plugins", lambda: {"mine.py": "0"})
    assert [draws(), draws()] == [1, 1]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"noise_robustness": {"source": ""}}',
        *(pytest.param(content, marks=pytest.mark.slow) for content in ("[]", "null", '{"noise_robustness": 1}')),
    ],
)
def test_a_damaged_note_costs_a_drawing(draws: Draws, tmp_path: Path, content: str) -> None:
    (tmp_path / "a" / kept_figures.FILE).write_text(content)
    assert [draws(), draws()] == [1, 0]
