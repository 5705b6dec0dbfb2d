"""The study that `benchmarks/report.py` makes up is one that the report takes."""

import runpy
from pathlib import Path
from typing import Any

from noisylab.plotting.study_runs import study_runs
from noisylab.report.page import explore

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "report.py"


def test_the_samples_of_the_benchmark_s_study_can_be_shown(tmp_path: Path) -> None:
    made: dict[str, Any] = runpy.run_path(str(BENCHMARK))
    made["make_study"].__globals__.update(SAMPLES=200, EPOCHS=3)
    made["make_study"](tmp_path, None)
    explored = explore(study_runs(tmp_path / "study"))
    assert set(explored.methods) == {"ce", "repeat", "dlb"}
    assert len(explored.data.train_images) == 200
