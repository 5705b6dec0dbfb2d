"""`noisylab corrupt`."""

from pathlib import Path

import numpy as np
import pytest
from helpers_cli import noisylab, on_the_base_install

from noisylab.corruption import NoisyLabels, read_labels

Capture = pytest.CaptureFixture[str]


def test_a_file_of_labels_needs_no_data_set_and_no_extra(tmp_path: Path) -> None:
    labels = np.arange(200) % 4
    np.save(tmp_path / "x.npy", labels)
    (tmp_path / "x.txt").write_text("".join(f"{label}\n" for label in labels))
    (tmp_path / "x.csv").write_text("id,label\n" + "".join(f"a{at},{label}\n" for at, label in enumerate(labels)))
    written = [tmp_path / f"out{at}{kind}" for at, kind in enumerate((".csv", ".txt", ".json", ".npy"))]
    sources = [["x.npy"], ["x.txt"], ["x.csv", "--column", "label"], ["x.npy", "--num-classes", "4"]]
    shared = ["--noise", "asymmetric(rate=0.4, mapping={0: 1, 2: 3})", "--seed", "1", "--save", tmp_path / "noise.npz", "--out"]
    lines = [
        ["corrupt", "--labels", tmp_path / name, *more, *shared, out]
        for (name, *more), out in zip(sources, written, strict=True)
    ]
    answers = on_the_base_install(lines)
    assert {(answer.status, answer.err) for answer in answers} == {(0, "")}
    assert "200 labels, 4 classes" in " ".join(answers[0].out.split())
    noisy = NoisyLabels.load(tmp_path / "noise.npz")
    assert 0 < noisy.rate < 0.4
    for out in written:
        np.testing.assert_array_equal(read_labels(out), noisy.given)
    table = np.loadtxt(written[0], delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_array_equal(table, np.stack([noisy.given, labels], axis=1))


def test_a_file_of_labels_is_drawn_without_examples(capsys: Capture, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(200) % 4)
    done = noisylab(capsys, "corrupt", "--labels", tmp_path / "x.npy", "--plot", tmp_path / "p.png")
    assert done.status == 0, done
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.png", "x.npy"]
    needs_images = noisylab(capsys, "corrupt", "--labels", tmp_path / "x.npy", "--noise", "instance:0.4")
    assert needs_images.refuses("needs features"), needs_images


def test_it_reports_saves_and_draws(capsys: Capture, tmp_path: Path) -> None:
    done = noisylab(
        capsys,
        "corrupt",
        "--noise",
        "asymmetric:0.4",
        "--seed",
        "1",
        "--save",
        f"{tmp_path}/a/x.npz",
        "--plot",
        f"{tmp_path}/x.png",
    )
    assert done.status == 0, done.err
    assert "asymmetric (mapping='digits'" in done.out
    assert NoisyLabels.load(tmp_path / "a" / "x.npz").seed == 1
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "x_examples.png").is_file()


def test_the_data_sets_own_mapping_reaches_noise_that_is_made_of_others(capsys: Capture) -> None:
    some = "on_classes(noise='asymmetric:0.4', classes=[3, 5])"
    both = f"chain(first={some!r}, second='symmetric:0')"
    done = noisylab(capsys, "corrupt", "--noise", f"long_tailed(factor=0.5, noise={both!r})")
    assert done.status == 0, done.err
    assert "'mapping': 'digits'" in done.out


