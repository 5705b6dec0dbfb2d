"""Image files whose pixels are not 8-bit grey or RGB: shown right, or refused with the file, its mode and the way out."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from noisylab.core.registries import DATA_SETS
from noisylab.data import from_datasets, load_data
from noisylab.data.image_data import ImageData

Save = Callable[[Path], None]
# A ramp over all of 16 bits, and what it is in 8.
RAMP = (np.arange(256).reshape(16, 16) * 257).astype(np.uint16)
EIGHT = np.arange(256).reshape(16, 16).astype(np.uint8)
BAND = np.arange(2048, 2048 + 256).reshape(16, 16)


def folder_of(root: Path, name: str, save: Save) -> Path:
    for part in ("train", "test"):
        (root / part / "cat").mkdir(parents=True)
        save(root / part / "cat" / name)
    return root


def load(folder: Path, options: str = "") -> ImageData:
    return load_data(f"folder(path={str(folder)!r}{options})")


def both_ways(folder: Path, options: str = "", size: int = 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The first image from memory; streaming gives the same."""
    memory = load(folder, options).train_images[0]
    assert np.array_equal(load(folder, f"{options}, size={size}, stream=True").train_images[0], memory)
    return memory


def hf_of(root: Path, images: list[Any], options: str = "") -> ImageData:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed (extra: hf)")
    columns = {"image": images, "label": [0] * len(images)}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat"])})
    part = datasets.Dataset.from_dict(columns, features=features)
    datasets.DatasetDict({"train": part, "test": part}).save_to_disk(str(root / "set"))
    return load_data(DATA_SETS.parse(f"hf(name='set'{options})"), root)


def pgm(numbers: Any, largest: int) -> Save:
    def save(path: Path) -> None:
        high, wide = numbers.shape
        path.write_bytes(f"P5\n{wide} {high}\n{largest}\n".encode() + numbers.astype(">u2").tobytes())

    return save


def array(numbers: Any, **options: Any) -> Save:
    return lambda path: Image.fromarray(numbers).save(path, **options)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("little.tif", array(RAMP)),
        ("big.tif", array(RAMP.astype(">u2"))),
        ("sixteen.png", array(RAMP)),
        ("sixteen.jp2", array(RAMP)),
        ("sixteen.im", array(RAMP)),
        ("full.pgm", pgm(RAMP, 65535)),
        ("ten_bits.pgm", pgm((EIGHT * (1023 / 255)).astype(np.uint16), 1023)),
    ],
)
def test_every_kind_of_16_bits_is_scaled_by_its_range(tmp_path: Path, name: str, save: Save) -> None:
    image = both_ways(folder_of(tmp_path, name, save))
    assert image.shape == (1, 16, 16)
    assert np.abs(image[0].astype(int) - EIGHT).max() <= ("ten" in name)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I;16N"])
