"""Image files to uint8 arrays, for data sets in folders or in tables of other libraries.

What a file shows is what counts: its orientation tag is applied, and what is transparent in it is blended on white, as in a
browser. Numbers are scaled by the range of their kind, or by a stated range, and never clipped.
"""

import io
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
GREY = ("1", "L", *_SIXTEEN_BITS, "I", "F")
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
# TIFF's tags for the bits of a number, for what the number 0 means (0: white), and for its kind (1: without a sign, 2: with).
_BITS, _PHOTOMETRIC, _KIND = 258, 262, 339
_ORIENTATION = 0x0112
# Levels of 8 bits for one of 2 or 4, by Pillow's names.
_PACKED = {"L;2": 85, "L;4": 17}
# A share of the pixels that speaks for the whole set, and how few of the 256 levels are suspicious.
_NEARLY_ALL, _FEW_LEVELS = 0.999, 32

Mode = Literal["L", "RGB"]
Range: TypeAlias = tuple[float, ...]
# A path, or the bytes of a file.
Content: TypeAlias = Path | bytes

STATE_RANGE = "state the smallest and largest number with value_range, as in value_range=(0, 1000)"


class UnreadableError(ValueError):
    """An image file cannot be used."""


@dataclass(frozen=True)
class Reading:
    """How the files of a data set become images of one shape.

    source: the data set, for errors. mode: grey or colour. size: width and height; None: that of each file. resize, crop: see
    `fit`. value_range: the numbers that become black and white; None: the range of the file's kind of numbers.
    """

    source: str
    mode: Mode
    size: tuple[int, int] | None = None
    resize: bool = False
    crop: bool = False
    value_range: Range | None = None

    def image(self, content: Content, name: str) -> NDArray[np.uint8]:
        """uint8[C, H, W]; name: the file's, for errors. Raises UnreadableError if it cannot be read, or has another size."""
        where = f"data set {self.source}: {name}"
        try:
            with _opened(content) as image:
                pixels = self._converted(image)
        except UnreadableError as error:
            raise UnreadableError(f"{where} {error}") from error
        except Exception as error:  # Pillow's formats have no common error
            raise UnreadableError(f"{where} cannot be read as an image: {_one_line(error)}") from error
        fitted = np.asarray(pixels) if self.size is None else fit(pixels, self.size, where, resize=self.resize, crop=self.crop)
        # Always a copy, because Pillow's array is read-only.
        return np.array(fitted[None] if fitted.ndim == 2 else fitted.transpose(2, 0, 1), order="C")

    def images(self, files: Sequence[Path]) -> NDArray[np.uint8]:
        """uint8[N, C, H, W] of all files."""
        assert self.size is not None
        images = np.empty((len(files), len(self.mode), self.size[1], self.size[0]), dtype=np.uint8)
        for position, file in enumerate(files):
            images[position] = self.image(file, repr(str(file)))
        return images

    def _converted(self, image: Image.Image) -> Image.Image:
        if self.mode == "RGB" or image.mode in GREY:
            return convert(image, self.mode, self.value_range)
        pixels = np.asarray(convert(image, "RGB", self.value_range))
        if np.ptp(pixels, axis=2).any():
            raise UnreadableError(f"is in colour, but others are grey (its mode is {image.mode!r})")
        return Image.fromarray(pixels[..., 0])


def common_mode(files: Iterable[tuple[str, Content]], source: str, value_range: Range | None = None) -> Mode:
    """Grey if all files, given with their names, hold grey images (not as a palette or as equal colours), else colour.

    Reads only the beginning of each file. Raises UnreadableError for files whose numbers have no known range. Warns once of
    animated images, of which only the first frame is used, and once of images with transparency.
    """
    check_range(value_range)
    mode: Mode = "L"
    animated, transparent = [], []
    for name, content in files:
        where = f"data set {source}: {name}"
        try:
            with _opened(content) as image:
                _check_sign(image)
                kind, limit = image.mode, _largest(image)
                # Telephones add smaller copies of a photograph as frames.
                if getattr(image, "is_animated", False) and image.format != "MPO":
                    animated.append(name)
                if image.has_transparency_data:
                    transparent.append(name)
        except UnreadableError as error:
            raise UnreadableError(f"{where} {error}") from error
        except Exception as error:  # Pillow's formats have no common error
            raise UnreadableError(f"{where} cannot be read as an image: {_one_line(error)}") from error
        if kind in GREY and kind != "1" and value_range is None and limit is None:
            raise UnreadableError(f"{where} {_without_range(kind)}")
        if value_range is not None and (kind not in GREY or kind == "1"):
            raise UnreadableError(f"{where} {_without_numbers(kind)}")
        if kind not in GREY:
            mode = "RGB"
    if animated:
        warnings.warn(
            f"data set {source}: {len(animated):,} images have several frames or pages, of which only the first is used; "
            f"the first such image is {animated[0]}",
            stacklevel=3,
        )
    if transparent:
        warnings.warn(
            f"data set {source}: {len(transparent):,} images can have transparent parts, which are shown on white; "
            f"the first such image is {transparent[0]}",
            stacklevel=3,
        )
    return mode


