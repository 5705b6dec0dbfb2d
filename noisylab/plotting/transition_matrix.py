"""The transition matrix of a study's noise."""

from noisylab.core.registries import FIGURES
from noisylab.corruption import NoisyLabels
from noisylab.plotting.corruption import corruption_figure
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width
from noisylab.study.run_folder import NOISE_FILE


@FIGURES.register("transition_matrix", caption="The transition matrix asked for and the realised one")
def transition_matrix_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The matrix asked for beside the realised one and the rate of every class, of the first run's noise."""
    runs.check_mislabelled()
    noisy = NoisyLabels.load(runs.folder / str(runs.under_noise["id"].iloc[0]) / NOISE_FILE)
    return corruption_figure(noisy, title=f"{runs.title}, {runs.noise}", width=width)
