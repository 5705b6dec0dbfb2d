"""Every figure by name. Each is a file in this folder that registers a function in `FIGURES`."""

import dataclasses
from typing import Any

from noisylab.core.foreign_text import one_line
from noisylab.core.registries import FIGURES
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width


def why_not(error: Exception) -> str:
    """Why there is no figure, on one line: a ValueError says it; the name of any other error is part of the reason."""
    said = one_line(error)
    return said if isinstance(error, ValueError) else f"it failed with {type(error).__name__}: {said}"


def draw_figure(name: str, runs: StudyRuns, *, width: Width = "page", **options: Any) -> DrawnFigure:
    """A figure of a study by name.

    Args:
        name: The name of the figure, or its spec with options: `memorisation`, `axis_comparison(axis='augment')`.
        runs: From `study_runs`.
        width: "column" (3.3 inches), "page" (6.8), or inches.
        options: Options of the figure, which replace those in `name`.

    Returns:
        The figure, its numbers and its caption.

    Raises:
        ValueError: If the figure is unknown, or the runs have nothing to show in it; the message gives the reason.

    Example:
        >>> from noisylab.plotting.catalogue import draw_figure
        >>> from noisylab.plotting.study_runs import study_runs
        >>> drawn = draw_figure("noise_robustness", study_runs("runs/noise_sweep"), width="column")  # doctest: +SKIP
        >>> drawn.numbers[["noise", "method", "test_accuracy_last"]]  # doctest: +SKIP
    """
    spec = FIGURES.parse(name)
    unknown = options.keys() - spec.options.keys()
    if unknown:
        known = f"its options are {', '.join(spec.options)}" if spec.options else "it has no options"
        raise ValueError(f"figure {spec.name!r} has no option {', '.join(sorted(unknown))}; {known}")
    drawn: DrawnFigure = FIGURES.load(spec.name)(runs, width=width, **{**spec.options, **options})
    caption = drawn.caption or FIGURES.entries()[spec.name].facts["caption"]
    return dataclasses.replace(drawn, caption=f"{caption} ({runs.coverage})" if runs.coverage else caption)
