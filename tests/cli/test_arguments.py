"""The parts of the command line: help, arguments, seeds, and how it ends."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from helpers_cli import ROOT, noisylab, without

from noisylab.cli import COMMANDS
from noisylab.cli.arguments import parse_command_line
from noisylab.cli.ending import fail, interruptible
from noisylab.cli.sweep import expand_seeds
from noisylab.core.checks import PositiveInt
from noisylab.core.extras import EXTRAS
from noisylab.core.files import check_output, make_output


def test_help_names_every_command_and_every_option_and_needs_no_torch() -> None:
    top, *helps = without(["torch"], [["--help"], *[[command, "--help"] for command in COMMANDS]])
    assert not [command for command in COMMANDS if f"  {command} " not in top.out]
    assert {(answer.status, answer.err) for answer in (top, *helps)} == {(0, "")}
    assert all(answer.out.startswith(f"usage: noisylab {command}") for command, answer in zip(COMMANDS, helps, strict=True))
    options = """data data-root train-size model methods noise seeds noise-seed augment record epochs batch-size learning-rate
        momentum weight-decay schedule milestones decay warmup device threads out jobs engine budget recipe validation select
        test-size evaluate-every optimizer"""
    assert not [option for option in options.split() if f"--{option} " not in helps[0].out]
    # No catalogue stands before the options.
    assert helps[0].out.index("--data ") < 2500


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    import noisylab as package

    assert noisylab(capsys, "--version").out == f"noisylab {package.__version__}\n"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("3", "0 1 2"),
        ("[7]", "7"),
        ("[7,9]", "7 9"),
        ("[7, 9]", "7 9"),
        ("4 7", "4 7"),
        ("", ""),
    ],
)
def test_one_number_is_how_many_seeds_and_several_are_the_seeds(given: str, meant: str) -> None:
    assert expand_seeds(given.split()) == meant.split()


def test_every_extra_is_one_of_the_package() -> None:
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(EXTRAS.values()) <= set(extras)


@dataclass(frozen=True)
class Inner:
    size: PositiveInt = 3
    """How many."""


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    names: tuple[str, ...] = ("a",)
    """Which."""
    out: Path | None = None
    """Where."""


def test_a_command_line_fills_nested_dataclasses_without_prefixes() -> None:
    assert parse_command_line(Outer, "", "", ["--size", "5", "--names", "b", "c"]) == Outer(Inner(5), ("b", "c"))
    assert parse_command_line(Outer, "", "", []) == Outer()


@pytest.mark.parametrize("line", ["--names b c --size=5", "--names=b c --size 5"])
def test_an_option_takes_several_values(line: str) -> None:
    assert parse_command_line(Outer, "", "", line.split()) == Outer(Inner(5), ("b", "c"))


@pytest.mark.parametrize("line", ["--names b --size 5 --names=c", "--names b --names b c"])
def test_a_list_is_given_once_since_two_could_add_up_or_replace_each_other(line: str) -> None:
    with pytest.raises(ValueError, match=r"^--names is given twice; write all values after one: --names A B$"):
        parse_command_line(Outer, "", "", line.split())


def test_a_tilde_is_the_home_folder_even_after_an_equals_sign() -> None:
    assert parse_command_line(Outer, "", "", ["--out=~/x"]).out == Path.home() / "x"
    assert parse_command_line(Outer, "", "", [], Outer(out=Path("~/x"))).out == Path.home() / "x"
    assert parse_command_line(Outer, "", "", ["--out", "~nobody-has-this-name"]).out == Path("~nobody-has-this-name")


def test_a_failure_is_one_line_though_its_message_has_several(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        fail(ValueError("first\n  second\tthird"))
    assert end.value.code == 2
    assert capsys.readouterr().err == ("noisylab: error: first second third\n")


def test_an_interrupt_is_a_line_and_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert interruptible(lambda: 1, "") == 1
    assert interruptible(interrupted, "go on") == 130
    assert capsys.readouterr().out == "interrupted; go on\n"


def test_another_pipe_that_breaks_is_not_hidden() -> None:
    def broken() -> int:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        interruptible(broken, "")


@pytest.mark.parametrize("arguments", ["corrupt --noise symmetric:0.4", "sweep --help"])
def test_a_reader_that_stops_reading_ends_it_in_silence(arguments: str) -> None:
    line = f"{sys.executable} -m noisylab {arguments} | head -2"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr
    # What is printed at once is no more than a pipe holds, so the end of its reader is waited for.
    late = "import time; from noisylab.cli.ending import interruptible; time.sleep(0.5)"
    code = f"{late}; raise SystemExit(interruptible(lambda: print(1) or 0, str()))"
    line = f"{sys.executable} -c '{code}' | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("141\n", "")


def test_an_output_folder_is_checked_without_being_made(tmp_path: Path) -> None:
    check_output(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    make_output(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ValueError, match="cannot be written"):
            check_output(path)
        with pytest.raises(ValueError, match="cannot be written"):
            make_output(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="no folder is closed to this user")
def test_a_folder_closed_to_writing_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ValueError, match="no permission"):
            check_output(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)
