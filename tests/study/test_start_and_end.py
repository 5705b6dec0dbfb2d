"""What a study imports and opens before and after its training: counts, since times depend on the machine."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
from matplotlib.layout_engine import ConstrainedLayoutEngine

from noisylab.api import sweep
from noisylab.cli.sweep import fewer_seeds
from noisylab.data import load_data
from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.study_runs import study_runs
from noisylab.study import read_once
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run_folder import METRICS, RESULT, read_many_metrics, read_metrics, read_result, write_result
from noisylab.study.study_file import STUDY, grid_from
from noisylab.training.config import TrainConfig

SEEDS, NOISE = 2, "symmetric:0.4"
OPTIONS = ["--methods", "ce", "lsr", "--noise", NOISE, "--seeds", str(SEEDS), "--epochs", "1", "--train-size", "200"]
# Runs a command, and tells which of these modules it imported and how often it opened each file that a run has one of.
PROBE = """
import collections, json, pathlib, sys
import noisylab.study.read_once
noisylab.study.read_once.SETTLED = -1
opened = collections.Counter()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        place = pathlib.Path(arguments[0])
        if place.name in ("result.json", "metrics.csv", "config.json"):
            opened[f"{place.parent.name}/{place.name}"] += 1
sys.addaudithook(hook)
from noisylab.cli import main
status = main(sys.argv[2:])
modules = ("torch", "sklearn", "scipy.stats", "zarr", "xarray", "seaborn", "plotly", "matplotlib", "fontTools")
there = [name for name in modules if name in sys.modules]
pathlib.Path(sys.argv[1]).write_text(json.dumps([status, there, opened]))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends") / "study"
    # The settings of `OPTIONS`, with the stack that the command leaves out for none of them.
    settings = {"epochs": 1, "train_size": 200, "stack": _stack()}
    sweep(folder, methods=["ce", "lsr"], noise=NOISE, seeds=SEEDS, progress=False, device="cpu", **settings)
    return folder


def _stack() -> int:
    from noisylab.named_studies.noise_sweep import noise_sweep

    return noise_sweep().stack


def probed(tmp_path: Path, *command: str) -> tuple[list[str], dict[str, int]]:
    file = tmp_path / "probe.json"
    subprocess.run([sys.executable, "-c", PROBE, str(file), *command], check=True, capture_output=True)
    status, modules, opened = json.loads(file.read_text())
    assert status == 0
    return modules, opened


@pytest.mark.slow
def test_a_finished_study_is_shown_without_torch_and_every_result_is_read_once(study: Path, tmp_path: Path) -> None:
    for more, records in (("--no-verify", set()), ("--verify", {"zarr", "xarray"})):
        modules, opened = probed(tmp_path, "sweep", "--out", str(study), *OPTIONS, more)
        assert set(modules) == {"matplotlib", "fontTools"} | records
        results = {name: count for name, count in opened.items() if name.endswith(RESULT)}
        assert len(results) == 2 * SEEDS
        assert set(results.values()) == {1}


def test_status_imports_neither_torch_nor_anything_that_draws(study: Path, tmp_path: Path) -> None:
    modules, opened = probed(tmp_path, "status", str(study))
    assert modules == []
    assert {count for name, count in opened.items() if name.endswith(RESULT)} == {1}


