"""A page with few figures, for tests of something else on it: all figures take ten seconds."""

from types import SimpleNamespace

import pytest

from noisylab.core.registries import FIGURES
from noisylab.report import page

# What shows accuracy, memorisation and comparisons.
FEW = ("memorisation", "differences", "noise_robustness", "method_ranks")


def only_figures(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let pages draw these figures alone."""
    monkeypatch.setattr(page, "FIGURES", SimpleNamespace(entries=lambda: {name: FIGURES.entries()[name] for name in names}))
