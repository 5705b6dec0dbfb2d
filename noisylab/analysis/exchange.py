"""Records to and from other tools: cartography's jsonl files, AUM's csv files, cleanlab."""

import importlib.util
import json
import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noisylab.analysis.mislabel_detection import Detection, detection, suspicion, true_mask
from noisylab.analysis.scores.aum import aum
from noisylab.analysis.scores.el2n import error_norm
from noisylab.analysis.scoring import available, score
from noisylab.core.files import expanded, write_atomically
from noisylab.corruption.validation import check_integer
from noisylab.recording.records import make_records

if TYPE_CHECKING:
    import pandas
    import xarray

FOLDER = "training_dynamics"
CLEANLAB = ("self_confidence", "normalized_margin", "confidence_weighted_entropy")


def write_cartography(records: "xarray.Dataset", folder: str | PathLike[str], num_classes: int) -> None:
    """Write records as the files that cartography (Swayamdipta et al. 2020) reads.

    A line holds a sample that the epoch showed: its id (`guid`), given label (`gold`) and log probabilities of all classes
    (`logits_epoch_X`). The records hold those of the given, the predicted and the second class (without its number, so the next
    label is used); the other classes share the rest evenly. Everything that cartography computes is therefore exact (p of the
    gold label, correctness, forgetting, loss), and so is the margin, but not EL2N.

    Args:
        records: From `load_dynamics`.
        folder: The files are `folder/training_dynamics/dynamics_epoch_X.jsonl`.
        num_classes: Number of classes.

    Raises:
        ValueError: If num_classes is not above every recorded class.

    Example:
        >>> from noisylab.analysis import write_cartography
        >>> from noisylab.recording import load_dynamics
        >>> write_cartography(load_dynamics("my_run"), "for_cartography", num_classes=10)  # doctest: +SKIP
    """
    target = expanded(folder) / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    given, ids, missing = records["given"].values, records["sample"].values.tolist(), records.attrs["missing"]
    classes = check_integer("num_classes", num_classes, minimum=2)
    for epoch in range(records.sizes["epoch"]):
        row = records.isel(epoch=epoch)
        prediction = row["prediction"].values
        shown = np.flatnonzero(prediction != missing)
        highest = int(max(given.max(), prediction[shown].max(initial=0)))
        if highest >= classes:
            raise ValueError(f"num_classes must be above every recorded class, {highest}, got {num_classes}")
        p_given, p_max, margin = (row[name].values[shown].astype(np.float64) for name in ("p_given", "p_max", "margin"))
        logits = _log_probabilities(prediction[shown].astype(np.int64), given[shown], p_given, p_max, margin, classes)
        lines = [
            json.dumps({"guid": ids[sample], f"logits_epoch_{epoch}": values, "gold": int(given[sample])})
            for sample, values in zip(shown, logits.tolist(), strict=True)
        ]
        write_atomically(target / f"dynamics_epoch_{epoch}.jsonl", "".join(line + "\n" for line in lines))


def _log_probabilities(
    prediction: NDArray[np.int64],
    given: NDArray[np.int64],
    p_given: NDArray[np.float64],
    p_max: NDArray[np.float64],
    margin: NDArray[np.float64],
    classes: int,
) -> NDArray[np.float64]:
    """float64[M, K], with the known probabilities in their places and the rest shared evenly by the other classes."""
    right, rows = prediction == given, np.arange(len(given))
    second = np.where(right, (given + 1) % classes, prediction)
    p_second = np.where(right, p_given * np.exp(-np.maximum(margin, 0)), p_max)
    left = np.clip(1 - p_given - p_second, 0, None) / max(classes - 2, 1)
    # Rounding may leave the others slightly more than the second class.
    p = np.repeat(np.minimum(left, 0.999 * p_second)[:, None], classes, axis=1)
    p[rows, second] = p_second
    p[rows, given] = p_given
    return np.asarray(np.log(np.maximum(p, 1e-30)))