def test_missing_human_labels_are_named_with_their_source(capsys: Capture, tmp_path: Path) -> None:
    images, labels = np.zeros((20, 4, 4), np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    done = noisylab(
        capsys, "corrupt", "--noise", "human:cifar10n_worse", "--data", f"npz:{tmp_path}/x.npz", "--data-root", str(tmp_path)
    )
    assert done.status == 2
    assert "cifar10n_worse needs CIFAR-10_human.pt, and there is no file" in done.err
    assert "cifar-10-100n, and name its folder with --data-root" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--noise", "symetric:0.4"], "unknown noise 'symetric' (did you mean 'symmetric'?)"),
        (["--noise", "symmetric:1.5"], "rate must be a number in [0, 1], got 1.5"),
        (["--noise", "human:cifar10n_worse"], "cifar10n_worse holds labels of CIFAR-10's images, and digits is not CIFAR-10"),
        (
            ["--noise", "human:cifar100n_fine", "--data", "cifar10"],
            "labels of CIFAR-100's images, and cifar10 is not CIFAR-100",
        ),
        (
            ["--noise", "on_classes(noise='human:cifar100n_fine', classes=[1])", "--data", "cifar100:coarse"],
            "cifar100n_fine holds fine labels, which are those of --data cifar100:fine",
        ),
        (["--noise", "human:cifar100n_coarse", "--data", "cifar100"], "which are those of --data cifar100:coarse"),
        (["--noise", "subclass:0.1"], "fine='FILE.npy' (in Python: fine=int[N]), or the data set cifar100:coarse"),
        (["--noise", "on_classes(noise='symetric:0.4', classes=[3])"], "unknown noise 'symetric' (did you mean 'symmetric'?)"),
        (
            ["--labels", "x.txt", "--data", "digits"],
            "--labels and --data are given; the labels to corrupt come from one of them",
        ),
        (["--noise", "none"], "unknown noise 'none' (write symmetric:0)"),
        (["--noise", "clean"], "unknown noise 'clean' (write symmetric:0)"),
        (["--noise", "symmetric(0.4)"], "is not of the form name, name:value or name(key=literal, ...); write symmetric:0.4"),
        (["--noise", "symmetric(0.4, include_true=True)"], "; write symmetric(rate=0.4, include_true=True)"),
        (["--noise", "symmetric:40"], "got 40; did you mean 0.4?"),
        (["--noise", "asymmetric(rate=0.4, mapping='cifar100_superclass')"], "is for 100 classes, got num_classes = 10"),
        (["--noise", "on_classes(noise='symmetric:0.4', classes=[3, 15])"], "15 is not a class"),
        (["--save", "x.csv"], "--save must end in .npz, got 'x.csv'"),
        (["--noise", "elr:0.4"], "unknown noise 'elr' (did you mean \"preset(rate=0.4, source='elr')\"?)"),
        (["--noise", "block:0.3"], "for instance one number per class: block(rate=0.3, groups=[0, 0, 0, 0, 0, 1, 1, 1, 1, 1])"),
        (["--noise", "file:nothing.npy"], "no file 'nothing.npy'"),
        (["--plot", "x.gif"], "--plot must end in .png or .pdf"),
        (["--save", f"{__file__}/x.npz"], "is not a folder"),
        (["--seed", "-1"], "seed must be a number >= 0"),
        (["--out", "x.npz"], "--out must end in .csv or .txt or .json or .npy, got 'x.npz'"),
        (["--labels", "nothing.npy"], "no file 'nothing.npy'"),
        (["--column", "label"], "--column, --by and --num-classes are for --labels FILE"),
        (["--describe", "elr"], "there is no option --describe"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(capsys: Capture, arguments: list[str], said: str) -> None:
    done = noisylab(capsys, "corrupt", *arguments)
    assert done.refuses(said), done


def test_counted_outside_images_are_reported_and_drawn_as_empty_places(capsys: Capture, tmp_path: Path) -> None:
    done = noisylab(capsys, "corrupt", "--noise", "open_set(rate=0.4, outside=1000)", "--plot", f"{tmp_path}/x.png")
    assert done.status == 0, done.err
    assert "images replaced from another data set: 539" in done.out
    assert (tmp_path / "x_examples.png").is_file()


@pytest.mark.parametrize(
    "shape", [(50, 1, 8, 8), *(pytest.param(shape, marks=pytest.mark.slow) for shape in ((50, 8, 8, 1), (50, 8, 8)))]
)
def test_outside_images_of_any_clear_layout_are_drawn(capsys: Capture, tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    done = noisylab(
        capsys, "corrupt", "--noise", f"open_set(rate=0.4, outside='{tmp_path}/x.npy')", "--plot", f"{tmp_path}/x.png"
    )
    assert done.status == 0, done.err


@pytest.mark.parametrize("images", [np.zeros((50, 3, 32, 32), np.uint8), np.zeros((50, 1, 8, 8)), np.zeros(50, np.uint8)])
def test_outside_images_that_do_not_fit_are_refused_before_anything_is_written(
    capsys: Capture, tmp_path: Path, images: np.ndarray
) -> None:
    np.save(tmp_path / "x.npy", images)
    noise = f"open_set(rate=0.4, outside='{tmp_path}/x.npy')"
    done = noisylab(capsys, "corrupt", "--noise", noise, "--save", f"{tmp_path}/x.npz", "--plot", f"{tmp_path}/x.png")
    assert done.status == 2
    assert "uint8 [M, 1, 8, 8] (channels first), [M, 8, 8, 1] or [M, 8, 8], got" in done.err
    assert not done.out
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_a_file_of_the_true_labels_is_warned_about_in_one_line(capsys: Capture, tmp_path: Path) -> None:
    from noisylab.core.registries import DATA_SETS
    from noisylab.data.image_data import load_data

    np.save(tmp_path / "x.npy", load_data(DATA_SETS.parse("digits"), None).train_labels)
    done = noisylab(capsys, "corrupt", "--noise", f"file:{tmp_path}/x.npy")
    assert done.status == 0
    assert done.err.startswith("noisylab: warning: ")
    assert "(rate 0)" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("label,my target\n0,1\n1,0\n", [], "may each hold the given labels; choose one, as in --column 'my target'"),
        ("x,y\n0,1\n1,0\n", [], "say with --column which holds the given labels"),
        ("id,label\n3,0\n3,1\n", [], "or --by position if that column does not say which sample a row is"),
        ("label\n0\n1\n", ["--noise", "asymmetric(rate=0.4, mapping={0: 5})"], "; pass --num-classes 6 if there are such"),
    ],
)
def test_advice_is_in_the_options_of_the_command(
    capsys: Capture, tmp_path: Path, content: str, options: list[str], said: str
) -> None:
    (tmp_path / "x.csv").write_text(content)
    done = noisylab(capsys, "corrupt", "--labels", tmp_path / "x.csv", *options)
    assert done.refuses(said), done


@pytest.mark.parametrize("ending", [".csv", ".txt", ".json", ".npy"])
def test_labels_by_name_are_written_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    (tmp_path / "names.txt").write_text('dog\ncat\n"boat, small"\n' * 20)
    out = tmp_path / f"given{ending}"
    files = ["--labels", tmp_path / "names.txt", "--out", out, "--save", tmp_path / "noise.npz"]
    assert noisylab(capsys, "corrupt", *files).status == 0
    noisy = NoisyLabels.load(tmp_path / "noise.npz")
    assert noisy.class_names == ("boat, small", "cat", "dog")
    assert read_labels(out).tolist() == [noisy.class_names[label] for label in noisy.given]
