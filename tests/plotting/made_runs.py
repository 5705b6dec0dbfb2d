"""Runs without a folder, from which figures are drawn in tests."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from noisylab.plotting.catalogue import draw_figure
from noisylab.plotting.drawn_figure import DrawnFigure
from noisylab.plotting.memorisation import MEASURES
from noisylab.plotting.mislabelled_predictions import FRACTIONS
from noisylab.plotting.study_runs import StudyRuns, hardest_noise


def results(
    methods: tuple[str, ...] = ("ce", "repeat", "dlb"),
    kinds: tuple[str, ...] = ("symmetric", "asymmetric"),
    rates: tuple[float, ...] = (0, 0.2, 0.4),
    seeds: int = 3,
) -> pandas.DataFrame:
    """Rows as in results.csv."""
    rng = np.random.default_rng(0)
    rows = []
    for kind, rate, method, seed in itertools.product(kinds, rates, methods, range(seeds)):
        if rate == 0 and kind != kinds[0]:
            continue
        accuracy = 0.95 - 0.4 * rate + 0.02 * rng.random()
        rows.append(
            {
                "id": f"{method}-{kind}-{rate}-{seed}",
                "data": "digits",
                "train_size": 1347,
                "model": "small_cnn",
                "method": method,
                "noise": f"{kind}:{rate:g}",
                "noise_kind": kind,
                "nominal_rate": rate,
                "realised_rate": rate,
                "seed": seed,
                "noise_seed": seed,
                "epochs": 40,
                "budget": "epochs",
                "batch_size": 64,
                "record": "online",
                "comparison_key": "",
                "test_accuracy_last": accuracy,
                "test_accuracy_last10": accuracy,
                "memorised": rate,
                "images_processed": 53880 if method == "ce" else 107757,
                "updates": 880,
            }
        )
    return pandas.DataFrame(rows)


def metrics(
    methods: tuple[str, ...] = ("ce", "repeat", "dlb"),
    seeds: int = 3,
    epochs: int = 12,
    noises: Sequence[str] = ("symmetric:0.4",),
) -> pandas.DataFrame:
    """Rows as in metrics.csv, of all runs; methods other than CE process twice as many images an epoch."""
    rng = np.random.default_rng(0)
    rows = [
        {"run": f"{method}-{noise.replace(':', '-')}-{seed}", "method": method, "noise": noise, "epoch": epoch}
        | {"images": 1347 if method == "ce" else 2694, "learning_rate": 0.05 if epoch < 8 else 0.005}
        | {measure: float(rng.random()) for measure in {**MEASURES, **FRACTIONS}}
        for noise, method, seed, epoch in itertools.product(noises, methods, range(seeds), range(epochs))
    ]
    return pandas.DataFrame(rows)


def made(rows: pandas.DataFrame, of_epochs: pandas.DataFrame | None = None, *, chosen: bool = False) -> StudyRuns:
    """Runs without a folder."""

    class Made(StudyRuns):
        def metrics(self, noises: Sequence[str] | None = None) -> pandas.DataFrame:
            assert of_epochs is not None
            return of_epochs[of_epochs["noise"].isin([self.noise] if noises is None else noises)]

    return Made(rows, Path("nowhere"), hardest_noise(rows), chosen=chosen)


def memorisation(
    methods: tuple[str, ...] = ("ce", "repeat", "dlb"),
    seeds: int = 3,
    epochs: int = 12,
    *,
    figure: str = "memorisation",
    width: Any = "page",
    **noises: Any,
) -> DrawnFigure:
    rows = results(methods, seeds=seeds, **noises)
    noisy = list(dict.fromkeys(rows["noise"]))
    return draw_figure(figure, made(rows, metrics(methods, seeds, epochs, noisy)), width=width)
