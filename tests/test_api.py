"""noisylab from Python: a study run, opened, and asked."""

import doctest
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from noisylab import api
from noisylab.api import Study, open_study, sweep
from noisylab.core import plugins
from noisylab.core.registries import REGISTRIES
from noisylab.corruption import NoisyLabels, symmetric
from noisylab.data.batches.batch import Batch
from noisylab.data.image_data import load_data
from noisylab.methods import Method

SMALL: dict[str, Any] = {"epochs": 4, "train_size": 120, "device": "cpu", "progress": False}


@pytest.fixture(autouse=True, scope="module")
def _forget() -> Iterator[None]:
    """What this module registers is its own."""
    yield
    for registry in REGISTRIES:
        registry.forget(__name__)
        registry.forget("__main__")
    for module, _ in plugins._loaded.values():
        plugins._forget(module)
    plugins._loaded.clear()


PLUGIN = """
from torch.nn import functional
from noisylab.core.registries import METHODS
from noisylab.methods import Method


@METHODS.register("{name}")
class Mine(Method):
    '''Cross-entropy (nobody, 2026).'''

    def loss_from_logits(self, logits, batch):
        return {factor} * functional.cross_entropy(logits, batch.labels)
"""


class HalvedCE(Method):
    """Half of cross-entropy (nobody, 2026)."""

    def loss_from_logits(self, logits: Tensor, batch: Batch) -> Tensor:
        """Half of it."""
        return functional.cross_entropy(logits, batch.labels) / 2


