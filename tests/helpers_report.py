"""A page with one figure, for tests of something else on it: all figures take ten seconds."""

from types import SimpleNamespace

import pytest

from noisylab.core.registries import FIGURES
from noisylab.report import page


def only_figure(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let pages draw this figure alone."""
    monkeypatch.setattr(page, "FIGURES", SimpleNamespace(entries=lambda: {name: FIGURES.entries()[name]}))