def read_cartography(
    folder: str | PathLike[str], true_labels: ArrayLike | None = None, *, record: Literal["online", "eval"] = "online"
) -> "xarray.Dataset":
    """Records from cartography's files.

    Samples are in the order of their first line. A sample without a line in an epoch's file is missing in that epoch, and so is
    one whose logits are NaN or infinite, which a warning counts.

    Args:
        folder: Holds `dynamics_epoch_X.jsonl`, itself or in `training_dynamics`.
        true_labels: int[N] in the order of the samples, if known.
        record: The kind of outputs; cartography records those of training steps, "online".

    Returns:
        Records like those of `load_dynamics`.

    Raises:
        ValueError: If files are missing, or a line has other fields, classes or labels, or a sample that its file has already.

    Example:
        >>> from noisylab.analysis import read_cartography, score
        >>> score(read_cartography("cartography_logs/sst"), "variability")  # doctest: +SKIP
    """
    named = expanded(folder)
    source = named / FOLDER if (named / FOLDER).is_dir() else named
    found = sorted(source.glob("dynamics_epoch_*.json*"))
    files = {path.stem.removeprefix("dynamics_epoch_"): path for path in found}
    if len(files) < len(found):
        raise ValueError(f"{str(source)!r} must hold one file for each epoch, got {', '.join(path.name for path in found)}")
    if not files or set(files) != {str(epoch) for epoch in range(len(files))}:
        # The longest last, so that 10 comes after 9.
        epochs_found = ", ".join(sorted(files, key=lambda epoch: (len(epoch), epoch))) or "none"
        raise ValueError(f"{str(source)!r} must hold dynamics_epoch_0.jsonl and so on, got epochs {epochs_found}")
    place: dict[Any, int] = {}
    gold: list[int] = []
    epochs = []
    for epoch in range(len(files)):
        entries = _lines(files[str(epoch)], epoch)
        for guid, label, _ in entries:
            if place.setdefault(guid, len(place)) == len(gold):
                gold.append(label)
            elif gold[place[guid]] != label:
                raise ValueError(f"sample {guid!r} must keep its gold label {gold[place[guid]]}, got {label} in epoch {epoch}")
        epochs.append(([place[guid] for guid, _, _ in entries], [logits for _, _, logits in entries]))
    given, lines, not_finite = np.array(gold), sum(len(samples) for samples, _ in epochs), 0
    shape = len(epochs), len(gold)
    arrays: dict[str, NDArray[Any]] = {
        "prediction": np.full(shape, -1),
        **{name: np.full(shape, np.nan) for name in ("p_given", "p_max", "loss", "margin", "el2n", "divergence")},
        "agreement": np.full(shape, -1, dtype=np.int8),
    }
    before = None
    for epoch, (samples, values) in enumerate(epochs):
        if not samples:
            before = None
            continue
        logits = np.array(values, dtype=np.float64)
        if logits.ndim != 2 or logits.shape[1] <= given.max():
            raise ValueError(f"logits_epoch_{epoch} must hold a number for each class above {given.max()}, got {logits.shape}")
        now = np.full((len(gold), logits.shape[1]), np.nan)
        finite = np.isfinite(logits).all(axis=1)
        shown = np.array(samples)[finite]
        not_finite += int((~finite).sum())
        now[shown] = _measure(arrays, epoch, shown, logits[finite], given[shown])
        if before is not None:
            arrays["divergence"][epoch] = (np.exp(before) * (before - now)).sum(axis=1)
        before = now
    if not_finite:
        warnings.warn(
            f"{not_finite} of {lines} lines in {str(source)!r} have logits that are NaN or infinite, and count as missing",
            stacklevel=2,
        )
    return make_records(arrays, given, true_labels, list(place), record=record)


