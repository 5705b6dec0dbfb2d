"""`noisylab figure`: venue, style, title and formats."""

from pathlib import Path

import pytest

from noisylab.api import sweep
from noisylab.cli import main


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study. Not to be changed."""
    out = tmp_path_factory.mktemp("drawn") / "study"
    settings = {"epochs": 2, "train_size": 100, "device": "cpu", "progress": False}
    sweep(out, methods=["ce", "dlb"], noise=["symmetric:0", "symmetric:0.4"], seeds=1, **settings)
    return out


def test_the_options_of_the_page_reach_the_file(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--venue", "cvpr", "--width", "column", "--format", "svg", "--style", "ggplot", "--no-title"]
    assert main(["figure", "noise_robustness", str(study), "--out", str(tmp_path), *options]) == 0
    names = ["noise_robustness.svg", "noise_robustness.tex", "noise_robustness.csv"]
    assert [Path(path).name for path in capsys.readouterr().out.splitlines()] == names
    svg = (tmp_path / "noise_robustness.svg").read_text()
    # 3.25 inches, a grey ground, and no title.
    assert 'width="234pt"' in svg
    assert "fill: #e5e5e5" in svg
    assert "digits, small_cnn" not in svg
    latex = (tmp_path / "noise_robustness.tex").read_text()
    assert r"\includesvg[" in latex
    assert r"digits (100 training samples), small\_cnn" in latex


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--venue", "nips"], "venue"),
        (["--style", "gggplot"], "style must be a file or a style of matplotlib, got 'gggplot'; did you mean 'ggplot'?"),
        (["--format", "gif"], "format"),
    ],
)
def test_wrong_options_are_refused(
    study: Path, options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["figure", "noise_robustness", str(study), "--out", str(tmp_path / "out"), *options])
    except SystemExit as stop:
        status = int(stop.code or 0)
    assert status == 2
    said = capsys.readouterr()
    assert message in " ".join((said.out + said.err).split())
    assert not (tmp_path / "out").exists()
