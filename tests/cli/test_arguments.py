"""Bad command lines end in one line and status 2 before anything is trained or written; help is quick to come by."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from noisylab.cli.arguments import fail, interruptible, parse_command_line
from noisylab.core.checks import PositiveInt
from noisylab.core.files import check_output, make_output
from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES

ROOT = Path(__file__).parents[2]

# Every command line runs in a fork of a process that has imported what every one of them needs.
RUNNER = """
import json, os, runpy, sys, tempfile, traceback
import noisylab.cli.arguments, noisylab.study.run_folder, noisylab.data.image_data
noisylab.cli.arguments.describe_specs()
assert "torch" not in sys.modules
for arguments in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
            sys.argv = ["studies/noise_sweep.py", *arguments]
            try:
                runpy.run_path(sys.argv[0], run_name="__main__")
                status = 0
            except SystemExit as end:
                status = end.code or 0
            except BaseException:
                traceback.print_exc()
                status = 1
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(status + 100 * ("torch" in sys.modules))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([status % 100, status >= 100, out.seek(0) or out.read(), err.seek(0) or err.read()]), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """How a command line ended."""

    status: int
    imported_torch: bool
    out: str
    err: str


def answers(command_lines: list[list[str]]) -> list[Answer]:
    """What the study answers to each command line."""
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(command_lines),
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    return [Answer(*json.loads(line)) for line in done.stdout.splitlines()]


# Options, and what the line has to name.
REFUSED: list[tuple[list[str], str]] = [
    (["--methods", "dlbb"], "unknown method 'dlbb' (did you mean 'dlb'?)"),
    (["--methods", ""], "unknown method ''"),
    (["--methods"], "--methods must name at least one"),
    (["--noise"], "--noise must name at least one"),
    (["--seeds"], "--seeds must name at least one"),
    (["--methods", "ce", "ce"], "--methods names 'ce' twice"),
    (["--seeds", "0", "1", "0"], "--seeds names 0 twice"),
    (["--seeds", "-1"], "-1"),
    (["--seeds", "half"], "half"),
    (["--noise-seed", "-1"], "-1"),
    (["--noise-seed", "x"], "'x'"),
    (["--methods", "dlb(temperature=0)"], "temperature must be a number > 0, got 0"),
    (["--methods", "dlb(alpha=-1)"], "alpha must be a number >= 0, got -1"),
    (["--methods", "dlb(temprature=3)"], "did you mean 'temperature'?"),
    (["--methods", "dlb(3)"], "'dlb(3)' is not of the form"),
    (["--methods", "dlb(alpha=1"], "'dlb(alpha=1' is not of the form"),
    (["--methods", "dlb:3"], "'dlb:3'"),
    (["--methods", "ce(alpha=1)"], "ce has no option 'alpha'"),
    (["--methods", "dlb(alpha=__import__('os').getpid())"], "is not of the form"),
    (["--noise", "symmetric:1.5"], "rate must be a number in [0, 1], got 1.5"),
    (["--noise", "symmetric:-0.1"], "-0.1"),
    (["--noise", "symmetric:nan"], "'nan'"),
    (["--noise", "symmetric(rate=1e999)"], "inf"),
    (["--noise", "symmetric"], "rate is missing"),
    (["--noise", "symetric:0.4"], "did you mean 'symmetric'?"),
    (["--noise", "symmetric(rate=0.4, sampling='all')"], "'all'"),
    (["--noise", "asymmetric(rate=0.4, mapping='mnits')"], "'mnits'"),
    (["--model", "resnet"], "unknown model 'resnet'"),
    (["--model", "small_cnn(width=0)"], "width must be a number >= 1, got 0"),
    (["--augment", "flop"], "unknown augmentation 'flop'"),
    (["--data", "digit"], "did you mean 'digits'?"),
    (["--data", "npz"], "path is missing"),
    (["--data", "npz:/nowhere/file.npz"], "'/nowhere/file.npz'"),
    (["--data", "folder:/nowhere"], "'/nowhere'"),
    (["--data-root", "/nowhere"], "data root '/nowhere' is not a folder"),
    (["--epochs", "0"], "epochs must be a number >= 1, got 0"),
    (["--epochs", "abc"], "--epochs: invalid literal for int() with base 10: 'abc'"),
    (["--epochs", "1.5"], "'1.5'"),
    (["--epochs"], "--epochs"),
    (["--epoch", "3"], "did you mean --epochs?"),
    (["--colour", "red"], "--colour"),
    (["stray"], "stray"),
    (["--batch-size", "7"], "batch_size must be even"),
    (["--batch-size", "0"], "batch_size must be a number >= 1, got 0"),
    (["--learning-rate", "0"], "learning_rate must be a number > 0, got 0"),
    (["--learning-rate", "nan"], "learning_rate must be a finite number > 0, got nan"),
    (["--momentum", "1"], "momentum must be a number"),
    (["--milestones", "0.5", "2"], "milestones"),
    (["--warmup", "50"], "warmup must be shorter than the 40 epochs"),
    (["--schedule", "linear"], "'linear'"),
    (["--record", "both"], "'both'"),
    (["--threads", "0"], "threads must be a number >= 1, got 0"),
    (["--jobs", "0"], "jobs must be"),
    (["--train-size", "0"], "train_size must be"),
    (["--device", "gpu"], "'gpu'"),
]

