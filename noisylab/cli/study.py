"""What the studies' commands share."""

from noisylab.cli.arguments import fail
from noisylab.study.grid import Execution, Grid
from noisylab.study.runner import Report, run_study
from noisylab.training.config import TrainConfig


def study_command(grid: Grid, training: TrainConfig, execution: Execution, report: Report) -> int:
    """The exit status of a study; what is wrong with its arguments is said in one line, with status 2."""
    try:
        return run_study(grid, training, execution, report)
    except ValueError as error:
        fail(error)