def _measure(
    arrays: dict[str, NDArray[Any]], epoch: int, samples: NDArray[Any], logits: NDArray[Any], given: NDArray[Any]
) -> NDArray[np.float64]:
    """Store the measures of an epoch's logits [M, K], and return their log probabilities."""
    from scipy.special import log_softmax

    log_p = np.asarray(log_softmax(logits, axis=1))
    rows = np.arange(len(given))
    others = logits.copy()
    others[rows, given] = -np.inf
    found = {
        "prediction": logits.argmax(axis=1),
        "p_given": np.exp(log_p[rows, given]),
        "p_max": np.exp(log_p.max(axis=1)),
        "loss": -log_p[rows, given],
        "margin": logits[rows, given] - others.max(axis=1),
        "el2n": error_norm(np.exp(log_p), given),
    }
    for name, values in found.items():
        arrays[name][epoch, samples] = values
    return log_p


def _lines(path: Path, epoch: int) -> list[tuple[Any, int, list[float]]]:
    entries: list[tuple[Any, int, list[float]]] = []
    first: dict[Any, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            gold = check_integer("gold", entry["gold"])
            entries.append((entry["guid"], gold, entry[f"logits_epoch_{epoch}"]))
            earlier = first.setdefault(entry["guid"], number)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number} of {path.name} must hold guid, gold and logits_epoch_{epoch}: {error!r}") from None
        if earlier != number:
            raise ValueError(f"{path.name} must hold each sample once, got {entry['guid']!r} in lines {earlier} and {number}")
    return entries


def write_aum(records: "xarray.Dataset", path: str | PathLike[str]) -> None:
    """Write the AUM of every sample in the form of the `aum` package's `aum_values.csv`: sample_id, aum; the highest first.

    Args:
        records: From `load_dynamics`.
        path: The file.

    Example:
        >>> from noisylab.analysis import read_aum, write_aum
        >>> from noisylab.recording import make_records
        >>> write_aum(make_records({"margin": [[1.0, -2.0]]}, given=[0, 1], record="online"), "aum_values.csv")
        >>> read_aum("aum_values.csv").tolist()
        [1.0, -2.0]
    """
    import pandas

    table = pandas.DataFrame({"sample_id": records["sample"].values, "aum": aum(records["margin"].values)})
    table = table.dropna().sort_values("aum", ascending=False, kind="stable")
    write_atomically(expanded(path), table.to_csv(index=False))


def read_aum(path: str | PathLike[str]) -> "pandas.Series[float]":
    """The AUMs in a file of the `aum` package.

    Args:
        path: `aum_values.csv`, or `full_aum_records.csv`, whose last value of each sample is taken.

    Returns:
        float64 by sample_id, in the order of the ids.

    Raises:
        ValueError: If the file has other columns, or names a sample twice.

    Example:
        >>> from noisylab.analysis import read_aum
        >>> read_aum("aum_values.csv").nsmallest(10)  # doctest: +SKIP
    """
    import pandas

    # As text first, because 01 and 1 may be two samples.
    table = pandas.read_csv(path, dtype={"sample_id": str}, keep_default_na=False, na_values={"aum": ["", "nan", "NaN"]})
    if not {"sample_id", "aum"} <= set(table.columns):
        raise ValueError(f"{str(path)!r} must have the columns sample_id and aum, got {', '.join(map(str, table.columns))}")
    if "num_measurements" in table:
        table = table.sort_values("num_measurements", kind="stable").drop_duplicates("sample_id", keep="last")
    twice = table["sample_id"][table["sample_id"].duplicated()].tolist()
    if twice:
        raise ValueError(f"{str(path)!r} must name each sample once, got {twice[0]!r} again")
    numbers = table["sample_id"].str.fullmatch(r"0|-?[1-9]\d{0,17}").all()
    ids = table["sample_id"].astype(np.int64) if numbers else table["sample_id"]
    values = table["aum"].astype(np.float64)
    infinite = int(np.isinf(values).sum())
    if infinite:
        warnings.warn(f"{infinite} of {len(values)} AUMs in {str(path)!r} are infinite, and count as missing", stacklevel=2)
    return values.mask(np.isinf(values)).set_axis(ids).sort_index()


def _check_cleanlab() -> None:
    if importlib.util.find_spec("cleanlab") is None:
        raise ImportError('cleanlab is not installed; install it with: pip install "noisylab[cleanlab]"')


