"""Who a sample is: what a label file, or the index of a Series, says about it is followed, or refused with the way out."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers_cli import noisylab

from noisylab.analysis import confusion, detection, flips, nll
from noisylab.analysis.statistics import paired_difference
from noisylab.corruption import (
    NoisyLabels,
    confident_joint,
    empirical_transition,
    from_file,
    from_pair,
    instance,
    long_tailed,
    read_labels,
    symmetric,
)

Capture = pytest.CaptureFixture[str]

TRUE = np.arange(40) % 4
GIVEN = symmetric(TRUE, 0.3, seed=1).given
# Of each class the same numbers, as in many data sets, so that the folder is needed.
NAMES = np.array([f"{'abcd'[label]}/{at // 4:03d}.png" for at, label in enumerate(TRUE)])
SHUFFLED = np.random.default_rng(0).permutation(40)


def table(path: Path, ids: Any, order: Any = SHUFFLED, column: str = "index", **more: Any) -> Path:
    """A file of pandas with an id for each row."""
    frame = pd.DataFrame({column: np.asarray(ids)[order], "given": GIVEN[order], **{k: v[order] for k, v in more.items()}})
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("column", ["index", "id", "idx", "Sample_ID", "Unnamed: 0", "nr"])
def test_rows_in_another_order_are_joined_by_their_numbers_or_asked_about(tmp_path: Path, column: str) -> None:
    path = table(tmp_path / "x.csv", np.arange(40), column=column)
    assert np.array_equal(read_labels(path), GIVEN)
    assert np.array_equal(from_file(TRUE, path).given, GIVEN)
    with pytest.raises(ValueError, match="as labels in another order would"):
        from_file(TRUE, path, by="position")
    assert np.array_equal(read_labels(path, by="position"), GIVEN[SHUFFLED])
    assert np.array_equal(from_file(TRUE, path, by=column).given, GIVEN)


def test_the_index_that_pandas_writes_is_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"given": GIVEN, "true": TRUE}).iloc[SHUFFLED]
    frame.to_csv(tmp_path / "x.csv")
    frame.to_json(tmp_path / "x.json")
    assert (tmp_path / "x.csv").read_text().startswith(",given,true\n")
    for name in ("x.csv", "x.json"):
        assert np.array_equal(from_file(TRUE, tmp_path / name).given, GIVEN)


def test_a_saved_table_of_a_record_is_joined_again(tmp_path: Path) -> None:
    noisy = symmetric(TRUE, 0.3, seed=1)
    noisy.to_frame().sample(frac=1, random_state=0).to_csv(tmp_path / "x.csv")
    assert np.array_equal(from_file(TRUE, tmp_path / "x.csv").given, noisy.given)


@pytest.mark.parametrize(
    "held",
    [
        lambda: {str(at): int(GIVEN[at]) for at in SHUFFLED},
        lambda: [{"id": int(at), "label": int(GIVEN[at])} for at in SHUFFLED],
        lambda: {"index": SHUFFLED.tolist(), "given": GIVEN[SHUFFLED].tolist()},
        lambda: {NAMES[at]: int(GIVEN[at]) for at in SHUFFLED},
        lambda: [[f"/data/train/{NAMES[at]}", int(GIVEN[at])] for at in SHUFFLED],
    ],
)
def test_ids_in_json_are_followed(tmp_path: Path, held: Callable[[], Any]) -> None:
    (tmp_path / "x.json").write_text(json.dumps(held()))
    assert np.array_equal(from_file(TRUE, tmp_path / "x.json", sample_names=NAMES).given, GIVEN)


def test_lists_of_paths_and_labels_are_followed(tmp_path: Path) -> None:
    """As Clothing1M has them; the data set knows its files."""
    (tmp_path / "noisy_label_kv.txt").write_text("".join(f"images/{NAMES[at]} {GIVEN[at]}\n" for at in SHUFFLED))
    (tmp_path / "annotations.csv").write_text("".join(f"{NAMES[at]}, {GIVEN[at]}\n" for at in SHUFFLED))
    for name in ("noisy_label_kv.txt", "annotations.csv"):
        assert np.array_equal(from_file(TRUE, tmp_path / name, sample_names=NAMES).given, GIVEN)
        with pytest.raises(ValueError, match=r"names of the samples are not known: pass sample_names=.*or by='position'"):
            from_file(TRUE, tmp_path / name)


@pytest.mark.parametrize("change", [str, lambda n: f"./{n}", lambda n: f"train/{n}", lambda n: n.replace("/", "\\")])
def test_file_names_are_joined_by_as_much_of_the_path_as_both_have(tmp_path: Path, change: Callable[[str], str]) -> None:
    path = table(tmp_path / "x.csv", [change(name) for name in NAMES], column="filename")
    assert np.array_equal(from_file(TRUE, path, sample_names=NAMES).given, GIVEN)
    assert np.array_equal(read_labels(path, sample_names=NAMES), GIVEN)


def test_names_without_folders_are_joined_only_if_they_are_unique(tmp_path: Path) -> None:
    unique = np.array([f"{'abcd'[label]}/img_{at}.png" for at, label in enumerate(TRUE)])
    short = table(tmp_path / "short.csv", [name[2:] for name in unique], column="image")
    stems = table(tmp_path / "stems.csv", [name[2:-4] for name in unique], column="id")
    for path in (short, stems):
        assert np.array_equal(from_file(TRUE, path, sample_names=unique).given, GIVEN)
    for path, names in ((short, np.array([f"{name[0]}/img_0.png" for name in unique])), (short, NAMES)):
        with pytest.raises(ValueError, match=r"short\.csv"):
            from_file(TRUE, path, sample_names=names)
    repeated = table(tmp_path / "repeated.csv", [name[2:] for name in NAMES], column="image")
    with pytest.raises(ValueError, match=r"has '\d+.png' twice, in line \d+ and line \d+"):
        from_file(TRUE, repeated, sample_names=NAMES)


def test_a_file_of_the_same_name_in_another_folder_is_not_taken_for_a_missing_one(tmp_path: Path) -> None:
    names = NAMES.astype(object)
    names[5] = "old/unlike.png"
    path = table(tmp_path / "x.csv", names, column="filename")
    mine = NAMES.astype(object)
    mine[5] = "b/unlike.png"
    with pytest.raises(ValueError, match=r"has no row for the sample 'b/unlike\.png'"):
        from_file(TRUE, path, sample_names=mine)


def test_names_say_more_than_the_numbers_of_the_rows(tmp_path: Path) -> None:
    """A table of a folder's listing has rows from 0, and they are not in the order of the samples."""
    frame = pd.DataFrame({"filename": NAMES[SHUFFLED], "given": GIVEN[SHUFFLED]})
    frame.to_csv(tmp_path / "x.csv")
    assert np.array_equal(from_file(TRUE, tmp_path / "x.csv", sample_names=NAMES).given, GIVEN)
    with pytest.raises(ValueError, match="column 'filename' says which sample a row is"):
        from_file(TRUE, tmp_path / "x.csv")


