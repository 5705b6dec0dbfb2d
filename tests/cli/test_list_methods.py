"""`python -m noisylab.cli.methods`."""

import subprocess
import sys

import pytest

from noisylab.core.registries import METHODS


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "noisylab.cli.methods", *arguments], capture_output=True, text=True, check=False
    )


def test_every_method_has_a_line_with_its_source_and_defaults() -> None:
    done = command()
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    lines = done.stdout.splitlines()
    entries = METHODS.entries()
    assert [line.split()[0] for line in lines] == list(entries)
    for line, entry in zip(lines, entries.values(), strict=True):
        assert all(f"{key}={option.default!r}" in line for key, option in entry.options.items())
    (gce,) = [line for line in lines if line.startswith("gce ")]
    assert gce.split("  ")[0] == "gce"
    assert "  Zhang and Sabuncu, NeurIPS 2018  " in gce
    assert "  Generalised cross-entropy, (1 - p_g^q) / q  " in gce
    assert gce.endswith("  q=0.7")


def test_a_method_is_described_with_the_bounds_of_its_options() -> None:
    done = command("forward_correction")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("forward_correction(transition='anchor', percentile=None)\n")
    assert "  transition  one of 'anchor', 'known' (default: 'anchor')\n" in done.stdout
    assert "  percentile  a finite number > 0 and <= 100 or None (default: None)\n" in done.stdout
    # All of its documentation, not the first line alone.
    assert "the oracle" in done.stdout
    assert "q  a finite number in [0, 1] (default: 0.7)" in command("gce").stdout
    assert "options" not in command("ce").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dlbb"], "unknown method 'dlbb' (did you mean 'dlb'?); choose from "),
        ([""], "unknown method ''"),
        (["gce(q=2)"], "q must be a number in [0, 1], got 2"),
        (["gce(q=0.5)"], "give the name alone"),
        (["dlb", "ce"], "ce"),
        (["--all"], "--all"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_2(arguments: list[str], said: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not done.stdout


def test_listing_needs_no_torch() -> None:
    code = "import runpy, sys; sys.argv = ['x']; import noisylab.cli.methods as m; m.main(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_the_package_s_names_are_there_when_asked_for() -> None:
    import noisylab.methods

    for name in noisylab.methods.__all__:
        assert getattr(noisylab.methods, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'DBLoss'"):
        _ = noisylab.methods.DBLoss
