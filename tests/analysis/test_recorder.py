"""Per-sample records, in anyone's loop."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray
from scipy.special import log_softmax

from noisylab.analysis import DynamicsRecorder, load_dynamics
from noisylab.analysis import recorder as module
from noisylab.data import LastBatchSampler, TwinSampler

GIVEN = np.array([0, 1, 2, 0, 1, 2])
TRUE = np.array([0, 1, 2, 1, 1, 0])


def record(folder: Path, epochs: int = 2, **options: object) -> DynamicsRecorder:
    return DynamicsRecorder(folder, GIVEN, epochs=epochs, true_labels=TRUE, num_classes=3, **options)  # type: ignore[arg-type]


def logits_of(size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, 3, generator=torch.Generator().manual_seed(seed))


def test_quantities_are_those_of_their_definitions(tmp_path: Path) -> None:
    recorder = record(tmp_path)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    z = logits_of(6)
    for part in (slice(0, 1), slice(1, 4), slice(4, 6)):
        recorder.observe(order[part], z[part], torch.from_numpy(GIVEN)[order[part]])
    recorder.end_epoch()
    rows = load_dynamics(tmp_path)
    assert rows.sizes == {"epoch": 1, "sample": 6}
    for position, sample in enumerate(order.tolist()):
        logits, given = z[position].double().numpy(), GIVEN[sample]
        log_p = log_softmax(logits)
        row = rows.sel(epoch=0, sample=sample)
        assert int(row.prediction) == logits.argmax()
        assert float(row.p_given) == pytest.approx(np.exp(log_p[given]), rel=2e-3)
        assert float(row.p_max) == pytest.approx(np.exp(log_p.max()), rel=2e-3)
        assert float(row.loss) == pytest.approx(-log_p[given], rel=2e-3)
        assert float(row.margin) == pytest.approx(logits[given] - np.delete(logits, given).max(), rel=2e-3, abs=1e-3)
        assert int(row.agreement) == -1
    assert rows.given.values.tolist() == GIVEN.tolist()
    assert rows.true.values.tolist() == TRUE.tolist()
    assert rows.mislabelled.values.tolist() == [False, False, False, True, False, True]
    assert rows.attrs["record"] == "online"


def test_samples_that_an_epoch_does_not_show_are_missing(tmp_path: Path) -> None:
    recorder = record(tmp_path, record="eval")
    recorder.observe(torch.tensor([2]), logits_of(1), torch.tensor([2]))
    recorder.end_epoch()
    recorder.end_epoch()
    rows = load_dynamics(tmp_path)
    assert rows.attrs["record"] == "eval"
    missing = rows.prediction == rows.attrs["missing"]
    assert missing.values.tolist() == [[True, True, False, True, True, True], [True] * 6]
    assert np.isnan(rows.loss.values).tolist() == missing.values.tolist()


def test_the_first_of_several_presentations_is_recorded_and_the_next_one_compared(tmp_path: Path) -> None:
    recorder = record(tmp_path)
    z = torch.tensor([[5.0, 0, 0], [0, 5, 0], [0, 5, 0], [0, 5, 0]])
    recorder.observe(torch.tensor([0, 0, 1, 1]), z, torch.tensor([0, 0, 1, 1]))
    recorder.end_epoch()
    rows = load_dynamics(tmp_path)
    assert rows.prediction.values[0, :2].tolist() == [0, 1]
    assert rows.agreement.values[0].tolist() == [0, 1, -1, -1, -1, -1]


def test_in_dlbs_batches_the_new_half_is_recorded_and_the_repeated_half_compared_also_over_epochs(tmp_path: Path) -> None:
    recorder, sampler, given = record(tmp_path, epochs=4), LastBatchSampler(6, 4, seed=1), torch.from_numpy(GIVEN)
    own, agreed = np.full((4, 6), -1), np.full((4, 6), -1)
    latest: dict[int, int] = {}
    for epoch in range(4):
        for step, (ids, new) in enumerate(sampler.batches(epoch)):
            z = logits_of(len(ids), seed=10 * epoch + step)
            index = torch.from_numpy(ids)
            recorder.observe(index, z, given[index], new)
            for position, sample in enumerate(ids.tolist()):
                predicted = int(z[position].argmax())
                if position >= new.start:
                    own[epoch, sample] = predicted
                else:
                    agreed[epoch, sample] = predicted == latest[sample]
                latest[sample] = predicted
        recorder.end_epoch()
    rows = load_dynamics(tmp_path)
    assert rows.prediction.values.tolist() == own.tolist()
    assert rows.agreement.values.tolist() == agreed.tolist()


def test_twins_are_compared_within_the_batch(tmp_path: Path) -> None:
    recorder, given = record(tmp_path, epochs=1), torch.from_numpy(GIVEN)
    agreed = {}
    for step, (ids, new) in enumerate(TwinSampler(6, 4).batches(0)):
        z, index = logits_of(len(ids), seed=step), torch.from_numpy(ids)
        recorder.observe(index, z, given[index], new)
        best = z.argmax(dim=1)
        agreed |= {s: int(best[i] == best[i + new.stop]) for i, s in enumerate(ids[new].tolist())}
    recorder.end_epoch()
    assert load_dynamics(tmp_path).agreement.values[0].tolist() == [agreed[s] for s in range(6)]


def test_how_much_is_buffered_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = torch.from_numpy(GIVEN)
    rows = []
    for buffered in (1, 3, 2**16):
        monkeypatch.setattr(module, "BUFFERED", buffered)
        recorder = record(tmp_path / str(buffered), epochs=1)
        for step, (ids, new) in enumerate(LastBatchSampler(6, 4).batches(0)):
            index = torch.from_numpy(ids)
            recorder.observe(index, logits_of(len(ids), seed=step), given[index], new)
        recorder.end_epoch()
        rows.append(load_dynamics(tmp_path / str(buffered)))
    assert rows[0].identical(rows[1])
    assert rows[1].identical(rows[2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_logits_of_any_precision_and_a_batch_of_one_will_do(tmp_path: Path, dtype: torch.dtype) -> None:
    recorder = record(tmp_path)
    recorder.observe(torch.tensor([1]), torch.tensor([[1.0, 3.0, 2.0]], dtype=dtype, requires_grad=True), torch.tensor([1]))
    recorder.end_epoch()
    assert float(load_dynamics(tmp_path).margin[0, 1]) == 1


def test_the_callers_tensors_may_be_overwritten(tmp_path: Path) -> None:
    recorder, z, index = record(tmp_path), torch.tensor([[0.0, 4.0, 0.0]]), torch.tensor([1])
    recorder.observe(index, z, torch.tensor([1]))
    z.zero_()
    index.zero_()
    recorder.end_epoch()
    assert recorder.last["prediction"].tolist() == [255, 1, 255, 255, 255, 255]


def test_many_classes_need_a_larger_type_and_can_be_missing_too(tmp_path: Path) -> None:
    for classes, kind in ((255, np.uint8), (256, np.uint16), (1000, np.uint16)):
        folder = tmp_path / str(classes)
        recorder = DynamicsRecorder(folder, [0, classes - 1], epochs=1, num_classes=classes)
        recorder.observe(torch.tensor([1]), torch.eye(classes)[[classes - 1]], torch.tensor([classes - 1]))
        recorder.end_epoch()
        prediction = load_dynamics(folder).prediction
        assert prediction.dtype == kind
        assert prediction.values.tolist() == [[np.iinfo(kind).max, classes - 1]]


def test_chunks_of_some_epochs_hold_the_same_rows_in_few_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("one", 2**22), ("many", 40)):
        monkeypatch.setattr(module, "CHUNK_BYTES", size)
        recorder = record(tmp_path / name, epochs=7)
        for epoch in range(7):
            recorder.observe(torch.arange(6), logits_of(6, seed=epoch), torch.from_numpy(GIVEN))
            recorder.end_epoch()
    one, many = load_dynamics(tmp_path / "one"), load_dynamics(tmp_path / "many")
    assert one.identical(many)
    files = {name: sum(path.is_file() for path in (tmp_path / name).rglob("*")) for name in ("one", "many")}
    assert files["one"] < files["many"] < 100


def test_records_are_read_lazily(tmp_path: Path) -> None:
    record(tmp_path).end_epoch()
    rows = load_dynamics(tmp_path)
    assert isinstance(rows, xarray.Dataset)
    assert not rows.prediction.variable._in_memory
    assert rows.dims == {"epoch", "sample"} or set(rows.sizes) == {"epoch", "sample"}


def test_a_flipped_bit_on_disk_is_noticed_when_read(tmp_path: Path) -> None:
    recorder = record(tmp_path)
    recorder.observe(torch.arange(6), logits_of(6), torch.from_numpy(GIVEN))
    recorder.end_epoch()
    (chunk,) = (path for path in (tmp_path / "dynamics.zarr" / "loss" / "c").rglob("*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[5] ^= 4
    chunk.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"[Cc]hecksum"):
        load_dynamics(tmp_path).loss.load()


def test_a_folder_is_continued_after_its_last_row_and_no_further_than_planned(tmp_path: Path) -> None:
    for epoch in range(2):
        recorder = record(tmp_path)
        recorder.observe(torch.arange(6), logits_of(6, seed=epoch), torch.from_numpy(GIVEN))
        recorder.end_epoch()
    assert load_dynamics(tmp_path).sizes["epoch"] == 2
    assert load_dynamics(tmp_path).prediction[0].values.tolist() == logits_of(6).argmax(dim=1).tolist()
    with pytest.raises(ValueError, match="made for 2 epochs"):
        record(tmp_path).end_epoch()


def test_records_of_something_else_are_not_continued(tmp_path: Path) -> None:
    record(tmp_path)
    for change in ({"epochs": 3}, {"record": "eval"}):
        with pytest.raises(ValueError, match="holds records of other samples or settings"):
            record(tmp_path, **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="holds records of other samples or settings"):
        DynamicsRecorder(tmp_path, GIVEN[::-1].copy(), epochs=2, true_labels=TRUE, num_classes=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"record": "test"}, "record must be one of 'online', 'eval', got 'test'"),
        ({"true_labels": [0]}, "must be equally long"),
        ({"num_classes": 2}, "labels must be below num_classes = 2"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path, options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DynamicsRecorder(tmp_path / "run", GIVEN, **({"epochs": 1} | options))  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


def test_a_folder_without_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no dynamics.zarr: is it the folder of a run\?"):
        load_dynamics(tmp_path)
