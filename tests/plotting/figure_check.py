"""What a figure must keep, whatever study it is drawn from: checked on the drawn page, not on how it was made.

    python tests/plotting/figure_check.py STUDY...

prints what every registered figure violates on studies on disk, in both widths.
"""

import itertools
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from drawn_looks import legend_complete, looks_unique
from drawn_numbers import numbers_in_table, shares_bounded
from drawn_page import (
    Page,
    Violation,
    labels_apart,
    no_paths,
    one_line,
    one_scale,
    short_title,
    sizes,
    texts_apart,
    texts_on_page,
)

from noisylab.core.registries import FIGURES
from noisylab.plotting.catalogue import draw_figure, why_not
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns, study_runs
from noisylab.plotting.style import WIDTHS, Width

# Figures whose panels are single samples.
CONTACT_SHEETS = ("suspicious_samples",)
# Letters of names that all figures have room for.
FEW_LETTERS = 14
# Figures of a setting that differs, and of two options.
OF_SETTINGS = {"axis_comparison": "the runs do not differ in any", "option_map": "a map needs two options"}
# Figures of mislabelled samples.
OF_MISLABELLED = (
    "accuracy_against_age",
    "accuracy_against_consistency",
    "consistency",
    "detection",
    "detection_summary",
    "forgetting",
    "aum_histogram",
    "loss_separation",
    "memorisation",
    "mislabelled_predictions",
    "suspicious_samples",
    "training_dynamics",
    "transition_matrix",
)
# Figures that have nothing to show of one of the studies of `stress_studies`, with a part of the reason that they give.
REFUSED: dict[str, dict[str, str]] = defaultdict(lambda: OF_SETTINGS)
REFUSED["clean_only"] = OF_SETTINGS | dict.fromkeys(OF_MISLABELLED, "no sample is mislabelled under symmetric:0")
REFUSED["two_settings"] = {
    name: OF_SETTINGS.get(name, "runs differ in batch_size: 32, 64, 128")
    for name in FIGURES.entries()
    if name not in ("axis_comparison", "differences")
}
REFUSED["two_options"] = {"axis_comparison": OF_SETTINGS["axis_comparison"]}
# A figure that needs more height than a slide has, and of which no part fits.
TOO_HIGH_FOR_SLIDES = {"transition_matrix": "5.5 x 3.1 inches"}


def one_form(page: Page, names: Sequence[str]) -> list[Violation]:
    """Methods whose variants all have names of few letters have these in every text. names: of the study's methods."""
    families: dict[str, list[str]] = defaultdict(list)
    for each in names:
        families[each.partition("(")[0]].append(each)
    # A name may go on in a second line.
    texts = [*(one_line(text.get_text()).replace("( ", "(") for text in page.texts), page.drawn.caption]
    return [
        Violation("other name", f"{found!r} in {text!r}")
        for text in texts
        for found in re.findall(r"\w+\([^()]*\)?", text)
        if (family := families.get(found.partition("(")[0])) and max(map(len, family)) <= FEW_LETTERS and found not in family
    ]


def check(drawn: DrawnFigure, width: str = "page", name: str = "") -> list[Violation]:
    """All that a drawn figure violates. name: the figure's, for exemptions."""
    page = Page(drawn)
    return [
        *(Violation("warning", said) for said in page.warnings),
        *texts_on_page(page),
        *texts_apart(page),
        *no_paths(page),
        *legend_complete(page),
        *looks_unique(page),
        *labels_apart(page),
        *short_title(page),
        *sizes(page, width, panels=name not in CONTACT_SHEETS),
        *(one_scale(page) if name not in CONTACT_SHEETS else ()),
        *numbers_in_table(page),
        *shares_bounded(page),
        *([] if drawn.caption.strip() else [Violation("caption", "it is empty")]),
    ]


def check_drawn(name: str, runs: StudyRuns, width: Width, venue: str | None = None) -> list[Violation]:
    """All that a registered figure violates; one that refuses is one violation of kind `refused`, with its reason."""
    try:
        drawn = draw_figure(name, runs, width=width, venue=venue)
    except ValueError as error:
        return [Violation("refused", " ".join(str(error).split()))]
    except Exception as error:
        return [Violation("failed", why_not(error))]
    return [*check(drawn, width, name), *one_form(Page(drawn), [*map(runs.names.method, runs.results["method"].unique())])]


def brief(found: Sequence[Violation], most: int = 3) -> list[Violation]:
    """The first violations of each kind, and how many more there are."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for each in found:
        kinds[each.kind].append(each.what)
    return [
        Violation(kind, what + (f" (and {len(said) - most} more)" if place == most - 1 and len(said) > most else ""))
        for kind, said in kinds.items()
        for place, what in enumerate(said[:most])
    ]


def main() -> None:
    """Print a table of violations."""
    print("| figure | study | width | kind | what |\n|---|---|---|---|---|")
    for folder in map(Path, sys.argv[1:]):
        runs = study_runs(folder)
        for name, width in itertools.product(FIGURES.entries(), WIDTHS):
            for kind, what in brief(check_drawn(name, runs, width)):
                print(f"| {name} | {folder.name} | {width} | {kind} | {what.replace('|', '&#124;')} |", flush=True)


if __name__ == "__main__":
    main()
