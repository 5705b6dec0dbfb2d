"""Outputs that are probabilities, or their logarithms; ids that could be positions; several processes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, multiprocessing

from noisylab.recording import DynamicsRecorder, load_dynamics

GIVEN = np.arange(50) % 5
LOGITS = [3 * torch.randn(50, 5, generator=torch.Generator().manual_seed(epoch)) for epoch in range(3)]


def record(folder: Path, values: list[Tensor], **options: object) -> None:
    recorder = DynamicsRecorder(folder, GIVEN, epochs=len(values), divergence=True, probabilities=True)
    for epoch in values:
        recorder.observe(torch.arange(50), epoch, **options)  # type: ignore[arg-type]
        recorder.end_epoch()


@pytest.mark.parametrize("outputs", ["probabilities", "log_probabilities"])
@pytest.mark.parametrize("as_array", [False, True])
def test_probabilities_give_the_records_of_their_logits(outputs: str, as_array: bool, tmp_path: Path) -> None:
    record(tmp_path / "logits", LOGITS)
    values = [z.softmax(1) if outputs == "probabilities" else z.log_softmax(1) for z in LOGITS]
    record(tmp_path / "other", [z.numpy() for z in values] if as_array else values, outputs=outputs)  # type: ignore[misc]
    one, two = load_dynamics(tmp_path / "logits"), load_dynamics(tmp_path / "other")
    for name in one.variables:
        np.testing.assert_allclose(one[name].values, two[name].values, atol=4e-3, rtol=2e-3, err_msg=str(name))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_probability_of_0_bounds_the_margin_and_loses_no_sample(kind: torch.dtype, tmp_path: Path) -> None:
    certain = torch.nn.functional.one_hot(torch.as_tensor(GIVEN), 5).to(kind)
    record(tmp_path, [certain], outputs="probabilities")
    row = load_dynamics(tmp_path).isel(epoch=0)
    assert (row["prediction"] == GIVEN).all()
    smallest = {torch.float16: 16.6}.get(kind, 87.3)
    np.testing.assert_allclose(row["margin"], smallest, rtol=0.01)


def test_a_logarithm_of_minus_infinity_is_that_of_a_probability_of_0(tmp_path: Path) -> None:
    values = torch.nn.functional.one_hot(torch.as_tensor(GIVEN), 5).float()
    for outputs, folder in (("probabilities", tmp_path / "one"), ("log_probabilities", tmp_path / "two")):
        record(folder, [values.log() if outputs == "log_probabilities" else values], outputs=outputs)
    one, two = load_dynamics(tmp_path / "one"), load_dynamics(tmp_path / "two")
    for name in one.variables:
        np.testing.assert_array_equal(one[name].values, two[name].values, err_msg=str(name))


@pytest.mark.parametrize("outputs", ["probabilities", "log_probabilities"])
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_outputs_of_a_fresh_network_are_taken_in_half_precision(
    classes: int, kind: torch.dtype, outputs: str, tmp_path: Path
) -> None:
    z = 0.05 * torch.randn(50, classes, generator=torch.Generator().manual_seed(1)).to(kind)
    recorder = DynamicsRecorder(tmp_path, GIVEN % classes, epochs=1, num_classes=classes)
    values = z.softmax(1) if outputs == "probabilities" else z.log_softmax(1)
    recorder.observe(torch.arange(50), values, outputs=outputs)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.bfloat16])
def test_probabilities_given_as_logits_are_refused(kind: torch.dtype, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'outputs before the softmax, got probabilities .* say outputs="probabilities"'):
        record(tmp_path, [LOGITS[0].softmax(1).to(kind)])


@pytest.mark.parametrize("outputs", ["probabilities", "log_probabilities"])
def test_logits_given_as_probabilities_are_refused(outputs: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{outputs} must be .*in \[0, 1\] with sum 1"):
        record(tmp_path, LOGITS, outputs=outputs)
    with pytest.raises(ValueError, match="outputs must be one of"):
        record(tmp_path / "unknown", LOGITS, outputs="softmax")


def test_only_the_first_step_reads_a_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("noisylab.recording.recorder.check_outputs", lambda *_: asked.append(1))
    record(tmp_path, LOGITS)
    assert len(asked) == 1


def test_sample_ids_that_could_be_positions_are_said_unless_labels_tell(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    ids = np.arange(50)[::-1].copy()
    recorder = DynamicsRecorder(tmp_path / "reversed", GIVEN, epochs=2, sample_ids=ids)
    with pytest.warns(UserWarning, match=r"positions in given_labels, not sample_ids such as 49; recorder.positions\(ids\)"):
        recorder.observe(torch.arange(50), LOGITS[0])
    recwarn.clear()
    recorder.observe(torch.arange(50), LOGITS[0])
    for name, options in {"labels": {"sample_ids": ids}, "plain": {}, "apart": {"sample_ids": ids + 1000}}.items():
        recorder = DynamicsRecorder(tmp_path / name, GIVEN, epochs=1, **options)
        recorder.observe(torch.arange(50), LOGITS[0], GIVEN if name == "labels" else None)
    assert not recwarn.list


def both(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    recorder = DynamicsRecorder(f"{folder}/records", GIVEN, epochs=2)
    for logits in LOGITS[:2]:
        recorder.observe(torch.arange(rank, 50, 2), logits[rank::2])
        recorder.end_epoch()
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_write_a_shard_each_without_being_told(tmp_path: Path) -> None:
    multiprocessing.spawn(both, (str(tmp_path),), nprocs=2)
    records = load_dynamics(tmp_path / "records")
    assert records.sizes == {"epoch": 2, "sample": 50}
    assert np.array_equal(records["prediction"].values, torch.stack(LOGITS[:2]).argmax(2).numpy())


def test_torchrun_s_processes_must_have_a_process_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"torchrun started 2 processes.*init_process_group\(\) before the recorder"):
        DynamicsRecorder(tmp_path, GIVEN, epochs=1)
    DynamicsRecorder(tmp_path, GIVEN, epochs=1, shard=(0, 1))
