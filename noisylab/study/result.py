"""What a run comes to: its row of `results.csv`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData
from noisylab.study.run_config import RunConfig

if TYPE_CHECKING:
    import pandas


def result_of(
    config: RunConfig, data: ImageData, noisy: NoisyLabels, metrics: "pandas.DataFrame", teachers: list[dict[str, Any]]
) -> dict[str, Any]:
    """The row of a finished run: every setting, then what it came to.

    metrics: a row per epoch. teachers: the rows of the teachers that the run trained or found.
    """
    accuracy, last = metrics["test_accuracy"], metrics.iloc[-1]
    own_seconds, images = float(metrics["seconds"].sum()), int(metrics["images"].sum())
    training = {key: ", ".join(map(str, v)) if isinstance(v, tuple) else v for key, v in asdict(config.training).items()}
    return {
        "id": config.id,
        **labels_of(config, data.noise_defaults),
        "train_size": config.train_size,
        "nominal_rate": noisy.nominal_rate,
        "realised_rate": noisy.rate,
        "seed": config.seed,
        "noise_seed": config.noise_seed,
        "budget": config.budget,
        "record": config.record,
        **training,
        "epochs_trained": len(metrics),
        "batch_entries": config.training.batch_size,
        # The training of teachers counts for the method that needs them.
        "steps": int(metrics["steps"].sum()) + sum(teacher["steps"] for teacher in teachers),
        "images_processed": images + sum(teacher["images_processed"] for teacher in teachers),
        "comparison_key": config.comparison_key,
        "test_accuracy_last": float(last["test_accuracy"]),
        "test_accuracy_last10": float(accuracy.tail(10).mean()),
        "best_on_test": float(accuracy.max()),
        "clean_correct": float(last["clean_correct"]),
        "memorised": float(last["mislabelled_memorised"]),
        "seconds": own_seconds + sum(teacher["seconds"] for teacher in teachers),
        "images_per_second": images / own_seconds,
    }


def labels_of(config: RunConfig, noise_defaults: Mapping[str, Any]) -> dict[str, str]:
    """The names of data, network, method, noise and augmentation in tables: short, without options that have their defaults.

    noise_defaults: the defaults of the data set (`ImageData.noise_defaults`).
    """
    noise = NOISES.parse(config.noise, noise_defaults)
    return {
        "data": DATA_SETS.parse(config.data).label,
        "model": MODELS.parse(config.model).label,
        "method": METHODS.parse(config.method).label,
        "noise": noise.label,
        "noise_kind": noise.family,
        "augment": AUGMENTATIONS.parse(config.augment).label,
    }
