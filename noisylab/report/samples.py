"""The data of the sample explorer, packed: thumbnails, curves over epochs, scores."""

import base64
import gzip
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from noisylab.analysis.scoring import available, is_high, score
from noisylab.core.foreign_text import for_html, for_plotly, short_names
from noisylab.data.streaming import Images
from noisylab.plotting.style import method_styles
from noisylab.recording.records import load_dynamics

if TYPE_CHECKING:
    import xarray

# Thumbnails have at most this size (pixels), and a sheet has this many, so that a page decodes only visible ones.
LARGEST, PER_SHEET, PER_ROW = 64, 1024, 32
# Characters of the name of a class.
LONGEST_NAME = 80
# With more samples than this, thumbnails are compressed with losses.
LOSSLESS = 10_000
# Maximum number of epochs of a curve.
POINTS = 50


def sheets(images: Images) -> tuple[list[str], tuple[int, int]]:
    """Sheets of thumbnails of images uint8[N, C, H, W] as data URLs, PER_ROW in a row, and a thumbnail's (height, width)."""
    count, channels, height, width = images.shape
    shrink = min(1.0, LARGEST / max(height, width))
    tile = max(1, round(height * shrink)), max(1, round(width * shrink))
    colour = "L" if channels == 1 else "RGB"
    urls = []
    for start in range(0, count, PER_SHEET):
        part = images[start : start + PER_SHEET]
        rows = -(-len(part) // PER_ROW)
        whole = np.zeros((rows * PER_ROW, 3 if colour == "RGB" else 1, height, width), dtype=np.uint8)
        whole[: len(part)] = part[:, : whole.shape[1]]
        grid = (
            whole.reshape(rows, PER_ROW, -1, height, width).transpose(0, 3, 1, 4, 2).reshape(rows * height, PER_ROW * width, -1)
        )
        sheet = Image.fromarray(grid if colour == "RGB" else grid[:, :, 0], colour)
        if shrink < 1:
            sheet = sheet.resize((PER_ROW * tile[1], rows * tile[0]), Image.Resampling.BOX)
        buffer = io.BytesIO()
        if count <= LOSSLESS:
            sheet.save(buffer, format="PNG", optimize=True)
        else:
            sheet.save(buffer, format="JPEG", quality=60)
        kind = "png" if count <= LOSSLESS else "jpeg"
        urls.append(f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}")
    return urls, tile


def chosen_epochs(epochs: int) -> list[int]:
    """At most POINTS evenly spread epochs, including the first and the last."""
    return sorted({round(epoch) for epoch in np.linspace(0, epochs - 1, min(epochs, POINTS)).tolist()})


def curves(records: "xarray.Dataset", epochs: Iterable[int]) -> NDArray[np.uint8]:
    """uint8[epochs, N]: the prediction of a sample (bits 6-7), and the probability of its given label in 63rds.

    Predictions: 0 another class, 1 the given label, 2 the true label of a mislabelled sample, 3 not seen.
    """
    chosen = records.isel(epoch=list(epochs))
    prediction = chosen["prediction"].values
    given, true = (records[name].values.astype(prediction.dtype) for name in ("given", "true"))
    state = np.where(prediction == given, 1, np.where(prediction == true, 2, 0))
    state[prediction == records.attrs["missing"]] = 3
    p = np.nan_to_num(chosen["p_given"].values.astype(np.float32))
    return np.asarray(64 * state + np.rint(p * 63).clip(0, 63), dtype=np.uint8)


def score_columns(records: "xarray.Dataset") -> dict[str, NDArray[np.float32]]:
    """float32[N] of every score that the records allow."""
    return {name: np.asarray(score(records, name), dtype=np.float32) for name in available(records)}


def explorer_data(
    runs: Mapping[str, Path], class_names: Iterable[str], tile: tuple[int, int]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The input of the page's script: a JSON object that describes the arrays, and packed arrays by name.

    runs: the folder of one run per method, with the same samples. Only one run's records are in memory at a time.
    """
    arrays: dict[str, str] = {}
    # Two names that differ in blanks alone would look the same.
    names = short_names([name.strip() or f"class {number}" for number, name in enumerate(class_names)], LONGEST_NAME)
    about: dict[str, Any] = {"classes": list(map(for_html, names)), "tile": tile, "perSheet": PER_SHEET, "perRow": PER_ROW}
    about |= {"methods": list(runs), "legend": list(map(for_plotly, runs)), "epochs": {}, "scores": {}, "high": {}}
    about["colors"] = {name: to_hex(look["color"]) for name, look in method_styles(runs).items() if name in runs}
    for number, (method, folder) in enumerate(runs.items()):
        records = load_dynamics(folder).load()
        if number == 0:
            about |= {"count": int(records.sizes["sample"]), "record": records.attrs["record"]}
            arrays |= {name: packed(records[name].values.astype(np.uint16)) for name in ("given", "true")}
            arrays["sample"] = packed(records["sample"].values.astype(np.uint32))
        epochs, columns = chosen_epochs(records.sizes["epoch"]), score_columns(records)
        about["epochs"][method] = [epoch + 1 for epoch in epochs]
        about["scores"][method] = list(columns)
        about["high"] |= {name: is_high(name) for name in columns}
        last = records["prediction"].values[-1].astype(np.int64)
        arrays[f"last{number}"] = packed(np.where(last == records.attrs["missing"], 65535, last).astype(np.uint16))
        arrays[f"curves{number}"] = packed(curves(records, epochs))
        arrays[f"scores{number}"] = packed(np.stack(list(columns.values())))
    return about, arrays


def packed(values: ArrayLike) -> str:
    """Little-endian bytes of an array, gzipped, as base64."""
    array = np.asarray(values)
    content = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).tobytes()
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode()
