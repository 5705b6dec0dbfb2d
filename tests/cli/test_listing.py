"""`noisylab list`."""

import re
from typing import get_args

import pytest
from helpers_cli import noisylab, without

from noisylab.cli.listing import Kind, registry_of


def test_every_name_of_every_kind_has_a_line_with_its_options_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    counts, *listed = without(["torch"], [["list"], *[["list", kind] for kind in get_args(Kind)]])
    assert [line.split()[0] for line in counts.out.splitlines()] == list(get_args(Kind))
    for kind, answer in zip(get_args(Kind), listed, strict=True):
        entries = registry_of(kind).entries()
        assert (answer.status, answer.err) == (0, "")
        # A name begins a line; further lines are indented.
        blocks = re.split(r"\n(?=\S)", answer.out)
        assert [block.split()[0] for block in blocks] == list(entries)
        for block, entry in zip(blocks, entries.values(), strict=True):
            assert all(key in block for key in entry.options)


def test_a_name_stands_beside_what_it_is_its_source_and_the_defaults(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    text = noisylab(capsys, "list", "methods").out
    (gce,) = [block for block in re.split(r"\n(?=\S)", text) if block.startswith("gce ")]
    first, second = gce.splitlines()
    assert first.endswith("  Generalised cross-entropy, (1 - p_g^q) / q (Zhang and Sabuncu, NeurIPS 2018)")
    assert second.strip() == "q=0.7"


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("methods", "forward_correction", "forward_correction(transition='anchor', percentile=None)\n"),
        ("methods", "forward_correction", "  transition  one of 'anchor', 'known' (default: 'anchor')\n"),
        ("methods", "forward_correction", "  percentile  a finite number in (0, 100] or None (default: None)\n"),
        # All of the documentation, not the first line alone.
        ("methods", "forward_correction", "the oracle"),
        ("methods", "gce", "q  a finite number in [0, 1] (default: 0.7)"),
        ("methods", "mr_kd", "\nfidelity: approximation (a part is missing)\n"),
        ("methods", "mr_kd", "\ndeviations:\n  the network that mixes the copies is missing"),
        ("methods", "elr", "  weight    3.0  paper, CIFAR-10, symmetric noise\n"),
        ("methods", "elr", "\nrecipes (--recipe paper):\n  default  learning_rate=0.02, weight_decay=0.001 (paper"),
        ("methods", "ce", "\nfidelity: paper (as printed)\npublished number: not run here"),
        ("noise", "symmetric:0.4", "T_ij = r/(K-1)"),
        ("noise", "symmetric", "  rate          a finite number in [0, 1]; short: symmetric:RATE\n"),
        ("noise", "human", "one of 'cifar10n_aggre', 'cifar10n_random1'"),
        ("noise", "elr", "IN PLACE"),
        ("models", "small_cnn", "width  a whole number >= 1 (default: 16)"),
        ("studies", "noise_sweep", "90 runs"),
    ],
)
def test_a_name_is_described_with_its_documentation_and_the_bounds_of_its_options(
    capsys: pytest.CaptureFixture[str], kind: str, name: str, said: str
) -> None:
    assert said in noisylab(capsys, "list", kind, name).out
    assert "options" not in noisylab(capsys, "list", "methods", "ce").out


def test_without_torch_a_method_is_described_without_its_sources() -> None:
    (answer,) = without(["torch"], [["list", "methods", "elr"]])
    assert (answer.status, answer.err) == (0, "")
    assert "momentum" in answer.out
    assert "fidelity" not in answer.out
