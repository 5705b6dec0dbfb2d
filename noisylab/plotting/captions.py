"""What titles and captions say of the runs: seeds, methods, noises, records, and what an epoch is."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas
from matplotlib.figure import Figure

from noisylab.analysis.variance import DEPENDENT, are_crossed, counted_seeds
from noisylab.plotting.typesetting import as_written, title_lines

if TYPE_CHECKING:
    from noisylab.plotting.study_runs import StudyRuns

# Up to so many seeds are drawn one by one: their interval would say little and cover everything.
SINGLE_SEEDS = 3
# Words for the shortest answer to how often.
TIMES = {2: "twice", 3: "three times"}
RECORDS = {
    "online": "Online records are of the training steps: augmented images, before the update",
    "eval": "Eval records are of an extra pass after each epoch",
}
# More names than these are not listed.
LISTED = 12


def caption_of(shown: str, figure: Figure, numbers: pandas.DataFrame, runs: "StudyRuns") -> str:
    """The finished caption of a figure: what it shows, the facts of its title, and what a title has no room for.

    shown: what the figure shows. numbers: those of the figure, whose methods and noises are the ones that are drawn.
    """
    lines = title_lines(figure)
    if runs.coverage and not any(runs.coverage in line for line in lines):
        lines.append(runs.coverage)
    said = [f"Runs on {line}" if line.startswith(runs.title) else line for line in lines]
    text = " ".join(lines)
    notes = [
        *(note for kind, note in RECORDS.items() if f"{kind} records" in text),
        "Intervals are Student's t over seeds" if "95 % interval" in text else "",
        DEPENDENT if "95 % interval" in text and are_crossed(runs.ordered) else "",
        _epochs(figure, numbers, runs),
        _left_out(numbers, runs),
        _noises(numbers, runs),
    ]
    return " ".join(_sentence(part) for part in (shown, *said, *notes) if part)


def listed(names: Sequence[str]) -> str:
    """Names as a text.

    Example:
        >>> from noisylab.plotting.captions import listed
        >>> listed(["CE", "repeat", "DLB"]), listed(["CE"])
        ('CE, repeat and DLB', 'CE')
    """
    if len(names) > LISTED:
        return f"{', '.join(names[: LISTED - 1])} and {len(names) - LISTED + 1} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def contrasts_not_shown(shown: Sequence[tuple[str, str]], asked: Sequence[tuple[str, str]], runs: "StudyRuns", way: str) -> str:
    """The contrasts for which a figure has no room, by their names, and the way to them; empty if it has all that are asked."""
    left = [
        f"{runs.names.method(method)} \N{MINUS SIGN} {runs.names.method(baseline)}"
        for method, baseline in asked
        if (method, baseline) not in shown
    ]
    return f"Contrast{'s' if len(left) > 1 else ''} not shown: {listed(left)} ({way})" if left else ""


def seeds_of(runs: pandas.DataFrame) -> str:
    """`counted_seeds`, or which one it is; runs: a row per run, with method, seed and noise_seed (and noise)."""
    counts = _counts(runs)
    if counts.max() == 1:
        return which_seed(runs)
    return counted_seeds(counts, runs)


def which_seed(runs: pandas.DataFrame) -> str:
    """The one seed of each method: `seed 0`, and the noise seed if it is another; runs: a row per run."""
    seeds, noise_seeds = (sorted(map(int, runs[name].unique())) for name in ("seed", "noise_seed"))
    said = f"seed {seeds[0]}" if len(seeds) == 1 else f"one seed each, of {listed([*map(str, seeds)])}"
    if seeds == noise_seeds:
        return said
    return f"{said}, noise seed{'s' if len(noise_seeds) > 1 else ''} {listed([*map(str, noise_seeds)])}"


def drawn_singly(runs: pandas.DataFrame) -> bool:
    """Whether there are so few seeds that each is drawn; runs: a row per method and run."""
    return bool(_counts(runs).max() <= SINGLE_SEEDS)


def spread(runs: pandas.DataFrame, single: str = "thin", mean: str = "thick", interval: str = "band") -> str:
    """What the marks of a figure over seeds are; runs: as for `seeds_of`.

    single, mean, interval: the words for the marks of a seed, of their mean and of the 95 % interval.
    """
    seeds = seeds_of(runs)
    if _counts(runs).max() == 1:
        return seeds
    return f"{single}: {seeds}, {mean}: their mean" if drawn_singly(runs) else f"mean over {seeds}, {interval}: 95 % interval"


def _counts(runs: pandas.DataFrame) -> "pandas.Series[int]":
    return runs.groupby([name for name in ("noise", "method") if name in runs]).size()


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _drawn(numbers: pandas.DataFrame, column: str) -> set[str]:
    return {str(name) for part in (column, "baseline") if part in numbers for name in numbers[part].dropna().unique()}


def _epochs(figure: Figure, numbers: pandas.DataFrame, runs: "StudyRuns") -> str:
    """That an epoch of some methods shows each image several times, if the figure counts epochs."""
    labels = [as_written(text) or "" for ax in figure.axes for text in (ax.xaxis.label, ax.yaxis.label, ax.title)]
    if not any(re.search(r"(?<!last[ -])\bepochs?\b", label) for label in labels):
        return ""
    results = runs.ordered[runs.ordered["method"].isin(_drawn(numbers, "method"))]
    if not {"images_processed", "epochs_trained", "train_size"} <= set(results) or results.empty:
        return ""
    shown = (results["images_processed"] / (results["epochs_trained"] * results["train_size"])).round()
    often = shown.groupby(results["method"], sort=False).first()
    epochs = results.groupby("method", sort=False)["epochs_trained"].first()
    others = sorted(set(epochs[often <= 1]))
    parts: list[str] = []
    for times in sorted(set(often) - {0.0, 1.0}):
        methods = list(often.index[often == times])
        counts, one = sorted(set(epochs[methods])), len(methods) == 1
        said = f"{'' if parts else 'in an epoch, '}{listed([runs.names.method(name) for name in methods])}"
        said += f" {'shows' if one else 'show'} each image {TIMES.get(int(times), f'{times:.0f} times')}"
        if len(counts) == len(others) == 1 and counts != others:
            said += f", so that {'it has' if one else 'they have'} {counts[0]} epochs and other methods {others[0]}"
        parts.append(said)
    return "; ".join(parts)


def _left_out(numbers: pandas.DataFrame, runs: "StudyRuns") -> str:
    """The methods of the runs that are not drawn."""
    if "method" not in numbers:
        return ""
    drawn = _drawn(numbers, "method")
    left = [method for method in dict.fromkeys(runs.ordered["method"]) if method not in drawn]
    return f"Not shown: {listed([runs.names.method(method) for method in left])}" if left else ""


def _noises(numbers: pandas.DataFrame, runs: "StudyRuns") -> str:
    """The noises that are drawn, if they are some of the study's."""
    if "noise" not in numbers:
        return ""
    drawn, results = {str(name) for name in numbers["noise"].dropna().unique()}, runs.ordered
    every = list(dict.fromkeys(results["noise"]))
    shown = [noise for noise in every if noise in drawn]
    if not set(results.loc[results["realised_rate"] > 0, "noise"]) - drawn or not shown:
        return ""
    return f"Noise{'s' if len(shown) > 1 else ''} shown: {listed([runs.names.noise(noise) for noise in shown])}"
