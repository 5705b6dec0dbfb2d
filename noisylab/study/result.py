"""What a run comes to: its row of `results.csv`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from noisylab.core.registries import AUGMENTATIONS, DATA_SETS, METHODS, MODELS, NOISES
from noisylab.corruption import NoisyLabels
from noisylab.data.image_data import ImageData
from noisylab.study.run_config import LABELS_IN_FILES, RunConfig

if TYPE_CHECKING:
    import pandas

    from noisylab.study.predictions import Predictions


def result_of(
    config: RunConfig,
    data: ImageData,
    noisy: NoisyLabels,
    metrics: "pandas.DataFrame",
    predictions: "Predictions",
    teachers: Sequence[Mapping[str, Any]],
    teachers_images: int,
) -> dict[str, Any]:
    """The row of a finished run: every setting, then what it came to.

    noisy: the labels of all samples, held-out ones included. metrics: a row per epoch. predictions: for the test set. teachers:
    the rows of the teachers that the run trained or found. teachers_images: passed through them for their logits.
    """
    # A study's file needs labels alone, without torch.
    from noisylab.study.predictions import measured

    last, method = metrics.iloc[-1], METHODS.parse(config.method)
    own_seconds, images = float(metrics["seconds"].sum()), int(metrics["images"].sum())
    training = {key: ", ".join(map(str, v)) if isinstance(v, tuple) else v for key, v in asdict(config.training).items()}
    kind = METHODS.load(method.name)
    all_networks = kind.total_images_factor(epochs=len(metrics), **method.options) / kind.images_factor(**method.options)
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
        "validation": config.validation,
        "select": config.select,
        "test_size": config.test_size,
        "evaluate_every": config.evaluate_every,
        **training,
        "epochs_trained": len(metrics),
        "batch_entries": config.batch_entries,
        "updates": int(metrics["updates"].sum()),
        "images_processed": images,
        "images_total": round(images * all_networks) + sum(teacher["images_total"] for teacher in teachers) + teachers_images,
        "fidelity": kind.fidelity_for(**method.options),
        "comparison_key": config.comparison_key,
        "data_source": _short(DATA_SETS.identity(config.data), config.data_digest),
        "noise_source": _source_of(config, noisy),
        "code": "+".join(code.sha256[:8] for code in config.code),
        **_accuracies(metrics),
        "clean_correct": float(last["clean_correct"]),
        "memorised": float(last["mislabelled_memorised"]),
        "consistency_clean": float(metrics["consistency_clean"].mean()),
        "consistency_mislabelled": float(metrics["consistency_mislabelled"].mean()),
        **measured(predictions),
        "selection_precision": float(last["selection_precision"]),
        "selection_recall": float(last["selection_recall"]),
        # The training of teachers counts for the method that needs them.
        "seconds": own_seconds + sum(teacher["seconds"] for teacher in teachers),
        "images_per_second": images / own_seconds,
    }


def _source_of(config: RunConfig, noisy: NoisyLabels) -> str:
    """A digest of a noise that files define, the same for all seeds; empty for any other, and for parts of others."""
    if not NOISES.has_path(config.noise):
        return ""
    if NOISES.parse(config.noise).name in LABELS_IN_FILES:
        return _short(NOISES.identity(config.noise), noisy.digest)
    digests = [f"{key}={value}" for key, value in sorted(noisy.parameters.items()) if key.endswith("_digest")]
    return _short(NOISES.identity(config.noise), *digests) if digests else ""


def _short(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def _accuracies(metrics: "pandas.DataFrame") -> dict[str, Any]:
    """Test accuracies of the last epochs, the peak, and the epoch that validation selects; NaN for what was not measured."""
    test, validation = metrics["test_accuracy"], metrics["validation_accuracy"]
    last, peak = float(test.iloc[-1]), float(test.max())
    nothing = float("nan")
    # The first one on ties.
    best = None if validation.isna().all() else metrics.iloc[int(np.nanargmax(validation))]
    return {
        "test_accuracy_last": last,
        "test_accuracy_last10": float(test.tail(10).mean()) if len(test) >= 10 else nothing,
        # Selected on the test set.
        "test_accuracy_peak": peak,
        "test_accuracy_gap": peak - last,
        "validation_accuracy": float(validation.iloc[-1]),
        "selected_epoch": nothing if best is None else int(best["epoch"]),
        "test_accuracy_selected": nothing if best is None else float(best["test_accuracy"]),
        "validation_accuracy_selected": nothing if best is None else float(best["validation_accuracy"]),
    }


def labels_of(config: RunConfig, noise_defaults: Mapping[str, Any]) -> dict[str, str]:
    """The names of data, network, method, noise and augmentation in tables: short, without options that have their defaults.

    noise_defaults: the defaults of the data set (`ImageData.noise_defaults`).
    """
    noise, data = NOISES.parse(config.noise, noise_defaults), DATA_SETS.parse(config.data)
    return {
        "data": data.label,
        "model": MODELS.parse(config.model).label,
        "method": METHODS.parse(config.method).label,
        "noise": noise.label,
        "noise_kind": noise.family,
        "augment": AUGMENTATIONS.parse(config.augment).label,
    }
