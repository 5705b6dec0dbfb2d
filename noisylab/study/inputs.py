"""Data and labels that a study saves once for all its runs, by digest: `<study>/.inputs/<digest>`."""

import shutil
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noisylab.core.files import flush_folder
from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData, load_run_data
from noisylab.data.streaming import StreamedImages
from noisylab.study.run_folder import NOISE_FILE, read_config, read_file
from noisylab.study.validation_split import training_part

INPUTS = ".inputs"


def keep_data(study: Path, data: ImageData) -> Path:
    """The folder of the data, written if it is not there as it should be; `ImageData.open` maps it into any process."""
    digest = data.digest()
    folder = study / INPUTS / digest
    if folder.is_dir() and not holds(folder, digest):
        warnings.warn(f"{str(folder)!r} was damaged and is written anew", stacklevel=2)
        damaged = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
        folder.rename(damaged)
        shutil.rmtree(damaged)
    if not folder.is_dir():
        partial = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}.partial")
        partial.mkdir(parents=True)
        try:
            data.save(partial)
            flush_folder(partial)
            partial.replace(folder)
        except OSError:
            # Another process may have written the same data first.
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def holds(folder: Path, digest: str) -> bool:
    """Whether a folder holds the data of this digest, undamaged."""
    try:
        return ImageData.open(folder).digest() == digest
    # Damaged files can raise almost anything.
    except Exception:
        return False


def data_of_run(study: Path, config: Mapping[str, Any], root: Path | None = None) -> ImageData:
    """The data that a run was trained on, without its noise: as the study saved it, else read from `root`.

    config: the content of the run's `config.json`. Raises ValueError if the data cannot be read, or has changed since.
    """
    folder = study / INPUTS / config["data_digest"]
    # What is missing or damaged is read again from where it came from.
    if not holds(folder, config["data_digest"]):
        return load_run_data(config, root)
    data = ImageData.open(folder)
    streamed = [held for held in (data.train_images, data.test_images) if isinstance(held, StreamedImages)]
    # Streamed images stay in their own folder, which may have been moved.
    return data if all(Path(held.folder).is_dir() for held in streamed) else load_run_data(config, root)


def trained_data_of_run(study: Path, folder: Path, root: Path | None = None) -> ImageData:
    """The data that the run in `folder` was trained on, in the order of its records: under its noise, less what it held out.

    Raises ValueError if the data cannot be read, or has changed since.
    """
    config = read_config(folder)
    read_file(folder, NOISE_FILE)
    noisy = training_part(NoisyLabels.load(folder / NOISE_FILE), config["validation"], config["noise_seed"])
    return data_of_run(study, config, root).with_noise(noisy)


def keep_labels(study: Path, noisy: NoisyLabels) -> Path:
    """The file of a noise record, written if it does not exist."""
    file = study / INPUTS / f"{noisy.digest}.npz"
    try:
        there = NoisyLabels.load(file).digest == noisy.digest
    except (OSError, ValueError):
        there = False
    if not there:
        file.parent.mkdir(parents=True, exist_ok=True)
        noisy.save(file)
    return file
