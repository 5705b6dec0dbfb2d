"""300 random image files with known pixels: loaded right, or refused in one line that names the file."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from noisylab.data import load_data

FILES, PER_TEST = 300, 60
# What a format can hold, how far a lossy one may be off on smooth images, and whether it has checksums.
FORMATS: dict[str, tuple[tuple[str, ...], float, bool]] = {
    "png": (("1", "L", "LA", "P", "P transparent", "RGB", "RGBA", "I;16"), 0, True),
    "tif": (("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F"), 0, False),
    "bmp": (("1", "L", "P", "RGB"), 0, False),
    "gif": (("L", "P", "P transparent"), 0, False),
    "ppm": (("1", "L", "RGB", "I;16"), 0, False),
    "tga": (("L", "P", "RGB", "RGBA"), 0, False),
    "webp": (("RGB", "RGBA"), 0, False),
    "jp2": (("L", "LA", "RGB", "RGBA", "I;16"), 0, False),
    "jpg": (("L", "RGB", "CMYK"), 12, False),
}
OPTIONS: dict[str, dict[str, Any]] = {"webp": {"lossless": True, "exact": True}, "jpg": {"quality": 95, "subsampling": 0}}
DAMAGES = ("none", "none", "none", "wrong extension", "truncated", "flipped", "zeros", "text", "nothing")


def made(mode: str, rng: np.random.Generator) -> tuple[Image.Image, NDArray[np.float64], dict[str, Any]]:
    """A smooth random image, its pixels [H, W, 3] from 0 to 255, and how to save it."""
    height, width = rng.integers(9, 40, 2).tolist()
    y, x = np.mgrid[:height, :width] / 40
    planes = [
        np.clip(128 + 120 * np.sin(rng.uniform(1, 4) * y + rng.uniform(1, 4) * x + rng.uniform(0, 6)), 0, 255) for _ in range(4)
    ]
    grey, alpha = planes[0].round().astype(np.uint8), (planes[3] // 64 * 85).astype(np.uint8)
    colour = np.stack(planes[:3], axis=2).round().astype(np.uint8)

    def on_white(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        share = alpha[..., None] / 255
        return pixels * share + 255 * (1 - share)

    three = np.repeat(grey[..., None], 3, axis=2)
    match mode:
        case "1":
            return Image.fromarray(grey > 127), np.where(three > 127, 255.0, 0.0), {}
        case "L":
            return Image.fromarray(grey), three.astype(float), {}
        case "LA":
            return Image.fromarray(np.stack([grey, alpha], axis=2), "LA"), on_white(three), {}
        case "P" | "P transparent":
            table = rng.integers(0, 256, (16, 3), dtype=np.uint8)
            image = Image.fromarray(grey // 16, "P")
            image.putpalette(table.tobytes())
            shown = table[grey // 16].astype(float)
            if mode == "P":
                return image, shown, {}
            clear = int(rng.integers(16))
            shown[grey // 16 == clear] = 255
            return image, shown, {"transparency": clear}
        case "RGB":
            return Image.fromarray(colour), colour.astype(float), {}
        case "RGBA":
            return Image.fromarray(np.dstack([colour, alpha])), on_white(colour), {}
        case "CMYK":
            ink = 255 - colour
            return Image.fromarray(np.dstack([ink, np.zeros_like(grey)]), "CMYK"), colour.astype(float), {}
    wide = grey.astype(np.uint16) * 257
    if mode == "I;16":
        return Image.fromarray(wide), three.astype(float), {}
    if mode == "I;16B":
        return Image.fromarray(wide.astype(">u2")), three.astype(float), {}
    return Image.fromarray(wide.astype(np.int32 if mode == "I" else np.float32)), three.astype(float), {}


def turned(image: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, dict[str, Any]]:
    """The image as a camera held on its side stores it, with the tag that says so."""
    exif = Image.Exif()
    tag, back = [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)][
        rng.integers(3)
    ]
    exif[0x0112] = tag
    return image.transpose(back), {"exif": exif}


def damaged(content: bytes, damage: str, rng: np.random.Generator) -> bytes:
    held = bytearray(content)
    match damage:
        case "truncated":
            return content[: int(rng.integers(1, len(content)))]
        case "flipped":
            for place in rng.integers(0, len(held), 8):
                held[place] ^= 1 << int(rng.integers(8))
        case "zeros":
            start = int(rng.integers(len(held) // 2))
            held[start : start + len(held) // 3] = bytes(len(held[start : start + len(held) // 3]))
        case "text":
            return b"404 Not Found\n" * int(rng.integers(1, 9))
        case "nothing":
            return b""
    return bytes(held)


def same(got: NDArray[np.uint8], truth: NDArray[np.float64], off: float) -> bool:
    shown = np.repeat(got, 3, axis=0) if got.shape[0] == 1 else got
    return shown.shape[1:] == truth.shape[:2] and float(np.abs(shown.transpose(1, 2, 0) - truth).max()) <= off + 1


@pytest.mark.parametrize("start", range(0, FILES, PER_TEST))
def test_a_file_gives_its_own_pixels_or_is_refused_in_one_line(tmp_path: Path, start: int) -> None:
    outcomes = []
    for number in range(start, start + PER_TEST):
        rng = np.random.default_rng(number)
        suffix = list(FORMATS)[number % len(FORMATS)]
        modes, off, has_checksums = FORMATS[suffix]
        mode = modes[int(rng.integers(len(modes)))]
        damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
        image, truth, options = made(mode, rng)
        if suffix in ("png", "webp", "jpg", "tif") and rng.random() < 0.25:
            image, tag = turned(image, rng)
            options |= tag
        stream = io.BytesIO()
        image.save(stream, Image.registered_extensions()[f".{suffix}"], **options, **OPTIONS.get(suffix, {}))
        name = f"{number}{rng.choice(['.jpg', '.png', '.GIF']) if damage == 'wrong extension' else '.' + suffix}"
        for part in ("train", "test"):
            (tmp_path / str(number) / part / "a").mkdir(parents=True)
            (tmp_path / str(number) / part / "a" / name).write_bytes(damaged(stream.getvalue(), damage, rng))
        what = f"{name}: {mode} as {suffix}, {damage}"
        whole = damage in ("none", "wrong extension")
        for ask in ("", ", size=64, stream=True"):
            said = ""
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    images = load_data(f"folder(path={str(tmp_path / str(number))!r}{ask})").train_images
                    got = images[0] if isinstance(images, np.ndarray) else images.as_it_is(0)
            except ValueError as error:
                said = str(error)
            if said:
                assert (name in said, "\n" in said, len(said) < 600) == (True, False, True), f"{what}: {said}"
                assert not whole or mode in ("I", "F"), f"{what}: {said}"
                outcomes.append("refused")
                continue
            assert not (whole and mode in ("I", "F")), f"{what}: its range is not known"
            assert damage not in ("text", "nothing"), what
            assert same(got, truth, off) or not (whole or has_checksums), what
            outcomes.append("right" if same(got, truth, off) else "other")
    assert outcomes.count("right") > PER_TEST // 3
    assert outcomes.count("refused") > PER_TEST // 10
