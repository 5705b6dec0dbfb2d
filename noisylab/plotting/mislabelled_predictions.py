"""What mislabelled samples are predicted as during training."""

from noisylab.analysis.tables import summarise_epochs
from noisylab.core.registries import FIGURES
from noisylab.plotting.captions import drawn_singly
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.epoch_curves import curves, from_one, learning_rate_drops, mark_drops, with_runs
from noisylab.plotting.findings import told
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width, exposure_legend, has_room, inches, panel_grid, paper_style

FRACTIONS = {
    "mislabelled_correct": "as the true label",
    "mislabelled_memorised": "as the given label (memorised)",
    "mislabelled_other": "as another label",
}


@FIGURES.register("mislabelled_predictions", caption="What mislabelled samples are predicted as, over epochs")
def mislabelled_predictions_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """ELR's three fractions of mislabelled samples over epochs, with a line per method.

    Dotted lines mark drops of the learning rate, if they are in the same epochs for all. The legend states the images of a run.
    """
    runs.check_mislabelled()
    metrics = runs.metrics()
    if metrics["mislabelled_memorised"].isna().all():
        raise runs.nothing_recorded()
    drops, metrics = learning_rate_drops(metrics), from_one(metrics)
    numbers = summarise_epochs(metrics, list(FRACTIONS))
    runs_drawn = runs.under_noise[runs.under_noise["id"].isin(metrics["run"])]
    seeds, looks = metrics if drawn_singly(runs_drawn) else None, runs.looks_of(numbers["method"])
    with paper_style():
        across, row, rest = (3, 2.05, 0.6) if has_room(width) else (1, 1.65, 0.6)
        figure, grid, axes = panel_grid(3, across, width=inches(width), row=row, rest=rest, sharex=True, sharey=True)
        for ax, (measure, name) in zip(axes, FRACTIONS.items(), strict=True):
            curves(numbers, measure, seeds=seeds, styles=looks, ax=ax)
            mark_drops(drops, ax)
            ax.set(title=name)
        # Parts of one whole, which begin at 0.
        axes[0].set_ylim(-0.02, min(1.02, 1.05 * max(ax.dataLim.y1 for ax in axes)))
        for ax in grid[-1]:
            ax.set_xlabel("epoch")
        for ax in grid[:, 0]:
            ax.set_ylabel("share of mislabelled")
        exposure_legend(figure, axes, runs_drawn, looks)
        figure.suptitle(runs.records_title(runs_drawn), wrap=True)
    what = "Mislabelled samples predicted as the true, as the given, and as another label"
    return DrawnFigure(figure, with_runs(numbers, seeds), finding=told(what, numbers, list(FRACTIONS), runs))