def _for_cleanlab(records: "xarray.Dataset") -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Given labels and probabilities of the samples that were shown, and a mask of these samples."""
    if "probabilities" not in records:
        raise ValueError(
            "cleanlab needs the probabilities of all classes; record them with DynamicsRecorder(probabilities=True)"
        )
    p = records["probabilities"].values.astype(np.float64)
    shown = np.asarray(~np.isnan(p).any(axis=1))
    p = p[shown]
    return np.asarray(records["given"].values[shown]), np.asarray(p / p.sum(axis=1, keepdims=True)), shown


def cleanlab_issues(records: "xarray.Dataset", **options: Any) -> NDArray[np.bool_]:
    """The samples that `cleanlab.filter.find_label_issues` considers mislabelled, from the recorded mean probabilities.

    cleanlab is made for out-of-sample probabilities; the mean of training outputs over epochs stands in for them.

    Args:
        records: With probabilities: `DynamicsRecorder(probabilities=True)`.
        options: Options of cleanlab's function, such as filter_by.

    Returns:
        bool[N]; False for samples that were never shown.

    Raises:
        ValueError: If probabilities were not recorded.
        ImportError: If cleanlab is not installed.

    Example:
        >>> from noisylab.analysis import cleanlab_issues
        >>> from noisylab.recording import load_dynamics
        >>> cleanlab_issues(load_dynamics("my_run"), filter_by="both").sum()  # doctest: +SKIP
    """
    _check_cleanlab()
    from cleanlab.filter import find_label_issues

    given, p, shown = _for_cleanlab(records)
    issues = np.zeros(len(shown), dtype=np.bool_)
    issues[shown] = find_label_issues(given, p, **({"n_jobs": 1} | options))
    return issues


def cleanlab_table(records: "xarray.Dataset") -> "pandas.DataFrame":
    """The scores of cleanlab and of noisylab in one table.

    Args:
        records: With probabilities and true labels.

    Returns:
        One row per score: source, score, `Detection`'s numbers, and flagged, precision and recall of as many of the most
        suspect samples as cleanlab's `find_label_issues` flags, which has a row of its own.

    Raises:
        ValueError: If probabilities or true labels were not recorded.
        ImportError: If cleanlab is not installed.

    Example:
        >>> from noisylab.analysis import cleanlab_table
        >>> from noisylab.recording import load_dynamics
        >>> cleanlab_table(load_dynamics("my_run")).sort_values("roc_auc")  # doctest: +SKIP
    """
    import pandas

    _check_cleanlab()
    from cleanlab.rank import get_label_quality_scores

    mislabelled, issues = true_mask(records), cleanlab_issues(records)
    given, p, shown = _for_cleanlab(records)
    rows: list[dict[str, Any]] = [
        {"source": "cleanlab", "score": "find_label_issues", **_agreement(issues, mislabelled)},
    ]
    suspects: list[tuple[str, str, NDArray[np.float64]]] = []
    for method in CLEANLAB:
        values = np.full(len(shown), np.nan)
        values[shown] = -get_label_quality_scores(given, p, method=method)
        suspects.append(("cleanlab", method, values))
    suspects += [("noisylab", name, suspicion(score(records, name), name)) for name in available(records)]
    for source, name, values in suspects:
        most = np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")[: int(issues.sum())]
        flagged = np.zeros(len(shown), dtype=np.bool_)
        flagged[most] = True
        rows.append(
            {"source": source, "score": name, **detection(values, mislabelled)._asdict(), **_agreement(flagged, mislabelled)}
        )
    return pandas.DataFrame(rows, columns=["source", "score", *Detection._fields, "flagged", "precision", "recall"])


def _agreement(flagged: NDArray[np.bool_], mislabelled: NDArray[np.bool_]) -> dict[str, float]:
    both = int((flagged & mislabelled).sum())
    number, wrong = int(flagged.sum()), int(mislabelled.sum())
    return {
        "flagged": number,
        "precision": both / number if number else float("nan"),
        "recall": both / wrong if wrong else float("nan"),
    }
