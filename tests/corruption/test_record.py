"""`NoisyLabels`: immutable, saved whole or not at all, and never read back wrong."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from noisylab.corruption import NoisyLabels, asymmetric, diagnose, from_pair, symmetric

NOISY = asymmetric(np.arange(100) % 10, 0.4, "cifar10", seed=3)


def test_arrays_cannot_be_changed_not_even_through_what_they_were_made_from() -> None:
    clean = np.arange(20) % 4
    noisy = symmetric(clean, 0.5)
    clean[:] = 0
    assert noisy.true.tolist() == [0, 1, 2, 3] * 5
    for array in (noisy.given, noisy.true, noisy.mislabelled, noisy.transition):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        noisy.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        noisy.parameters["sampling"] = "iid"  # type: ignore[index]


def test_pickling_keeps_arrays_read_only() -> None:
    again = pickle.loads(pickle.dumps(NOISY))
    assert again == NOISY
    assert not again.given.flags.writeable


@pytest.mark.parametrize("name", ["noise.npz", "noise", "with.dots.bin"])
def test_what_is_loaded_is_what_was_saved(tmp_path: Path, name: str) -> None:
    NOISY.save(tmp_path / name)
    again = NoisyLabels.load(tmp_path / name)
    assert again == NOISY
    assert again.parameters == NOISY.parameters
    assert again.transition is not None
    assert np.array_equal(again.transition, NOISY.transition)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_saved_file_holds_no_pickle(tmp_path: Path) -> None:
    NOISY.save(tmp_path / "noise.npz")
    with np.load(tmp_path / "noise.npz", allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive.files} == {"i", "f", "U"}


def test_damage_is_never_read_as_other_labels(tmp_path: Path) -> None:
    NOISY.save(tmp_path / "noise.npz")
    content = (tmp_path / "noise.npz").read_bytes()
    path = tmp_path / "damaged.npz"
    damaged = [content[:length] for length in range(0, len(content), 37)]
    for position in range(0, len(content), 5):
        flipped = bytearray(content)
        flipped[position] ^= 0x10
        damaged.append(bytes(flipped))
    refused = 0
    for variant in damaged:
        path.write_bytes(variant)
        try:
            assert NoisyLabels.load(path) == NOISY
        except ValueError as error:
            assert "damaged.npz" in str(error)  # noqa: PT017 - reading it right is as good
            refused += 1
    assert refused > len(damaged) / 2


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NoisyLabels.load(tmp_path / "nothing.npz")


def test_the_report_states_rates_and_classes(capsys: pytest.CaptureFixture[str]) -> None:
    NOISY.report()
    said = capsys.readouterr().out
    assert "nominal rate 0.4000, realised rate 0.2000 (20 mislabelled)" in said
    assert "0 (4)" in said
    assert len(said.splitlines()) == 7 + 10


def test_the_report_says_which_classes_are_never_given(capsys: pytest.CaptureFixture[str]) -> None:
    asymmetric([0, 1] * 5, 1, {0: 1}).report()
    assert "classes never given: 0" in capsys.readouterr().out


def test_the_report_says_which_classes_are_given_though_no_sample_has_them(capsys: pytest.CaptureFixture[str]) -> None:
    noisy = symmetric([1, 2] * 50, 0.5, 3, class_names=("N/A", "a", "b"))
    noisy.report()
    count = int((noisy.given == 0).sum())
    assert count
    assert f"classes that no sample has, given to {count}: N/A" in capsys.readouterr().out
    assert diagnose(noisy).only_given == (0,)
    assert diagnose(NOISY).only_given == ()


def test_realised_transition_has_rows_that_sum_to_one_and_nan_for_absent_classes() -> None:
    realised = symmetric([0, 0, 2, 2], 0.5, 3).realised_transition()
    assert np.isnan(realised[1]).all()
    assert np.nansum(realised, axis=1).tolist() == [1, 0, 1]


def test_importing_the_corruption_utilities_imports_neither_torch_nor_pandas() -> None:
    code = "import sys, noisylab.corruption; print([m for m in ('torch', 'pandas', 'scipy', 'sklearn') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_missing_folder_is_named_and_not_the_temporary_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder: '.*nowhere'$"):
        NOISY.save(tmp_path / "nowhere" / "x.npz")


@pytest.mark.parametrize("content", [b"", b"not an archive", None])
def test_a_cut_file_is_said_to_be_cut_or_something_else(tmp_path: Path, content: bytes | None) -> None:
    NOISY.save(tmp_path / "x.npz")
    whole = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(ValueError, match=r"it is truncated, or not a \.npz file"):
        NoisyLabels.load(tmp_path / "x.npz")


def test_a_record_is_a_table_of_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    noisy = dataclasses.replace(from_pair(["b", "a"], ["a", "a"]), positions=np.array([4, 7]))
    table = noisy.to_frame()
    assert table.reset_index().to_dict("list") == {
        "index": [4, 7],
        "true": [1, 0],
        "given": [0, 0],
        "mislabelled": [True, False],
        "true_name": ["b", "a"],
        "given_name": ["a", "a"],
    }
    assert list(from_pair([0, 1], [1, 1]).to_frame()) == ["true", "given", "mislabelled"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueError, match="pip install pandas"):
        noisy.to_frame()
