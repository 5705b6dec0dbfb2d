"""Loss, confidence and margin of clean and of mislabelled samples during training."""

from typing import Any

import pandas

from noisylab.analysis.over_epochs import training_dynamics
from noisylab.analysis.tables import summarise_epochs
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import drawn_singly, listed
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import curves, from_one, learning_rate_drops, mark_drops, with_runs
from noisylab.plotting.findings import number, told
from noisylab.plotting.looks import GROUPS
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, has_room, inches, legend_entries, panel_grid, paper_style, shared_legend

MEASURES = {"loss": "loss (nats)", "confidence": "probability of\nthe given label", "margin": "margin (logits)"}
SHARES = ("confidence",)
SHOWN = "of clean and of mislabelled samples over epochs"


@FIGURES.register("training_dynamics", caption=f"Loss, confidence and margin {SHOWN}")
def training_dynamics_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """A row of panels for each measure, of clean and of mislabelled samples, with a line per method."""
    runs.check_mislabelled()
    measures = dict(list(MEASURES.items())[: runs.room(len(MEASURES))])
    parts = [training_dynamics(records).assign(method=method, run=run) for method, run, records in runs.records()]
    rows = from_one(pandas.concat(parts, ignore_index=True))
    runs_drawn = rows[["method", "run"]].drop_duplicates()
    seeds, looks = rows if drawn_singly(runs_drawn) else None, runs.looks_of(rows["method"])
    numbers = pandas.concat(
        [summarise_epochs(group, list(measures)).assign(group=name) for name, group in rows.groupby("group", sort=False)],
        ignore_index=True,
    )
    drops = learning_rate_drops(runs.metrics())
    with paper_style():
        # A legend of many methods needs room.
        legend = 1.0 if has_room(width) else 0.7 + 0.2 * max(0, numbers["method"].nunique() - 6)
        options: dict[str, Any] = {"row": 1.4, "rest": legend, "sharex": True, "sharey": "row"}
        figure, axes, panels = panel_grid(2 * len(measures), 2, width=inches(width), **options)
        for line, (measure, label) in zip(axes, measures.items(), strict=True):
            for ax, group in zip(line, GROUPS, strict=True):
                of_group = None if seeds is None else seeds[seeds["group"] == group]
                share = measure in SHARES
                curves(numbers[numbers["group"] == group], measure, seeds=of_group, share=share, styles=looks, ax=ax)
                if share:
                    ax.set_ylim(-0.02, 1.02)
                mark_drops(drops, ax)
            line[0].set_ylabel(label)
        for ax, group in zip(axes[0], GROUPS, strict=True):
            ax.set_title(f"{group} samples")
        for ax in axes[-1]:
            ax.set_xlabel("epoch")
        shared_legend(figure, *legend_entries(panels))
        figure.suptitle(runs.records_title(runs_drawn), wrap=True)
    finding = told("Loss in nats of clean and of mislabelled samples", numbers, "loss", runs, form=number)
    return DrawnFigure(figure, with_runs(numbers, seeds), f"{listed(list(measures)).capitalize()} {SHOWN}", finding=finding)
