"""A lost, foreign or changed part of a record is never read as data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from noisylab.recording import DynamicsRecorder, load_dynamics, store
from noisylab.recording.digests import DamagedError
from noisylab.recording.records import intact_epochs

GIVEN = np.arange(12) % 3


def record(folder: Path, until: int, seed: int = 0, **options: object) -> DynamicsRecorder:
    """Records of random logits."""
    records = DynamicsRecorder(folder, GIVEN, epochs=6, true_labels=np.roll(GIVEN, 1), probabilities=True, **options)  # type: ignore[arg-type]
    while records.epoch < until:
        logits = torch.randn(12, 3, generator=torch.Generator().manual_seed(100 * seed + records.epoch))
        records.observe(torch.arange(12), logits)
        records.end_epoch()
    return records


def edit_epochs_done(file: Path) -> None:
    held = json.loads((file / "zarr.json").read_text())
    held["attributes"]["epochs_done"] -= 1
    (file / "zarr.json").write_text(json.dumps(held))


def truth_from_another(file: Path) -> None:
    group = zarr.open_group(file, mode="r+")
    group["true"][:] = group["given"][:]


def another_s_chunk(file: Path) -> None:
    record(file.parent / "other", 6, seed=1)
    shutil.copy(file.parent / "other" / file.name / "prediction" / "c" / "0" / "0", file / "prediction" / "c" / "0" / "0")


def narrower(file: Path) -> None:
    held = json.loads((file / "margin" / "zarr.json").read_text())
    held["shape"][1] = 6
    (file / "margin" / "zarr.json").write_text(json.dumps(held))


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda file: (file / "given" / "c" / "0").unlink(), "given is not what was written"),
        (lambda file: (file / "prediction" / "c" / "0" / "0").unlink(), "prediction in epochs 0 to 2 is not"),
        (lambda file: shutil.rmtree(file / "margin"), "margin is missing"),
        (lambda file: (file / "probabilities" / "c" / "0" / "0").unlink(), "probabilities is not what was written"),
        (lambda file: (file / "zarr.json").write_text("[" * 100_000), "it cannot be opened"),
        (edit_epochs_done, "its attributes are not what was written"),
        (truth_from_another, "true is not what was written"),
        (another_s_chunk, "prediction in epochs 0 to 2 is not what was written"),
        (narrower, "margin has shape"),
    ],
)
def test_a_part_that_is_not_what_was_written_is_refused_by_name(
    damage: Callable[[Path], object], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK_BYTES", 48)
    record(tmp_path, 6)
    damage(tmp_path / "dynamics.zarr")
    with pytest.raises(DamagedError, match=named) as refused:
        load_dynamics(tmp_path).load()
    assert str(tmp_path / "dynamics.zarr") in str(refused.value)
    assert intact_epochs(tmp_path) == 0
    with pytest.raises(ValueError, match=f"{named}.*; overwrite=True deletes it"):
        record(tmp_path, 6, resume=True)


@pytest.mark.parametrize("bytes_of_a_chunk", [1, 48, 2**22])
def test_parts_of_records_are_read_in_any_order(bytes_of_a_chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "CHUNK_BYTES", bytes_of_a_chunk)
    record(tmp_path, 5)
    whole = load_dynamics(tmp_path)["margin"].values
    assert whole.shape == (5, 12)
    assert np.isfinite(whole).all()
    read = load_dynamics(tmp_path)["margin"]
    for rows in (slice(1, 4), slice(None, None, 2), [4, 0, 3], [1], 2, -1, slice(0, 0)):
        for samples in (slice(None), [3, 1], 5):
            expected = whole[rows][..., samples]
            np.testing.assert_array_equal(read.isel(epoch=rows, sample=samples).values, expected)


@pytest.mark.parametrize("cut", ["rows", "attributes"])
def test_a_process_killed_while_it_writes_a_row_leaves_sound_records(
    cut: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = record(tmp_path, 3)
    whole = load_dynamics(tmp_path).load()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    target = (store, "_enter") if cut == "rows" else (zarr.Array, "__setitem__")
    if cut == "attributes":
        # All rows and the attributes are written, the mean probabilities are not.
        write = zarr.Array.__setitem__
        monkeypatch.setattr(
            zarr.Array, "__setitem__", lambda self, *a: killed() if self.path == "probabilities" else write(self, *a)
        )
    else:
        monkeypatch.setattr(*target, killed)
    records.observe(torch.arange(12), torch.randn(12, 3))
    with pytest.raises(KeyboardInterrupt):
        records.end_epoch()
    monkeypatch.undo()
    read = load_dynamics(tmp_path).load()
    done = 3 if cut == "rows" else 4
    assert read.sizes["epoch"] == done
    np.testing.assert_array_equal(read["margin"].values[:3], whole["margin"].values)
    assert record(tmp_path, 6, resume=True).epoch == 6
    assert intact_epochs(tmp_path) == 6


def test_a_state_is_not_restored_beside_other_rows(tmp_path: Path) -> None:
    records = record(tmp_path, 3)
    state = records.state_dict()
    record(tmp_path, 5, seed=1, overwrite=True)
    again = record(tmp_path, 5, resume=True)
    with pytest.raises(ValueError, match="other rows than when the state was saved"):
        again.load_state_dict(state)
    again = record(tmp_path, 5, overwrite=True)
    again.load_state_dict(state)
    assert again.epoch == 3
    # Rows that are written again replace those of before, in one step with their digests.
    again.observe(torch.arange(12), torch.zeros(12, 3))
    again.end_epoch()
    assert load_dynamics(tmp_path).load().sizes["epoch"] == 4
