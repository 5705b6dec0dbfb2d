"""Numbers that look like labels: folders 0 to 11, classes "1" to "10", mappings by name, and what names classes."""

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas
import pytest
from helpers_cli import noisylab
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from noisylab.corruption import (
    NoisyLabels,
    asymmetric,
    block,
    compose,
    empirical,
    from_file,
    from_transition,
    margin,
    preset,
    restrict,
    subclass,
    symmetric,
)
from noisylab.corruption.class_maps import MAPPINGS
from noisylab.corruption.class_numbers import class_order, number_class
from noisylab.corruption.diagnostics import describe_record
from noisylab.corruption.validation import check_classes
from noisylab.data import ImageData, from_datasets, load_data
from noisylab.plotting.corruption import corruption_figure, examples_figure

TWELVE = tuple(map(str, range(12)))
ONE_BASED = [str(1 + at % 12) for at in range(240)]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Class folders 0 to 11; every image is as grey as its folder's number says."""
    for part in ("train", "test"):
        for name in TWELVE:
            (tmp_path / "set" / part / name).mkdir(parents=True)
            for number in range(5):
                Image.new("L", (4, 4), 10 * int(name)).save(tmp_path / "set" / part / name / f"{number}.png")
    return tmp_path / "set"


def load(folder: Path) -> ImageData:
    return load_data(f"folder:{folder}")


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "9", "2"], ("2", "9", "10")),
        (["010", "002", "9"], ("002", "9", "010")),
        (["1.5", "10", "1", "-3"], ("-3", "1", "1.5", "10")),
        (["10", "9", "cat"], ("10", "9", "cat")),
        (["v10", "v9"], ("v10", "v9")),
        (["²", "1"], ("1", "²")),
        (["1e3", "9"], ("1e3", "9")),
    ],
)
def test_names_are_ordered_by_number_if_all_are_numbers(names: list[str], ordered: tuple[str, ...]) -> None:
    assert class_order(names) == ordered
    assert class_order(reversed(names)) == ordered


@pytest.mark.parametrize("names", [["007", "7"], ["-0", "0"], ["1.0", "1"]])
def test_one_number_in_two_spellings_is_refused(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="are one number in two spellings"):
        symmetric(names * 5, 0.4)
    for name in names:
        (tmp_path / "train" / name).mkdir(parents=True)
    (tmp_path / "test").mkdir()
    with pytest.raises(ValueError, match="are one number in two spellings"):
        load(tmp_path)


