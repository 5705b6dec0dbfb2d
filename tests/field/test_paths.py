"""One path, two places: where data is says nothing of what it is, and `~` means the same everywhere."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers_report import only_figures
from PIL import Image

import noisylab
from noisylab.cli import main
from noisylab.core.registries import DATA_SETS, NOISES
from noisylab.corruption import from_transition, symmetric
from noisylab.data import load_data

SMALL = {"methods": "ce", "noise": "symmetric:0.25", "seeds": 1, "epochs": 1, "batch_size": 4, "progress": False}


def write_images(folder: Path, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    for part, count in (("train", 8), ("test", 4)):
        for name in ("cat", "dog"):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (8, 8), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number}.png")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # Matplotlib keeps its fonts in the home folder, if it is imported first by one of these tests.
    for name in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


@pytest.mark.slow
def test_a_home_folder_is_meant_by_every_option_of_a_command(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_figures(monkeypatch, "memorisation")
    assert main(["corrupt", "--train-size", "100", "--save=~/n.npz", "--out", "~/l.csv", "--plot=~/p.png"]) == 0
    shown = ["--epochs", "1", "--train-size", "100", "--method", "ce", "--noise", "record:~/n.npz"]
    assert main(["train", *shown, "--out=~/runs"]) == 0
    assert main(["figure", "memorisation", "~/runs", "--out=~/figs", "--format", "png"]) == 0
    assert main(["report", "~/runs", "--no-samples", "--out=~/page.html"]) == 0
    assert {path.name for path in home.iterdir()} == {"n.npz", "l.csv", "p.png", "p_examples.png", "runs", "figs", "page.html"}
    assert not any(Path.cwd().iterdir())


def test_a_home_folder_is_meant_in_python_and_in_specs(home: Path) -> None:
    write_images(home / "x")
    np.save(home / "T.npy", [[0.5, 0.5], [0.25, 0.75]])
    assert from_transition([0, 1] * 8, "~/T.npy").rate == 0.375
    assert NOISES.create("from_transition(matrix='~/T.npy')", labels=[0, 1] * 8, seed=0).rate == 0.375
    assert load_data("folder:~/x").shape == (1, 8, 8)
    study = noisylab.sweep("~/runs/x", data="folder:~/x", **SMALL)
    assert study.path == home / "runs/x"
    assert len(noisylab.open_study("~/runs/x").results) == 1
    assert not any(Path.cwd().iterdir())


def test_every_spelling_of_a_folder_is_one_run_with_one_name(home: Path) -> None:
    write_images(Path("t/x"))
    Path("link").symlink_to("t/x")
    folder = Path("t/x").absolute()
    for spelling in (folder, f"{folder}/", "t/x", "./t/x", "t/../t/x", "link"):
        noisylab.sweep(home / "runs", data=f"folder:{spelling}", **SMALL)
    study = noisylab.open_study(home / "runs")
    assert study.results["data"].tolist() == ["folder:x"]
    study.figure("memorisation")


def test_matrices_in_files_count_by_their_content(home: Path) -> None:
    for name, held in (("a/T.npy", 0.5), ("copy.npy", 0.5), ("b/T.npy", 0.25)):
        Path(name).parent.mkdir(exist_ok=True)
        np.save(name, [[1 - held, held], [held, 1 - held]])
    write_images(Path("x"))
    specs = [f"from_transition(matrix='{name}')" for name in ("a/T.npy", "./a/T.npy", "copy.npy", "b/T.npy")]
    for spec in specs:
        noisylab.sweep(home / "runs", data="folder:x", **SMALL | {"noise": spec})
    names = noisylab.open_study(home / "runs").results["noise"].tolist()
    assert len(set(names)) == len(names) == 2
    assert all(name.startswith("from_transition(matrix='T') #") for name in names)


def test_two_data_sets_of_one_name_are_told_apart(home: Path) -> None:
    for number in (1, 2):
        write_images(Path(f"{number}/x"), seed=number)
        noisylab.sweep(home / "runs", data=f"folder:{number}/x", **SMALL)
    names = noisylab.open_study(home / "runs").results["data"].tolist()
    assert len(set(names)) == 2
    assert all(name.startswith("folder:x #") for name in names)


def test_a_name_of_ones_own_takes_the_place_of_the_files_name() -> None:
    assert DATA_SETS.parse("folder(path='/a/b/x', name='pets')").label == "pets"
    assert NOISES.parse("file(path='/a/l.csv', name='crowd')").label == "crowd"
    assert DATA_SETS.identity("folder(path='/a/b/x', name='pets')") == DATA_SETS.identity("folder:/elsewhere")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("folder:/home/author/pets.v2/", "folder:pets.v2"),
        ("npz:/home/author/pets.npz", "npz:pets"),
        ("npz:/my data/a, b (1): é'.npz", "npz:a, b (1): é'"),
        ("folder(path='/my, data/[x]', size=8)", "folder(path='[x]', size=8)"),
    ],
)
def test_a_label_has_no_folder_in_it(text: str, label: str) -> None:
    assert DATA_SETS.parse(text).label == label


@pytest.mark.parametrize("name", ["my data", "it's", "a,b", "a:b", "[x]", "(x)", "é", 'say "x"'])
def test_a_path_may_have_any_sign(tmp_path: Path, name: str) -> None:
    write_images(tmp_path / name)
    for spec in (f"folder:{tmp_path / name}", f"folder(path={str(tmp_path / name)!r})"):
        assert load_data(spec).num_classes == 2


@pytest.mark.slow
def test_no_result_shows_a_folder_and_the_configuration_has_absolute_paths(home: Path) -> None:
    write_images(Path("secret/x"))
    study = noisylab.sweep(home / "runs", data="folder:secret/x", **SMALL)
    shown = [study.results.to_csv(), study.figure("memorisation").caption, study.report(samples=False).read_text()]
    assert not any("secret" in text for text in shown)
    (config,) = (json.loads(path.read_text()) for path in (home / "runs").glob("*/config.json"))
    assert str(Path("secret/x").absolute()) in config["data"]


@pytest.mark.slow
def test_moved_data_is_found_below_the_data_root(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_figures(monkeypatch, "memorisation")
    write_images(Path("sets/x"))
    study = noisylab.sweep(home / "runs", data="folder:sets/x", **SMALL)
    monkeypatch.chdir(home)
    study.report()
    shutil.move(home.parent / "here/sets", home / "archive")
    with pytest.raises(ValueError, match=r"there is no folder '.*/here/sets/x'; if it was moved, .*--data-root"):
        study.report()
    with pytest.raises(ValueError, match=r"there is no folder '.*/here/sets/x', and none '.*x' below the data root"):
        study.report(data_root=home / "runs")
    study.report(data_root="~/archive")
    again = noisylab.sweep(home / "runs", data="folder:sets/x", data_root=home / "archive", **SMALL)
    assert len(again.results) == 1


def test_other_data_in_the_place_of_moved_data_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_figures(monkeypatch, "memorisation")
    write_images(Path("sets/x"))
    study = noisylab.sweep(home / "runs", data="folder:sets/x", **SMALL)
    shutil.rmtree("sets")
    write_images(home / "other/x", seed=1)
    with pytest.raises(ValueError, match="is not the one that the runs were trained on"):
        study.report(data_root=home / "other")


def test_the_place_of_other_data_is_named_beside_the_old_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_figures(monkeypatch, "memorisation")
    write_images(Path("sets/x"))
    study = noisylab.sweep(home / "runs", data="folder:sets/x", **SMALL)
    shutil.rmtree("sets")
    write_images(home / "other/x", seed=1)
    with pytest.raises(ValueError, match=r"here/sets/x'.*, found as folder\(path='[^']*home/other/x'"):
        study.report(data_root=home / "other")


def test_a_path_in_place_of_a_name_is_told_how_to_be_written(home: Path) -> None:
    for folder in ("my images", "it's"):
        write_images(home / folder)
        with pytest.raises(ValueError, match="a path is written folder:PATH or saved:PATH;"):
            load_data(str(home / folder))
        assert len(load_data(f"folder:{home / folder}").train_labels) == 16
    with pytest.raises(ValueError, match=r"is not of the form .*; write folder:PATH without quotes, or folder\(path="):
        load_data(f"folder(path='{home}/it's')")
    with pytest.raises(ValueError, match="a path after a colon is written without quotes"):
        load_data(f"folder:'{home}/my images'")


@pytest.mark.parametrize(
    ("data", "inside", "root"),
    [
        ("cifar10", "cifar-10-batches-py", "sets/cifar-10-batches-py"),
        ("mnist", "MNIST/raw", "sets/MNIST"),
        ("mnist", "MNIST/raw", "sets/MNIST/raw"),
    ],
)
def test_a_data_root_that_is_the_data_itself_is_told_its_parent(
    data: str, inside: str, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object, **__: object) -> None:
        raise AssertionError("it is downloaded")

    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", download)
    (tmp_path / "sets" / inside).mkdir(parents=True)
    (tmp_path / "sets" / inside / "part").touch()
    with pytest.raises(ValueError, match=rf"name its parent '{tmp_path}/sets' with --data-root"):
        load_data(data, tmp_path / root)


def test_a_data_root_that_is_the_folder_itself_is_told_its_parent(tmp_path: Path) -> None:
    write_images(tmp_path / "sets/x")
    with pytest.raises(ValueError, match=rf"name its parent '{tmp_path}/sets' as --data-root"):
        load_data("folder:/old/x", tmp_path / "sets/x")
    assert len(load_data("folder:/old/x", tmp_path / "sets").train_labels) == 16


def test_a_moved_record_is_found_below_the_data_root(tmp_path: Path) -> None:
    symmetric([0, 1] * 8, 0.25).save(tmp_path / "n.npz")
    inputs = {"labels": [0, 1] * 8, "root": str(tmp_path)}
    assert NOISES.create("record:/old/place/n.npz", **inputs).rate == 0.25
    assert NOISES.create("on_classes(noise='record:/old/n.npz', classes=[0])", **inputs).rate == 0.125
