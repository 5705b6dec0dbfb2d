"""What is damaged in the folder of a study, and what killed processes left in it."""

from pathlib import Path

from noisylab.core.lines import counted
from noisylab.study.inputs import INPUTS, holds
from noisylab.study.leftovers import leftovers
from noisylab.study.run_folder import REMEDY, RESULT
from noisylab.study.study_file import read_plans
from noisylab.study.verify import damages


def finished_runs(study: Path) -> list[Path]:
    """The folders of runs with a `result.json`, those of teachers too."""
    return [path.parent for path in sorted([*study.glob(f"*/{RESULT}"), *study.glob(f".teachers/*/{RESULT}")])]


def study_faults(study: Path) -> list[str]:
    """Everything that is wrong, a line each, with what helps. Reads every file of the finished runs, and changes nothing."""
    said = []
    try:
        read_plans(study)
    except ValueError as error:
        said.append(str(error))
    for folder in finished_runs(study):
        try:
            found = damages(folder)
        except ValueError as error:
            said.append(str(error))
            continue
        if found:
            said.append(f"damaged: {folder.name}: {', '.join(found)}; {REMEDY}")
    kept = [path for path in sorted((study / INPUTS).glob("*")) if path.is_dir() and path.suffix != ".partial"]
    said += [f"damaged: data {str(path)!r}; the same sweep writes it anew" for path in kept if not holds(path, path.name)]
    left = len(list(leftovers(study)))
    said += [f"{counted(left, 'leftover')} of killed processes; noisylab clean {study} removes them"] if left else []
    return said
