"""One run with its metrics, and studies over any axis, as their users run them."""

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from helpers_cli import noisylab
from helpers_program import run

from noisylab.core.registries import METHODS, NAMED_STUDIES
from noisylab.named_studies.tune import chosen
from noisylab.study.grid import Grid


@pytest.fixture
def study(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The command in this process: what it prints, or complains of."""

    def run(name: str, options: str, status: int = 0) -> str:
        answer = noisylab(capsys, name, *options.split())
        assert answer.status == status, answer
        return answer.out if status == 0 else answer.err

    return run


def elsewhere(name: str, options: str, status: int = 0) -> str:
    return run("-m", "noisylab", name, *options.split(), status=status, COLUMNS="80")


def test_a_run_shows_every_epoch_and_is_one_of_its_study(study: Callable[..., str], tmp_path: Path) -> None:
    options = f"--epochs 3 --train-size 120 --device cpu --out {tmp_path}"
    printed = study("train", options)
    (row,) = pandas.read_csv(tmp_path / "results.csv").to_dict("records")
    lines = [line.split() for line in printed.splitlines() if re.match(r" +[0-9]+ ", line)]
    metrics = pandas.read_csv(tmp_path / row["id"] / "metrics.csv")
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert [float(line[2]) for line in lines] == (100 * metrics["test_accuracy"]).round(1).tolist()
    assert f"{100 * row['test_accuracy_last']:.1f} % at the last epoch" in " ".join(printed.split())
    again = study("train", options)
    assert not [line for line in again.splitlines() if re.match(r" +[0-9]+ ", line)], "it is done"
    assert "at the last epoch" in " ".join(again.split())


@pytest.mark.slow
def test_sensitivity_maps_every_cell_with_as_many_images_as_ce_has(study: Callable[..., str], tmp_path: Path) -> None:
    small = "--epochs 2 --train-size 120 --seeds 2 --jobs 1 --device cpu"
    name = "sensitivity(temperatures=[1,3],alphas=[0.3,1])"
    printed = study("sweep", f"{name} --over batch_size=16,32 {small} --out {tmp_path}")
    assert str(tmp_path / "option_map.png") in printed
    results = pandas.read_csv(tmp_path / "results.csv")
    assert len(results) == 2 * 2 * (2 + 4)
    methods = ("ce", "repeat", "dlb", "dlb(alpha=0.3)", "dlb(temperature=1.0)", "dlb(temperature=1.0, alpha=0.3)")
    assert set(zip(results["batch_size"], results["method"], strict=True)) == set(itertools.product((16, 32), methods))
    images = results.groupby("method")["images_processed"].max()
    assert images.max() - 2 * 32 <= images.min() <= images["ce"]
    summary = pandas.read_csv(tmp_path / "summary.csv")
    assert len(summary) == 2 * (2 + 4)
    assert set(summary["n"]) == {2}


def test_one_run_takes_the_settings_of_a_study_and_is_one_of_its_runs(study: Callable[..., str], tmp_path: Path) -> None:
    shared = "--epochs 4 --train-size 120 --test-size 50 --evaluate-every 2 --validation 0.1 --select validation --device cpu"
    # The default study stacks its runs.
    shared += " --stack 5"
    printed = study("train", f"{shared} --budget images --method dlb@learning_rate=0.1,momentum=0.8 --out {tmp_path}")
    assert len([line for line in printed.splitlines() if re.match(r" +[0-9]+ ", line)]) == 2
    config = json.loads(next(tmp_path.glob("*/config.json")).read_text())
    assert (config["test_size"], config["validation"], config["select"]) == (50, 0.1, "validation")
    assert config["training"]["learning_rate"] == 0.05
    assert config["method"].endswith("@learning_rate=0.1,momentum=0.8")
    again = study(
        "sweep",
        f"{shared} --methods dlb@learning_rate=0.1,momentum=0.8 --noise symmetric:0.4 --seeds 1 --jobs 1 --out {tmp_path}",
    )
    assert again.startswith("1 run, 1 already done")


@pytest.mark.slow
def test_dlb_without_distillation_is_repeat_whatever_the_dose(study: Callable[..., str], tmp_path: Path) -> None:
    small = "--noise symmetric:0.4 --epochs 4 --train-size 120 --seeds 2 --jobs 1 --device cpu"
    printed = study("sweep", f"dose(alphas=[0,3]) {small} --out {tmp_path}")
    assert "dlb(alpha=3.0) - repeat" in printed
    results = pandas.read_csv(tmp_path / "results.csv").set_index(["method", "seed"])
    assert set(results.index.get_level_values("method")) == {"ce", "repeat", "dlb(alpha=0.0)", "dlb(alpha=3.0)"}
    measures = [name for name in results if name.startswith(("test_", "consistency_")) or name == "memorised"]
    pandas.testing.assert_frame_equal(results.loc["repeat", measures], results.loc["dlb(alpha=0.0)", measures])
    primary = pandas.read_csv(tmp_path / "contrasts.csv")
    assert list(zip(primary["method"], primary["baseline"], strict=True)) == [("dlb(alpha=3.0)", "repeat")]


@pytest.mark.slow
def test_tuning_chooses_on_held_out_labels_and_runs_the_choice_with_fresh_seeds(
    study: Callable[..., str], tmp_path: Path
) -> None:
    variants = ["ce", "ce@learning_rate=0.2", "dlb", "dlb(alpha=3.0)@learning_rate=0.2"]
    small = "--noise symmetric:0.4 --epochs 4 --train-size 200 --seeds 2 --jobs 1 --device cpu"
    options = f"tune {small} --methods {' '.join(variants)} --out {tmp_path}"
    printed = study("sweep", options)
    results = pandas.read_csv(tmp_path / "results.csv")
    first, second = results[results["validation"] == 0.1], results[results["validation"] == 0]
    assert set(first["method"]) == set(variants)
    assert sorted(set(first["seed"])) == [0, 1]
    means = first.groupby("method")["validation_accuracy"].mean()
    best = [means[pair].idxmax() for pair in (variants[:2], variants[2:])]
    assert set(second["method"]) == set(best)
    assert sorted(set(second["seed"])) == [2, 3, 4, 5, 6]
    for method in best:
        assert f"{method}: {100 * means[method]:.1f} % of the held-out labels, the best of 2" in printed
    summary = pandas.read_csv(tmp_path / "summary.csv")
    assert (set(summary["method"]), set(summary["n"])) == (set(best), {5})
    again = study("sweep", options)
    assert again.startswith("8 runs, 8 already done")
    assert "10 runs, 10 already done" in again


def test_a_variant_that_lacks_a_run_is_not_chosen() -> None:
    grid = Grid(methods=("ce", "gce", "gce(q=0.5)"), seeds=(4, 5), validation=0.1, over={"batch_size": (32, 64)})
    rows = [("ce", 0.5), ("ce", 0.6), ("gce", 0.5), ("gce", 0.5), ("gce(q=0.5)", 0.9)]
    shown, said = chosen(grid, pandas.DataFrame(rows, columns=["method", "validation_accuracy"]))
    assert shown.grid.methods == ("ce", "gce")
    assert (shown.grid.seeds, shown.grid.validation, shown.grid.over) == ((6, 7, 8, 9, 10), 0.0, grid.over)
    assert said.splitlines() == [
        "chosen on noisy validation samples:",
        "ce: 55.0 % of the held-out labels, the best of 1",
        "gce: 50.0 % of the held-out labels, the best of 1",
    ]


@pytest.mark.slow
def test_augmentations_are_compared_in_the_order_asked(study: Callable[..., str], tmp_path: Path) -> None:
    small = f"--epochs 2 --train-size 120 --methods ce dlb --seeds 2 --jobs 1 --device cpu --out {tmp_path}"
    printed = study("sweep", f"augmentation --over augment=cutmix,auto {small}")
    assert str(tmp_path / "axis_comparison.png") in printed
    table = pandas.read_csv(tmp_path / "summary.csv")
    assert list(zip(table["augment"], table["method"], strict=True)) == [
        ("cutmix(padding=1, flip=False)", "ce"),
        ("cutmix(padding=1, flip=False)", "dlb"),
        ("crop(padding=1, flip=False)", "ce"),
        ("crop(padding=1, flip=False)", "dlb"),
    ]
    # Of mixed images there is no prediction, and the digits' own flip, none, is CutMix's too.
    assert table["memorised"].isna().tolist() == [True, True, False, False]
    configs = {json.loads(path.read_text())["augment"] for path in tmp_path.glob("*/config.json")}
    assert "cutmix(probability=0.5, alpha=1.0, padding=1, flip=False)" in configs
    paired = pandas.read_csv(tmp_path / "comparisons.csv")
    assert len(paired) == 2
    assert (paired["p_holm"] >= paired["p"]).all()


@pytest.mark.slow
def test_a_study_goes_on_from_its_own_file_and_from_one_of_toml(study: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        """
        methods = ["ce", "dlb"]
        noise = ["symmetric:0.4"]
        seeds = [0]
        epochs = 2
        train-size = 120
        device = "cpu"
        over = { batch_size = [16, 32] }
        """
    )
    out = tmp_path / "out"
    first = study("sweep", f"--config {tmp_path / 'mine.toml'} --jobs 1 --out {out}")
    assert first.startswith("4 runs, 0 already done")
    assert study("sweep", f"--config {out / 'study.json'} --jobs 1").startswith("4 runs, 4 already done")
    # What is given on the command line holds over the file, and over what the file varies.
    more = study("sweep", f"--config {tmp_path / 'mine.toml'} --jobs 1 --out {out} --batch-size 32 --seeds 2")
    assert more.startswith("4 runs, 2 already done; 2 to do")
    assert study("status", str(out)) == "6 done, of 6 runs\n"
    assert study("compare", f"{out} --where batch_size=16").count("\n  DLB - CE") == 1
    # In the primary contrasts, and under the noise.
    assert study("compare", f"{out} --by batch_size").count("\n  DLB - CE") == 4
    said = study("compare", str(out), status=2)
    assert "batch_size: 16, 32" in said
    assert "--where" in said


@pytest.mark.slow
def test_a_file_says_what_the_command_line_can_say(
    study: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "study.toml"
    settings = "methods = ['ce']\nnoise = ['symmetric:0.4']\nseeds = [0]\nepochs = 1\ntrain-size = 120\ndevice = 'cpu'\n"
    file.write_text(f"study = 'augmentation'\nout = '{tmp_path / 'out'}'\njobs = 1\naugment = 'none'\n{settings}")
    # The file's setting replaces the axis of the named study.
    assert study("sweep", f"--config {file}").startswith("1 run, 0 already done")
    assert (tmp_path / "out" / "results.csv").is_file()
    for line, said in [
        ("jobs = 0", "jobs must be"),
        ("plugins = ['/nowhere.py']", "no plug-in file '/nowhere.py'"),
        ("study = 'augmentatoin'", "did you mean 'augmentation'?"),
        ("epoch = 1", "there is no setting 'epoch' (did you mean 'epochs'?)"),
        ("jobs 1", "study.toml"),
    ]:
        file.write_text(line)
        assert noisylab(capsys, "sweep", "--config", file).refuses(said)


@pytest.mark.slow
def test_a_plug_in_is_named_like_what_is_built_in_in_workers_too(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        '''
from noisylab.core.checks import UnitInterval
from noisylab.core.registries import NOISES
from noisylab.corruption import symmetric

@NOISES.register("double", main="rate")
def double(labels, num_classes=None, *, rate: UnitInterval, seed: int = 0):
    """Symmetric noise of twice the rate."""
    return symmetric(labels, 2 * rate, num_classes, seed=seed)
'''
    )
    listed = elsewhere("list", f"noise --plugin {tmp_path / 'mine.py'}")
    assert "Symmetric noise of twice the rate" in listed
    small = (
        f"--noise double:0.2 --methods ce --seeds 2 --epochs 1 --train-size 120 --jobs 2 --device cpu --out {tmp_path / 'out'}"
    )
    elsewhere("sweep", f"--plugin {tmp_path / 'mine.py'} {small}")
    results = pandas.read_csv(tmp_path / "out" / "results.csv")
    assert results["noise"].tolist() == ["double:0.2"] * 2
    assert (results["realised_rate"] - 0.4).abs().max() < 0.05


@pytest.mark.slow
def test_a_named_study_has_scales_each_with_a_folder_of_its_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = "--methods ce repeat --noise symmetric:0.4 --seeds 1 --epochs 2 --train-size 120 --device cpu --jobs 1"
    assert noisylab(capsys, "sweep", "composition", *small.split()).status == 0
    small = f"--scale cpu --data digits --augment auto {small} --model small_cnn --test-size 100"
    assert noisylab(capsys, "sweep", "composition", *small.split()).status == 0
    held = {folder.name: pandas.read_csv(folder / "results.csv") for folder in (tmp_path / "runs").iterdir()}
    assert {name: set(runs["evaluate_every"]) for name, runs in held.items()} == {"composition": {1}, "composition-cpu": {5}}
    assert noisylab(capsys, "sweep", "tune", "--scale", "cpu").refuses("; tune has none")
    assert noisylab(capsys, "sweep", "composition", "--scale", "huge").refuses("scale must be one of 'demo', 'cpu', 'gpu'")


@pytest.mark.parametrize("scale", ["demo", "cpu", "gpu"])
@pytest.mark.parametrize("name", [name for name, entry in NAMED_STUDIES.entries().items() if "scale" in entry.options])
def test_every_run_of_a_scale_gets_equally_many_images_or_updates(name: str, scale: str) -> None:
    study = NAMED_STUDIES.create(f"{name}(scale={scale!r})")
    methods = {METHODS.parse(method).label for method in study.grid.methods}
    assert len(methods) == len(study.grid.methods)
    assert {METHODS.parse(method).label for pair in study.contrasts for method in pair} <= methods
    for method in methods:
        factor = METHODS.load(METHODS.parse(method).name).images_factor(**METHODS.parse(method).options)
        assert study.grid.training.epochs % factor == 0


@pytest.mark.slow
def test_the_study_of_seeds_and_that_of_ranks_print_and_write_their_tables(study: Callable[..., str], tmp_path: Path) -> None:
    small = "--seeds 3 --epochs 2 --train-size 120 --jobs 1 --device cpu"
    printed = study("sweep", f"seed_variance {small} --noise symmetric:0.4 --over noise_seed=0,1,2 --out {tmp_path / 'a'}")
    assert "Seed variance: test accuracy last" in printed
    assert "intervals and p-values are too small" in " ".join(printed.split())
    table = pandas.read_csv(tmp_path / "a" / "seed_variance.csv")
    assert table["method"].tolist() == ["ce", "repeat", "dlb", "dlb - repeat", "dlb - ce"]
    assert (table[["share_noise_seed", "share_seed", "share_rest"]].sum(axis=1) - 1).abs().max() < 1e-9
    printed = study("sweep", f"human_noise {small} --methods ce lsr gce --out {tmp_path / 'b'}")
    assert "Rank agreement: test accuracy last" in printed
    table = pandas.read_csv(tmp_path / "b" / "rank_agreement.csv")
    assert len(table) == 6
    assert table["tau"].between(-1, 1).all()


@pytest.mark.slow
def test_the_study_of_teacher_age_draws_every_method_at_its_age(study: Callable[..., str], tmp_path: Path) -> None:
    memories = ["soft_target_memory(age=3,unit='iterations')", "soft_target_memory(repeat=True)"]
    methods = ["ce", "repeat", "dlb", "ps_kd", *memories, "soft_target_memory(momentum=0.6,repeat=True)"]
    small = f"--noise symmetric:0.4 --seeds 1 --epochs 4 --train-size 128 --jobs 1 --device cpu --out {tmp_path}"
    study("sweep", f"teacher_age {small} --methods {' '.join(methods)}")
    drawn = pandas.read_csv(tmp_path / "accuracy_against_age.csv").drop_duplicates("method").set_index("method")["age"]
    results = pandas.read_csv(tmp_path / "results.csv").set_index("method")
    epoch = results["updates"] / results["epochs_trained"]
    assert (drawn["dlb"], drawn["soft_target_memory(age=3, unit='iterations')"]) == (1, 3)
    assert drawn["ps_kd"] == epoch["ps_kd"]
    assert drawn["soft_target_memory(repeat=True)"] == epoch["soft_target_memory(repeat=True)"]
    averaged = "soft_target_memory(momentum=0.6, repeat=True)"
    assert drawn[averaged] == pytest.approx(2.5 * epoch[averaged])
    assert drawn[["ce", "repeat"]].isna().all()
