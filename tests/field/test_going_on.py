"""A recording that is started again: refused, continued, extended or overwritten, never mixed."""

from pathlib import Path

import numpy as np
import pytest
import torch

from noisylab.recording import DynamicsRecorder, load_dynamics, store

GIVEN = np.arange(30) % 3


def make(folder: Path, epochs: int, **options: object) -> DynamicsRecorder:
    return DynamicsRecorder(folder, GIVEN, epochs=epochs, divergence=True, probabilities=True, **options)  # type: ignore[arg-type]


def record(recorder: DynamicsRecorder, until: int, seed: int = 0) -> None:
    for epoch in range(recorder.epoch, until):
        recorder.observe(torch.arange(30), torch.randn(30, 3, generator=torch.Generator().manual_seed(seed + epoch)))
        recorder.end_epoch()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_loop_that_is_started_again_cannot_write_its_first_epochs_behind_others(tmp_path: Path) -> None:
    """After 3 of 6 epochs, a new model's epochs 0 to 2 stood as 3 to 5 in one record."""
    record(make(tmp_path, 6), until=3)
    before = files(tmp_path)
    with pytest.raises(ValueError, match=r"holds 3 of 6 epochs of an earlier recording; resume=True .*; overwrite=True"):
        make(tmp_path, 6)
    assert files(tmp_path) == before


def test_a_recording_without_a_row_is_refused_too(tmp_path: Path) -> None:
    make(tmp_path, 6)
    with pytest.raises(ValueError, match="holds 0 of 6 epochs"):
        make(tmp_path, 6)


def test_resume_makes_a_new_recording_if_there_is_none(tmp_path: Path) -> None:
    recorder = make(tmp_path, 2, resume=True)
    assert recorder.epoch == 0


def test_resume_goes_on_after_the_last_row(tmp_path: Path) -> None:
    record(make(tmp_path / "parts", 6), until=3)
    again = make(tmp_path / "parts", 6, resume=True)
    assert again.epoch == 3
    record(again, until=6)
    record(make(tmp_path / "whole", 6), until=6)
    parts, whole = load_dynamics(tmp_path / "parts"), load_dynamics(tmp_path / "whole")
    for name in ("prediction", "loss", "margin", "el2n", "agreement"):
        np.testing.assert_array_equal(parts[name].values, whole[name].values)


def test_a_loop_over_all_epochs_ends_with_the_advice(tmp_path: Path) -> None:
    record(make(tmp_path, 3), until=3)
    again = make(tmp_path, 3, resume=True)
    with pytest.raises(ValueError, match=r"epochs=more, resume=True\) extends .* over range\(recorder.epoch, epochs\)"):
        again.observe(torch.arange(30), torch.zeros(30, 3))


def test_overwrite_starts_anew_with_other_settings(tmp_path: Path) -> None:
    record(make(tmp_path, 6), until=3)
    again = DynamicsRecorder(tmp_path, GIVEN[:20], epochs=2, overwrite=True)
    assert again.epoch == 0
    assert dict(load_dynamics(tmp_path).sizes) == {"epoch": 0, "sample": 20}
    assert [path.name for path in tmp_path.iterdir()] == ["dynamics.zarr"]
    with pytest.raises(ValueError, match="exclude each other"):
        make(tmp_path, 6, resume=True, overwrite=True)


@pytest.mark.parametrize("chunk_bytes", [2**22, 200])
def test_more_epochs_extend_the_records_and_change_no_bit(
    chunk_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK_BYTES", chunk_bytes)
    record(make(tmp_path / "extended", 3), until=3)
    old = load_dynamics(tmp_path / "extended").load()
    state = make(tmp_path / "extended", 3, resume=True).state_dict()
    longer = make(tmp_path / "extended", 7, resume=True)
    assert longer.epoch == 3
    extended = load_dynamics(tmp_path / "extended")
    for name in old.data_vars:
        np.testing.assert_array_equal(extended[name].values, old[name].values)
    short = make(tmp_path / "whole", 7)
    record(short, until=3)
    short.load_state_dict(state)
    assert files(tmp_path / "extended") == files(tmp_path / "whole"), "the files of records made for 7 epochs at once"
    record(longer, until=7)
    record(short, until=7)
    assert files(tmp_path / "extended") == files(tmp_path / "whole")


def test_fewer_epochs_than_are_done_are_refused(tmp_path: Path) -> None:
    record(make(tmp_path, 6), until=4)
    with pytest.raises(ValueError, match="holds 4 epochs; epochs must be at least as many, got 3"):
        make(tmp_path, 3, resume=True)
    assert make(tmp_path, 4, resume=True).epoch == 4
    assert load_dynamics(tmp_path).sizes["epoch"] == 4


def test_an_extension_that_was_broken_off_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(make(tmp_path, 3), until=3)
    old = load_dynamics(tmp_path).load()
    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, 7, resume=True)
    record(make(tmp_path, 7, resume=True), until=7)
    assert load_dynamics(tmp_path).sizes["epoch"] == 7
    np.testing.assert_array_equal(load_dynamics(tmp_path)["margin"].values[:3], old["margin"].values)
    assert [path.name for path in tmp_path.iterdir()] == ["dynamics.zarr"]


def test_records_of_another_number_of_processes_are_refused(tmp_path: Path) -> None:
    record(make(tmp_path, 3), until=3)
    with pytest.raises(ValueError, match=r"holds dynamics\.zarr, the records of another number of processes"):
        make(tmp_path, 3, shard=(0, 2), resume=True)
    for rank in range(2):
        make(tmp_path / "two", 3, shard=(rank, 2))
    with pytest.raises(ValueError, match=r"holds dynamics-0-of-2.zarr, the records of another number"):
        make(tmp_path / "two", 3, overwrite=True)
    with pytest.raises(ValueError, match="holds 0 of 3 epochs"):
        make(tmp_path / "two", 3, shard=(1, 2))


def test_a_folder_that_cannot_hold_or_does_not_hold_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"output folder .*file' cannot be written"):
        make(tmp_path / "file", 3)
    (tmp_path / "damaged" / "dynamics.zarr").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"dynamics.zarr' is damaged: it cannot be opened .*; overwrite=True deletes it"):
        make(tmp_path / "damaged", 3, resume=True)
    assert make(tmp_path / "damaged", 3, overwrite=True).epoch == 0