def test_16_bit_images_of_datasets_are_scaled_too(tmp_path: Path, mode: str) -> None:
    image = Image.frombytes(mode, (16, 16), RAMP.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    rows = [(image, 0)]
    assert np.array_equal(from_datasets(rows, rows).train_images[0, 0], EIGHT)


def test_16_bits_in_a_huggingface_set_are_those_of_a_folder(tmp_path: Path) -> None:
    assert np.array_equal(hf_of(tmp_path, [Image.fromarray(RAMP)]).train_images[0, 0], EIGHT)


def test_white_is_zero_in_16_bits_is_turned_round(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "negative.tif", array(RAMP, tiffinfo={262: 0}))
    assert np.array_equal(both_ways(folder)[0], 255 - EIGHT)


@pytest.mark.parametrize(
    ("numbers", "mode"),
    [(RAMP.astype(np.int32), "I"), (RAMP.astype(np.float32), "F"), ((EIGHT / 255).astype(np.float32), "F")],
)
def test_numbers_without_a_range_of_their_own_are_refused_with_file_mode_and_the_way_out(
    tmp_path: Path, numbers: Any, mode: str
) -> None:
    folder = folder_of(tmp_path / "folder", "wide.tif", array(numbers))
    said = rf"wide.tif' holds .* \(mode '{mode}'\), which have no range of their own; .*value_range=\(0, 1000\)"
    for options in ("", ", size=16, stream=True"):
        with pytest.raises(ValueError, match=said):
            load(folder, options)
    image = Image.fromarray(numbers)
    with pytest.raises(ValueError, match=rf"the training set's image 0 holds .*\(mode '{mode}'\).*; scale them to 0 to 255"):
        from_datasets([(image, 0)], [(image, 0)])
    with pytest.raises(ValueError, match=rf"hf:set: image 0.* \(mode '{mode}'\).*value_range"):
        hf_of(tmp_path, [image])


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_a_stated_range_scales_them(tmp_path: Path, kind: Any) -> None:
    numbers = (BAND - 2176).astype(kind)
    folder = folder_of(tmp_path, "wide.tif", array(numbers))
    assert np.array_equal(both_ways(folder, ", value_range=(-128, 127)")[0], EIGHT)
    assert np.array_equal(hf_of(tmp_path, [Image.fromarray(numbers)], ", value_range=(-128, 127)").train_images[0, 0], EIGHT)


@pytest.mark.parametrize(
    ("numbers", "value_range", "said"),
    [
        (BAND.astype(np.int32), (0, 2000), r"holds the number 2303, outside \[0, 2000\]"),
        (BAND.astype(np.int32), (2100, 4095), r"holds the number 2048, outside \[2100, 4095\]"),
        (np.full((16, 16), np.nan, np.float32), (0, 1), "holds the number nan, outside"),
        (np.full((16, 16), np.inf, np.float32), (0, 1), "holds the number inf, outside"),
        (EIGHT, (0, 4095), r"has numbers up to 255 \(mode 'L'\), which is below the stated 4095"),
        (np.repeat(EIGHT[..., None], 3, 2), (0, 4095), "has the mode 'RGB', but value_range is for grey images"),
    ],
)
def test_nothing_is_clipped(tmp_path: Path, numbers: Any, value_range: tuple[float, float], said: str) -> None:
    folder = folder_of(tmp_path, "wide.tif", array(numbers))
    with pytest.raises(ValueError, match=f"wide.tif' {said}"):
        load(folder, f", value_range={value_range}")


@pytest.mark.parametrize("value_range", [(0,), (1, 0), (0, 1, 2), (3, 3)])
def test_a_range_is_two_numbers_the_smaller_first(tmp_path: Path, value_range: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="value_range must be the smallest and the largest number"):
        load(folder_of(tmp_path, "a.tif", array(RAMP)), f", value_range={value_range}")


def test_another_range_is_another_data_set_in_memory_and_in_files(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.tif", array(RAMP))
    for options in ("", ", size=16, stream=True"):
        stated = [load(folder, options + of).digest() for of in ("", ", value_range=(0, 65535)")]
        assert len(set(stated)) == (2 if options else 1)


def test_the_name_of_a_data_set_does_not_know_its_range() -> None:
    assert DATA_SETS.identity("folder:x") == DATA_SETS.identity("folder(path='x', value_range=(0, 5))")


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((RAMP >> 4), r"nearly all pixels lie between 0 and 15, a small part of 0 to 255; .*value_range"),
        (np.full((16, 16), 65535, np.uint16), r"100 % of the pixels have the value 255; .*value_range"),
    ],
)
def test_12_bits_in_16_and_blank_sets_are_warned_of_once(tmp_path: Path, numbers: Any, said: str) -> None:
    folder = folder_of(tmp_path, "a.png", array(numbers))
    with pytest.warns(UserWarning, match=said) as told:
        load(folder)
    assert len(told) == 1
    with pytest.warns(UserWarning, match=said):
        load(folder, ", size=16, stream=True")


