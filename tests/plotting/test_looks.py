"""Looks: no two of a study alike, whoever looks, and all of them to be seen on white."""

import itertools
import random

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from noisylab.analysis.display_names import DisplayNames
from noisylab.plotting.colours import VISIONS, contrast, distances
from noisylab.plotting.epoch_curves import curves
from noisylab.plotting.looks import GROUPS, MARKERS, Look, alike, looks, looks_of, mark_every, number_lines, numbered

METHODS = ("ce", "repeat", "dlb", "elr", "gce", "lsr", "sce", "mixup", "coteaching", "bootstrap_hard", "ps_kd", "jsd", "divide")


def studies(count: int) -> list[list[str]]:
    """Random studies of 8 methods and 5 variants, of one of them or of several."""
    made = []
    for seed in range(count):
        rng = random.Random(seed)
        methods = rng.sample(METHODS, 8)
        of = rng.sample(methods, rng.choice((1, 3)))
        variants = [f"{rng.choice(of)}(alpha={alpha})" for alpha in (0.5, 2.0, 3.0, 5.0, 9.0)]
        made.append(rng.sample([*methods, *variants], 13))
    return made


def shape(look: Look) -> tuple[str, str]:
    return look["marker"], look.get("markerfacecolor", "filled")


def cues(one: Look, other: Look) -> dict[str, int]:
    """For every vision, in how many of colour, line and marker two looks differ."""
    seen = distances(one["color"], other["color"])
    same = (one["linestyle"] != other["linestyle"]) + (shape(one) != shape(other))
    return {vision: same + (distance >= 10) for vision, distance in seen.items()}


def test_in_no_study_two_looks_are_alike_for_any_reader() -> None:
    for methods in studies(60):
        held = looks(methods)
        assert list(held) == methods
        for (a, one), (b, other) in itertools.combinations(held.items(), 2):
            assert min(cues(one, other).values()) >= 2, (a, b, methods)
        assert len({shape(look) for look in held.values()}) == 13
        # In a small print they are circles.
        assert not {"p", "h", "H", "8"} & {look["marker"] for look in held.values()}
        assert not alike(held)


def test_every_line_is_seen_on_white() -> None:
    drawn = [look["color"] for methods in studies(30) for look in looks(methods).values()]
    drawn += [look["color"] for look in (*looks_of(map(str, range(22))).values(), *GROUPS.values())]
    assert min(map(contrast, drawn)) >= 3
    assert contrast("yellow") < 1.5


def test_grey_and_vermilion_are_no_method_s_colours() -> None:
    for look in [look for methods in studies(30) for look in looks(methods).values()]:
        # Black is CE's; any other colour is no grey.
        assert look["color"] == "#000000" or np.ptp(to_rgb(look["color"])) > 0.15 or max(to_rgb(look["color"])) < 0.35, look
        assert distances(look["color"], GROUPS["mislabelled"]["color"])["normal"] > 20, look


def test_variants_have_the_colour_of_their_method_and_differ_in_line_and_marker() -> None:
    held = looks(["ce", "dlb", "dlb(alpha=5.0)", "dlb(alpha=9.0)", "mixup"])
    hues = [np.argmax(to_rgb(held[name]["color"])) for name in ("dlb", "dlb(alpha=5.0)", "dlb(alpha=9.0)")]
    assert set(hues) == {2}
    assert held["mixup"]["color"] != held["dlb"]["color"]
    assert not alike(held)


def test_references_always_look_the_same_and_labels_are_display_names() -> None:
    for methods in studies(5):
        for name in {"ce", "repeat", "dlb"} & set(methods):
            assert looks(methods)[name] == looks([name])[name]
    assert looks(["ce", "elr"], DisplayNames({"elr": "ELR (ours)"}))["elr"]["label"] == "ELR (ours)"


def test_distances_and_contrasts_are_those_of_the_standards() -> None:
    # CIE76 of the sRGB primaries under D65, and WCAG's examples.
    assert distances("red", "lime")["normal"] == pytest.approx(170.6, abs=0.5)
    assert distances("white", "black") == pytest.approx(dict.fromkeys(VISIONS, 100), abs=0.5)
    assert contrast("black") == pytest.approx(21)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.01)
    # What deuteranopes confuse.
    assert distances("#D55E00", "#A87900")["deuteranopia"] < 10 < distances("#D55E00", "#A87900")["normal"]


def test_looks_that_run_out_are_numbered_in_the_legend_and_on_the_lines() -> None:
    many = [f"dlb(alpha={n})" for n in range(30)]
    held = numbered(looks(many))
    assert alike(held)
    assert [look["label"] for look in held.values()] == [f"[{n + 1}] dlb(alpha={n})" for n in range(30)]
    few = looks(many[:3])
    assert numbered(few) == few
    _, ax = plt.subplots()
    for place, look in enumerate(held.values()):
        ax.plot([0, 30], [place, place], **look)
    number_lines(ax)
    assert [text.get_text() for text in ax.texts] == [str(n + 1) for n in range(30)]
    assert [text.get_position()[1] for text in ax.texts] == pytest.approx(range(30))
    assert len({text.get_position()[0] for text in ax.texts}) == 30
    plt.close("all")


def test_a_long_curve_has_some_marks_and_two_curves_have_them_at_different_places() -> None:
    assert mark_every(12, 3) is None
    places = [mark_every(200, place) for place in range(3)]
    assert len(set(places)) == 3
    assert all(8 <= len(range(start, 200, step)) <= 10 for start, step in places)
    import pandas

    numbers = pandas.DataFrame({"method": "ce", "epoch": range(1, 201), "loss": 1.0, "loss_ci95_half": 0.1})
    _, ax = plt.subplots()
    assert curves(numbers, "loss", share=False, ax=ax).lines[0].get_marker() in MARKERS
    plt.close("all")
