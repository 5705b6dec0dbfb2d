"""Image folders that stay on disk: the same batches, runs and errors as from memory."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, NOISES
from noisylab.data.batches.composition import Composition
from noisylab.data.batches.loader import BatchLoader, TrainingSet
from noisylab.data.batches.samplers import make_sampler
from noisylab.data.image_data import ImageData, load_data
from noisylab.data.streaming import StreamedImages
from noisylab.study.grid import Grid
from noisylab.study.plan import plan
from noisylab.study.run import run_one
from noisylab.study.run_folder import read_metrics
from noisylab.training import TrainConfig

ROOT = Path(__file__).parents[2]
SPECS = ["crop(padding=1)", "cutout:4", "trivialaugment", "mixup", "cutmix(probability=1)"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("set")
    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4)):
        for label, name in enumerate(("ant", "bee", "cow")):
            (base / part / name).mkdir(parents=True)
            for number in range(count):
                shape = (10 + number % 3, 14 + label, 3)
                pixels = rng.integers(0, 256, shape, dtype=np.uint8) // 2 + 40 * label
                Image.fromarray(pixels.astype(np.uint8)).save(base / part / name / f"{number}.png")
    return base


def loaded(folder: Path, options: str = "") -> ImageData:
    return load_data(DATA_SETS.parse(f"folder(path={str(folder)!r}, size=8{options})"), None)


def streamed(folder: Path, workers: int, options: str = "") -> ImageData:
    data = loaded(folder, ", stream=True" + options)
    parts = {name: getattr(data, name) for name in ("train_images", "test_images")}
    assert all(isinstance(images, StreamedImages) for images in parts.values())
    return dataclasses.replace(data, **{k: dataclasses.replace(images, workers=workers) for k, images in parts.items()})


def feed(data: ImageData, augmentation: str, composition: Composition) -> BatchLoader:
    made = AUGMENTATIONS.create(AUGMENTATIONS.parse(augmentation))
    given = TrainingSet(data.train_images, data.train_labels, data.mean, data.std, made)
    return BatchLoader(given, make_sampler(composition, data.train_labels, 8, 1), 1, torch.device("cpu"))


@pytest.mark.parametrize("options", ["", ", crop=True"])
def test_images_and_statistics_are_those_of_memory(folder: Path, options: str) -> None:
    memory, files = loaded(folder, options), streamed(folder, 0, options)
    for name in ("train_images", "test_images"):
        expected, got = getattr(memory, name), getattr(files, name)
        assert got.shape == expected.shape
        assert np.array_equal(got[:], expected)
        assert np.array_equal(got[3], expected[3])
        assert np.array_equal(got[np.array([5, 0])], expected[[5, 0]])
    assert (memory.mean, memory.std, memory.augment) == (files.mean, files.std, files.augment)
    subset = memory.subset(9), files.subset(9)
    assert np.array_equal(subset[1].train_images[:], subset[0].train_images)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("composition", ["plain", "last", "twin", "same_class"])
def test_batches_are_those_of_memory(folder: Path, workers: int, composition: Composition) -> None:
    for augmentation in SPECS if workers == 0 else SPECS[-1:]:
        memory = feed(loaded(folder), augmentation, composition)
        files = feed(streamed(folder, workers), augmentation, composition)
        for one, other in zip(memory.batches(1), files.batches(1), strict=True):
            assert torch.equal(one.index, other.index)
            assert torch.equal(one.labels, other.labels)
            assert torch.equal(one.images, other.images)
            assert one.new == other.new


def test_the_middle_is_what_crop_leaves(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
        pixels = np.zeros((8, 16), dtype=np.uint8)
        pixels[:, 4:12] = 200
        Image.fromarray(pixels).save(tmp_path / part / "a" / "0.png")
    (image,) = loaded(tmp_path, ", crop=True").train_images
    assert (image == 200).all()
    assert not (loaded(tmp_path).train_images == 200).all()


def test_random_resized_crops_are_of_the_files_own_size_and_do_not_depend_on_workers(folder: Path) -> None:
    name = "random_resized_crop(flip=False)"
    batches = [list(feed(streamed(folder, workers), name, "last").batches(1)) for workers in (0, 2)]
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one.images, other.images)
        assert one.images.shape[1:] == (3, 8, 8)
    memory = list(feed(loaded(folder), name, "last").batches(1))
    assert not torch.equal(memory[0].images, batches[0][0].images), "there the file's pixels are gone"
    whole = feed(streamed(folder, 0), "random_resized_crop(smallest=1.0, flip=False)", "plain")
    plain = feed(streamed(folder, 0), "none", "plain")
    pairs = zip(whole.batches(0), plain.batches(0), strict=True)
    assert all(abs(float(a.images.mean() - b.images.mean())) < 0.1 for a, b in pairs)


def test_saved_and_opened_it_is_the_same(folder: Path, tmp_path: Path) -> None:
    data = streamed(folder, 1)
    data.save(tmp_path)
    again = ImageData.open(tmp_path)
    assert again.digest() == data.digest()
    assert isinstance(again.train_images, StreamedImages)
    assert again.train_images.workers == 1
    assert np.array_equal(again.train_images[:], data.train_images[:])


def test_the_digest_knows_another_file_and_another_way_to_read(folder: Path, tmp_path: Path) -> None:
    digests = {streamed(folder, 0).digest(), streamed(folder, 0, ", crop=True").digest(), loaded(folder).digest()}
    assert len(digests) == 3
    moved = Path(shutil.copytree(folder, tmp_path / "moved"))
    assert streamed(moved, 0).digest() in digests, "wherever it lies"
    with (moved / "train" / "ant" / "3.png").open("ab") as file:
        file.write(b"x")
    assert streamed(moved, 0).digest() not in digests


def test_a_run_is_that_of_memory(folder: Path, tmp_path: Path) -> None:
    training = TrainConfig(epochs=2, batch_size=8, device="cpu")
    tables = []
    for name, data in (("memory", loaded(folder)), ("files", streamed(folder, 2))):
        text = f"folder(path={str(folder)!r}, size=8{', stream=True' * (name == 'files')})"
        grid = Grid(data=text, methods=("dlb",), noise=("symmetric:0.4",), seeds=(0,), record="eval")
        (config,) = plan(dataclasses.replace(grid, training=training), data).configs
        run_one(config, data, tmp_path / name)
        tables.append(read_metrics(tmp_path / name / config.id).drop(columns=["seconds", "images_per_second"]))
    pandas.testing.assert_frame_equal(*tables)


@pytest.mark.slow
def test_a_study_streams_in_processes_of_its_own(folder: Path, tmp_path: Path) -> None:
    data = f"folder(path={str(folder)!r}, size=8, stream=True)"
    options = "--methods ce --noise symmetric:0.4 --seeds 1 --epochs 1 --batch-size 8 --jobs 1"
    command = [sys.executable, "studies/noise_sweep.py", "--data", data, "--out", str(tmp_path), *options.split()]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True, timeout=300)
    assert len(pandas.read_csv(tmp_path / "results.csv")) == 1


@pytest.mark.parametrize(
    ("noise", "said"), [("instance:0.4", "needs features"), ("open_set(rate=0.4, outside='x.npy')", "streamed")]
)
def test_noise_from_pixels_is_refused(folder: Path, tmp_path: Path, noise: str, said: str) -> None:
    outside = tmp_path / "x.npy"
    np.save(outside, np.zeros((50, 3, 8, 8), dtype=np.uint8))
    data = streamed(folder, 0)
    with pytest.raises(ValueError, match=said):
        data.with_noise(NOISES.create(NOISES.parse(noise.replace("x.npy", str(outside))), **data.noise_inputs, seed=0))


def test_a_file_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    data = streamed(broken, 2)
    file = broken / "train" / "bee" / "5.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"bee/5\.png' cannot be read as an image"):
        list(feed(data, "none", "plain").batches(0))


@pytest.mark.parametrize("options", ["stream=True", "crop=True"])
def test_a_size_is_needed(folder: Path, options: str) -> None:
    with pytest.raises(ValueError, match="needs a size"):
        load_data(DATA_SETS.parse(f"folder(path={str(folder)!r}, {options})"), None)


def test_a_coloured_image_among_grey_ones_is_refused(tmp_path: Path) -> None:
    images = StreamedImages(str(tmp_path), np.array([b"a.png"]), (4, 4), "L")
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="in colour, but others are grey"):
        images[0]


def test_noise_is_that_of_memory(folder: Path) -> None:
    one, other = loaded(folder), streamed(folder, 0)
    spec = NOISES.parse("symmetric:0.4")
    made = [NOISES.create(spec, **data.noise_inputs, seed=3).digest for data in (one, other)]
    assert made[0] == made[1]