def test_the_stated_range_is_the_way_out_of_12_bits_in_16(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.png", array(RAMP >> 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = load(folder, ", value_range=(0, 4095)").train_images[0, 0]
    assert np.abs(image.astype(int) - EIGHT).max() <= 1


def test_digits_on_black_are_not_warned_of(tmp_path: Path) -> None:
    digit = np.zeros((28, 28), np.uint8)
    digit[5:23, 12:15] = 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(folder_of(tmp_path, "a.png", array(digit)))


def palette(transparent: int | bytes | None) -> Save:
    def save(path: Path) -> None:
        image = Image.fromarray(np.repeat([[0, 1], [2, 3]], 8, axis=1).repeat(8, axis=0).astype(np.uint8), "P")
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0])
        image.save(path, **({} if transparent is None else {"transparency": transparent}))

    return save


def corners(image: Any) -> list[list[int]]:
    return [image[:, y, x].tolist() for y in (0, 15) for x in (0, 15)]


def with_alpha(mode: str, clear: int) -> Save:
    def save(path: Path) -> None:
        image = Image.new(mode, (16, 16), (0, 255) if mode == "LA" else (200, 0, 0, 255))
        image.paste((0, clear) if mode == "LA" else (0, 0, 0, clear), (8, 0, 16, 16))
        image.save(path)

    return save


@pytest.mark.parametrize(
    ("name", "save", "wanted"),
    [
        ("p.png", palette(None), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]),
        ("p.gif", palette(None), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]),
        ("one.png", palette(3), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]),
        ("one.gif", palette(3), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]),
        ("half.png", palette(bytes([255, 255, 255, 127])), [[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]]),
        ("rgba.png", with_alpha("RGBA", 0), [[200, 0, 0], [255, 255, 255]] * 2),
        ("rgba.webp", with_alpha("RGBA", 0), [[200, 0, 0], [255, 255, 255]] * 2),
        ("opaque.png", with_alpha("RGBA", 255), [[200, 0, 0], [0, 0, 0]] * 2),
        ("la.png", with_alpha("LA", 0), [[0, 0, 0], [255, 255, 255]] * 2),
        ("la.tif", with_alpha("LA", 127), [[0, 0, 0], [128, 128, 128]] * 2),
    ],
)
def test_what_is_transparent_is_blended_on_white(tmp_path: Path, name: str, save: Save, wanted: list[list[int]]) -> None:
    got = corners(both_ways(folder_of(tmp_path / "folder", name, save)))
    assert np.abs(np.array(got) - wanted).max() <= (8 if name.endswith("webp") else 0)
    content = (tmp_path / "folder" / "train" / "cat" / name).read_bytes()
    assert corners(hf_of(tmp_path, [{"bytes": content, "path": name}]).train_images[0]) == got
    with Image.open(tmp_path / "folder" / "train" / "cat" / name) as image:
        assert corners(from_datasets([(image, 0)], [(image, 0)]).train_images[0]) == got


def test_a_transparent_grey_level_of_16_bits_is_white(tmp_path: Path) -> None:
    image = both_ways(folder_of(tmp_path, "a.png", array(RAMP, transparency=0)))[0]
    assert image[0, 0] == 255
    assert np.array_equal(image.ravel()[1:], EIGHT.ravel()[1:])