def convert(image: Image.Image, mode: Mode, value_range: Range | None = None, *, state_range: str = STATE_RANGE) -> Image.Image:
    """The image in 8 bits per channel, grey or in colour, upright, and blended on white if parts of it are transparent.

    value_range: the numbers of a grey image that become black and white. state_range: the advice if that range is needed.
    Raises UnreadableError, without the file's name, if the range of its numbers is not known, if numbers are outside the range,
    or if Pillow does not know the image's colours.
    """
    _check_sign(image)
    # A TIFF file turns itself upright when it is loaded, and drops the tag.
    image.load()
    if value_range is not None or image.mode in (*_SIXTEEN_BITS, "I", "F"):
        eight = _scaled(image, value_range, state_range)
    elif image.mode in ("P", "PA") and (greatest := np.asarray(image.getchannel(0)).max()) >= len(image.getpalette() or ()) / 3:
        raise UnreadableError(f"has the colour {greatest} in a palette of {len(image.getpalette() or ()) // 3}; save it again")
    elif image.has_transparency_data:
        eight = _on_white(image)
    else:
        eight = image
    # Turning is cheap in 8 bits, and Pillow's own function needs no decision about modes then.
    if (orientation := _orientation(image)) != 1:
        eight = _turned(eight, orientation)
    try:
        return eight.convert(mode)
    except ValueError as error:
        raise UnreadableError(f"has the mode {image.mode!r}, which cannot be shown; save it as RGB") from error


def _check_sign(image: Image.Image) -> None:
    """Raise UnreadableError for numbers of 8 bits with a sign: Pillow's mode of 8 bits has none, so -1 would become 255."""
    if image.mode == "L" and 2 in getattr(image, "tag_v2", {}).get(_KIND, ()):
        raise UnreadableError("holds 8-bit numbers with a sign, which are read as 0 to 255; save it without a sign")


