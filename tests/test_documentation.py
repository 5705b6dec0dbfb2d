"""The examples of the documentation do what they say."""

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

import noisylab.corruption
from noisylab.registries import DATA, MODELS, NOISE
from noisylab.specs import Registry

DOCS = Path(__file__).parents[1] / "docs"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_examples_in_the_pages_run(page: Path) -> None:
    failed, tried = doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS)
    assert tried
    assert not failed


def test_examples_in_the_package_run() -> None:
    failed, tried = doctest.testmod(noisylab.corruption)
    assert tried
    assert not failed


@pytest.mark.parametrize(("registry", "page"), [(MODELS, "models.md"), (DATA, "data.md")])
def test_every_network_and_data_set_is_documented_and_in_the_readme(registry: Registry[Any], page: str) -> None:
    for file in (DOCS / page, DOCS.parent / "README.md"):
        text = file.read_text(encoding="utf-8")
        assert not [name for name in registry.entries() if not re.search(rf"`{name}[`:(]", text)]


def test_every_kind_is_documented() -> None:
    text = (DOCS / "corruption.md").read_text(encoding="utf-8")
    assert (DOCS / "figures" / "corruption.png").is_file()
    assert not [name for name in NOISE.entries() if f"`{name}`" not in text]
