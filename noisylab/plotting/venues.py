"""The pages of conferences and journals, for figures that fit them. Widths, fonts and font sizes are those of tueplots."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

VenueName: TypeAlias = Literal[
    "aaai",
    "acl",
    "aistats",
    "beamer",
    "colm",
    "cvpr",
    "eccv",
    "iclr",
    "icml",
    "jmlr",
    "neurips",
    "probnum",
    "tmlr",
    "uai",
]


@dataclass(frozen=True)
class Venue:
    """The name of a venue's template in tueplots, and the height of its text in inches.

    columns: 1 if a page has no columns; then a column is as wide as the page.
    """

    tueplots: str
    height: float
    columns: int = 2


# The newest template that tueplots knows of each venue, with the text height of its author kit.
VENUES: dict[str, Venue | None] = {
    "aaai": Venue("aaai2024", 9.0),
    "acl": None,
    "aistats": Venue("aistats2025", 9.25),
    "beamer": Venue("beamer_169", 3.1, columns=1),
    "colm": Venue("colm2026", 9.0, columns=1),
    "cvpr": Venue("cvpr2024", 8.875),
    "eccv": Venue("eccv2024", 7.6, columns=1),
    "iclr": Venue("iclr2024", 9.0, columns=1),
    "icml": Venue("icml2024", 9.0),
    "jmlr": Venue("jmlr2001", 8.5, columns=1),
    "neurips": Venue("neurips2024", 9.0, columns=1),
    "probnum": Venue("probnum2025", 8.5),
    "tmlr": Venue("tmlr2023", 9.0, columns=1),
    "uai": Venue("uai2023", 9.25),
}

# Serif fonts that come with matplotlib, for machines without a venue's own.
FALLBACK = ["STIXGeneral", "DejaVu Serif"]


@dataclass(frozen=True)
class Page:
    """What a figure must fit: the width of a column and of the page, and the height of the text, in inches.

    settings: fonts and font sizes, keys of `matplotlib.rcParams`.
    """

    column: float
    page: float
    height: float
    settings: dict[str, Any]

    @property
    def widths(self) -> dict[str, float]:
        """The widths that have a name."""
        return {"column": self.column, "page": self.page}


def venue_page(name: str, *, tex: bool = False) -> Page:
    """The page of a venue.

    Args:
        name: A key of `VENUES`.
        tex: Whether TeX sets the text of the figures.

    Returns:
        The page.

    Raises:
        ValueError: If the venue is unknown.

    Example:
        >>> from noisylab.plotting.venues import venue_page
        >>> venue_page("icml").column, venue_page("icml").page
        (3.25, 6.75)

    Source: the package tueplots (https://github.com/pnkraemer/tueplots). For ACL: `acl.sty` of
    https://github.com/acl-org/acl-style-files (A4, margins of 2.5 cm, 0.6 cm between columns, captions of 10 pt, Times).
    """
    if name not in VENUES:
        raise ValueError(f"venue must be one of {', '.join(VENUES)}, got {name!r}")
    from tueplots import figsizes, fonts, fontsizes

    venue = VENUES[name]
    if venue is None:
        like_acl = fonts.icml2024_tex() if tex else fonts.icml2024()
        return Page(7.7 / 2.54, 16 / 2.54, 24.7 / 2.54, _settings(like_acl, fontsizes.neurips2024()))
    if name == "beamer":
        # Beamer's own font is a sans serif one, as matplotlib's is.
        width = figsizes.beamer_169(rel_width=1)["figure.figsize"][0]
        return Page(width, width, venue.height, _settings({}, fontsizes.beamer()))
    parts = ("", "") if venue.columns == 1 else ("_half", "_full")
    column, page = (float(getattr(figsizes, f"{venue.tueplots}{part}")()["figure.figsize"][0]) for part in parts)
    with_tex = getattr(fonts, f"{venue.tueplots}_tex")
    # tueplots knows some fonts only for TeX; all of them are Computer Modern or Times.
    without = getattr(fonts, venue.tueplots, None)
    if tex:
        font = with_tex()
    elif without is not None:
        font = without()
    else:
        times = "times" in with_tex()["text.latex.preamble"]
        font = fonts.icml2024() if times else {"font.family": "serif", "font.serif": ["CMU Serif", "Latin Modern Roman"]}
    return Page(column, page, venue.height, _settings(font, getattr(fontsizes, venue.tueplots)()))


def _settings(font: dict[str, Any], sizes: dict[str, Any]) -> dict[str, Any]:
    """Settings of tueplots, with fonts in case the venue's are not there, and the size of a figure's title."""
    known = {"font.serif": [*font["font.serif"], *FALLBACK]} if "font.serif" in font else {}
    return {**font, **known, **sizes, "figure.titlesize": sizes["axes.titlesize"]}
