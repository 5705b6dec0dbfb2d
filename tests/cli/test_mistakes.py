"""Mistakes end in one line that says what to write instead, and status 2, before anything is trained or written."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from helpers_cli import ROOT, noisylab, on_the_base_install, without

# Options of a sweep, and what the line has to name.
REFUSED: list[tuple[list[str], str]] = [
    (["--methods", "dlbb"], "unknown method 'dlbb' (did you mean 'dlb'?)"),
    (["--methods", ""], "unknown method ''"),
    (["--methods"], "methods must name at least one"),
    (["--noise"], "noise must name at least one"),
    (["--seeds"], "seeds must name at least one"),
    (["--methods", "ce", "ce"], "methods names 'ce' twice"),
    (["--seeds", "0", "1", "0"], "seeds names 0 twice"),
    (["--seeds", "-1"], "-1"),
    (["--seeds", "half"], "--seeds must be a whole number >= 0, got 'half'"),
    (["--seeds", "1", "--seeds", "2"], "--seeds is given twice; write all values after one: --seeds A B"),
    (["--noise-seed", "-1"], "-1"),
    (["--noise-seed", "x"], "--noise-seed must be a whole number >= 0 or None, got 'x'"),
    (["--methods", "dlb(temperature=0)"], "temperature must be a number > 0, got 0"),
    (["--methods", "dlb(alpha=-1)"], "alpha must be a number >= 0, got -1"),
    (["--methods", "dlb(temprature=3)"], "did you mean 'temperature'?"),
    (["--methods", "dlb(3)"], "'dlb(3)' is not of the form"),
    (["--methods", "dlb(alpha=1"], "'dlb(alpha=1' lacks a closing )"),
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
    (["--model", "resnet20,resnet32"], "--model takes one value, got resnet20,resnet32; write --over model=resnet20,resnet32"),
    (["--augment", "a,b"], "write --over augment=a,b"),
    (["--batch-size", "32,64"], "write --over batch_size=32,64"),
    (["--model", "small_cnn(width=0)"], "width must be a number >= 1, got 0"),
    (["--augment", "flop"], "unknown augmentation 'flop'"),
    (["--data", "digit"], "did you mean 'digits'?"),
    (["--data", "npz"], "path is missing"),
    (["--data", "npz:/nowhere/file.npz"], "'/nowhere/file.npz'"),
    (["--data", "folder:/nowhere"], "'/nowhere'"),
    (["--data-root", "/nowhere"], "data root '/nowhere' is not a folder"),
    (["--epochs", "0"], "epochs must be a number >= 1, got 0"),
    (["--epochs", "1e1"], "--epochs must be a whole number >= 1, got '1e1'"),
    (["--epochs", "1.5"], "'1.5'"),
    (["--epochs"], "--epochs needs a value: a whole number >= 1"),
    (["--epochs", "1", "--epochs=2"], "--epochs is given twice"),
    (["--compile", "--no-compile"], "--compile and --no-compile are given"),
    (["--compile=yes"], "--compile takes no value, got 'yes'"),
    (["--methods", "ce", "--methods=dlb"], "--methods is given twice; write all values after one: --methods A B"),
    (["--over", "batch_size=32,64", "--over", "batch_size=128"], "batch_size"),
    (["--epoch", "3"], "there is no option --epoch (did you mean --epochs?)"),
    (["--colour", "red"], "there is no option --colour; the options are --data, "),
    (["--lr", "0.1"], "there is no option --lr (did you mean --learning-rate?)"),
    (["--wd", "0.1"], "(did you mean --weight-decay?)"),
    (["--augmentation", "none"], "(did you mean --augment?)"),
    (["--optimizer", "adm"], "--optimizer must be one of 'sgd', 'adam', 'adamw', got 'adm' (did you mean 'adam'?)"),
    (["--methods", "elr@learning_rat=0.1,momentum=0.5"], "cannot override 'learning_rat' (did you mean 'learning_rate'?)"),
    (["--methods", "ce,elr@learning_rate=0.1,momentum=0.5"], "apart: --methods ce elr@learning_rate=0.1,momentum=0.5"),
    (["--recipe", "papers"], "--recipe must be one of 'common', 'paper', 'both', got 'papers' (did you mean 'paper'?)"),
    (["--validation", "10"], "validation must be"),
    (["--over", "recipe=common,paper"], "both recipes are run by recipe='both' (--recipe both)"),
    (["--methods", "dlb,ce"], "write the values apart: --methods dlb ce"),
    (["--methods", "dlb(alpha=1, temperature=2),ce"], "apart: --methods 'dlb(alpha=1, temperature=2)' ce"),
    (["--noise", "symmetric:0.2,symmetric:0.4"], "apart: --noise symmetric:0.2 symmetric:0.4"),
    (["--milestones", "0.5,0.75"], "apart: --milestones 0.5 0.75"),
    (["--seeds", "0,1,2"], "apart: --seeds 0 1 2"),
    (["--seeds=0,1"], "apart: --seeds 0 1"),
    (
        ["--seeds", "0"],
        "seeds must be a number of seeds (5: the seeds 0 to 4) or the seeds themselves ([7]: seed 7 alone), got 0",
    ),
    (["stray"], "stray"),
    (
        ["--data", "folder:my", "images"],
        "'images' after --data is one too many; write noisylab sweep noise_sweep [OPTIONS], or --data 'folder:my images' if",
    ),
    (["--data", "digits", "stray"], "'stray' after --data is one too many; write noisylab sweep noise_sweep [OPTIONS]"),
    (["-x"], "there is no option -x"),
    (["--batch-size", "7"], "batch_size must be even"),
    (["--batch-size", "0"], "batch_size must be a number >= 1, got 0"),
    (["--learning-rate", "0"], "learning_rate must be a number > 0, got 0"),
    (["--learning-rate", "nan"], "learning_rate must be a finite number > 0, got nan"),
    (["--momentum", "1"], "momentum must be a number"),
    (["--milestones", "0.5", "2"], "milestones"),
    (["--warmup", "50"], "warmup must be shorter than the 40 epochs"),
    (["--schedule", "cosin"], "--schedule must be one of 'step', 'cosine', got 'cosin' (did you mean 'cosine'?)"),
    (["--record", "both"], "'both'"),
    (["--threads", "0"], "threads must be a number >= 1, got 0"),
    (["--jobs", "0"], "jobs must be"),
    (["--train-size", "0"], "train_size must be"),
    (["--device", "gpu"], "'gpu'"),
]

# The same, but known only once data has been read.
REFUSED_BY_DATA: list[tuple[list[str], str]] = [
    (["--methods", "ce", "hinton_kd(teacher='resnet99')"], "resnet99"),
    (["--over", "augment=none,cutout"], "needs a size below 16"),
    (["--train-size", "9"], "train size must be between 10 (the classes) and 1347 (the samples), got 9"),
    (["--train-size", "1348"], "got 1348"),
    (["--test-size", "9"], "test size must be between 10 (the classes) and 450 (the samples), got 9"),
    (["--select", "validation"], "select 'validation' needs validation samples, got validation 0; write --validation 0.1"),
    (["--epochs", "5"], "multiple of 2 for repeat under budget images, got 5; take 4 or 6, or --budget epochs"),
    (["--warmup", "30"], "repeat under budget images: warmup must be shorter than the 20 epochs, got 30"),
    (["--noise", "from_transition(matrix=[[0.5,0.5],[0.5,0.5]])"], "matrix must be 10 x 10"),
    (["--noise", "from_transition(matrix=[[1,2],[3]])"], "matrix"),
    (["--noise", "asymmetric(rate=0.4, mapping={0: 10})"], "10"),
    (["--noise", "asymmetric(rate=0.4, mapping='cifar100_superclass')"], "cifar100_superclass"),
]


# Commands that read a study's folder.
MISSING = [["compare", "/nowhere"], ["report", "/nowhere"], ["status", "/nowhere"], ["figure", "memorisation", "/nowhere"]]

# Other commands: the whole line.
OTHERS: list[tuple[list[str], str]] = [
    (["sweeep"], "there is no command 'sweeep' (did you mean 'sweep'?); choose from sweep, compare, "),
    (["--seeds", "3"], "there is no command '--seeds'"),
    (["sweep", "noise_swep"], "unknown study 'noise_swep' (did you mean 'noise_sweep'?)"),
    (["sweep", "cost_table"], "unknown study 'cost_table' (write noisylab costs)"),
    (["sweep", "method_comparison", "--budget", "pictures"], "'pictures'"),
    (["sweep", "sensitivity(temperatures=[0])"], "temperatures must be"),
    (["sweep", "sensitivity(alphas=[1, 1])"], "methods names 'dlb(temperature=1, alpha=1)' twice"),
    (["sweep", "tune", "--validation", "0"], "study tune chooses on validation samples, got --validation 0"),
    (["sweep", "--over", "batch_size=32,15"], "even"),
    (["sweep", "--over", "batch_size"], "must be of the form KEY=VALUE,VALUE,..., got 'batch_size'"),
    (["sweep", "--over", "lr=0.1,0.2"], "there is no setting 'lr' (did you mean 'learning_rate'?)"),
    (["sweep", "--over", "augment=mixup,mixup:1.0"], "augment names 'mixup' and 'mixup:1.0', which are the same"),
    (["sweep", "--over", "augment=cutmixx"], "unknown augmentation 'cutmixx'"),
    (["sweep", "--batch-size", "32", "--over", "batch_size=16"], "--batch-size and --over batch_size=... are given"),
    (["sweep", "--config", "nowhere.toml"], "'nowhere.toml' cannot be read: No such file or directory"),
    (["sweep", "--config"], "--config needs a value"),
    (["sweep", "--plugin", "nowhere.py"], "no plug-in file 'nowhere.py'"),
    (["train", "--method", "dlbb"], "did you mean 'dlb'?"),
    (["train", "--methods", "ce", "dlb"], "there is no option --methods (did you mean --method?)"),
    (["train", "--seeds", "0", "1"], "there is no option --seeds (did you mean --seed?)"),
    (["sweep", "study.toml"], "unknown study 'study.toml' (did you mean --config study.toml?)"),
    (["sweep", "nosie_sweep"], "(did you mean 'noise_sweep'?)"),
    (["train", "--noise", "symmetric:0.2,symmetric:0.4"], "--noise takes one value"),
    (["tarin"], "(did you mean 'train'?)"),
    (
        ["figure", "memorisation", "runs", "--width", "3in"],
        "--width must be one of 'column', 'page' or a finite number, got '3in'",
    ),
    (["figure", "memorisation", "runs", "--columns", "1"], "there is no option --columns (did you mean --width?)"),
    (["figure", "memorisation", "runs", "--out", "f/m.png"], "write --out f --format png"),
    (["figure", "memorisation"], "figure needs RUNS; write noisylab figure FIGURE RUNS"),
    (["compare", ".", "--by", "modle"], "there is no setting 'modle' (did you mean 'model'?)"),
    (["compare", ".", "--where", "epochs=3", "--where", "epochs=4"], "--where names epochs twice: 3, 4"),
    (["report", ".", "--no-samples", "--seed", "1"], "--seed chooses the samples to explore, and --no-samples leaves them out"),
    (["compare", ".", "--out", "README.md/x"], "is not a folder"),
    (["status"], "status needs RUNS"),
    (["status", "a", "b"], "'b' is one too many; write noisylab status RUNS"),
    (["status", "--out", "x"], "there is no option --out; there are none"),
    *((line, "there is no folder '/nowhere'") for line in MISSING),
    (["list", "method"], "'studies', 'engines', got 'method' (did you mean 'methods'?)"),
    (["list", "methods", "dlbb"], "unknown method 'dlbb' (did you mean 'dlb'?)"),
    (["list", "methods", "gce(q=2)"], "q must be a number in [0, 1], got 2"),
    (["list", "methods", "dlb", "ce"], "ce"),
    (["list", "--all"], "there is no option --all"),
    (["costs", "--methods", "dlbb"], "did you mean 'dlb'?"),
    (["costs", "--methods"], "--methods must name at least one"),
    (["costs", "--methods", "ce,dlb"], "apart: --methods ce dlb"),
    (["costs", "--methods", "ce", "dlb", "dlb(alpha=1)"], "--methods names 'dlb' twice"),
    (["costs", "--baseline", "cee"], "unknown method 'cee'"),
    (["costs", "--model", "resnet"], "unknown model 'resnet'"),
    (["costs", "--data", "digit"], "did you mean 'digits'?"),
    (["costs", "--data-root", "/nowhere"], "'/nowhere'"),
    (["costs", "--batch-size", "7"], "batch_size must be even"),
    (["costs", "--shape", "3", "0", "32"], "shape must be"),
    (["costs", "--shape", "3", "32"], "--shape needs 3 values: a whole number >= 1, got 3 32"),
    (["costs", "--classes", "1"], "classes must be a number >= 2, got 1"),
    (["costs", "--epochs", "1"], "epochs must be a number >= 2, got 1"),
    (["costs", "--turns", "1"], "turns must be a number >= 2, got 1"),
    (["costs", "--threads", "0"], "threads must be a number >= 1, got 0"),
    (["costs", "--device", "gpu"], "'gpu'"),
    (["costs", "--out", "README.md"], "'README.md' is not a folder"),
]


def test_a_mistake_is_one_line_and_needs_no_torch(tmp_path: Path) -> None:
    lines = [["sweep", *options, "--out", tmp_path / "out"] for options, _ in REFUSED] + [line for line, _ in OTHERS]
    named = [text for _, text in REFUSED + OTHERS]
    answers = without(["torch"], lines)
    assert not [(*pair, answer) for answer, *pair in zip(answers, lines, named, strict=True) if not answer.refuses(pair[1])]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "named"), REFUSED_BY_DATA, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_what_does_not_fit_the_data_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], named: str
) -> None:
    answer = noisylab(capsys, "sweep", *options, "--out", tmp_path / "out")
    assert answer.refuses(named), answer
    assert list(tmp_path.iterdir()) == []


def test_files_and_folders_that_cannot_be_used_are_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    below_a_file, empty, corrupt, partial = (tmp_path / name for name in ("file/out", "empty", "corrupt.npz", "partial.npz"))
    below_a_file.parent.write_text("a file")
    for part in ("train", "test"):
        (empty / part / "class").mkdir(parents=True)
    corrupt.write_bytes(b"PK not an archive")
    np.savez(partial, train_images=np.zeros((4, 8, 8), dtype=np.uint8))
    run = tmp_path / "study" / "run"
    run.mkdir(parents=True)
    (run / "config.json").touch()
    before = sorted(tmp_path.rglob("*"))
    for options, named in [
        (["--out", below_a_file], f"{str(below_a_file.parent)!r} is not a folder"),
        (["--out", run], f"{str(run)!r} is the folder of a run; its study is {str(run.parent)!r}"),
        (["--data", f"folder:{empty}"], "holds no images in class folders"),
        (["--data", f"folder:{tmp_path}"], "must hold a folder train and a folder test or val"),
        (["--data", f"npz:{corrupt}"], "corrupt.npz"),
        (["--data", f"npz:{partial}"], "it lacks train_labels, test_images, test_labels"),
        (["--data", f"npz:{tmp_path / 'none.npz'}"], "there is no file"),
        (["--data-root", corrupt], "corrupt.npz"),
    ]:
        answer = noisylab(capsys, "sweep", *([] if "--out" in options else ["--out", tmp_path / "out"]), *options)
        assert answer.refuses(named), answer
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("figure m", "figure needs RUNS; write noisylab figure FIGURE RUNS"),
        ("sweep --record both", "--record must be one of 'online', 'eval', got 'both'"),
    ],
)
def test_a_missing_or_wrong_value_is_one_line_in_any_encoding(line: str, said: str, encoding: str) -> None:
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "noisylab", *line.split()]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"noisylab: error: {said}")
    assert "help" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="a GPU may be there")
def test_a_device_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    answer = noisylab(capsys, "sweep", "--device", "cuda", "--out", tmp_path / "out")
    assert answer.refuses("device 'cuda' is not available on this machine"), answer
    assert list(tmp_path.iterdir()) == []


def test_a_compiler_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    answer = noisylab(capsys, "sweep", "--compile", "--device", "cpu", "--out", tmp_path / "out")
    assert answer.refuses("'no-such-compiler' was not found"), answer
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_cannot_take_the_images_is_refused_before_it_is_measured(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    answer = noisylab(capsys, "costs", "--shape", 1, 2, 2, "--model", "small_cnn", "--out", tmp_path / "out")
    assert answer.refuses("cannot take images of 1x2x2"), answer
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_is_refused_before_the_tables_are_imported() -> None:
    for answer in without(["pandas", "rich", "torch"], [["figure", "nope", "."], ["compare", ".", "--by", "modle"]]):
        assert answer.refuses("unknown figure 'nope'") or answer.refuses("'modle'"), answer


def test_torchrun_is_for_train_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert noisylab(capsys, "sweep").refuses("only noisylab train is for torchrun")


def test_an_error_of_the_system_is_one_line_with_the_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [(OSError(28, "No space left on device", "x.csv"), "'x.csv': No space left"), (OSError("gone"), "gone")]
    monkeypatch.setattr("noisylab.cli.status.main", Mock(side_effect=[error for error, _ in errors]))
    for _, said in errors:
        assert noisylab(capsys, "status", ".").refuses(said)


def test_what_is_not_installed_is_said_with_the_command_that_installs_it() -> None:
    lines = [["sweep"], ["train"], ["costs"], ["compare", "."], ["figure", "memorisation", "."], ["report", "."]]
    for answer in on_the_base_install(lines):
        assert answer.refuses('is not installed; pip install "noisylab['), answer


@pytest.mark.parametrize("script", ["studies/noise_sweep.py", "-m noisylab sweep"])
def test_the_command_s_callers_end_with_its_status_and_its_line(script: str, tmp_path: Path) -> None:
    command = [sys.executable, *script.split(), "--noise", "symmetric:1.5", "--out", str(tmp_path / "out")]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("noisylab: error: ")
    assert "got 1.5" in done.stderr


@pytest.mark.parametrize("script", sorted([*ROOT.glob("studies/*.py"), *ROOT.glob("figures/*.py")]), ids=lambda path: path.name)
def test_every_script_calls_the_command(script: Path) -> None:
    assert "raise SystemExit(main([" in script.read_text()
