"""The examples of the documentation do what they say."""

import doctest
from pathlib import Path

import pytest

import noisylab.corruption
from noisylab.analysis import SCORES
from noisylab.registries import NOISE

DOCS = Path(__file__).resolve().parents[1] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_examples_in_the_pages_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Examples write files.
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert tried
    assert not failed


def test_examples_in_the_package_run() -> None:
    failed, tried = doctest.testmod(noisylab.corruption)
    assert tried
    assert not failed


def test_every_kind_is_documented() -> None:
    text = (DOCS / "corruption.md").read_text(encoding="utf-8")
    assert (DOCS / "figures" / "corruption.png").is_file()
    assert not [name for name in NOISE.entries() if f"`{name}`" not in text]


def test_every_score_is_documented() -> None:
    text = (DOCS / "analysis.md").read_text(encoding="utf-8")
    assert not [name for name in SCORES if f"| `{name}` |" not in text]
