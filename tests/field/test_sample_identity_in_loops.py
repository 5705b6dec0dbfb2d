"""Who a sample is, in training loops: labels that contradict, ids that collide or repeat, data sets that are concatenated."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from noisylab.corruption import from_pair, symmetric
from noisylab.data import LastBatchSampler, TwinSampler
from noisylab.recording import DynamicsRecorder, load_dynamics, make_records

CLASSES = 4
TRUE = np.arange(200) % CLASSES
NOISY = symmetric(TRUE, 0.4, seed=1)


def outputs(labels: Any) -> torch.Tensor:
    classes = labels if isinstance(labels, torch.Tensor) else np.array(labels)
    return 3.0 * torch.nn.functional.one_hot(torch.as_tensor(classes), CLASSES)


def rows(labels: np.ndarray) -> list[tuple[torch.Tensor, int]]:
    return [(torch.tensor([float(i)]), int(label)) for i, label in enumerate(labels)]


def test_labels_of_other_samples_are_refused_with_their_number_and_the_first(tmp_path: Path) -> None:
    """154 of 200 labels contradicted the given label of their id, in silence."""
    recorder = DynamicsRecorder(tmp_path, NOISY.given, epochs=1)
    order = np.random.default_rng(0).permutation(200)
    wrong = np.flatnonzero(NOISY.given[order] != NOISY.given)
    recorder.observe(torch.arange(200), outputs(NOISY.given), torch.tensor(NOISY.given[order]))
    first = wrong[0]
    said = f"{len(wrong)} of 200 are not: the first is {NOISY.given[order][first]} for the sample at position {first}, "
    with pytest.raises(ValueError, match=rf"{said}whose given label is {NOISY.given[first]}.*check_labels=False"):
        recorder.end_epoch()
    assert load_dynamics(tmp_path).sizes["epoch"] == 0, "nothing is written"


def test_the_first_contradiction_is_kept_through_all_steps(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, [0, 1, 2, 3], epochs=1)
    for labels in ([0, 1], [0, 3], [1, 1]):
        recorder.observe([0, 1], outputs(labels), labels)
        recorder._reduce()
    with pytest.raises(
        ValueError, match=r"2 of 6 are not: the first is 3 for the sample at position 1, whose given label is 1"
    ):
        recorder.end_epoch()


def test_mixed_or_corrected_labels_are_recorded_if_the_loop_says_so(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, NOISY.given, epochs=1)
    recorder.observe(torch.arange(200), outputs(NOISY.given), torch.tensor(NOISY.true), check_labels=False)
    recorder.end_epoch()
    assert ((recorder.last["margin"] < 0) == NOISY.mislabelled).all(), "measured by the labels of the loop"


def test_given_labels_pass(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, NOISY.given, epochs=1)
    for _, labels, index in DataLoader(NOISY.wrap(rows(TRUE)), batch_size=32, shuffle=True):  # type: ignore[var-annotated]
        recorder.observe(index, outputs(labels), labels)
    recorder.end_epoch()
    assert (recorder.last["prediction"] == NOISY.given).all()


SIZES = [(100, 100), (150, 50), (60, 140)]


def loop(folder: Path, sizes: tuple[int, int], *, first_index: bool, labelled: bool, sampler: Any = None) -> DynamicsRecorder:
    """An epoch over two wrapped data sets, each of samples that are predicted as their given label."""
    parts = [symmetric(np.arange(size) % CLASSES, 0.4, seed=size + place) for place, size in enumerate(sizes)]
    first = (0, sizes[0]) if first_index else (0, 0)
    both = ConcatDataset([part.wrap(rows(part.true), first_index=at) for part, at in zip(parts, first, strict=True)])
    recorder = DynamicsRecorder(folder, np.concatenate([part.given for part in parts]), epochs=1)
    options: dict[str, Any] = {"batch_size": 32, "shuffle": True} if sampler is None else {"batch_sampler": sampler}
    for _, labels, index in DataLoader(both, **options):  # type: ignore[arg-type]
        recorder.observe(index, outputs(labels), labels if labelled else None)
    recorder.end_epoch()
    return recorder


@pytest.mark.parametrize("sizes", SIZES)
def test_concatenated_data_sets_whose_positions_collide_contradict_the_labels(sizes: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"collide: wrap\(dataset, first_index=...\)"):
        loop(tmp_path, sizes, first_index=False, labelled=True)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("sampler", [None, LastBatchSampler(200, 64), TwinSampler(200, 64)], ids=["plain", "last", "twin"])
def test_without_labels_a_warning_says_which_samples_never_came(sizes: tuple[int, int], sampler: Any, tmp_path: Path) -> None:
    said = rf"samples {max(sizes)} to 199 of 200 never came in epoch 0, .* first_index=..."
    with pytest.warns(UserWarning, match=said):
        loop(tmp_path, sizes, first_index=False, labelled=False, sampler=sampler)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("sampler", [None, LastBatchSampler(200, 64), TwinSampler(200, 64)], ids=["plain", "last", "twin"])
def test_with_a_first_index_each_sample_of_both_has_its_own_row(sizes: tuple[int, int], sampler: Any, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder = loop(tmp_path, sizes, first_index=True, labelled=True, sampler=sampler)
    assert (recorder.last["prediction"] == load_dynamics(tmp_path)["given"].values).all()


def test_one_record_of_concatenated_labels_wraps_the_concatenated_data(tmp_path: Path) -> None:
    parts = [symmetric(np.arange(size) % CLASSES, 0.4, seed=size) for size in (30, 50)]
    whole = from_pair(np.concatenate([part.true for part in parts]), np.concatenate([part.given for part in parts]))
    wrapped = whole.wrap(ConcatDataset([rows(part.true) for part in parts]))  # type: ignore[arg-type]
    assert [wrapped[place][1:] for place in (0, 29, 30, 79)] == [(int(whole.given[at]), at) for at in (0, 29, 30, 79)]


def honest(kind: str) -> list[np.ndarray]:
    """The batches of loops in which samples are rightly missing, or come several times."""
    rng = np.random.default_rng(0)
    if kind == "a part of the samples":
        return np.array_split(np.arange(120), 5)
    if kind == "no shuffling, the last batch dropped":
        return np.array_split(np.arange(192), 6)
    if kind == "one class alone, again and again":
        return [rng.permutation(np.arange(0, 200, 4)) for _ in range(4)]
    if kind == "the last tenth held out, the others twice":
        return [np.array(ids) for ids in LastBatchSampler(180, 64)]
    return [np.array(ids) for ids in LastBatchSampler(200, 64)]


@pytest.mark.parametrize(
    "kind",
    [
        "a part of the samples",
        "no shuffling, the last batch dropped",
        "one class alone, again and again",
        "the last tenth held out, the others twice",
        "all of them twice",
    ],
)
def test_loops_in_which_samples_are_rightly_missing_give_no_warning(kind: str, tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, TRUE, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ids in honest(kind):
            recorder.observe(ids, outputs(TRUE[ids]), TRUE[ids])
        recorder.end_epoch()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("draws", [200, 600])
def test_sampling_with_replacement_gives_no_warning(seed: int, draws: int, tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, TRUE, epochs=1)
    ids = np.random.default_rng(seed).integers(200, size=draws)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.observe(ids, outputs(TRUE[ids]))
        recorder.end_epoch()


def test_a_process_of_several_may_lack_samples(tmp_path: Path) -> None:
    recorder = DynamicsRecorder(tmp_path, TRUE, epochs=1, shard=(0, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.observe(np.tile(np.arange(100), 2), outputs(np.tile(TRUE[:100], 2)))
        recorder.end_epoch()


def test_names_that_occur_twice_are_refused_with_both_places(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(200)]
    names[150] = names[7]
    with pytest.raises(ValueError, match=r"sample_ids must be different, got '7.png' at positions 7 and 150"):
        DynamicsRecorder(tmp_path, TRUE, epochs=1, sample_ids=names)
    with pytest.raises(ValueError, match=r"must be different, got 4 at positions 0 and 2"):
        make_records({"loss": [[1.0, 2.0, 3.0]]}, given=[0, 1, 0], sample_ids=[4, 5, 4], record="eval")


def test_series_with_different_indexes_are_joined_by_them_or_refused(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    given = pandas.Series([0, 1, 1, 0], index=list("abcd"))
    DynamicsRecorder(tmp_path / "joined", given, epochs=1, true_labels=pandas.Series([1, 1, 0, 0], index=list("dbac")))
    with load_dynamics(tmp_path / "joined") as records:
        assert records["true"].values.tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="given_labels and true_labels have different indexes"):
        DynamicsRecorder(tmp_path / "refused", given, epochs=1, true_labels=pandas.Series([1, 1, 0, 0], index=list("efgh")))
