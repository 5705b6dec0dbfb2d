"""Labels that come from files: aligned, verified, and never executed."""

import hashlib
import io
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisylab.corruption import NoisyLabels, from_file, from_transition, human, margin, read_labels, symmetric
from noisylab.corruption.class_maps import CIFAR100_SUPERCLASS
from noisylab.corruption.kinds.human import FILES, VARIANTS
from noisylab.corruption.pt_file import read_arrays
from noisylab.data.image_data import check_root

OFFICIAL = Path(os.environ.get("NOISYLAB_DATA", "data"))
needs_official = pytest.mark.skipif(
    not all((OFFICIAL / name).is_file() for name in FILES),
    reason="CIFAR-10_human.pt and CIFAR-100_human.pt are not in NOISYLAB_DATA",
)


def write_pt(path: Path, held: Any, protocol: int = 2) -> str:
    """A file as `torch.save` writes it; its MD5."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", held if isinstance(held, bytes) else pickle.dumps(held, protocol))
    path.write_bytes(buffer.getvalue())
    return hashlib.md5(buffer.getvalue()).hexdigest()


@needs_official
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_official_files_have_the_published_rates(variant: Any) -> None:
    noisy = human(variant, root=OFFICIAL)
    assert noisy.rate == pytest.approx(VARIANTS[variant][4], abs=5e-5)
    assert human(variant, noisy.true, root=OFFICIAL) == noisy


def test_coarse_labels_are_those_of_the_data_set_of_coarse_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = np.arange(2000) % 100
    true = CIFAR100_SUPERCLASS[fine]
    given = symmetric(true, 0.264, sampling="exact").given
    md5 = write_pt(tmp_path / "CIFAR-100_human.pt", {"clean_coarse_label": true, "noisy_coarse_label": given})
    monkeypatch.setitem(FILES, "CIFAR-100_human.pt", md5)
    assert np.array_equal(human("cifar100n_coarse", true, root=tmp_path).given, given)
    with pytest.raises(ValueError, match="is it that data set"):
        human("cifar100n_coarse", fine, root=tmp_path)


def test_labels_of_another_rate_than_the_published_one_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true = np.arange(1000) % 10
    given = symmetric(true, 0.402).given
    md5 = write_pt(tmp_path / "CIFAR-10_human.pt", {"clean_label": true, "worse_label": given, "random_label1": given})
    monkeypatch.setitem(FILES, "CIFAR-10_human.pt", md5)
    with pytest.raises(ValueError, match=r"random1 must have the published rate 0\.1723, got 0\.4020 from"):
        human("cifar10n_random1", root=tmp_path)
    # A part of the images has a rate of its own.
    human("cifar10n_random1", root=tmp_path, positions=[0, 1, 2]).report()
    assert "published rate 0.1723, of the whole set" in capsys.readouterr().out
    monkeypatch.setitem(VARIANTS, "cifar10n_worse", (*VARIANTS["cifar10n_worse"][:4], 0.4020))
    assert human("cifar10n_worse", true, root=tmp_path).parameters["published_rate"] == 0.4020


@needs_official
def test_other_true_labels_and_subsets_are_noticed() -> None:
    clean = human("cifar10n_worse", root=OFFICIAL).true
    with pytest.raises(ValueError, match="in torchvision's order; at position 0"):
        human("cifar10n_worse", clean[::-1], root=OFFICIAL)
    with pytest.raises(ValueError, match="got 100"):
        human("cifar10n_worse", clean[:100], root=OFFICIAL)
    some = np.arange(0, 50_000, 7)
    assert np.array_equal(human("cifar10n_worse", clean[some], root=OFFICIAL, positions=some).true, clean[some])


@pytest.mark.parametrize("protocol", [2, 4])
def test_arrays_and_lists_of_integers_are_read_as_torch_would(tmp_path: Path, protocol: int) -> None:
    held = {"a": np.arange(5), "b": [1, 2, 3]}
    arrays = read_arrays(tmp_path / "x.pt", write_pt(tmp_path / "x.pt", held, protocol))
    assert arrays["a"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["b"].tolist() == [1, 2, 3]


class Dangerous:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_a_pickle_that_would_execute_code_is_refused_and_not_executed(tmp_path: Path) -> None:
    path, marker = tmp_path / "x.pt", tmp_path / "executed"
    md5 = write_pt(path, {"a": Dangerous(marker)})
    with pytest.raises(ValueError, match=r"refers to \w+\.mkdir"):
        read_arrays(path, md5)
    assert not marker.exists()


def test_nothing_is_unpickled_where_the_sum_is_wrong(tmp_path: Path) -> None:
    write_pt(tmp_path / "CIFAR-10_human.pt", {"a": Dangerous(tmp_path / "executed")})
    with pytest.raises(ValueError, match="expected 96644db5574813cae939af5f7f2a0aec"):
        human("cifar10n_worse", root=tmp_path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"a": np.array([0.5])}, "must hold integer arrays, got float64"),
        ({"a": np.zeros((2, 2), int)}, r"of shape \(2, 2\)"),
        ([1, 2], "must hold a dict"),
        (b"garbage", "is not a file of plain arrays"),
        (pickle.dumps({"a": np.arange(1000)})[:-50], "is not a file of plain arrays"),
    ],
)
def test_malformed_files_are_said_to_be_so(tmp_path: Path, held: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_arrays(tmp_path / "x.pt", write_pt(tmp_path / "x.pt", held))


def test_missing_files_and_unknown_variants_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cifar100n_fine needs CIFAR-100_human.pt, and there is no file .* --data-root"):
        human("cifar100n_fine", root=tmp_path)
    with pytest.raises(ValueError, match="got 'cifar10n_worst'"):
        human("cifar10n_worst")  # type: ignore[arg-type]


NOISY = symmetric(np.arange(40) % 4, 0.3)


def write_labels(path: Path, labels: list[int]) -> Path:
    if path.suffix == ".json":
        path.write_text(json.dumps(labels))
    elif path.suffix == ".npy":
        np.save(path, np.array(labels))
    else:
        path.write_text("index,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    return path


@pytest.mark.parametrize("name", ["dividemix.json", "labels.npy", "labels.csv"])
def test_label_lists_are_read_and_their_rate_realised(tmp_path: Path, name: str) -> None:
    path = write_labels(tmp_path / name, NOISY.given.tolist())
    noisy = from_file(NOISY.true, str(path), rate=0.3)
    assert np.array_equal(noisy.given, NOISY.given)
    assert noisy.rate == noisy.nominal_rate == 0.3
    some = np.array([3, 5, 7])
    assert np.array_equal(from_file(NOISY.true[some], str(path), 4, rate=0, positions=some).given, NOISY.given[some])


def test_one_column_without_a_header_will_do(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("0\n1\n1\n")
    assert from_file([0, 1, 0], str(tmp_path / "x.csv")).given.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", b"[0, 1", "is not a list of labels"),
        ("x.json", b"[0, 1.5, 1]", "labels must be all integers or all names, got 1.5 in entry 1"),
        ("x.json", b"[0, true, 1]", "labels must be all integers or all names, got True in entry 1"),
        ("x.json", b'{"a": 1}', r"\('a' in entry 0\), and the names of the samples are not known"),
        ("x.json", b"[0, 1]", "one label for each of the 3 samples, got 2"),
        ("x.json", b"[0, 1, 9]", "labels must be below num_classes = 2, got 9 at entry 2"),
        ("x.json", b"[0, -1, 1]", "must not be negative, got -1"),
        ("x.json", b"[1, 0, 0]", "must have rate 0.3, got 1.0000"),
        ("x.csv", b"0\n1.5\n1\n", "is not a list of labels"),
        ("x.csv", b"0,1\n1,1\n1,0\n", "2 columns and no header"),
        ("x.csv", b"a,b\n1,1\n1,0\n", "header must name one of given"),
        ("x.npy", pickle.dumps([0, 1, 1]), "is not a list of labels"),
        ("x.doc", b"0\n1\n1\n", "must end in .json, .npy, "),
    ],
)
def test_malformed_label_files_are_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        from_file([0, 1, 1], str(tmp_path / name), rate=0.3)


def test_floats_in_an_array_file_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="labels must be integers, got float64"):
        from_file([0, 1], str(tmp_path / "x.npy"))
    with pytest.raises(ValueError, match="no file"):
        from_file([0, 1], str(tmp_path / "y.npy"))


def test_a_file_is_held_against_the_true_labels(tmp_path: Path) -> None:
    true = np.arange(500) % 10
    wrong = symmetric(true, 0.3).given
    np.save(tmp_path / "given.npy", wrong)
    place = np.random.default_rng(0).permutation(500)
    path = str(tmp_path / "given.npy")
    assert np.array_equal(from_file(true[place], path, 10, positions=place).given, wrong[place])
    with pytest.raises(ValueError, match="as labels in another order would; give rate="):
        from_file(true[place], path, 10)
    with pytest.raises(ValueError, match="500 rows, which do not hold the positions"):
        from_file(true, path, 10, positions=np.arange(500) + 1)
    rows = "\n".join(f"{t},{g}" for t, g in zip(true, wrong, strict=True))
    (tmp_path / "pair.csv").write_text("true,given\n" + rows)
    assert from_file(true, str(tmp_path / "pair.csv"), 10).rate == pytest.approx(0.3)
    other = true.copy()
    other[7] = 3
    with pytest.raises(ValueError, match="states true label 7 for sample 7 in line 9, which has 3"):
        from_file(other, str(tmp_path / "pair.csv"), 10)


def test_a_saved_record_whose_arrays_were_changed_is_refused(tmp_path: Path) -> None:
    symmetric(np.arange(50) % 5, 0.4).save(tmp_path / "noise.npz")
    with np.load(tmp_path / "noise.npz") as archive:
        arrays = dict(archive)
    for change in ({"given": arrays["given"] + 0.25}, {"true": np.roll(arrays["true"], 1)}):
        np.savez(tmp_path / "other.npz", **(arrays | change))
        with pytest.raises(ValueError, match=r"other\.npz"):
            NoisyLabels.load(tmp_path / "other.npz")


def test_several_columns_that_may_hold_the_labels_are_not_chosen_among(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("index,label,noisy\n0,0,1\n1,1,1\n2,0,0\n")
    with pytest.raises(
        ValueError, match="columns label, noisy may each hold the given labels; choose one, as in column='noisy'"
    ):
        from_file([0, 1, 0], str(path))
    noisy = from_file([0, 1, 0], str(path), column="Noisy")
    assert noisy.given.tolist() == [1, 1, 0]
    assert noisy.parameters["column"] == "Noisy"
    with pytest.raises(ValueError, match="must have one column 'worse', got index, label, noisy"):
        from_file([0, 1, 0], str(path), column="worse")
    path.write_text("index,label,noisy_run2,label_name\n0,0,1,cat\n1,1,1,dog\n2,0,0,cat\n")
    with pytest.raises(ValueError, match="columns label, noisy_run2 may each hold"):
        from_file([0, 1, 0], str(path))


@pytest.mark.parametrize("header", ["given", "given_label", "noisy", "noisy_label", "label", "labels", "target", " Label"])
def test_the_accepted_headers(tmp_path: Path, header: str) -> None:
    (tmp_path / "x.csv").write_text(f"\ufeffid,{header},true_label,name\n0,1,0,cat\n1,1,1,dog\n2,0,0,cat\n")
    assert from_file([0, 1, 0], str(tmp_path / "x.csv")).given.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("name", "content", "column", "said"),
    [
        ("x.csv", "index;label,\n0;1,\n1;1,\n2;0,\n", None, "its columns may be separated by ',' or ';': use only one"),
        ("x.csv", "label\n0\ncat\n1\n", None, "labels must be all integers or all names, got 'cat' in line 3"),
        ("x.csv", "label\ncat\n0.5\n", None, "labels must be all integers or all names, got '0.5' in line 3"),
        (
            "x.csv",
            "species\ncat\ndog\n",
            None,
            "'species' may be a header or a label; write 'label' above it, or column='species'",
        ),
        ("x.csv", "index,label\n0,1\n1\n2,0\n", None, "line 3 has 1 columns, and line 1 has 2"),
        ("x.csv", "a,label\n0,1\n", "b", "must have one column 'b', got a, label"),
        ("x.csv", "0\n1\n1\n", "label", "it has no header, so no column 'label'"),
        ("x.json", "[0, 1, 1]", "label", "it has no header, so no column 'label'"),
    ],
)
def test_what_is_wrong_with_columns_is_said(tmp_path: Path, name: str, content: str, column: str | None, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=said):
        from_file([0, 1, 0], str(tmp_path / name), column=column)


def test_a_file_of_the_true_labels_is_warned_about(tmp_path: Path) -> None:
    path = write_labels(tmp_path / "x.npy", [0, 1, 0])
    with pytest.warns(UserWarning, match=r"x\.npy' gives every sample its true label \(rate 0\)"):
        from_file([0, 1, 0], str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_file([0, 1, 0], str(path), rate=0)


def test_a_matrix_is_read_from_its_file_whose_content_the_record_names(tmp_path: Path) -> None:
    matrix = np.array([[0.6, 0.4], [0.1, 0.9]])
    np.save(tmp_path / "T.npy", matrix)
    np.savetxt(tmp_path / "T.csv", matrix, delimiter=",")
    labels = np.arange(100) % 2
    made = [from_transition(labels, str(tmp_path / name)) for name in ("T.npy", "T.csv")]
    assert all(np.array_equal(noisy.given, from_transition(labels, matrix).given) for noisy in made)
    assert made[0].parameters["matrix_digest"] == made[1].parameters["matrix_digest"]
    assert made[0].parameters["matrix"].endswith("T.npy")
    np.save(tmp_path / "T.npy", np.eye(2))
    assert from_transition(labels, str(tmp_path / "T.npy")).parameters["matrix_digest"] != made[0].parameters["matrix_digest"]
    (tmp_path / "T.csv").write_text("0.6;0.4\n0.1;0.9\n")
    for name, said in (
        ("T.csv", "not rows of numbers separated by commas"),
        ("U.npy", "no file"),
        ("T.txt", "ends in .npy or"),
    ):
        with pytest.raises(ValueError, match=said):
            from_transition(labels, str(tmp_path / name))


def test_a_file_where_a_folder_is_meant_is_named(tmp_path: Path) -> None:
    (tmp_path / "CIFAR-10_human.pt").touch()
    with pytest.raises(ValueError, match=r"root must be the folder of CIFAR-10_human.pt, not a file; write '.*' for"):
        human("cifar10n_worse", root=tmp_path / "CIFAR-10_human.pt")
    with pytest.raises(ValueError, match="is not a folder; name the folder that holds it"):
        check_root(tmp_path / "CIFAR-10_human.pt")


def test_a_posterior_file_of_another_length_is_said_to_be_so(tmp_path: Path) -> None:
    np.save(tmp_path / "eta.npy", np.full((10, 2), 0.5))
    with pytest.raises(ValueError, match=r"eta\.npy' must have a row for every sample of the data set: it has 10 rows"):
        margin(np.arange(12) % 2, 0.1, str(tmp_path / "eta.npy"), positions=np.arange(12))


@pytest.mark.parametrize(
    ("name", "content", "column"),
    [
        ("x.txt", "dog\ncat\neel\n", None),
        ("x.csv", "label\ndog\ncat\neel\n", None),
        ("x.csv", "species\ndog\ncat\neel\n", "species"),
        ("x.csv", "id,given\n0,dog\n1,cat\n2,eel\n", None),
        ("x.json", '["dog", "cat", "eel"]', None),
    ],
)
def test_a_file_may_hold_names(tmp_path: Path, name: str, content: str, column: str | None) -> None:
    (tmp_path / name).write_text(content)
    assert read_labels(tmp_path / name, column).tolist() == ["dog", "cat", "eel"]
    noisy = from_file(["dog", "dog", "eel"], tmp_path / name, column=column, class_names=("cat", "dog", "eel"))
    assert (noisy.given.tolist(), noisy.true.tolist(), noisy.class_names) == ([1, 0, 2], [1, 1, 2], ("cat", "dog", "eel"))
    with pytest.raises(ValueError, match="classes can be named only if their names are known, got 'cat'"):
        from_file([1, 0, 2], tmp_path / name, column=column)


def test_truth_values_in_a_file_are_names(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[true, false]")
    assert read_labels(tmp_path / "x.json").tolist() == ["True", "False"]
