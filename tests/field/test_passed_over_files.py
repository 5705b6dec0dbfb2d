"""Files beside the images: taken or passed over by one rule, and the loader says how many."""

import logging
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisylab.data import load_data
from noisylab.data.image_data import ImageData
from noisylab.data.sets.tiny_imagenet import tiny_imagenet


def load(folder: Path, options: str = "") -> ImageData:
    return load_data(f"folder(path={str(folder)!r}{options})")


def picture(path: Path, value: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3
    pixels[0, 0] = value
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            picture(tmp_path / "set" / part / name / "0.png")
    return tmp_path / "set"


def silently(folder: Path) -> ImageData:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load(folder)


def test_a_linked_subfolder_is_read_as_torchvision_reads_it(folder: Path, tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    for number in range(5):
        picture(tmp_path / "elsewhere" / "deep" / f"{number}.png", number)
    (folder / "train" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    data = silently(folder)
    assert data.train_labels.tolist() == [0] * 6 + [1]
    assert len(ImageFolder(str(folder / "train"))) == 7
    assert data.train_names is not None
    assert data.train_names.tolist() == ["cat/0.png", *(f"cat/more/deep/{n}.png" for n in range(5)), "dog/0.png"]
    assert data.train_images[1:6, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    streamed = load(folder, ", size=8, stream=True")
    assert np.array_equal(streamed.train_images[:], data.train_images[:])


def test_a_linked_class_folder_and_linked_files_are_taken(folder: Path, tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "a.png")
    (folder / "train" / "eel").symlink_to(tmp_path / "elsewhere")
    (folder / "train" / "dog" / "b.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    data = silently(folder)
    assert data.class_names == ("cat", "dog", "eel")
    assert data.train_labels.tolist() == [0, 1, 1, 2]


@pytest.mark.parametrize("target", ["cat", "cat/..", "../train", "../..", "dog"])
def test_links_in_circles_end_and_are_said(folder: Path, target: str) -> None:
    (folder / "train" / "cat" / "again").symlink_to(folder / "train" / target)
    (folder / "train" / "dog" / "back").symlink_to(folder / "train" / "cat")
    with pytest.warns(UserWarning, match=r"passed over: \d links? in a circle; see '.*(again|back)'"):
        data = load(folder)
    names = data.train_names
    assert names is not None
    assert len(set(names.tolist())) == len(names) <= 5


def test_a_link_to_itself_and_links_to_nothing_are_said(folder: Path) -> None:
    (folder / "train" / "cat" / "loop.png").symlink_to("loop.png")
    (folder / "train" / "cat" / "gone.png").symlink_to("/nowhere/gone.png")
    (folder / "train" / "eel").symlink_to("/nowhere")
    with pytest.warns(UserWarning, match=r"holds 4 images; passed over: 3 broken links; see '.*/cat/gone.png'") as told:
        assert load(folder).class_names == ("cat", "dog")
    assert len(told) == 1


def test_what_usually_lies_beside_images_is_counted_in_the_log_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cat = folder / "train" / "cat"
    for name in (".hidden.png", "._0.png", ".DS_Store"):
        (cat / name).write_bytes(b"x")
    (cat / "Thumbs.db").write_bytes(b"x")
    picture(folder / "train" / "__MACOSX" / "cat" / "._0.png")
    picture(cat / ".ipynb_checkpoints" / "0.png")
    with caplog.at_level(logging.INFO):
        data = silently(folder)
    assert (data.class_names, len(data.train_labels)) == (("cat", "dog"), 2)
    (said,) = caplog.messages
    assert said.endswith("holds 4 images; passed over: 6 hidden")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cat/0.heic", "1 .heic; see '.*/cat/0.heic'"),
        ("cat/0", "1 without an extension; see '.*/cat/0'"),
        ("cat/0.npy", "1 .npy; see"),
        ("stray.png", "1 image outside of class folders; see '.*/stray.png'"),
    ],
)
def test_what_could_be_images_is_warned_of(folder: Path, name: str, said: str) -> None:
    (folder / "train" / name).write_bytes(b"x")
    with pytest.warns(UserWarning, match=f"data set folder: '.*' holds 4 images; passed over: {said}"):
        load(folder)


def test_more_files_passed_over_than_taken_are_warned_of(folder: Path) -> None:
    for number in range(5):
        (folder / "train" / "cat" / f"{number}.txt").write_text("x")
    with pytest.warns(UserWarning, match=r"holds 4 images; passed over: 5 \.txt"):
        load(folder)


def test_extensions_in_capitals_are_taken(folder: Path) -> None:
    (folder / "train" / "cat" / "0.png").rename(folder / "train" / "cat" / "0.PNG")
    assert len(silently(folder).train_labels) == 2


@pytest.mark.parametrize("options", ["", ", size=8, stream=True"])
def test_an_empty_file_is_refused_before_training(folder: Path, options: str) -> None:
    (folder / "train" / "dog" / "1.jpg").touch()
    with pytest.raises(ValueError, match=r"dog/1.jpg' is empty \(0 bytes\); delete it or copy it again"):
        load(folder, options)


def test_names_that_are_no_text_are_read_back_from_files(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    try:
        picture(folder / "train" / "cat" / name, 9)
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    streamed = load(folder, ", size=8, stream=True")
    assert np.array_equal(streamed.train_images[:], load(folder).train_images)


def test_tiny_imagenet_has_the_same_rule(tmp_path: Path) -> None:
    root = tmp_path / "tiny-imagenet-200"
    for wnid in ("n01", "n02"):
        for part in ("train", "val"):
            (root / part / wnid / "images").mkdir(parents=True)
            Image.new("RGB", (64, 64), "red").save(root / part / wnid / "images" / "0.JPEG")
    (root / "wnids.txt").write_text("n01\nn02\n")
    (root / "train" / "n01" / "images" / "._0.JPEG").write_bytes(b"x")
    (root / "train" / "n01" / "images" / ".ipynb_checkpoints").mkdir()
    Image.new("RGB", (64, 64)).save(root / "train" / "n01" / "images" / ".ipynb_checkpoints" / "0.JPEG")
    (root / "train" / "n02" / "images" / "1.JPEG").symlink_to("/nowhere/1.JPEG")
    with pytest.warns(UserWarning, match=r"tiny_imagenet: '.*' holds 4 images; passed over: 1 broken link, 2 hidden"):
        data = tiny_imagenet(root=tmp_path)
    assert data.train_names is not None
    assert data.train_names.tolist() == ["n01/images/0.JPEG", "n02/images/0.JPEG"]


def test_a_local_folder_read_by_datasets_has_names_below_the_class_folders(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="datasets is not installed (extra: hf)")
    (folder / "val").rename(folder / "test")
    data = load_data(f"hf:{folder}", tmp_path)
    assert data.train_names is not None
    assert sorted(data.train_names.tolist()) == ["cat/0.png", "dog/0.png"]
    assert np.array_equal(data.train_images, load(folder).train_images)


def test_a_pipe_is_no_image(folder: Path) -> None:
    os.mkfifo(folder / "train" / "cat" / "pipe.png")
    with pytest.warns(UserWarning, match="1 special file; see .*pipe.png"):
        load_data(f"folder:{folder}")
