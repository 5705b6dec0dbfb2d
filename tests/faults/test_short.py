"""A short form of `python -m tests.faults`, and what a study's own files go through."""

import random
from pathlib import Path

import pytest
from faults.__main__ import damage, processes
from faults.readers import small_plan

from noisylab.study.inputs import holds, keep_data
from noisylab.study.study_file import STUDY, add_plan, grid_from, read_plans


@pytest.mark.slow
def test_damaged_files_are_refused_and_healed(tmp_path: Path) -> None:
    assert damage(tmp_path, 3, seed=1) == 0


@pytest.mark.slow
def test_killed_sweeps_lose_and_repeat_nothing(tmp_path: Path) -> None:
    assert processes(tmp_path, ["kills2", "four"], 8, random.Random(0)) == 0


def test_damaged_data_of_a_study_are_written_anew(tmp_path: Path) -> None:
    planned = small_plan()
    (data,) = planned.data.values()
    folder = keep_data(tmp_path, data)
    assert holds(folder, folder.name)
    file = folder / "train_labels.npy"
    content = bytearray(file.read_bytes())
    content[-8] ^= 1
    file.write_bytes(content)
    assert not holds(folder, folder.name)
    with pytest.warns(UserWarning, match="was damaged and is written anew"):
        assert keep_data(tmp_path, data) == folder
    assert holds(folder, folder.name)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 9, "grids": [{"grid": 1}]}', "[" * 100_000])
def test_a_damaged_list_of_runs_is_refused_and_written_anew_by_a_sweep(content: str, tmp_path: Path) -> None:
    planned = small_plan()
    (tmp_path / STUDY).write_text(content)
    with pytest.raises(ValueError, match=r"study.json' is damaged \(.*\); the same sweep writes it anew"):
        read_plans(tmp_path)
    # What `--config study.json` reads.
    with pytest.raises(ValueError, match=r"study.json' is damaged \(.*\)$"):
        grid_from(tmp_path / STUDY)
    with pytest.warns(UserWarning, match="was damaged .* and is written anew"):
        add_plan(tmp_path, planned)
    assert [run["id"] for run in read_plans(tmp_path)[0]["runs"]] == [config.id for config in planned.configs]
    assert (tmp_path / f"{STUDY}.damaged").read_text() == content