def test_workers_import_neither_a_compiler_nor_what_draws() -> None:
    code = "import sys, noisylab.study.worker_imports as _; print([m for m in {modules} if m in sys.modules])"
    drawing = ("matplotlib", "rich", "plotly", "seaborn", "PIL.PdfImagePlugin")
    unwanted = ("torch._dynamo", "sympy", "torchvision", "sklearn", *drawing)
    run = subprocess.run([sys.executable, "-c", code.format(modules=unwanted)], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "[]"


def test_finished_runs_are_not_built_once_more(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = TrainConfig(epochs=1, device="cpu", stack=_stack())
    asked: list[TrainConfig] = []
    grid = Grid(methods=("ce", "lsr"), noise=(NOISE,), seeds=(0, 1), train_size=200, training=training)
    with monkeypatch.context() as patch:
        patch.setattr("noisylab.study.plan._check_model", lambda *_: pytest.fail("a network was built"))
        assert len(plan(grid, study=study, on_missing=asked.append).configs) == 4
    assert not asked
    more = Grid(methods=("ce", "lsr"), noise=(NOISE,), seeds=(0, 1, 2), train_size=200, training=training)
    assert len(plan(more, study=study, on_missing=asked.append).configs) == 6
    assert len(asked) == 1


def test_seeds_that_are_all_there_take_no_labels(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = plan(grid_from(study / STUDY), study=study)
    monkeypatch.setattr("noisylab.study.result.labels_of", lambda *_: pytest.fail("a specification was read"))
    assert fewer_seeds(planned, {config.id for config in planned.configs}) == []


def test_a_result_is_read_again_once_a_file_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(read_once, "SETTLED", -1)
    write_result(folder, {"id": "run"}, {METRICS: b"epoch\n0\n"})
    assert read_result(folder) == {"id": "run"}
    held = read_result(folder)
    assert held is not None
    # What a caller does with it stays with the caller.
    held["id"] = "other"
    assert read_result(folder) == {"id": "run"}
    (folder / RESULT).write_bytes((folder / RESULT).read_bytes()[:-1])
    assert read_result(folder) is None
    write_result(folder, {"id": "run", "seed": 1}, {METRICS: b"epoch\n0\n"})
    assert read_result(folder) == {"id": "run", "seed": 1}


def test_many_metrics_are_those_of_each_run(study: Path, tmp_path: Path) -> None:
    runs = [path.parent.name for path in sorted(study.glob(f"*/{RESULT}"))][::-1]
    found = read_many_metrics(study, runs)
    each = [read_metrics(study / run).assign(run=run) for run in runs]
    pandas.testing.assert_frame_equal(found, pandas.concat(each, ignore_index=True))
    for name, head in (("a", b"epoch,old\n0,1\n1,2\n"), ("b", b"epoch\n0\n"), ("c", b"epoch,old\n0,3\n")):
        (tmp_path / name).mkdir()
        write_result(tmp_path / name, {"id": name}, {METRICS: head})
    mixed = read_many_metrics(tmp_path, ["a", "b", "c"])
    assert mixed["run"].tolist() == ["a", "a", "b", "c"]
    np.testing.assert_array_equal(mixed["old"], [1, 2, np.nan, 3])


def test_the_files_of_a_figure_share_one_layout(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw_figure("noise_robustness", study_runs(study))
    laid_out = []
    execute = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda *args: (laid_out.append(1), execute(*args))[1])
    engine = drawn.figure.get_layout_engine()
    drawn.save(tmp_path / "figure", ("pdf", "png", "svg"))
    assert len(laid_out) == 1
    assert drawn.figure.get_layout_engine() is engine


def test_the_test_set_of_the_digits_is_that_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train, test = (np.sort(part) for part in train_test_split(np.arange(len(labels)), stratify=labels, random_state=0))
    data = load_data("digits")
    for images, found, part in ((data.train_images, data.train_labels, train), (data.test_images, data.test_labels, test)):
        np.testing.assert_array_equal(found, labels[part])
        np.testing.assert_array_equal(np.asarray(images).reshape(len(part), -1), np.round(pixels[part] * (255 / 16)))


ORPHAN = """
import os
from _multiprocessing import sem_unlink
from noisylab.study.workers import worker_context
context = worker_context()
lock = context.Lock()
# As if the parent had ended before the process has read what it needs.
sem_unlink(lock._semlock.name)
process = context.Process(target=print, args=(lock,))
process.start()
process.join()
os._exit(0 if process.exitcode else 3)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked from a server on Linux alone")
def test_a_worker_whose_parent_is_gone_says_nothing() -> None:
    run = subprocess.run([sys.executable, "-c", ORPHAN], check=True, capture_output=True, text=True)
    assert "Traceback" not in run.stderr
    other = [sys.executable, "-c", "import noisylab.study.worker_imports; open('/no such file')"]
    assert "Traceback" in subprocess.run(other, check=False, capture_output=True, text=True).stderr