def packed(bits: int, row: bytes, clear: int) -> Save:
    """Pillow writes no PNG of 2 or 4 bits of grey."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    def save(path: Path) -> None:
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)) + chunk(b"tRNS", struct.pack(">H", clear))
        rest = chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + rest)

    return save


@pytest.mark.parametrize(("bits", "row", "clear"), [(4, bytes([0x05, 0xAF]), 5), (2, bytes([0b00011011]), 1)])
def test_a_transparent_grey_level_of_few_bits_is_white(tmp_path: Path, bits: int, row: bytes, clear: int) -> None:
    folder = folder_of(tmp_path, "a.png", packed(bits, row, clear))
    assert load(folder).train_images[0, 0, 0].tolist() == [0, 255, 170, 255]


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "1", "HSV", "LAB"])
def test_other_colours_are_those_that_they_show(tmp_path: Path, mode: str) -> None:
    colours = Image.new("RGB", (16, 16), (0, 0, 0))
    colours.paste((255, 0, 0), (8, 0, 16, 16))
    wanted = np.asarray(colours.convert("1", dither=Image.Dither.NONE).convert("RGB") if mode == "1" else colours)
    image = colours.convert(mode, dither=Image.Dither.NONE)
    got = from_datasets([(image, 0)], [(image, 0)]).train_images[0].transpose(1, 2, 0)
    assert np.abs(got.astype(int) - wanted).max() <= (5 if mode == "LAB" else 2)
    if mode not in ("HSV", "LAB"):
        image = both_ways(folder_of(tmp_path, "a.tif", image.save))
        assert image.shape[0] == (1 if mode == "1" else 3)
        assert np.abs(image.transpose(1, 2, 0).astype(int) - wanted).max() <= 2


def test_colours_that_pillow_cannot_show_are_refused() -> None:
    class Unknown(Image.Image):
        """As Pillow answers for a mode that it cannot convert."""

        def convert(self, *_: Any, **__: Any) -> Image.Image:
            raise ValueError("conversion from LAB to RGB not supported")

    image = Image.new("LAB", (16, 16))
    image.__class__ = Unknown
    with pytest.raises(ValueError, match=r"image 0 has the mode 'LAB', which cannot be shown; save it as RGB"):
        from_datasets([(image, 0)], [(image, 0)])


@pytest.mark.parametrize(("name", "tag"), [(name, tag) for name in ("a.png", "a.tif", "a.webp") for tag in range(1, 9)])
def test_the_orientation_tag_is_applied_as_browsers_do(tmp_path: Path, name: str, tag: int) -> None:
    as_seen = Image.new("RGB", (16, 8), "black")
    as_seen.paste("red", (0, 0, 8, 4))
    stored = {  # what a camera held so writes into the file
        1: (),
        2: (Image.Transpose.FLIP_LEFT_RIGHT,),
        3: (Image.Transpose.ROTATE_180,),
        4: (Image.Transpose.FLIP_TOP_BOTTOM,),
        5: (Image.Transpose.TRANSPOSE,),
        6: (Image.Transpose.ROTATE_90,),
        7: (Image.Transpose.TRANSVERSE,),
        8: (Image.Transpose.ROTATE_270,),
    }[tag]
    image = as_seen
    for each in stored:
        image = image.transpose(each)
    exif = Image.Exif()
    exif[0x0112] = tag
    options = {"lossless": True} if name.endswith("webp") else {}
    folder = folder_of(tmp_path, name, lambda path: image.save(path, exif=exif, **options))
    data = load(folder)
    assert data.shape == (3, 8, 16)
    assert np.array_equal(data.train_images[0].transpose(1, 2, 0), np.asarray(as_seen))
    streamed = load(folder, ", size=16, stream=True").train_images
    assert np.array_equal(streamed.as_it_is(0), data.train_images[0])  # type: ignore[union-attr]
    assert np.array_equal(streamed[0], load(folder, ", size=16").train_images[0])
    with Image.open(folder / "train" / "cat" / name) as held:
        assert np.array_equal(from_datasets([(held, 0)], [(held, 0)]).train_images[0], data.train_images[0])


def test_of_an_animated_image_the_first_frame_is_used_with_a_warning(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    frames[0].paste("black", (8, 0, 16, 16))

    def save(path: Path) -> None:
        frames[0].save(path, save_all=True, append_images=frames[1:])

    folder = folder_of(tmp_path, "a.gif", save)
    said = r"2 images have several frames or pages, of which only the first is used; the first such image is '.*a.gif'"
    with pytest.warns(UserWarning, match=said):
        assert corners(both_ways(folder)) == [[255, 0, 0], [0, 0, 0]] * 2


def test_a_set_is_grey_by_what_its_files_declare_and_grey_colours_fit_a_streamed_grey_set(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "0.png", array(EIGHT))
    for part in ("train", "test"):
        Image.fromarray(EIGHT).convert("RGB").save(folder / part / "cat" / "1.png")
        Image.fromarray(EIGHT).convert("P").save(folder / part / "cat" / "2.png")
    images = load(folder).train_images
    assert images.shape == (3, 3, 16, 16)
    assert (images[:] == EIGHT).all()
    from noisylab.data.streaming import StreamedImages

    grey = StreamedImages(str(folder / "train" / "cat"), np.array([b"0.png", b"1.png", b"2.png"]), (16, 16), "L")
    assert (grey[:] == EIGHT).all()


@pytest.mark.parametrize(
    ("shape", "read"), [((5, 8, 8), (5, 8, 8)), ((8, 8, 5), (5, 8, 8)), ((3, 8, 8), (3, 8, 8)), ((2, 8, 3), (3, 2, 8))]
)
def test_channels_are_found_first_or_last(shape: tuple[int, ...], read: tuple[int, ...]) -> None:
    rows = [(np.zeros(shape, np.uint8), 0), (np.full(shape, 255, np.uint8), 0)]
    assert from_datasets(rows, rows).shape == read


def test_arrays_with_channels_nowhere_or_without_pixels_are_refused() -> None:
    for shape, said in (((8, 8, 8), "are the channels first or last"), ((0, 8), "has no pixels")):
        rows = [(np.zeros(shape, np.uint8), 0)]
        with pytest.raises(ValueError, match=said):
            from_datasets(rows, rows)


def test_a_streamed_image_found_too_late_is_refused_as_early_ones_are(tmp_path: Path) -> None:
    from noisylab.data.streaming import StreamedImages

    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a.tif' holds 32-bit floats \(mode 'F'\).*value_range"):
        StreamedImages(str(tmp_path), np.array([b"a.tif"]), (16, 16), "L")[0]


def test_32_bits_without_a_sign_are_read_without_one(tmp_path: Path) -> None:
    numbers = np.full((16, 16), 2**32 - 5, dtype=np.uint32)
    numbers[0, 0] = 0
    folder = folder_of(tmp_path, "a.tif", lambda path: path.write_bytes(unsigned_tiff(numbers)) and None)
    with pytest.raises(ValueError, match=r"holds the number 4.29497e\+09, outside \[-10, 10\]"):
        load(folder, ", value_range=[-10, 10]")
    pixels = both_ways(folder, f", value_range=[0, {2**32 - 1}]")
    assert (pixels[0, 0, 0], pixels[0, 1, 1]) == (0, 255)


def unsigned_tiff(numbers: np.ndarray[Any, np.dtype[np.uint32]]) -> bytes:
    """An uncompressed little-endian TIFF file of 32-bit numbers without a sign, which Pillow cannot write."""
    high, wide = numbers.shape
    tags = [(256, 4, wide), (257, 4, high), (258, 3, 32), (259, 3, 1), (262, 3, 1), (273, 4, 122), (277, 3, 1), (278, 4, high)]
    tags += [(279, 4, numbers.nbytes)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head.ljust(122, b"\0") + numbers.astype("<u4").tobytes()


@pytest.mark.parametrize("options", ["", ", value_range=[0, 200]", ", size=16, stream=True"])
@pytest.mark.parametrize("order", ["II", "MM"])
def test_8_bits_with_a_sign_are_refused(order: str, options: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.tif", lambda path: path.write_bytes(eight_bit_tiff(order, sample_format=(2,))) and None)
    with pytest.raises(
        ValueError, match=r"a.tif' holds 8-bit numbers with a sign, which are read as 0 to 255; save it without"
    ):
        load(folder, options)


def test_8_bits_with_a_sign_are_refused_among_ones_own_images(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(eight_bit_tiff("II", sample_format=(2,)))
    rows = [(Image.open(tmp_path / "a.tif"), 0)]
    with pytest.raises(ValueError, match="the training set's image 0 holds 8-bit numbers with a sign"):
        from_datasets(rows, rows)


@pytest.mark.parametrize("sample_format", [(), (1,)])
@pytest.mark.parametrize("order", ["II", "MM"])
def test_8_bits_without_a_sign_are_read(order: str, sample_format: tuple[int, ...], tmp_path: Path) -> None:
    content = eight_bit_tiff(order, sample_format)
    assert np.array_equal(both_ways(folder_of(tmp_path, "a.tif", lambda path: path.write_bytes(content) and None))[0], EIGHT)


def test_colours_with_a_sign_are_refused_and_those_without_are_read(tmp_path: Path) -> None:
    content = eight_bit_tiff("II", (1, 1, 1), bands=3)
    pixels = both_ways(folder_of(tmp_path / "plain", "a.tif", lambda path: path.write_bytes(content) and None))
    assert np.array_equal(pixels, np.stack([EIGHT] * 3))
    signed = eight_bit_tiff("II", (2, 2, 2), bands=3)
    folder = folder_of(tmp_path / "signed", "a.tif", lambda path: path.write_bytes(signed) and None)
    with pytest.raises(ValueError, match=r"a.tif' cannot be read as an image"):
        load(folder)


def eight_bit_tiff(order: str, sample_format: tuple[int, ...], bands: int = 1) -> bytes:
    """An uncompressed TIFF file of the pixels EIGHT in every band, with the tag for a sign if it is given."""
    sign = "<" if order == "II" else ">"
    shorts = {256: (16,), 257: (16,), 258: (8,) * bands, 259: (1,), 262: (1 if bands == 1 else 2,), 273: (512,), 277: (bands,)}
    shorts |= {278: (16,), 279: (256 * bands,)} | ({339: sample_format} if sample_format else {})
    entries, beyond = b"", b""
    for tag, values in shorts.items():
        held = struct.pack(f"{sign}{len(values)}H", *values)
        if len(held) > 4:
            held, beyond = struct.pack(f"{sign}I", 256 + len(beyond)), beyond + held
        entries += struct.pack(f"{sign}HHI", tag, 3, len(values)) + held.ljust(4, b"\0")
    head = order.encode() + struct.pack(f"{sign}HIH", 42, 8, len(shorts)) + entries + struct.pack(f"{sign}I", 0)
    return (head.ljust(256, b"\0") + beyond).ljust(512, b"\0") + np.repeat(EIGHT.ravel(), bands).tobytes()


def test_a_colour_beyond_the_palette_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.full((16, 16), 3, dtype=np.uint8), "P")
    image.putpalette([0, 0, 0, 9, 9, 9, 50, 60, 70, 200, 100, 0])
    content = png_of(image, lambda kind, data: data[:6] if kind == b"PLTE" else data)
    folder = folder_of(tmp_path, "a.png", lambda path: path.write_bytes(content) and None)
    with pytest.raises(ValueError, match=r"a.png' has the colour 3 in a palette of 2; save it again"):
        load(folder)


def png_of(image: Image.Image, changed: Callable[[bytes, bytes], bytes]) -> bytes:
    """The image as a PNG file with the contents of its chunks changed."""
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    content, out, at = buffer.getvalue(), buffer.getvalue()[:8], 8
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        data = changed(kind, content[at + 8 : at + 8 + length])
        out += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        at += 12 + length
    return out


def test_transparent_parts_are_said_to_be_shown_on_white(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.png", lambda path: Image.new("RGBA", (16, 16), (9, 9, 9, 0)).save(path))
    with pytest.warns(UserWarning, match="2 images can have transparent parts, which are shown on white; the first .*a.png"):
        assert (load(folder).train_images == 255).all()


def test_damaged_facts_about_a_photograph_leave_it_upright_without_a_word(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    folder = folder_of(tmp_path, "a.png", lambda path: picture.save(path, exif=b"Exif\0\0II*\0\xff\xff\0\0broken"))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*EXIF")
        assert np.array_equal(load(folder).train_images[0].transpose(1, 2, 0), np.asarray(picture))


@pytest.mark.parametrize(("shape", "read"), [((10, 8, 8), (10, 8, 8)), ((8, 8, 10), (10, 8, 8)), ((3, 8, 8), (3, 8, 8))])
def test_of_two_equal_sides_the_third_is_that_of_the_channels(shape: tuple[int, ...], read: tuple[int, ...]) -> None:
    rows = [(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape) + i, i) for i in range(2)]
    assert from_datasets(rows, rows).shape == read


def test_of_two_folders_for_testing_the_one_left_out_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "a.png", array(EIGHT))
    (folder / "val").mkdir()
    with pytest.warns(UserWarning, match="has test and val; test is used, and val is left out"):
        load(folder)
