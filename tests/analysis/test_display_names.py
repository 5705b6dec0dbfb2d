"""One name for one thing, in figures, tables and the page."""

import pandas
import pytest

from noisylab.analysis.display_names import DisplayNames, display_names, labels_of

RESULTS = pandas.DataFrame(
    {
        "method": ["ce", "repeat", "dlb(alpha=3.0)", "elr@learning_rate=0.02"],
        "noise": ["symmetric:0.4", "file:labels", "symmetric:0", "asymmetric:0.4"],
        "data": "digits",
    }
)


def test_known_methods_have_the_names_of_the_field_and_others_their_specs() -> None:
    names = DisplayNames()
    assert [names.method(spec) for spec in ("ce", "repeat", "dlb", "dlb(alpha=3.0)")] == [
        "CE",
        "repeat",
        "DLB",
        "dlb(alpha=3.0)",
    ]
    assert names.noise("symmetric:0.4") == "symmetric:0.4"


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("npz:/home/someone/pets.npz", "npz:pets"),
        ("npz:relative/someone/pets.npz", "npz:pets"),
        ("npz(path='/home/someone/pets.npz', name='Pets')", "Pets"),
        ("folder:/home/someone/pets", "folder:pets"),
        # From a plug-in that is not there.
        ("own_reader:/home/someone/pets.tar", "own_reader:pets"),
        (r"own_reader(path='C:\someone\pets.tar', size=3)", "own_reader(path='pets', size=3)"),
        ("/home/someone/my pets.npz", "my pets"),
        ("hf:owner/pets", "hf:owner/pets"),
        ("half/half", "half/half"),
    ],
)
def test_no_folder_is_shown(spec: str, shown: str) -> None:
    assert DisplayNames().data(spec) == shown


def test_noise_from_a_file_is_called_like_the_file() -> None:
    assert DisplayNames().noise("file:/home/someone/labels.csv") == "file:labels"


def test_short_names_keep_what_differs_and_never_become_one() -> None:
    names = DisplayNames({"b": "x" * 40 + "1", "c": "x" * 40 + "2", "ce": "same", "d": "same"})
    short = names.short("method", ["b", "c", "ce", "d", "dlb", "b"], 12)
    assert list(short) == ["b", "c", "ce", "d", "dlb"]
    assert len(set(short.values())) == 5
    assert max(map(len, short.values())) <= 12
    assert (short["b"][-1], short["c"][-1], short["dlb"]) == ("1", "2", "DLB")


@pytest.mark.parametrize("longest", [11, 14, 16, 20])
def test_a_variant_whose_value_is_too_long_keeps_its_beginning(longest: int) -> None:
    variants = ["dlb", *(f"dlb(on='{on}')" for on in ("elr", "gce", "forward_correction"))]
    short = DisplayNames().short("method", variants, longest)
    assert len(set(short.values())) == len(variants)
    assert max(map(len, short.values())) <= longest
    assert short[variants[-1]].startswith("dlb(forwa")
    assert DisplayNames().short("method", variants, 14)[variants[-1]] == "dlb(forward…)", "up to the end of a part"
    # If both begin alike, what differs is shown.
    alike = [f"dlb(on='forward_{on}')" for on in ("correction", "corruption")]
    ends = list(DisplayNames().short("method", alike, 14).values())
    assert ["ection" in ends[0], "uption" in ends[1]] == [True, True]
    assert DisplayNames().short("method", ["dlb", "dlb(alpha=1.1234567891)"], 12)["dlb(alpha=1.1234567891)"] == "dlb(alpha…"


def test_own_names_are_given_however_the_spec_is_written() -> None:
    names = display_names({"Repeat": "control", "CE": "baseline", "file:/a/labels.csv": "crowd", "digits": "8 x 8"}, RESULTS)
    assert names.method("ce") == "baseline"
    assert names.noise("file:labels") == "crowd"
    assert names.data("digits") == "8 x 8"
    assert display_names({"dlb(alpha=3)": "strong"}, RESULTS).method("dlb(alpha=3.0)") == "strong"


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"dlb": "DLB"}, r"no run has a method, noise or data 'dlb' to name.*there are ce, repeat"),
        ({"repeet": "x"}, r"did you mean 'repeat'\?"),
        ({"ce": " "}, "the name of ce must be a text, got ' '"),
        ({"ce": "x", "CE": "y"}, "ce has two names: 'x' and 'y'"),
        ({"ce": "x", "repeat": "x"}, "ce and repeat would both be called 'x'"),
        ({"repeat": "CE"}, "ce and repeat would both be called 'CE'"),
    ],
)
def test_names_that_mean_nothing_or_two_things_are_refused(labels: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        display_names(labels, RESULTS)


def test_a_pair_is_split_where_its_spec_ends() -> None:
    assert labels_of(["dlb(alpha=3)=DLB, a=3", "elr@learning_rate=0.02,weight_decay=0.1=E", "My data=x=y"]) == {
        "dlb(alpha=3)": "DLB, a=3",
        "elr@learning_rate=0.02,weight_decay=0.1": "E",
        "My data": "x=y",
    }


@pytest.mark.parametrize("pairs", [["ce"], ["ce="], ["=x"], ["ce=a", "ce=b"]])
def test_a_pair_without_a_name_or_with_two_is_refused(pairs: list[str]) -> None:
    with pytest.raises(ValueError, match="--label"):
        labels_of(pairs)


def test_a_spec_without_a_name_is_told_how_labels_are_written() -> None:
    with pytest.raises(ValueError, match=r'of the form "SPEC=TEXT", .*got \'dlb\(alpha=3\)\''):
        labels_of(["dlb(alpha=3)"])
