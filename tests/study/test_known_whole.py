"""Files of runs that were found whole are read again only if one of them has changed."""

import os
from pathlib import Path

import pytest

import noisylab
from noisylab.study import known_whole, verify
from noisylab.study.study_faults import study_faults
from noisylab.study.verify import unsound


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> noisylab.Study:
    """Two finished runs whose files count as settled at once."""
    monkeypatch.setattr(known_whole, "SETTLED", -1)
    settings = {"epochs": 1, "train_size": 60, "test_size": 30, "device": "cpu", "progress": False}
    return noisylab.sweep(tmp_path / "a", methods="ce", noise="symmetric:0.4", seeds=2, jobs=1, **settings)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose files are read, in their order."""
    names: list[str] = []
    damages = verify.damages

    def counting(folder: Path) -> list[str]:
        names.append(folder.name)
        return damages(folder)

    monkeypatch.setattr(verify, "damages", counting)
    return names


def test_files_are_read_once_and_again_after_a_change_that_size_and_time_hide(study: noisylab.Study, read: list[str]) -> None:
    runs = study.results["id"].tolist()
    assert unsound(study.path, runs) == set()
    assert sorted(read) == sorted(runs)
    assert unsound(study.path, runs) == set()
    assert sorted(read) == sorted(runs)
    metrics = study.path / runs[1] / "metrics.csv"
    before = metrics.stat()
    metrics.write_bytes(metrics.read_bytes().replace(b"1", b"2"))
    os.utime(metrics, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert metrics.stat().st_size == before.st_size
    assert unsound(study.path, runs) == {runs[1]}
    assert read[2:] == runs[1:]
    assert unsound(study.path, runs, verify=False) == set()


def test_a_chunk_of_records_that_goes_or_comes_is_a_change(study: noisylab.Study, read: list[str]) -> None:
    runs = study.results["id"].tolist()
    unsound(study.path, runs)
    chunk = next(path for path in (study.path / runs[0] / "dynamics.zarr" / "given" / "c").rglob("*") if path.is_file())
    chunk.unlink()
    assert unsound(study.path, runs) == {runs[0]}


@pytest.mark.parametrize("content", ["{", "[]", "null", "[" * 200_000, '{"check": 1}', '{"check": 0, "runs": {}}'])
def test_a_damaged_list_of_what_is_known_counts_as_none(study: noisylab.Study, read: list[str], content: str) -> None:
    runs = study.results["id"].tolist()
    unsound(study.path, runs)
    (study.path / known_whole.FILE).write_text(content)
    assert unsound(study.path, runs) == set()
    assert sorted(read) == sorted(runs * 2)


def test_what_has_just_changed_is_not_remembered(
    study: noisylab.Study, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_whole, "SETTLED", 10**12)
    runs = study.results["id"].tolist()
    for _ in range(2):
        assert unsound(study.path, runs) == set()
    assert sorted(read) == sorted(runs * 2)
    assert not (study.path / known_whole.FILE).exists()


def test_damage_that_no_time_shows_is_healed_once_anything_has_found_it(
    study: noisylab.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_whole.Stamp, "of", lambda held: known_whole.Stamp(0, held.st_size, 0))
    runs = study.results["id"].tolist()
    unsound(study.path, runs)
    metrics = study.path / runs[0] / "metrics.csv"
    metrics.write_bytes(metrics.read_bytes().replace(b"1", b"2"))
    assert unsound(study.path, runs) == set()
    assert any("metrics.csv" in fault for fault in study_faults(study.path))
    assert unsound(study.path, runs) == {runs[0]}


def test_a_run_whose_files_cannot_be_looked_at_is_read(study: noisylab.Study) -> None:
    runs = study.results["id"].tolist()
    unsound(study.path, runs)
    (study.path / runs[0] / "predictions.npz").unlink()
    (study.path / runs[0] / "predictions.npz").symlink_to("nowhere")
    assert unsound(study.path, runs) == {runs[0]}