def test_numbers_that_may_be_names_of_files_are_asked_about(tmp_path: Path) -> None:
    """Files 0.png to 39.png are in the order of texts: 0, 1, 10, 11."""
    order = np.array(sorted(range(40), key=str))
    names = np.array([f"{at}.png" for at in order])
    path = table(tmp_path / "x.csv", np.arange(40), np.arange(40), column="id")
    with pytest.raises(ValueError, match="may hold positions or names of files; call it 'index' or 'filename'"):
        from_file(TRUE[order], path, sample_names=names)
    named = table(tmp_path / "y.csv", np.arange(40), np.arange(40), column="filename")
    assert np.array_equal(from_file(TRUE[order], named, sample_names=names).given, GIVEN[order])


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (np.arange(40) + 1, "counts from 1 (1 in line 2), and samples are counted from 0: subtract 1; or by='position' if its"),
        (np.where(np.arange(40) == 7, 8, np.arange(40)), "has 8 twice, in line 9 and line 10; keep one row for each sample"),
        (np.where(np.arange(40) == 7, 99, np.arange(40)), "has no row for sample 7"),
        (np.arange(40) + 100, "has no row for sample 0"),
        (np.arange(40) + 0.5, "the names of the samples are not known"),
    ],
)
def test_ids_that_are_not_those_of_the_samples_are_refused(tmp_path: Path, ids: Any, said: str) -> None:
    path = table(tmp_path / "x.csv", ids, np.arange(40), column="id")
    for call in (lambda: from_file(TRUE, path), lambda: read_labels(path)):
        with pytest.raises(ValueError, match="its column 'id'") as caught:
            call()
        assert said.replace("(1 ", "('1' ").replace("has 8", "has '8'") in str(caught.value)
    assert np.array_equal(from_file(TRUE, path, by="position").given, GIVEN)


