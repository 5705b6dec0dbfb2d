"""The transition matrix of a study's noise."""

from noisylab.core.registries import FIGURES
from noisylab.corruption import NoisyLabels
from noisylab.plotting.corruption import corruption_figure
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.study_runs import StudyRuns
from noisylab.plotting.style import Width
from noisylab.study.run_folder import NOISE_FILE

REALISED = "The realised transition matrix; none was requested"


@FIGURES.register("transition_matrix", caption="The requested and the realised transition matrix")
def transition_matrix_figure(runs: StudyRuns, *, width: Width = "page") -> DrawnFigure:
    """The requested matrix, if there is one, the realised one, and the rate of every class, for the noise of the first run."""
    runs.check_mislabelled()
    first = runs.under_noise.iloc[0]
    noisy = NoisyLabels.load(runs.folder / str(first["id"]) / NOISE_FILE)
    drawn = corruption_figure(noisy, title=f"{runs.setting}, noise seed {first['noise_seed']}", width=width)
    return drawn if "asked_for" in drawn.numbers else drawn.with_caption(REALISED)
