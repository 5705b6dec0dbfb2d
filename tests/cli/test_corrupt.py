"""`python -m noisylab.cli.corrupt`."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noisylab.cli.arguments import interruptible
from noisylab.corruption import NoisyLabels


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "noisylab.cli.corrupt", *arguments], capture_output=True, text=True, check=False
    )


def test_it_reports_saves_and_draws(tmp_path: Path) -> None:
    done = command("--noise", "asymmetric:0.4", "--seed", "1", "--save", f"{tmp_path}/a/x.npz", "--plot", f"{tmp_path}/x.png")
    assert done.returncode == 0, done.stderr
    assert "asymmetric (mapping='digits'" in done.stdout
    assert NoisyLabels.load(tmp_path / "a" / "x.npz").seed == 1
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "x_examples.png").is_file()


def test_the_data_sets_own_mapping_reaches_noise_that_is_made_of_others() -> None:
    some = "on_classes(noise='asymmetric:0.4', classes=[3, 5])"
    both = f"chain(first={some!r}, second='symmetric:0')"
    done = command("--noise", f"long_tailed(factor=0.5, noise={both!r})")
    assert done.returncode == 0, done.stderr
    assert "'mapping': 'digits'" in done.stdout


def test_missing_human_labels_are_named_with_their_source(tmp_path: Path) -> None:
    images, labels = np.zeros((20, 4, 4), np.uint8), np.arange(20) % 10
    np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    done = command("--noise", "human:cifar10n_worse", "--data", f"npz:{tmp_path}/x.npz", "--data-root", str(tmp_path))
    assert done.returncode == 2
    assert "cifar10n_worse needs CIFAR-10_human.pt, and there is no file" in done.stderr
    assert "cifar-10-100n, and name its folder with --data-root" in done.stderr


def test_kinds_are_described() -> None:
    assert "IN PLACE" in command("--describe", "elr").stdout


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
        (["--describe", "salt"], "got 'salt'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(arguments: list[str], said: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_a_spec_is_described_by_its_name_with_the_values_of_its_options() -> None:
    assert "T_ij = r/(K-1)" in command("--describe", "symmetric:0.4").stdout
    said = command("--describe", "human").stdout
    assert "variant: one of 'cifar10n_aggre', 'cifar10n_random1'" in said


def test_counted_outside_images_are_reported_and_drawn_as_empty_places(tmp_path: Path) -> None:
    done = command("--noise", "open_set(rate=0.4, outside=1000)", "--plot", f"{tmp_path}/x.png")
    assert done.returncode == 0, done.stderr
    assert "images replaced from another data set: 539" in done.stdout
    assert (tmp_path / "x_examples.png").is_file()


@pytest.mark.parametrize("shape", [(50, 1, 8, 8), (50, 8, 8, 1), (50, 8, 8)])
def test_outside_images_of_any_clear_layout_are_drawn(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "x.npy", np.zeros(shape, np.uint8))
    done = command("--noise", f"open_set(rate=0.4, outside='{tmp_path}/x.npy')", "--plot", f"{tmp_path}/x.png")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("images", [np.zeros((50, 3, 32, 32), np.uint8), np.zeros((50, 1, 8, 8)), np.zeros(50, np.uint8)])
def test_outside_images_that_do_not_fit_are_refused_before_anything_is_written(tmp_path: Path, images: np.ndarray) -> None:
    np.save(tmp_path / "x.npy", images)
    noise = f"open_set(rate=0.4, outside='{tmp_path}/x.npy')"
    done = command("--noise", noise, "--save", f"{tmp_path}/x.npz", "--plot", f"{tmp_path}/x.png")
    assert done.returncode == 2
    assert "uint8 [M, 1, 8, 8] (channels first), [M, 8, 8, 1] or [M, 8, 8], got" in done.stderr
    assert not done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def test_a_file_of_the_true_labels_is_warned_about_in_one_line(tmp_path: Path) -> None:
    from noisylab.core.registries import DATA_SETS
    from noisylab.data.image_data import load_data

    np.save(tmp_path / "x.npy", load_data(DATA_SETS.parse("digits"), None).train_labels)
    done = command("--noise", f"file:{tmp_path}/x.npy")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: ")
    assert "(rate 0)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", ["--noise symmetric:0.4", "--help"])
def test_a_reader_that_stops_reading_ends_it_in_silence(arguments: str) -> None:
    line = f"{sys.executable} -m noisylab.cli.corrupt {arguments} | head -2"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert not done.stderr
    # What is printed at once is no more than a pipe holds, so the end of its reader is waited for.
    late = "import time; from noisylab.cli.arguments import interruptible; time.sleep(0.5)"
    code = f"{late}; raise SystemExit(interruptible(lambda: print(1) or 0))"
    line = f"{sys.executable} -c '{code}' | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_another_pipe_that_breaks_is_not_hidden() -> None:
    def broken() -> int:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        interruptible(broken)