def test_rows_of_no_sample_are_refused_unless_the_column_of_names_is_said(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", NAMES, column="filename")
    path.write_text(path.read_text() + "test/1.png,3\n")
    with pytest.raises(
        ValueError, match=r"has 'test/1\.png' in line 42, which is no sample of the data; by='filename' takes"
    ) as got:
        from_file(TRUE, path, sample_names=NAMES)
    # There are more rows than samples, so their order says nothing.
    assert "position" not in str(got.value)
    assert np.array_equal(from_file(TRUE, path, sample_names=NAMES, by="filename").given, GIVEN)


def test_a_part_of_the_data_takes_its_own_rows(tmp_path: Path) -> None:
    some = np.array([3, 8, 21, 22, 39])
    whole = table(tmp_path / "whole.csv", np.arange(40))
    named = table(tmp_path / "named.csv", NAMES, column="filename")
    part = table(tmp_path / "part.csv", np.arange(40), some[::-1])
    for path in (whole, part, named):
        noisy = from_file(
            TRUE[some], path, 4, rate=float((GIVEN[some] != TRUE[some]).mean()), positions=some, sample_names=NAMES[some]
        )
        assert np.array_equal(noisy.given, GIVEN[some]), path
    from_one = table(tmp_path / "one.csv", np.arange(40) + 1)
    with pytest.raises(ValueError, match="counts from 1"):
        from_file(TRUE[some], from_one, 4, positions=some)
    with pytest.raises(ValueError, match="counts from 1"):
        from_file(TRUE[some], from_one, 4, positions=some, by="index")


def test_a_long_tail_takes_the_rows_of_the_samples_that_remain(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", np.arange(40))
    noisy = long_tailed(TRUE, 0.5, f"file(path={str(path)!r})", num_classes=4, positions=np.arange(40))
    assert np.array_equal(noisy.given, GIVEN[noisy.positions])


def test_several_columns_of_ids_are_asked_about(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", NAMES, column="image_path", mask_path=np.array([f"mask/{name}" for name in NAMES]))
    with pytest.raises(ValueError, match="choose one: by='image_path', by='mask_path', by='position'"):
        from_file(TRUE, path, sample_names=NAMES)
    assert np.array_equal(from_file(TRUE, path, sample_names=NAMES, by="image_path").given, GIVEN)
    with pytest.raises(ValueError, match="by must be 'position' or one of its columns, got 'file'; it has 'image_path'"):
        from_file(TRUE, path, by="file")


def test_labels_with_an_index_of_their_own_are_not_joined_by_their_place(tmp_path: Path) -> None:
    path = table(tmp_path / "x.csv", np.arange(40))
    true = pd.Series(TRUE).iloc[SHUFFLED]
    with pytest.raises(ValueError, match=r"labels have an index of their own: pass positions=labels\.index"):
        from_file(true, path)
    assert np.array_equal(from_file(true, path, positions=true.index).given, GIVEN[SHUFFLED])


def test_numbers_of_classes_that_are_named_by_numbers_are_not_mixed_up(tmp_path: Path) -> None:
    names = ("1", "2", "3", "4")
    (tmp_path / "x.csv").write_text("label\n" + "".join(f"{label + 1}\n" for label in GIVEN))
    assert np.array_equal(from_file(TRUE, tmp_path / "x.csv", class_names=names).given, GIVEN)
    (tmp_path / "x.csv").write_text("label\n" + "".join(f"{label + 1:03d}\n" for label in GIVEN))
    assert np.array_equal(from_file(TRUE, tmp_path / "x.csv", class_names=("001", "002", "003", "004")).given, GIVEN)
    (tmp_path / "x.csv").write_text("label\n" + "".join(f"{label}\n" for label in GIVEN))
    assert np.array_equal(from_file(TRUE, tmp_path / "x.csv", class_names=names).given, GIVEN)
    (tmp_path / "x.csv").write_text("label\n1\n2\n3\n")
    with pytest.raises(ValueError, match="may be names of classes"):
        from_file([0, 1, 2], tmp_path / "x.csv", class_names=names)


# From the command line.


def test_the_ids_of_a_file_are_written_beside_the_labels_and_join_them(tmp_path: Path, capsys: Capture) -> None:
    path = table(tmp_path / "x.csv", NAMES, column="filename")
    out, again = tmp_path / "given.csv", tmp_path / "noise.npz"
    done = noisylab(capsys, "corrupt", "--labels", path, "--out", out, "--save", again, "--noise", "symmetric:0.3")
    assert done.status == 0, done
    written = pd.read_csv(out)
    assert written.columns.tolist() == ["filename", "given", "true"]
    assert written["filename"].tolist() == NAMES[SHUFFLED].tolist()
    assert np.array_equal(from_file(GIVEN, out, sample_names=NAMES).given[SHUFFLED], NoisyLabels.load(again).given)


def test_a_file_in_another_order_than_its_numbers_makes_a_record_in_their_order(tmp_path: Path, capsys: Capture) -> None:
    path = table(tmp_path / "x.csv", np.arange(40))
    files = ["--out", tmp_path / "given.csv", "--save", tmp_path / "noise.npz"]
    done = noisylab(capsys, "corrupt", "--labels", path, *files)
    assert "samples are in the order of the column 'index', not of the rows" in done.out
    noisy = NoisyLabels.load(tmp_path / "noise.npz")
    assert np.array_equal(noisy.true, GIVEN)
    assert np.array_equal(from_file(GIVEN, tmp_path / "given.csv").given, noisy.given)
    by_row = noisylab(capsys, "corrupt", "--labels", path, *files, "--by", "position")
    assert by_row.status == 0
    assert np.array_equal(NoisyLabels.load(tmp_path / "noise.npz").true, GIVEN[SHUFFLED])


def test_repeated_ids_of_a_file_are_refused(tmp_path: Path, capsys: Capture) -> None:
    path = table(tmp_path / "x.csv", np.arange(40) // 2, column="id")
    done = noisylab(capsys, "corrupt", "--labels", path)
    assert done.refuses("keep one row for each sample, or --by position if that column does not say which sample"), done


def test_labels_of_a_part_of_a_data_set_are_joined_with_it_again(tmp_path: Path, capsys: Capture) -> None:
    part = ["--data", "digits", "--train-size", "200"]
    out = tmp_path / "given.csv"
    assert (
        noisylab(capsys, "corrupt", *part, "--noise", "symmetric:0.3", "--out", out, "--save", tmp_path / "a.npz").status == 0
    )
    pd.read_csv(out).sample(frac=1, random_state=0).to_csv(out, index=False)
    again = noisylab(capsys, "corrupt", *part, "--noise", f"file:{out}", "--save", tmp_path / "b.npz")
    assert again.status == 0, again
    assert np.array_equal(*(NoisyLabels.load(tmp_path / name).given for name in ("a.npz", "b.npz")))
    tail = "long_tailed(factor=0.1, noise='symmetric:0.3')"
    assert noisylab(capsys, "corrupt", *part, "--noise", tail, "--out", out, "--save", tmp_path / "c.npz").status == 0
    positions = NoisyLabels.load(tmp_path / "c.npz").positions
    assert positions is not None
    assert len(pd.read_csv(out)) == len(positions)


# Series of pandas.

IDS = [f"s{at}" for at in range(40)]


def series(values: Any, index: Any = None) -> pd.Series:
    return pd.Series(values, index=IDS if index is None else index)


def other_order(values: Any) -> pd.Series:
    return series(values).iloc[SHUFFLED]


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "from_pair": lambda a, b: from_pair(a, b).given,
    "empirical_transition": empirical_transition,
    "confusion": confusion,
    "detection": lambda a, b: detection(b, a == 1),
    "flips": lambda a, b: flips(np.stack([TRUE, GIVEN]), a, b)["to_given"],
    "paired_difference": lambda a, b: paired_difference(a, b).p,
}


@pytest.mark.parametrize("name", CALLS)
def test_series_of_the_same_samples_are_joined_by_index(name: str) -> None:
    call = CALLS[name]
    np.testing.assert_array_equal(call(series(TRUE), other_order(GIVEN)), call(series(TRUE), series(GIVEN)))


def test_tables_beside_labels_are_joined_by_index() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(4), 40)
    frame = pd.DataFrame(p, index=IDS)
    np.testing.assert_array_equal(confident_joint(series(GIVEN), frame.iloc[SHUFFLED]), confident_joint(GIVEN, p))
    assert nll(frame.iloc[SHUFFLED], series(GIVEN).iloc[SHUFFLED]) == pytest.approx(nll(p, GIVEN))
    moved = instance(series(TRUE), 0.3, frame.iloc[SHUFFLED])
    assert np.array_equal(moved.given, instance(TRUE, 0.3, p).given)


@pytest.mark.parametrize(
    ("true", "given", "said"),
    [
        (
            pd.Series(TRUE).iloc[SHUFFLED],
            pd.Series(GIVEN),
            "have one index in different orders (11, 27, 4, ... and 0, 1, 2, ...); pass given.loc[true.index] to join them by "
            "it, or pass true.to_numpy() and given.to_numpy() if both are in one order",
        ),
        (
            series(TRUE),
            pd.Series(GIVEN),
            "true and given have different indexes ('s0', 's1', 's2', ... and 0, 1, 2, ...); pass",
        ),
        (series(TRUE, [*range(20)] * 2), series(GIVEN, [*range(40)]), "have different indexes"),
        (series(TRUE), series(GIVEN).iloc[:39], "have different indexes"),
    ],
)
def test_indexes_that_do_not_say_how_rows_belong_together_are_refused(true: pd.Series, given: pd.Series, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        from_pair(true, given)


def test_series_beside_arrays_go_by_position_and_one_index_is_no_question() -> None:
    assert np.array_equal(from_pair(pd.Series(TRUE).iloc[SHUFFLED], GIVEN[SHUFFLED]).given, GIVEN[SHUFFLED])
    repeated = [*range(20)] * 2
    assert np.array_equal(from_pair(series(TRUE, repeated), series(GIVEN, repeated)).given, GIVEN)


def test_a_shuffled_series_alone_is_in_the_order_of_its_rows() -> None:
    true = pd.Series(TRUE).iloc[SHUFFLED]
    noisy = symmetric(true, 0.3)
    assert noisy == symmetric(TRUE[SHUFFLED], 0.3)
    # A data set in the order of the index has other labels at most places, which wrapping refuses.
    with pytest.raises(ValueError, match="was it made from this data set, in this order"):
        next(iter(noisy.wrap(list(enumerate(TRUE.tolist())))))
