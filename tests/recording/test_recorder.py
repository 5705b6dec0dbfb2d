"""The per-sample records: what is written, in whose loop, and how it is read."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray
from torch import Tensor

from noisylab.data import LastBatchSampler, TwinSampler
from noisylab.recording import DynamicsRecorder, load_dynamics, recorder, store
from noisylab.recording.digests import DamagedError

GIVEN = np.array([0, 1, 2, 1, 0, 2])
TRUE = np.array([0, 1, 2, 0, 0, 1])


def draw(seed: int, entries: int = 6, classes: int = 3) -> Tensor:
    return 2 * torch.randn(entries, classes, generator=torch.Generator().manual_seed(seed))


def make(folder: Path, epochs: int = 3, **options: object) -> DynamicsRecorder:
    return DynamicsRecorder(folder, GIVEN, true_labels=TRUE, epochs=epochs, **options)  # type: ignore[arg-type]


def by_hand(logits: Tensor, labels: np.ndarray) -> dict[str, np.ndarray]:
    z = logits.double().numpy()
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    rows = np.arange(len(z))
    others = z.copy()
    others[rows, labels] = -np.inf
    return {
        "prediction": z.argmax(1),
        "p_given": p[rows, labels],
        "p_max": p.max(1),
        "loss": -np.log(p[rows, labels]),
        "margin": z[rows, labels] - others.max(1),
        "el2n": np.linalg.norm(p - np.eye(z.shape[1])[labels], axis=1),
    }


def assert_row(records: xarray.Dataset, epoch: int, logits: Tensor, samples: np.ndarray | None = None) -> None:
    samples = np.arange(6) if samples is None else samples
    for name, values in by_hand(logits, GIVEN[samples]).items():
        np.testing.assert_allclose(records[name][epoch].values[samples].astype(float), values, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 4, 6])
def test_a_plain_loop_gives_the_quantities_of_the_formulas(batch: int, kind: torch.dtype, tmp_path: Path) -> None:
    records, logits = make(tmp_path), draw(0).to(kind)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    for ids in torch.split(order, batch):
        records.observe(ids, logits[ids], torch.from_numpy(GIVEN)[ids])
    records.end_epoch()
    read = load_dynamics(tmp_path)
    assert_row(read, 0, logits)
    assert (read["agreement"] == -1).all(), "nothing was shown twice"
    assert all(np.array_equal(values, read[name][0], equal_nan=True) for name, values in records.last.items())


def test_records_are_labelled(tmp_path: Path) -> None:
    records = make(tmp_path, sample_ids=[10, 11, 12, 20, 21, 22], record="eval")
    read = load_dynamics(tmp_path)
    assert dict(read.sizes) == {"epoch": 0, "sample": 6}
    records.end_epoch()
    read = load_dynamics(tmp_path)
    assert read["loss"].dims == ("epoch", "sample")
    assert dict(read.sizes) == {"epoch": 1, "sample": 6}
    assert read.attrs["record"] == "eval"
    assert read["given"].values.tolist() == GIVEN.tolist()
    assert read["true"].values.tolist() == TRUE.tolist()
    assert read["mislabelled"].values.tolist() == [False, False, False, True, False, True]
    assert int(read["given"].sel(sample=20)) == 1
    with pytest.raises(ValueError, match="nowhere"):
        load_dynamics(tmp_path / "nowhere")


def test_a_sample_that_was_not_shown_is_missing(tmp_path: Path) -> None:
    records, ids = make(tmp_path), torch.tensor([1, 4])
    records.observe(ids, draw(0, 2), torch.from_numpy(GIVEN)[ids])
    records.end_epoch()
    read, unseen = load_dynamics(tmp_path), [0, 2, 3, 5]
    assert_row(read, 0, draw(0, 2), ids.numpy())
    assert (read["prediction"][0, unseen] == read.attrs["missing"]).all()
    assert all(read[name][0, unseen].isnull().all() for name in ("p_given", "p_max", "loss", "margin"))


def one_hot(*classes: int) -> Tensor:
    return 5 * torch.nn.functional.one_hot(torch.tensor(classes), 3).float()


def test_without_new_the_first_presentation_counts_and_later_ones_agree_or_not(tmp_path: Path) -> None:
    records = make(tmp_path)
    records.observe(torch.tensor([2, 2, 0]), one_hot(1, 1, 0), torch.tensor([2, 2, 0]))
    records.observe(torch.tensor([0, 4]), one_hot(2, 1), torch.tensor([0, 0]))
    records.end_epoch()
    assert records.last["prediction"].tolist() == [0, 255, 1, 255, 1, 255]
    assert records.last["agreement"].tolist() == [0, -1, 1, -1, -1, -1]


@pytest.mark.parametrize("reopened", [False, True])
def test_agreement_compares_with_the_step_before_also_across_epochs(reopened: bool, tmp_path: Path) -> None:
    records = make(tmp_path)
    labels = torch.from_numpy(GIVEN)

    def step(ids: list[int], classes: list[int], new: slice) -> None:
        index = torch.tensor(ids)
        records.observe(index, one_hot(*classes), labels[index], new)

    step([0, 1, 2], [0, 1, 2], slice(0, 3))
    step([0, 1, 2, 3, 4, 5], [0, 0, 2, 1, 1, 1], slice(3, None))
    records.end_epoch()
    assert records.last["prediction"].tolist() == [0, 1, 2, 1, 1, 1]
    assert records.last["agreement"].tolist() == [1, 0, 1, -1, -1, -1]
    if reopened:
        records = make(tmp_path, resume=True)
    step([3, 4, 5, 2, 1, 0], [1, 2, 1, 0, 0, 0], slice(3, 6))
    records.end_epoch()
    assert records.last["prediction"].tolist() == [0, 0, 0, 255, 255, 255], "a repeated view is not the epoch's own"
    assert records.last["agreement"].tolist() == [-1, -1, -1, 1, 0, 1]


def record_run(folder: Path, epochs: int = 5) -> DynamicsRecorder:
    records = DynamicsRecorder(folder, GIVEN, epochs=epochs)
    sampler = LastBatchSampler(6, 4, seed=0)
    while records.epoch < epochs:
        for step, entries in enumerate(sampler.batches(records.epoch)):
            ids = torch.from_numpy(entries.ids)
            logits = draw(records.epoch * 10 + step, len(ids))
            records.observe(ids, logits, torch.from_numpy(GIVEN)[ids], entries.new)
        records.end_epoch()
    return records


@pytest.mark.parametrize(("chunk_bytes", "buffered"), [(1, 2**16), (36, 3), (2**22, 1)])
def test_chunks_and_buffers_change_no_bit(
    chunk_bytes: int, buffered: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_run(tmp_path / "usual")
    monkeypatch.setattr(store, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(recorder, "BUFFERED", buffered)
    record_run(tmp_path / "small")
    assert load_dynamics(tmp_path / "usual").identical(load_dynamics(tmp_path / "small"))


def test_the_same_run_writes_the_same_files(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    contents = []
    for folder in folders:
        record_run(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert contents[0] == contents[1]
    assert len(contents[0]) < 50, "tens of files, not thousands"


def test_recording_goes_on_in_the_same_folder(tmp_path: Path) -> None:
    record_run(tmp_path / "whole")
    records = record_run(tmp_path / "parts")
    records.load_state_dict({"epoch": 2, "latest": torch.zeros(6, dtype=torch.int64)})
    for stop in (3, 5):
        again = DynamicsRecorder(tmp_path / "parts", GIVEN, epochs=5, resume=True)
        assert again.epoch == 5 or stop == 3
    with pytest.raises(ValueError, match="5 epochs"):
        again.end_epoch()
    with pytest.raises(ValueError, match="holds records with other samples or labels; remove it"):
        DynamicsRecorder(tmp_path / "parts", GIVEN[::-1].copy(), epochs=5, resume=True)
    with pytest.raises(ValueError, match=r"holds records with record 'online' \(asked for: 'eval'\), other samples or labels"):
        DynamicsRecorder(tmp_path / "parts", GIVEN[::-1].copy(), epochs=6, record="eval", resume=True)
    assert load_dynamics(tmp_path / "whole").identical(load_dynamics(tmp_path / "parts"))


def test_many_classes_are_kept_apart(tmp_path: Path) -> None:
    given = np.array([0, 299, 255])
    records = DynamicsRecorder(tmp_path, given, epochs=1, num_classes=300)
    records.observe(torch.arange(3), torch.eye(300)[[299, 255, 256]] * 9, torch.from_numpy(given))
    records.end_epoch()
    assert load_dynamics(tmp_path)["prediction"].values.tolist() == [[299, 255, 256]]


def test_logits_of_more_classes_than_the_records_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="300 classes"):
        make(tmp_path).observe(torch.arange(6), torch.zeros(6, 300), torch.from_numpy(GIVEN))


def test_records_are_read_lazily_and_a_damaged_byte_is_noticed(tmp_path: Path) -> None:
    record_run(tmp_path)
    chunk = next(path for path in (tmp_path / "dynamics.zarr" / "loss_predicted" / "c").rglob("*") if path.is_file())
    content = bytearray(chunk.read_bytes())
    content[5] ^= 1
    chunk.write_bytes(content)
    read = load_dynamics(tmp_path)
    assert np.isfinite(read["margin"].values).all()
    with pytest.raises(DamagedError, match=r"is damaged: loss_predicted in epochs 0 to \d cannot be read"):
        read["loss"].values  # noqa: B018


def test_labels_and_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="equally long"):
        DynamicsRecorder(tmp_path, [0, 1], true_labels=[0], epochs=1)
    with pytest.raises(ValueError, match=r"record.*sometimes"):
        DynamicsRecorder(tmp_path, [0, 1], epochs=1, record="sometimes")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"epochs.*0"):
        DynamicsRecorder(tmp_path, [0, 1], epochs=0)
    assert not (tmp_path / "dynamics.zarr").exists()


def test_twins_are_compared_within_the_batch(tmp_path: Path) -> None:
    records, agreed = make(tmp_path), {}
    for step, (ids, new) in enumerate(TwinSampler(6, 4).batches(0)):
        logits, index = draw(step, len(ids)), torch.from_numpy(ids)
        records.observe(index, logits, torch.from_numpy(GIVEN)[index], new)
        best = logits.argmax(dim=1)
        agreed |= {sample: int(best[i] == best[i + new.stop]) for i, sample in enumerate(ids[new].tolist())}
    records.end_epoch()
    assert load_dynamics(tmp_path).agreement.values[0].tolist() == [agreed[sample] for sample in range(6)]


def test_the_callers_tensors_may_be_overwritten(tmp_path: Path) -> None:
    records, logits, index = make(tmp_path), torch.tensor([[0.0, 4.0, 0.0]]), torch.tensor([1])
    records.observe(index, logits, torch.tensor([1]))
    logits.zero_()
    index.zero_()
    records.end_epoch()
    assert records.last["prediction"].tolist() == [255, 1, 255, 255, 255, 255]
