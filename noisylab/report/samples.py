"""The data of the sample explorer, packed: thumbnails, curves over epochs, scores."""

import base64
import gzip
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from noisylab.analysis.display_names import DisplayNames
from noisylab.analysis.scoring import available, is_high, score
from noisylab.core.foreign_text import for_html, short_names
from noisylab.data.image_data import ImageData
from noisylab.data.streaming import Images
from noisylab.plotting.colours import contrast, distances, shaded
from noisylab.plotting.suspicious_samples import BY
from noisylab.study.verify import read_records

if TYPE_CHECKING:
    import xarray

# Thumbnails have at most this size (pixels), and a sheet has this many, so that a page decodes few that it does not show.
LARGEST, PER_SHEET, PER_ROW = 64, 128, 16
# Characters of the name of a class, in text and where there is little room.
LONGEST_NAME, SHORT_NAME = 80, 14
# Characters of the name of a method.
LONGEST_METHOD = 40
# The dark paper of page.css, and the dashes and gaps of matplotlib's lines.
DARK = "#16181b"
DASHES = {"-": [], "--": [7, 4], "-.": [7, 3, 2, 3], ":": [2, 3]}
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


@dataclass(frozen=True)
class Explored:
    """The runs whose samples the page shows, and their images and classes.

    settings: under each (noise, seed), the folder of one run per method; the page opens with the first.
    """

    settings: Mapping[tuple[str, int], Mapping[str, Path]]
    data: ImageData
    left_out: str = ""

    @property
    def methods(self) -> list[str]:
        """The methods of all settings."""
        return list(dict.fromkeys(method for runs in self.settings.values() for method in runs))


def explorer_data(
    explored: Explored, tile: tuple[int, int], looks: Mapping[str, Mapping[str, Any]], names: DisplayNames
) -> tuple[dict[str, Any], dict[str, str]]:
    """The input of the page's script: a JSON object that describes the arrays, and packed arrays by name.

    Settings whose samples are not those of the first one are left out. Only one run's records are in memory at a time.
    """
    arrays: dict[str, str] = {}
    # Two names that differ in blanks alone would look the same.
    classes = [name.strip() or f"class {number}" for number, name in enumerate(explored.data.class_names)]
    about: dict[str, Any] = {
        "classes": list(map(for_html, short_names(classes, LONGEST_NAME))),
        "short": list(map(for_html, short_names(classes, SHORT_NAME))),
    }
    about |= {"tile": tile, "perSheet": PER_SHEET, "perRow": PER_ROW, "high": {}, "settings": [], "sort": BY, "left": []}
    methods = explored.methods
    shown = names.short("method", methods, LONGEST_METHOD)
    about["methods"] = [{"name": for_html(shown[method]), **_line(looks[method])} for method in methods]
    # What CE memorised and DLB, or its first variant, recovered.
    kinds = [re.split(r"[(@]", method)[0] for method in methods]
    about["pair"] = [kinds.index(name) for name in ("ce", "dlb")] if {"ce", "dlb"} <= set(kinds) else []
    first: Mapping[str, NDArray[Any]] = {}
    count = 0
    for (noise, seed), runs in explored.settings.items():
        setting: dict[str, Any] = {"noise": for_html(names.noise(noise)), "seed": seed, "runs": {}}
        for method, folder in runs.items():
            records = read_records(folder).load()
            samples = {name: records[name].values for name in ("sample", "true")}
            first = first or samples
            if any(not np.array_equal(samples[name], first[name]) for name in first):
                about["left"].append(f"{setting['noise']}, seed {seed}")
                break
            setting["record"] = records.attrs["record"]
            arrays[f"given{len(about['settings'])}"] = packed(records["given"].values.astype(np.uint16))
            run, arrays_of_run = _run(records)
            about["high"] |= {name: is_high(name) for name in run["scores"]}
            setting["runs"][methods.index(method)] = run | {"number": count}
            arrays |= {f"{name}{count}": array for name, array in arrays_of_run.items()}
            count += 1
        else:
            about["settings"].append(setting)
    about["count"] = len(first["sample"])
    arrays["true"], arrays["sample"] = packed(first["true"].astype(np.uint16)), packed(first["sample"].astype(np.uint32))
    return about, arrays


def _line(look: Mapping[str, Any]) -> dict[str, Any]:
    """A look for the page: colours on light and on dark paper, and the lengths of dashes and gaps in pixels."""
    colour, dash = look["color"], look["linestyle"]
    light = colour if distances(colour, "black")["normal"] > 1 else shaded(colour, 0.9)
    shares = (share for share in (0, 0.2, 0.4, 0.6, 0.8, 0.9) if contrast(shaded(light, share), DARK) >= 4.5)
    lengths = DASHES[dash] if isinstance(dash, str) else [1.5 * length for length in dash[1]]
    return {"color": to_hex(colour), "dark": to_hex(shaded(light, next(shares))), "line": lengths}


def _run(records: "xarray.Dataset") -> tuple[dict[str, Any], dict[str, str]]:
    """What the page says of a run, and its arrays: last predictions, curves and scores."""
    epochs, columns = chosen_epochs(records.sizes["epoch"]), score_columns(records)
    last = records["prediction"].values[-1].astype(np.int64)
    arrays = {
        "last": packed(np.where(last == records.attrs["missing"], 65535, last).astype(np.uint16)),
        "curves": packed(curves(records, epochs)),
        "scores": packed(np.stack(list(columns.values()))),
    }
    return {"epochs": [epoch + 1 for epoch in epochs], "scores": list(columns)}, arrays


def packed(values: ArrayLike | bytes) -> str:
    """Bytes, or an array's little-endian bytes, gzipped, as base64."""
    if not isinstance(values, bytes):
        array = np.asarray(values)
        values = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))).tobytes()
    return base64.b64encode(gzip.compress(values, compresslevel=6, mtime=0)).decode()
