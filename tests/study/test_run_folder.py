"""A run's identity, whether it is done, and many runs as one table."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from noisylab.data.image_data import load_data
from noisylab.study import run_folder
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run_config import FORMAT, RunConfig
from noisylab.study.run_folder import LIBRARIES, read_config, read_metrics, read_result, write_config, write_result
from noisylab.study.study_results import as_table, collect, in_order, write_results
from noisylab.study.verify import damages


def finish(study: Path, **changes: Any) -> dict[str, Any]:
    """The folder of a finished run that was never trained."""
    metrics = b"epoch,test_accuracy\n0,0.5\n1,0.75\n"
    result = {
        "id": "a",
        "data": "digits",
        "model": "small_cnn",
        "method": "ce",
        "noise": "symmetric:0.4",
        "noise_kind": "symmetric",
        "nominal_rate": 0.4,
        "seed": 0,
        "noise_seed": 0,
        "test_accuracy_last": 0.75,
    } | changes
    folder = study / result["id"]
    folder.mkdir(parents=True)
    write_result(folder, result, {"metrics.csv": metrics, "predictions.npz": b"outputs"})
    return result


def test_the_saved_configuration_holds_all_fields_the_id_and_the_versions(tmp_path: Path) -> None:
    data = load_data("digits", None, 40)
    (config,) = plan(Grid(methods=("ce",), noise=("symmetric:0.4",), seeds=(0,)), data).configs
    write_config(tmp_path, config, data)
    saved = read_config(tmp_path)
    assert saved["id"] == config.id
    assert set(saved["versions"]) == set(LIBRARIES)
    assert RunConfig.from_json(saved) == config
    assert saved["images"]["shape"] == [1, 8, 8]


def test_a_folder_without_a_result_is_not_done(tmp_path: Path) -> None:
    assert read_result(tmp_path / "none") is None
    assert read_result(tmp_path) is None


def test_a_result_of_another_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    finish(tmp_path)
    path = tmp_path / "a" / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": FORMAT - 1}))
    with pytest.raises(ValueError, match=rf"written in format {FORMAT - 1}, and .* reads format {FORMAT}; run"):
        collect(tmp_path)


def test_a_result_cut_off_anywhere_is_not_done(tmp_path: Path) -> None:
    result = finish(tmp_path)
    path = tmp_path / "a" / "result.json"
    content = path.read_bytes()
    assert read_result(path.parent) == result
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert read_result(path.parent) is None


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"\x00" * 40])
def test_a_result_overwritten_with_other_bytes_is_not_done(tmp_path: Path, content: bytes) -> None:
    finish(tmp_path)
    (tmp_path / "a" / "result.json").write_bytes(content)
    assert read_result(tmp_path / "a") is None


def test_metrics_that_changed_or_are_gone_are_refused_by_file_and_remedy(tmp_path: Path) -> None:
    finish(tmp_path)
    path = tmp_path / "a" / "metrics.csv"
    assert read_metrics(path.parent)["test_accuracy"].tolist() == [0.5, 0.75]
    assert damages(path.parent) == []
    path.write_bytes(path.read_bytes().replace(b"0.75", b"0.85"))
    assert damages(path.parent) == ["metrics.csv"]
    with pytest.raises(ValueError, match=r"a/metrics.csv' is damaged, or that of another run; the same sweep redoes it"):
        read_metrics(path.parent)
    path.unlink()
    assert damages(path.parent) == ["metrics.csv"]
    with pytest.raises(ValueError, match=r"a/metrics.csv' cannot be read .*; the same sweep redoes it"):
        read_metrics(path.parent)


def test_damaged_and_copied_results_are_left_out_and_said(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        finish(tmp_path, id=name, seed=ord(name))
    shutil.copytree(tmp_path / "a", tmp_path / "a copy")
    result = tmp_path / "b" / "result.json"
    result.write_text(result.read_text().replace("0.75", "0.85"))
    with pytest.warns(UserWarning, match="left out") as said:
        assert collect(tmp_path)["id"].tolist() == ["a", "c"]
    assert [str(warning.message) for warning in said] == [
        "left out: a copy: its result.json is that of run a; the same sweep redoes it, or remove a copy",
        "left out: b: its result.json is damaged; the same sweep redoes it",
    ]
    (tmp_path / "b" / "result.json").write_text("[" * 100_000)
    assert read_result(tmp_path / "b") is None


def test_runs_that_were_made_in_different_surroundings_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finish(tmp_path, id="a")
    monkeypatch.setattr(run_folder, "surroundings", lambda _: {"torch": "0.1"})
    finish(tmp_path, id="b")
    finish(tmp_path, id="c")
    with pytest.warns(UserWarning, match=r"were made with different torch: 0\.1 \(2 runs\), .* \(1 run\)"):
        collect(tmp_path)


def test_a_study_is_one_table_in_an_order_that_is_not_that_of_the_folders(tmp_path: Path) -> None:
    finish(tmp_path, id="a", nominal_rate=0.6, noise="symmetric:0.6")
    finish(tmp_path, id="b", seed=1)
    finish(tmp_path, id="c", seed=0)
    (tmp_path / "unfinished").mkdir()
    assert collect(tmp_path)["id"].tolist() == ["c", "b", "a"]
    assert write_results(tmp_path)["id"].tolist() == ["c", "b", "a"]
    assert [line.split(",")[0] for line in (tmp_path / "results.csv").read_text().splitlines()] == ["id", "c", "b", "a"]


def test_rows_stand_as_planned_and_what_was_not_planned_last() -> None:
    rows = [
        {"id": f"{method}-{rate}-{augment}-{seed}", "method": method, "noise": f"symmetric:{rate}", "noise_kind": "symmetric"}
        | {"nominal_rate": rate, "augment": augment, "seed": seed, "noise_seed": seed}
        for seed in (0, 1)
        for rate in (0.4, 0.2)
        for augment in ("mixup", "cutmix")
        for method in ("dlb", "ce")
    ]
    planned = [row["id"] for row in rows]
    more = rows[0] | {"id": "more", "method": "bake"}
    mixed = as_table([rows[place] for place in range(len(rows) - 1, -1, -1)] + [more])
    ordered = in_order(mixed, planned)
    varied = ["noise", "method", "augment", "seed"]
    wanted = [
        (f"symmetric:{rate}", method, augment, seed)
        for rate in (0.4, 0.2)
        for method in ("dlb", "ce", *(["bake"] if rate == 0.4 else []))
        for augment in ("mixup", "cutmix")
        for seed in (0, 1)
        if method != "bake" or (augment, seed) == ("mixup", 0)
    ]
    assert list(ordered[varied].itertuples(index=False, name=None)) == wanted
    assert list(ordered.columns) == list(mixed.columns)


def test_a_study_without_a_finished_run_is_an_empty_table(tmp_path: Path) -> None:
    assert collect(tmp_path).empty
    write_results(tmp_path)
    assert (tmp_path / "results.csv").read_text().strip() == ""
