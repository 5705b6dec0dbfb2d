"""The script that compares two checkouts finds what differs."""

import shutil
from pathlib import Path

import numpy as np
import pandas
import pytest
import zarr
from same_bits import differences

from noisylab.api import sweep


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bits") / "study"
    sweep(out, methods="dlb", noise="symmetric:0.4", seeds=1, epochs=2, train_size=100, device="cpu", progress=False)
    return out


def test_two_equal_studies_are_equal_whatever_they_took(study: Path, tmp_path: Path) -> None:
    other = shutil.copytree(study, tmp_path / "other")
    results = pandas.read_csv(other / "results.csv")
    results.assign(seconds=7.0).drop(columns="momentum").to_csv(other / "results.csv", index=False)
    assert differences(other, study, {}, new_ids=False) == ([], ["results.csv: momentum"])


@pytest.mark.parametrize("change", ["results", "metrics", "records", "noise", "id"])
def test_whatever_differs_is_found(study: Path, tmp_path: Path, change: str) -> None:
    other = Path(shutil.copytree(study, tmp_path / "other"))
    (run,) = other.glob("dlb-*")
    if change == "results":
        results = pandas.read_csv(other / "results.csv")
        results.assign(memorised=results["memorised"] + 1e-12).to_csv(other / "results.csv", index=False)
    elif change == "metrics":
        metrics = pandas.read_csv(run / "metrics.csv")
        metrics.assign(train_loss=metrics["train_loss"] + 1e-9).to_csv(run / "metrics.csv", index=False)
    elif change == "records":
        margin = zarr.open_group(run / "dynamics.zarr", mode="r+")["margin"]
        margin[:] = np.nextafter(np.asarray(margin[:]), np.float16(9))
    elif change == "noise":
        with np.load(run / "noise.npz") as held:
            arrays = dict(held)
        np.savez(run / "noise.npz", **arrays | {"given": (arrays["given"] + 1) % 10})
    else:
        run.rename(other / "another")
        results = pandas.read_csv(other / "results.csv")
        results.assign(id="another").to_csv(other / "results.csv", index=False)
    wrong, _ = differences(other, study, {}, new_ids=False)
    assert wrong, change
    assert bool(differences(other, study, {}, new_ids=True)[0]) == (change != "id")
