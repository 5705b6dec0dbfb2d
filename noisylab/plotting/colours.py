"""How far apart two colours are for readers who see all colours, for the colour-blind, and in greyscale."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.typing import ColorType
from numpy.typing import NDArray

# From linear sRGB to CIE XYZ; its second row is the luminance.
_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
_WHITE = _XYZ.sum(axis=1)

VISIONS = {
    "normal": np.eye(3),
    # Machado, Oliveira, Fernandes (2009), Table 1, severity 1: what is seen, in linear sRGB.
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "greyscale": np.tile(_XYZ[1], (3, 1)),
}


def distances(one: ColorType, other: ColorType) -> dict[str, float]:
    """The Euclidean distance of two colours in CIE Lab for each of `VISIONS`; below about 2, nobody tells them apart.

    Example:
        >>> from noisylab.plotting.colours import distances
        >>> {vision: round(distance) for vision, distance in distances("red", "green").items()}
        {'normal': 139, 'deuteranopia': 37, 'protanopia': 25, 'greyscale': 7}
    """
    a, b = _linear(one), _linear(other)
    return {name: float(np.linalg.norm(_lab(seen @ a) - _lab(seen @ b))) for name, seen in VISIONS.items()}


def contrast(one: ColorType, other: ColorType = "white") -> float:
    """The contrast of two colours, from 1 to 21. Lines and marks need 3, text 4.5 (WCAG 2.1).

    Example:
        >>> from noisylab.plotting.colours import contrast
        >>> round(contrast("yellow"), 2)
        1.07
    """
    darker, lighter = sorted(float(_XYZ[1] @ _linear(colour)) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def shaded(colour: ColorType, share: float) -> tuple[float, float, float]:
    """A colour mixed with white (share in (0, 1]) or with black (in [-1, 0))."""
    red, green, blue = (1 - abs(share)) * np.array(to_rgb(colour)) + max(share, 0.0)
    return float(red), float(green), float(blue)


def _linear(colour: ColorType) -> NDArray[np.float64]:
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(linear: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    x, y, z = (np.cbrt(part) if part > 0.008856 else 7.787 * part + 16 / 116 for part in _XYZ @ np.clip(linear, 0, 1) / _WHITE)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