# The same, where data has to be read before it is known.
REFUSED_BY_DATA: list[tuple[list[str], str]] = [
    (["--train-size", "9"], "train size must be between 10 (the classes) and 1347 (the samples), got 9"),
    (["--train-size", "1348"], "got 1348"),
    (["--noise", "from_transition(matrix=[[0.5,0.5],[0.5,0.5]])"], "matrix must be 10 x 10"),
    (["--noise", "from_transition(matrix=[[1,2],[3]])"], "matrix"),
    (["--noise", "asymmetric(rate=0.4, mapping={0: 10})"], "10"),
    (["--noise", "asymmetric(rate=0.4, mapping='cifar100_superclass')"], "cifar100_superclass"),
]


def check(answer: Answer, named: str) -> None:
    """Fail unless a command line was refused as it should be."""
    assert answer.status == 2, answer
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1, answer.err
    assert answer.err.startswith("noise_sweep.py: error: ")
    assert named in answer.err


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Answer], Path]:
    """The answers to all refused command lines, and the folder below which they would have written."""
    # Asked once for all processes of pytest-xdist.
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, kept = base / "refused", base / "refused.json"
    lines = [[*options, "--out", str(folder / "out")] for options, _ in REFUSED + REFUSED_BY_DATA]
    with FileLock(base / "refused.lock"):
        if not kept.exists():
            folder.mkdir()
            kept.write_text(json.dumps([asdict(answer) for answer in answers(lines)]))
    keys = [" ".join(options) for options, _ in REFUSED + REFUSED_BY_DATA]
    return {key: Answer(**answer) for key, answer in zip(keys, json.loads(kept.read_text()), strict=True)}, folder


@pytest.mark.parametrize(("options", "named"), REFUSED, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_bad_command_line_is_one_line_and_imports_no_torch(
    refused: tuple[dict[str, Answer], Path], options: list[str], named: str
) -> None:
    answer = refused[0][" ".join(options)]
    check(answer, named)
    assert not answer.imported_torch


@pytest.mark.parametrize(
    ("options", "named"), REFUSED_BY_DATA, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_does_not_fit_the_data_is_one_line(
    refused: tuple[dict[str, Answer], Path], options: list[str], named: str
) -> None:
    check(refused[0][" ".join(options)], named)


def test_no_refused_command_line_leaves_anything_on_disk(refused: tuple[dict[str, Answer], Path]) -> None:
    assert list(refused[1].iterdir()) == []


def test_files_and_folders_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    below_a_file, empty, corrupt, partial = (tmp_path / name for name in ("file/out", "empty", "corrupt.npz", "partial.npz"))
    below_a_file.parent.write_text("a file")
    for part in ("train", "test"):
        (empty / part / "class").mkdir(parents=True)
    corrupt.write_bytes(b"PK not an archive")
    np.savez(partial, train_images=np.zeros((4, 8, 8), dtype=np.uint8))
    out = tmp_path / "out"
    before = sorted(tmp_path.rglob("*"))
    given = [
        (["--out", str(below_a_file)], f"{str(below_a_file.parent)!r} is not a folder"),
        (["--data", f"folder:{empty}"], "holds no images in class folders"),
        (["--data", f"folder:{tmp_path}"], "must hold a folder train and a folder test or val"),
        (["--data", f"npz:{corrupt}"], "corrupt.npz"),
        (["--data", f"npz:{partial}"], "it lacks train_labels, test_images, test_labels"),
        (["--data", f"npz:{tmp_path / 'none.npz'}"], "there is no file"),
        (["--data-root", str(corrupt)], "corrupt.npz"),
    ]
    for (_, named), answer in zip(given, answers([["--out", str(out), *options] for options, _ in given]), strict=True):
        check(answer, named)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="a GPU may be there")
def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    (answer,) = answers([["--device", "cuda", "--out", str(tmp_path / "out")]])
    check(answer, "device 'cuda' is not available on this machine")
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    (answer,) = answers([["--compile", "--device", "cpu", "--out", str(tmp_path / "out")]])
    check(answer, "'no-such-compiler' was not found")
    assert list(tmp_path.iterdir()) == []


def test_help_names_every_option_and_everything_that_a_spec_can_name() -> None:
    (answer,) = answers([["--help"]])
    assert answer.status == 0
    assert not answer.imported_torch
    options = """data data-root train-size model methods noise seeds noise-seed augment record epochs batch-size learning-rate
        momentum weight-decay schedule milestones decay warmup device threads out jobs"""
    for option in options.split():
        assert f"--{option} " in answer.out
    for registry in (DATA_SETS, NOISES, METHODS, MODELS, AUGMENTATIONS):
        for name, entry in registry.entries().items():
            assert name in answer.out
            assert all(option in answer.out for option in entry.options)


def test_the_study_itself_ends_with_the_status_and_the_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "studies/noise_sweep.py", "--noise", "symmetric:1.5", "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    check(Answer(done.returncode, False, done.stdout, done.stderr), "got 1.5")


# The parts


@dataclass(frozen=True)
class Inner:
    size: PositiveInt = 3
    """How many."""


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    names: tuple[str, ...] = ("a",)
    """Which."""


def test_a_command_line_fills_nested_dataclasses_without_prefixes() -> None:
    assert parse_command_line(Outer, "", ["--size", "5", "--names", "b", "c"]) == Outer(Inner(5), ("b", "c"))
    assert parse_command_line(Outer, "", []) == Outer()


def test_a_failure_is_one_line_though_its_message_has_several(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        fail(argparse.ArgumentTypeError("first\n  second\tthird"))
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith("error: first second third\n")


def test_an_interrupt_is_a_line_and_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert interruptible(lambda: 1) == 1
    assert interruptible(interrupted) == 130
    assert len(capsys.readouterr().out.splitlines()) == 1


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
