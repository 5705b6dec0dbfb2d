"""`python -m noisylab.corruption`."""

import subprocess
import sys
from pathlib import Path

import pytest

from noisylab.corruption import NoisyLabels


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "noisylab.corruption", *arguments], capture_output=True, text=True, check=False
    )


def test_it_reports_saves_and_draws(tmp_path: Path) -> None:
    done = command("--noise", "asymmetric:0.4", "--seed", "1", "--save", f"{tmp_path}/a/x.npz", "--plot", f"{tmp_path}/x.png")
    assert done.returncode == 0, done.stderr
    assert "asymmetric (mapping='digits'" in done.stdout
    assert NoisyLabels.load(tmp_path / "a" / "x.npz").seed == 1
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "x_examples.png").is_file()


def test_kinds_are_described() -> None:
    assert "IN PLACE" in command("--describe", "elr").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--noise", "symetric:0.4"], "unknown noise 'symetric' (did you mean 'symmetric'?)"),
        (["--noise", "symmetric:1.5"], "rate must be a number in [0, 1], got 1.5"),
        (
            ["--noise", "human:cifar10n_worse", "--data-root", "."],
            "cifar10n_worse needs CIFAR-10_human.pt, and there is no file",
        ),
        (["--noise", "human:cifar100n_fine"], "cifar-10-100n, and name its folder with --data-root"),
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
