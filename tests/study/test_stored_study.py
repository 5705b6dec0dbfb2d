"""Studies that a version of noisylab once wrote, kept here: this version opens them, or refuses them and says what to do.

`python tests/study/test_stored_study.py` stores one of the present format, `stored/format<N>.zip`. Store one whenever the
format rises, and keep the old ones.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import noisylab
from noisylab.study.run_config import FORMAT

STORED = Path(__file__).parent / "stored"
SETTINGS: dict[str, Any] = {
    "methods": ["dlb"],
    "noise": "symmetric:0.4",
    "seeds": 1,
    "epochs": 4,
    "train_size": 40,
    "test_size": 20,
    "model": "small_cnn(width=2)",
    "progress": False,
}
# The mean loss of the records of each.
LOSS = {9: 2.3542}


def test_there_is_a_study_of_this_format() -> None:
    assert (STORED / f"format{FORMAT}.zip").is_file()
    assert FORMAT in LOSS


@pytest.mark.parametrize("archive", sorted(STORED.glob("*.zip")), ids=lambda path: path.stem)
def test_a_stored_study_is_opened_or_refused_with_the_way_out(archive: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(archive, tmp_path)
    stored = int(archive.stem.removeprefix("format"))
    if stored != FORMAT:
        way_out = f"was written in format {stored}, and this version of noisylab reads format {FORMAT}; run the study again"
        with pytest.raises(ValueError, match=way_out):
            noisylab.open_study(tmp_path)
        with pytest.raises(ValueError, match=way_out):
            noisylab.sweep(tmp_path, **SETTINGS)
        return
    study = noisylab.open_study(tmp_path)
    (run,) = study.results["id"]
    assert study.status()["state"].tolist() == ["done"]
    records = study.records(run)
    assert records["loss"].shape == (2, 40)
    assert float(records["loss"].mean()) == pytest.approx(LOSS[stored], abs=1e-4)
    assert study.network(run)(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")}
    # A sweep knows the run by its id, and finds nothing damaged.
    again = noisylab.sweep(tmp_path, **SETTINGS)
    assert again.results["id"].tolist() == [run]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*")} == written
    np.testing.assert_array_equal(again.records(run)["loss"], records["loss"])


def store() -> None:
    """Store a study of the present format, and print the mean loss of its records."""
    STORED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        study = noisylab.sweep(folder, **SETTINGS)
        print(float(study.records(study.results["id"][0])["loss"].mean()))
        shutil.make_archive(str(STORED / f"format{FORMAT}"), "zip", folder)


if __name__ == "__main__":
    sys.exit(store())