def linear(num_classes: int, in_channels: int) -> nn.Module:
    """A network of one layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64 * in_channels, num_classes))


class Images:
    """A map-style data set of grey images of 8x8 pixels, as ToTensor makes them."""

    def __init__(self, size: int, scale: float = 1.0) -> None:
        self.pixels = np.random.default_rng(size).integers(0, 256, (size, 1, 8, 8)) / 255 * scale
        self.labels = np.arange(size) % 4

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.tensor(self.pixels[index]).float(), int(self.labels[index])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return sweep(
        tmp_path_factory.mktemp("api") / "study",
        methods=["dlb", "ce"],
        noise="symmetric:0.4",
        seeds=2,
        over={"batch_size": [32, 64]},
        **SMALL,
    )


def test_examples_in_the_docstrings_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = [test for test in doctest.DocTestFinder().find(api, globs=vars(api) | {"sweep": sweep}) if test.examples]
    assert {test.name.split(".")[-1] for test in found} >= {"sweep", "open_study"}
    runner = doctest.DocTestRunner()
    assert not sum(runner.run(test).failed for test in found)


def test_every_combination_of_an_axis_is_run_and_every_setting_is_a_column(study: Study) -> None:
    results = study.results
    assert len(results) == 8
    assert sorted(results["batch_size"].unique()) == [32, 64]
    assert {"epochs", "epochs_trained", "learning_rate", "augment", "model", "budget", "device"} <= set(results.columns)
    assert study.summary(by=["batch_size"])[["batch_size", "method", "n"]].to_numpy().tolist() == [
        [32, "dlb", 2],
        [32, "ce", 2],
        [64, "dlb", 2],
        [64, "ce", 2],
    ]
    assert len(study.compare(by=["batch_size"])) == 2
    differences = study.compare(where={"batch_size": 64})
    assert differences[["method", "baseline"]].to_numpy().tolist() == [["dlb", "ce"]], "though DLB was asked for first"


def test_contrasts_and_columns_are_asked_for_by_name(study: Study) -> None:
    pooled = study.contrasts(by=["batch_size"])
    assert pooled[["batch_size", "method", "baseline", "n"]].to_numpy().tolist() == [[32, "dlb", "ce", 2], [64, "dlb", "ce", 2]]
    one = {"batch_size": 64}
    assert study.contrasts([("ce", "DLB")], where=one)["difference"].tolist() == pytest.approx([-pooled["difference"][1]])
    assert study.contrasts(where=one, measure="memorised")["measure"].tolist() == ["memorised"]
    assert study.compare(where=one, measure="test_nll")["measure"].tolist() == ["test_nll"]
    assert study.summary(where=one, columns=["test_nll"]).columns[-5:-3].tolist() == ["test_nll", "test_nll_ci95_half"]
    with pytest.raises(ValueError, match=r"columns must name columns of numbers, got 'test_nl' \(did you mean 'test_nll'\?\)"):
        study.summary(where=one, columns=["test_nl"])


def test_the_exposure_is_equal_under_the_usual_budget(study: Study) -> None:
    table = study.compare(where={"batch_size": 64})
    assert table["images_processed_ratio"].tolist() == pytest.approx([1], abs=0.1)
    assert table["updates_ratio"].tolist() == pytest.approx([1], abs=0.3)


def test_runs_of_several_settings_are_compared_only_if_it_is_said_how(study: Study) -> None:
    with pytest.raises(ValueError, match=r"runs differ in batch_size: 32, 64; choose with where=\{'batch_size'"):
        study.summary()


def test_a_study_is_opened_with_all_that_is_in_it(study: Study) -> None:
    again = open_study(study.path)
    assert again == study
    assert again.results.equals(study.results)


def test_the_same_call_again_repeats_nothing(study: Study) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.path.glob("*/result.json")}
    over = {"batch_size": [32, 64]}
    sweep(study.path, methods=["dlb", "ce"], noise="symmetric:0.4", seeds=2, over=over, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in study.path.glob("*/result.json")} == before


def test_records_and_networks_are_of_one_run(study: Study) -> None:
    one: dict[str, Any] = {"method": "dlb", "seed": 1, "where": {"batch_size": 32}}
    assert (study.records(**one).sizes["epoch"], study.records(**one).sizes["sample"]) == (2, 120)
    data = load_data("digits", None, 120)
    network = study.network(**one)
    predicted = network(torch.from_numpy(data.test_images)).argmax(dim=1).numpy()
    results = study.results
    row = results[(results["method"] == "dlb") & (results["seed"] == 1) & (results["batch_size"] == 32)].iloc[0]
    assert (predicted == data.test_labels).mean() == row["test_accuracy_last"]
    assert network.class_names == data.class_names
    with pytest.raises(ValueError, match=r"4 runs fit, and one is needed; choose by seed: 0, 1; batch_size: 32, 64"):
        study.records(method="dlb")
    chosen = study.results.iloc[0]
    assert study.records(chosen).equals(study.records(chosen["id"]))
    with pytest.raises(ValueError, match="has no finished run 'ce'"):
        study.network("ce")


def test_an_averaged_network_is_the_one_that_was_measured(tmp_path: Path) -> None:
    study = sweep(tmp_path, methods="ce", noise="symmetric:0.2", seeds=1, ema=0.9, **SMALL)
    data = load_data("digits", None, 120)
    predicted = study.network()(torch.from_numpy(data.test_images)).argmax(dim=1).numpy()
    assert (predicted == data.test_labels).mean() == study.results["test_accuracy_last"].item()


def test_the_status_names_every_planned_run_and_needs_no_data(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noisylab.study.plan.load_data", None)
    status = study.status()
    assert set(status["state"]) == {"done"}
    assert status[["method", "batch_size", "seed"]].to_numpy().tolist()[:3] == [["dlb", 32, 0], ["ce", 32, 0], ["dlb", 64, 0]]


def test_an_interrupted_study_says_what_is_planned_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisylab.study import runner

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(runner, "run_here", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep(tmp_path, methods="ce", noise="symmetric:0.2", seeds=2, **SMALL)
    assert open_study(tmp_path).status()["state"].tolist() == ["planned"] * 2
    assert len(sweep(tmp_path, methods="ce", noise="symmetric:0.2", seeds=2, **SMALL).results) == 2


def test_objects_stand_for_specs(tmp_path: Path) -> None:
    train, test = Images(80), Images(40)
    noisy = symmetric(train.labels, 0.4, seed=3)
    arguments: dict[str, Any] = {"methods": ["ce", HalvedCE], "noise": [noisy, "symmetric:0.2"], "data": (train, test)}
    study = sweep(tmp_path, **arguments, model=linear, seeds=1, epochs=1, progress=False)
    assert not study.failures
    assert set(study.results["method"]) == {"ce", "halved_ce"}
    assert set(study.results["model"]) == {"linear"}
    given = NoisyLabels.load(next(tmp_path.glob("ce-record*")) / "noise.npz")
    assert np.array_equal(given.given, noisy.given)
    assert given.kind == noisy.kind
    label = f"symmetric:0.4 #{noisy.digest[:6]}"
    assert set(study.results["noise"]) == {label, "symmetric:0.2"}
    assert study.records(method="ce", noise=noisy).equals(study.records(method="ce", noise=label))
    # The same objects are the same runs.
    again = sweep(tmp_path, **arguments, model=linear, seeds=1, epochs=1, progress=False)
    assert len(again.results) == 4
    assert study.network(method="halved_ce", noise="symmetric:0.2")(torch.zeros(2, 1, 8, 8)).shape == (2, 4)
    with pytest.raises(ValueError, match="without normalisation"):
        sweep(tmp_path, data=(Images(80, 3.0), test), seeds=1, progress=False)
    with pytest.raises(ValueError, match=r"record '.*' has 80 samples, and other true labels than these 1347; make it"):
        sweep(tmp_path, noise=noisy, seeds=1, progress=False)


def test_a_class_of_the_script_itself_runs_in_this_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = type("Local", (HalvedCE,), {"__module__": "__main__"})
    main = ModuleType("__main__")
    main.__file__ = __file__
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(ValueError, match="jobs=2 needs code that other processes can import"):
        sweep(tmp_path, methods=local, noise="symmetric:0.2", seeds=1, jobs=2, **SMALL)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr": 0.1}, r"no setting 'lr' \(did you mean 'learning_rate'\?\)"),
        ({"methods": "DLB"}, r"unknown method 'DLB' \(did you mean 'dlb'\?\)"),
        ({"methods": 3}, "methods must be specs such as"),
        ({"noise": 0.4}, "noise must be specs such as 'symmetric:0.4', or NoisyLabels, got float '0.4'"),
        ({"model": 3}, "model must be a spec"),
        ({"model": lambda num_classes, in_channels: None}, "has no name"),
        ({"data": 3}, "data must be a spec"),
        ({"seeds": 0}, "seeds must be a number of seeds"),
        ({"seeds": [0, 0]}, "seeds names 0 twice"),
        ({"epochs": "3"}, "epochs must be a whole number"),
        ({"over": {"epochs": 3}}, r"over epochs must be a tuple of values, got 3; write \(3,\)"),
        ({"over": {"epochs": [3, "x"]}}, "epochs must be a whole number"),
        ({"over": {"methods": ["ce"]}}, "method is varied already, by methods="),
        ({"over": {"noise": ["symmetric:0.2"]}}, "noise is varied already, by noise="),
        ({"over": {"batch": [3]}}, r"no setting 'batch' \(did you mean 'batch_size'\?\)"),
        ({"over": "epochs"}, "over must be a mapping of settings to values"),
        ({"epochs": 2, "over": {"epochs": [2, 3]}}, "epochs is given as 2 and as an axis"),
        ({"jobs": 0}, "jobs must be a number >= 1, got 0"),
        ({"seeds": 2.0}, "seeds must be a number of seeds"),
        ({"plugins": ["absent.py"]}, "absent.py"),
        ({"plugins": "absent.py"}, "plugins must be a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_what_cannot_be_run_is_refused_before_any_training(tmp_path: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(tmp_path / "out", **{"noise": "symmetric:0.2", "seeds": 1, "progress": False, **wrong})
    assert not list(tmp_path.glob("out/*/config.json"))


def test_a_run_that_fails_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"run ce-symmetric-0.2-seed0-\w+ failed: the training diverged: its loss is "):
        study = sweep(tmp_path, methods="ce", noise="symmetric:0.2", seeds=1, learning_rate=1e30, **SMALL)
    assert repr(study.failures[0]).startswith("Failure(ce-symmetric-0.2-seed0-")
    with pytest.raises(ValueError, match=r"no run in .* has finished; ce-.* failed: the training diverged"):
        study.summary()


def test_baselines_are_known_or_suggested(study: Study) -> None:
    for written in ("DLB", "dlb(alpha=1)"):
        assert len(study.compare(baselines=[written], by=["batch_size"])) == 2
    with pytest.raises(ValueError, match=r"no run is of method 'dbl' \(did you mean 'dlb'\?\)"):
        study.compare(baselines=["dbl"], by=["batch_size"])
    with pytest.raises(ValueError, match=r"baselines must be a list, got 'ce'; write \['ce'\]"):
        study.compare(baselines="ce", by=["batch_size"])


def test_changed_code_is_no_further_seed(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    for factor in (1, 2):
        plugin.write_text(PLUGIN.format(name="changing", factor=factor))
        methods = ["ce", "changing"]
        study = sweep(tmp_path / "out", methods=methods, noise="symmetric:0.4", seeds=1, plugins=[plugin], **SMALL)
    codes = [code for code in study.results["code"].unique() if code]
    assert len(codes) == 2
    for ask in (study.summary, study.compare, lambda: study.figure("memorisation")):
        with pytest.raises(ValueError, match=r"runs differ in code: .*--where code="):
            ask()
    assert study.summary(where={"code": codes[0]})["method"].tolist() == ["ce", "changing"]
    assert study.figure("memorisation", where={"code": codes[0]}).numbers["method"].nunique() == 2


def test_what_is_no_study_is_not_opened(tmp_path: Path, study: Study) -> None:
    with pytest.raises(ValueError, match="there is no folder"):
        open_study(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"holds no study\.json and no finished run"):
        open_study(tmp_path)
    with pytest.raises(ValueError, match="is the folder of a run; its study is"):
        open_study(study.path / study.results["id"][0])


def test_a_folder_of_another_format_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text('{"format": 4}')
    with pytest.raises(ValueError, match=r"written in format 4, .* run the study again in another folder"):
        sweep(tmp_path, methods="ce", noise="symmetric:0.2", seeds=1, **SMALL)
    assert not (tmp_path / "study.json").exists()


@pytest.mark.slow
def test_a_script_without_a_guard_is_told_what_it_lacks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from noisylab.api import sweep\n"
        f"sweep({str(tmp_path / 'out')!r}, methods='ce', noise='symmetric:0.2', seeds=2, jobs=2, epochs=1, train_size=100)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=300)
    assert "put what it does below if __name__ == '__main__':, or pass jobs=1" in done.stderr.splitlines()[-1]
    assert done.returncode == 1


@pytest.mark.slow
def test_a_plug_in_is_known_in_worker_processes_and_is_part_of_the_identity(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    runs = []
    for factor in (1, 2):
        plugin.write_text(PLUGIN.format(name="mine", factor=factor))
        study = sweep(tmp_path / "out", methods=["mine"], noise="symmetric:0.2", seeds=2, jobs=2, plugins=[plugin], **SMALL)
        assert not study.failures
        runs.append(len(study.results))
    assert runs == [2, 4], "changed code is another run"