def _orientation(image: Image.Image) -> int:
    """The orientation that a file states: 1 is upright, as are files whose facts are damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stated = image.getexif().get(_ORIENTATION, 1)
    return stated if stated in range(1, 9) else 1


def _turned(pixels: Image.Image, orientation: int) -> Image.Image:
    tagged = pixels.copy()
    tagged.getexif()[_ORIENTATION] = orientation
    return ImageOps.exif_transpose(tagged)


def _scaled(image: Image.Image, value_range: Range | None, state_range: str) -> Image.Image:
    """A grey image in 8 bits."""
    largest = _largest(image)
    if image.mode not in GREY or image.mode == "1":
        raise UnreadableError(_without_numbers(image.mode))
    numbers = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    # Pillow reads them with a sign.
    if image.mode == "I" and tags.get(_BITS) == (32,) and tags.get(_KIND, (1,)) == (1,):
        numbers = numbers.view(np.uint32)
    low, high = value_range or (0, largest)
    if high is None:
        raise UnreadableError(_without_range(image.mode, state_range))
    if value_range is not None and largest is not None and high > largest:
        raise UnreadableError(f"has numbers up to {largest} (mode {image.mode!r}), which is below the stated {high:g}")
    smallest, greatest = numbers.min(), numbers.max()
    if not (low <= smallest and greatest <= high):
        wrong = smallest if not low <= smallest else greatest
        raise UnreadableError(f"holds the number {wrong:g}, outside [{low:g}, {high:g}]; {state_range}")
    if value_range is None:
        eight = (numbers >> (int(high).bit_length() - 8)).astype(np.uint8)
    else:
        eight = ((numbers.astype(np.float64) - low) / (high - low) * 255).round().astype(np.uint8)
    # Pillow does this for 8 bits only.
    if image.mode != "L" and tags.get(_PHOTOMETRIC) == 0:
        eight = 255 - eight
    if isinstance(clear := image.info.get("transparency"), int):
        eight[numbers == clear] = 255
    return Image.fromarray(eight)


def _largest(image: Image.Image) -> int | None:
    """The largest number that an image of this mode can hold; None: not known."""
    if image.mode in _SIXTEEN_BITS:
        bits = getattr(image, "tag_v2", {}).get(_BITS, (16,))
        return (1 << (bits[0] if bits in ((12,), (16,)) else 16)) - 1
    # Pillow scales every PGM file of more than 8 bits to 16; older versions read 16 bits of PNG so.
    if image.mode in ("I", "F"):
        return 65535 if image.mode == "I" and image.format in ("PPM", "PNG") else None
    return 255


def _largest_of(mode: str) -> str:
    return "32-bit floats" if mode == "F" else "integers of more than 16 bits or with a sign"


def _without_range(mode: str, state_range: str = STATE_RANGE) -> str:
    return f"holds {_largest_of(mode)} (mode {mode!r}), which have no range of their own; {state_range}"


def _without_numbers(mode: str) -> str:
    return f"has the mode {mode!r}, but value_range is for grey images without palette and transparency"


def _on_white(image: Image.Image) -> Image.Image:
    """The image as it is if nothing in it is transparent, else blended on white."""
    image = image.convert(_PREMULTIPLIED.get(image.mode, image.mode))
    clear = image.convert("RGBA")
    if clear.getchannel("A").getextrema()[0] == 255:
        image.info.pop("transparency", None)
        return image
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def fit(image: Image.Image, size: tuple[int, int], where: str, *, resize: bool, crop: bool = False) -> NDArray[np.uint8]:
    """uint8[H, W] or uint8[H, W, 3] of `size` (width, height), by bilinear interpolation if `resize`.

    crop: resize the largest central part with the shape of `size`, instead of stretching the whole. Raises UnreadableError
    naming `where` if the image has another size and `resize` is False.
    """
    if resize and image.size != size:
        image = image.resize(size, Image.Resampling.BILINEAR, box=_middle(image.size, size) if crop else None)
    if image.size != size:
        raise UnreadableError(
            f"{where} is {image.size[0]}x{image.size[1]} pixels, others are {size[0]}x{size[1]}; "
            f"give one size to all with the option size, as in size=32"
        )
    return np.asarray(image)


def check_range(value_range: Range | None) -> None:
    """Raise ValueError if a range is given that is not two numbers, the smaller first."""
    if value_range is not None and not (len(value_range) == 2 and -math.inf < value_range[0] < value_range[1] < math.inf):
        raise ValueError(f"value_range must be the smallest and the largest number, as in (0, 1000), got {value_range}")


def warn_of_flat(images: NDArray[np.uint8], source: str, way_out: str) -> None:
    """Warn if nearly all pixels of a set have one value, or use a small part of the range: they may have another range."""
    # One by one, since counting makes a copy of eight times the size.
    counts = np.sum([np.bincount(image.ravel(), minlength=256) for image in images], axis=0)
    share = counts.max() / images.size
    # The levels that are left if the same small share is taken from both ends.
    below = np.cumsum(counts) / images.size
    low, high = (int(np.searchsorted(below, part)) for part in ((1 - _NEARLY_ALL) / 2, (1 + _NEARLY_ALL) / 2))
    if share >= _NEARLY_ALL:
        said = f"{100 * share:.4g} % of the pixels have the value {counts.argmax()}"
    elif high - low < _FEW_LEVELS:
        said = f"nearly all pixels lie between {low} and {high}, a small part of 0 to 255"
    else:
        return
    warnings.warn(
        f"data set {source}: {said}; look at the images, and {way_out} if their numbers have another range", stacklevel=3
    )


def _opened(content: Content) -> Image.Image:
    image = Image.open(content if isinstance(content, Path) else io.BytesIO(content))
    # Pillow spreads 2 and 4 bits of grey over 8, but not the level that is transparent.
    packed = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if image.mode == "RGB" and "16" in str(packed) and "transparency" in image.info:
        raise UnreadableError("has a transparent colour of 16 bits, which cannot be told from others in 8; save it with 8 bits")
    if image.format == "FITS":
        raise UnreadableError("is a FITS file, whose numbers are not read as they are meant; save it as TIFF or PNG")
    if packed in _PACKED and isinstance(clear := image.info.get("transparency"), int):
        image.info["transparency"] = clear * _PACKED[packed]
    return image


def _one_line(error: Exception) -> str:
    """The words of an error of Pillow; without the object that stands for bytes in memory."""
    words = " ".join(str(error).split())
    return "no image format is recognised" if isinstance(error, UnidentifiedImageError) else words or type(error).__name__


def _middle(have: tuple[int, int], want: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest central box with the shape of `want`: left, top, right, bottom."""
    scale = min(have[0] / want[0], have[1] / want[1])
    width, height = scale * want[0], scale * want[1]
    left, top = (have[0] - width) / 2, (have[1] - height) / 2
    return left, top, left + width, top + height