def test_class_folders_with_numbers_are_ordered_by_number(folders: Path) -> None:
    data = load(folders)
    assert data.class_names == TWELVE
    assert (data.train_images[:, 0, 0, 0] // 10 == data.train_labels).all()
    assert (data.test_images[:, 0, 0, 0] // 10 == data.test_labels).all()


def test_a_mapping_of_folders_flips_the_folders_that_it_names(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = load(folders)
    for mapping in ({10: 11}, {"10": "11"}, {10: "11"}):
        noisy = asymmetric(data.train_labels, 1, mapping, class_names=data.class_names)  # type: ignore[arg-type,call-arg]
        grey = data.train_images[:, 0, 0, 0] // 10
        assert set(grey[noisy.mislabelled].tolist()) == {10}
        assert set(noisy.given[noisy.mislabelled].tolist()) == {11}
    answer = noisylab(capsys, "corrupt", "--data", f"folder:{folders}", "--noise", "asymmetric(rate=1, mapping={'10': '11'})")
    assert answer.status == 0
    assert "asymmetric (mapping={'10': '11'}" in answer.out
    assert "        10        5  1.0000  11 (5)" in answer.out


def test_given_labels_in_image_folders_order_are_recognised(folders: Path, tmp_path: Path) -> None:
    data = load(folders)
    as_text = sorted(TWELVE)
    true = [as_text.index(data.class_names[each]) for each in data.train_labels]
    given = [0, *true[1:]]
    path = tmp_path / "given.json"
    path.write_text(json.dumps(given))
    inputs: dict[str, Any] = {"num_classes": 12, "class_names": TWELVE}
    with pytest.raises(
        ValueError, match=r"has rate 0\.8333, and 0\.0000 if its numbers are those of torchvision's ImageFolder"
    ):
        from_file(data.train_labels, path, **inputs)
    path.write_text(json.dumps([as_text[each] for each in given]))
    assert from_file(data.train_labels, path, rate=0, **inputs).rate == 0
    path.write_text(json.dumps(data.train_labels.tolist()))
    assert from_file(data.train_labels, path, rate=0, **inputs).rate == 0


AMBIGUOUS: list[Any] = [
    lambda: asymmetric(ONE_BASED, 0.4, {1: 2}),
    lambda: asymmetric(ONE_BASED, 0.4, {"1": 2}),  # type: ignore[arg-type]
    lambda: asymmetric(ONE_BASED, 0.4, {0: 3}),
    lambda: restrict("symmetric:0.4", (np.int64(3),), ONE_BASED),  # type: ignore[arg-type]
    lambda: restrict(symmetric(ONE_BASED, 0.4), [12]),  # type: ignore[arg-type]
    lambda: compose("asymmetric(rate=0.4, mapping={1: 2})", "symmetric:0.1", ONE_BASED),
    lambda: block(ONE_BASED, 0.4, dict.fromkeys(range(12), 0)),  # type: ignore[arg-type]
    lambda: asymmetric(["1", "2", "cat"] * 9, 0.4, {1: 0}),
    lambda: asymmetric(["-1", "1"] * 9, 0.4, {1: 0}),
]


@pytest.mark.parametrize("make", AMBIGUOUS)
def test_a_number_that_may_be_another_class_s_name_is_refused(make: Any) -> None:
    with pytest.raises(
        ValueError, match=r"class \d+ may be a name or a number, since the classes are .*; give classes as text"
    ):
        make()


def test_the_refusal_says_how_to_write_either_reading() -> None:
    with pytest.raises(ValueError, match=r"'3' for the class of that name, or '4' for class number 3$"):
        asymmetric(ONE_BASED, 0.4, {3: 5})
    with pytest.raises(ValueError, match=r"as text: '1' for class number 0$"):
        asymmetric(ONE_BASED, 0.4, {0: 5})


def test_numbers_are_numbers_of_classes_if_names_agree_or_are_no_numbers() -> None:
    by_name = asymmetric(["cat", "dog", "fox"] * 9, 0.4, {"cat": "fox"})
    assert asymmetric(["cat", "dog", "fox"] * 9, 0.4, {0: 2}) == by_name
    padded = [f"{at % 12:02}" for at in range(120)]
    assert asymmetric(padded, 0.4, {1: 2}) == asymmetric(padded, 0.4, {"01": "02"})
    assert symmetric(padded, 0.4).class_names == tuple(f"{at:02}" for at in range(12))


@given(start=st.integers(0, 3), step=st.integers(1, 3), key=st.integers(0, 12), value=st.integers(0, 12))
def test_a_mapping_by_number_flips_what_both_readings_say_or_is_refused(start: int, step: int, key: int, value: int) -> None:
    classes = [start + step * at for at in range(6)]
    texts = list(map(str, classes)) * 4
    try:
        noisy = asymmetric(texts, 1, {key: value})
    except ValueError:
        return
    assert noisy.class_names is not None
    flips = {(noisy.class_names[t], noisy.class_names[g]) for t, g in zip(noisy.true, noisy.given, strict=True) if t != g}
    assert flips == {(str(key), str(value))}
    assert classes.index(key) == key


def test_numbers_in_a_label_file_are_read_as_names_or_as_numbers_of_classes_but_never_as_either(tmp_path: Path) -> None:
    path = tmp_path / "given.json"
    names = tuple(map(str, range(1, 6)))
    true = np.arange(50) % 5
    inputs: dict[str, Any] = {"num_classes": 5, "class_names": names, "rate": 0}
    for labels in (true, true + 1):
        path.write_text(json.dumps(labels.tolist()))
        assert from_file(true, path, **inputs).rate == 0
    path.write_text(json.dumps(np.maximum(true, 1).tolist()))
    with pytest.raises(
        ValueError, match=r"may be names of classes \(1, 2, 3, 4, 5\) or their numbers \(0 to 4\); give names as"
    ):
        from_file(true, path, **inputs)


def test_an_image_folder_in_text_order_takes_no_numbers() -> None:
    class Rows(list[Any]):
        classes = sorted(TWELVE)

    rows = Rows((np.zeros((4, 4), np.uint8), at % 12) for at in range(24))
    data = from_datasets(rows, rows)
    assert data.class_names == tuple(sorted(TWELVE))
    inputs = {"class_names": data.class_names}
    with pytest.raises(ValueError, match="class 10 may be a name or a number"):
        asymmetric(data.train_labels, 1, {10: 11}, **inputs)  # type: ignore[arg-type]
    noisy = asymmetric(data.train_labels, 1, {"10": "11"}, **inputs)  # type: ignore[arg-type]
    assert set(noisy.true[noisy.mislabelled]) == {2}
    assert set(noisy.given[noisy.mislabelled]) == {3}


def test_a_name_that_two_classes_share_is_refused() -> None:
    with pytest.raises(ValueError, match="'crane' is the name of several classes, 0 and 2; give the number"):
        asymmetric([0, 1, 2] * 5, 0.4, {"crane": "cat"}, class_names=("crane", "cat", "crane"))  # type: ignore[call-arg]


def test_a_class_that_is_given_twice_or_sent_to_itself_is_refused() -> None:
    pets = ["cat", "dog", "fox"] * 5
    with pytest.raises(ValueError, match="mapping must name each class once, got 'cat', 0"):
        asymmetric(pets, 0.4, {"cat": "dog", 0: "fox"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="mapping must send each class to another one, got 'dog' -> 1"):
        asymmetric(pets, 0.4, {"dog": 1})  # type: ignore[arg-type]


def test_advice_lists_digits_by_number_and_shortens_long_lists() -> None:
    many = tuple(map(str, range(200)))
    with pytest.raises(ValueError, match=r"the classes are 0, 1, 2, 3, 4, 5, 6, 7, \.\.\., 199 \(200 classes\)$"):
        number_class("lion", many)
    with pytest.raises(ValueError, match=r"similar: tiger_cat"):
        number_class("tigercat", (*map(str, range(20)), "tiger_cat"))
    with pytest.raises(ValueError, match="'1' is not a class; the classes are cat, dog; class number 1 is 1 without quotes"):
        number_class("1", ("cat", "dog"))


def test_groups_tables_and_fine_classes_take_names() -> None:
    pets = ["cat", "dog", "car"] * 10
    made = block(pets, 1, {"cat": "animal", "dog": "animal", "car": "thing"})
    assert np.array_equal(made.given, block([1, 2, 0] * 10, 1, [1, 0, 0]).given)
    assert "groups={'car': 1, 'cat': 0, 'dog': 0}" in describe_record(made)
    with pytest.raises(ValueError, match="groups must name the group of every class, got none for 'car'"):
        block(pets, 1, {"cat": "animal", "dog": "animal"})
    order = ["dog", "cat", "car"]
    matrix = pandas.DataFrame([[0, 1, 0], [0, 0, 1], [0, 0, 1]], index=order, columns=order)
    moved = from_transition(pets, matrix)
    assert moved.class_names == ("car", "cat", "dog")
    assert from_transition(pandas.Series(pets), matrix) == moved
    grouped = block(pandas.Series(pets), 1, pandas.Series({"dog": 7, "car": 1, "cat": 7}))  # type: ignore[arg-type]
    assert np.array_equal(grouped.given, made.given)
    assert [moved.class_names[each] for each in moved.given[:3]] == ["car", "cat", "car"]
    assert np.array_equal(from_transition(pets, matrix.to_numpy()).transition, matrix.to_numpy())
    with pytest.raises(ValueError, match="'lion' is not a class"):
        from_transition(pets, matrix.rename(index={"car": "lion"}))
    with pytest.raises(ValueError, match="the columns of matrix must be the classes car, cat, dog, got dog, cat, cat"):
        from_transition(pets, matrix.rename(columns={"car": "cat"}))
    sure = pandas.DataFrame([[0.6, 0.4, 0]] * 30, columns=["cat", "dog", "car"])
    near = margin(pets, 0.2, sure)
    assert set(near.given[near.mislabelled & (near.true == 1)]) <= {2}
    assert subclass([0, 0, 1, 1] * 10, 0.5, ["10", "9", "b", "a"] * 10).rate == 0.5


def test_a_record_with_its_classes_in_another_order_is_no_source(tmp_path: Path) -> None:
    pets = ["cat", "dog", "car"] * 10
    other = symmetric([0, 1, 2] * 10, 0.4, class_names=("dog", "cat", "car"))  # type: ignore[call-arg]
    other.save(tmp_path / "other.npz")
    for source in (other, tmp_path / "other.npz"):
        with pytest.raises(
            ValueError, match="the record has its classes in the order dog, cat, car, and the labels in the order"
        ):
            empirical(pets, source)
    assert empirical(pets, symmetric(pets, 0.4)).class_names == ("car", "cat", "dog")


FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def test_a_named_map_follows_its_classes_into_another_order() -> None:
    numbers = np.arange(200) % 10
    by_name = asymmetric([FASHION[each] for each in numbers], 1, "fashion_mnist_war")
    pairs = MAPPINGS["fashion_mnist_war"][1]
    assert by_name.class_names == tuple(sorted(FASHION))
    assert [by_name.class_names[each] for each in by_name.given] == [
        FASHION[pairs.get(each, each)] for each in numbers.tolist()
    ]
    folders = tuple(sorted(name.replace(" ", "_").replace("/", "_") for name in FASHION))
    again = asymmetric(by_name.true, 1, "fashion_mnist_war", class_names=folders)  # type: ignore[call-arg]
    assert np.array_equal(again.given, by_name.given)
    as_published = asymmetric(numbers, 0.4, "fashion_mnist_war", class_names=FASHION)  # type: ignore[call-arg]
    assert np.array_equal(as_published.given, asymmetric(numbers, 0.4, "fashion_mnist_war").given)
    turned: tuple[str, ...] = ("truck", "ship", "horse", "frog", "dog", "deer", "cat", "bird", "automobile", "airplane")
    made: NoisyLabels = preset(numbers, 0.4, "sce", form="asymmetric", class_names=turned)  # type: ignore[call-arg]
    flips = {(turned[t], turned[g]) for t, g in zip(made.true, made.given, strict=True) if t != g}
    usual = {("truck", "automobile"), ("bird", "airplane"), ("cat", "dog"), ("dog", "cat"), ("deer", "horse")}
    assert flips == usual


def test_the_report_names_every_class() -> None:
    pets = ["cat", "dog", "fox"] * 10
    text = describe_record(asymmetric(pets, 1, {"cat": "dog"}))
    assert "mapping={'cat': 'dog'}" in text
    assert "classes never given: cat" in text
    assert "       cat       10  1.0000  dog (10)" in text
    nested = describe_record(compose("asymmetric(rate=0.4, mapping={'cat': 'dog'})", "symmetric:0.1", pets))
    assert "'mapping': {'cat': 'dog'}" in nested
    assert "classes=['dog', 'fox']" in describe_record(restrict(symmetric(pets, 0.4), ["fox", "dog"]))
    assert "mapping={'0': 1}" in describe_record(asymmetric([0, 1, 2] * 10, 0.4, {0: 1}))


def test_figures_of_a_corruption_and_their_tables_name_classes() -> None:
    noisy = asymmetric(ONE_BASED, 0.4, {"10": "11"})
    drawn = corruption_figure(noisy)
    heatmap = drawn.figure.axes[0]
    assert [label.get_text() for label in heatmap.get_yticklabels()] == list(map(str, range(1, 13)))
    cell = drawn.numbers.query("true_name == '10' and given_name == '11'")
    assert cell["asked_for"].tolist() == [0.4]
    assert cell["true"].tolist() == [9]
    many = symmetric([str(1 + at % 30) for at in range(300)], 0.4)
    axis = corruption_figure(many).figure.axes[0].xaxis
    assert axis.get_major_formatter()(4, None) == "5"
    shown = examples_figure(noisy, np.zeros((240, 1, 4, 4), np.uint8)).numbers
    assert (set(shown["true_name"]), set(shown["given_name"])) == ({"10"}, {"11"})
    assert "true_name" not in corruption_figure(symmetric([0, 1] * 9, 0.4)).numbers
    plt.close("all")


def test_chosen_classes_are_still_checked_against_their_number() -> None:
    with pytest.raises(ValueError, match="the 3 classes 0 to 2: 5 is not a class"):
        check_classes([5], 3)
