"""Loss, confidence and margin of clean and of mislabelled samples during training."""

import pandas
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from noisylab.analysis.over_epochs import training_dynamics
from noisylab.analysis.tables import over_epochs
from noisylab.plotting.memorisation import curves, learning_rate_drops, mark_drops
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import WIDTHS, Columns, paper_style, shared_legend

MEASURES = {"loss": "loss (nats)", "confidence": "probability of\nthe given label", "margin": "margin (logits)"}
SHARES = ("confidence",)


def dynamics_figure(runs: StudyRuns, columns: Columns = 2) -> tuple[Figure, pandas.DataFrame] | None:
    """A row of panels for each measure, of clean and of mislabelled samples, with a line per method.

    None where no sample is mislabelled.
    """
    if not runs.mislabelled:
        return None
    parts = [training_dynamics(records).assign(method=method) for method, _, records in runs.records()]
    if not parts:
        return None
    rows = pandas.concat(parts, ignore_index=True)
    numbers = pandas.concat(
        [over_epochs(group, list(MEASURES)).assign(group=name) for name, group in rows.groupby("group", sort=False)],
        ignore_index=True,
    )
    drops = learning_rate_drops(runs.metrics())
    with paper_style():
        size = WIDTHS[columns], 5.2 if columns == 2 else 4.9
        figure, axes = plt.subplots(len(MEASURES), 2, figsize=size, sharex=True, sharey="row", layout="constrained")
        for line, (measure, label) in zip(axes, MEASURES.items(), strict=True):
            for ax, group in zip(line, ("clean", "mislabelled"), strict=True):
                curves(numbers[numbers["group"] == group], measure, share=False, ax=ax)
                if measure in SHARES:
                    ax.set_ylim(-0.02, 1.02)
                mark_drops(drops, ax)
            line[0].set_ylabel(label)
        for ax, group in zip(axes[0], ("clean", "mislabelled"), strict=True):
            ax.set_title(f"{group} samples")
        for ax in axes[-1]:
            ax.set_xlabel("epoch")
        shared_legend(figure, *axes[0, 0].get_legend_handles_labels())
        figure.suptitle(runs.records_title, wrap=True)
    return figure, numbers
