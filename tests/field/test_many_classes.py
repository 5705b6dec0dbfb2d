"""Thousands of classes: no dense matrix, the same labels as with one, and a report that can be read."""

import json
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from noisylab.analysis import class_accuracy
from noisylab.cli.corrupt import main as corrupt_main
from noisylab.corruption import (
    NoisyLabels,
    asymmetric,
    block,
    compose,
    diagnose,
    empirical,
    from_pair,
    from_transition,
    long_tailed,
    margin,
    open_set,
    pair_flip,
    preset,
    realism_controls,
    restrict,
    subclass,
    symmetric,
)
from noisylab.corruption.matrices import DENSE, Compact, dense, diagonal_of, product, regular

CLASSES = 1100
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(CLASSES), 4))
GROUPS = (np.arange(CLASSES) % 7).tolist()
SOURCE = pair_flip(LABELS, 0.5, sampling="iid")

KINDS: dict[str, Callable[[str], NoisyLabels]] = {
    "symmetric": lambda mode: symmetric(LABELS, 0.4, sampling=mode),  # type: ignore[arg-type]
    "symmetric_included": lambda mode: symmetric(LABELS, 0.4, include_true=True, sampling=mode),  # type: ignore[arg-type]
    "pair_flip": lambda mode: pair_flip(LABELS, 0.4, sampling=mode),  # type: ignore[arg-type]
    "asymmetric": lambda mode: asymmetric(LABELS, 0.4, {3: 4, 4: 3, 1000: 7}, sampling=mode),  # type: ignore[arg-type]
    "block": lambda mode: block(LABELS, 0.4, GROUPS, sampling=mode),  # type: ignore[arg-type]
    "open_set": lambda mode: open_set(LABELS, 0.4, 50, open_share=0.5, sampling=mode),  # type: ignore[arg-type]
    "chain": lambda mode: compose(pair_flip(LABELS, 0.2, sampling=mode), "symmetric:0.3"),  # type: ignore[arg-type]
    "restricted_chain": lambda mode: restrict(KINDS["chain"](mode), tuple(range(0, CLASSES, 2))),
    "blocks_in_a_chain": lambda mode: compose(block(LABELS, 0.2, GROUPS), f"block(rate=0.3, groups={GROUPS})"),
    "on_classes": lambda mode: restrict(symmetric(LABELS, 0.4, sampling=mode), [1, 1001]),  # type: ignore[arg-type]
    "long_tailed": lambda mode: long_tailed(LABELS, 0.5, f"symmetric(rate=0.4, sampling='{mode}')"),
    "dividemix": lambda mode: preset(LABELS, 0.4, "dividemix"),
    "sce": lambda mode: preset(LABELS, 0.5, "sce"),
    "coteaching": lambda mode: preset(LABELS, 0.4, "coteaching", form="pair"),
}


@pytest.fixture
def dense_above(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Keep matrices of more classes dense, as those of few are."""
    return lambda: monkeypatch.setattr("noisylab.corruption.matrices.DENSE", 10_000)


@pytest.mark.parametrize("mode", ["iid", "exact", "exact_per_class"])
@pytest.mark.parametrize("name", [*KINDS])
def test_labels_are_the_same_bits_with_and_without_a_dense_matrix(
    name: str, mode: str, dense_above: Callable[[], None]
) -> None:
    few = KINDS[name](mode)
    assert few.transition is None
    matrix = few.dense_transition()
    dense_above()
    whole = KINDS[name](mode)
    assert whole.transition is not None
    assert np.array_equal(few.given, whole.given)
    assert few.nominal_rate == pytest.approx(whole.nominal_rate, rel=1e-12)
    # A product of matrices is rounded in another order.
    assert np.allclose(matrix, whole.transition, rtol=0, atol=1e-13)
    if "chain" not in name:
        assert np.array_equal(matrix, whole.transition)


def test_empirical_noise_and_the_realism_controls_need_no_dense_matrix(dense_above: Callable[[], None]) -> None:
    few = [empirical(LABELS, SOURCE), *realism_controls(SOURCE).values()]
    assert all(noisy.transition is None for noisy in few)
    matrix = few[0].dense_transition()
    dense_above()
    whole = empirical(LABELS, SOURCE)
    assert np.array_equal(few[0].given, whole.given)
    assert np.allclose(matrix, whole.dense_transition(), rtol=0, atol=1e-15)


def test_up_to_1000_classes_the_matrix_is_an_array_and_above_it_is_made_on_request() -> None:
    at, above = symmetric(np.arange(DENSE), 0.4), symmetric(np.arange(DENSE + 1), 0.4)
    assert at.transition is not None
    assert at.dense_transition() is at.transition
    assert above.transition is None
    assert np.allclose(above.dense_transition().sum(axis=1), 1)
    with pytest.raises(ValueError, match="pair noise has no transition matrix"):
        from_pair([0, 1], [1, 1]).dense_transition()


@pytest.mark.parametrize("name", [*KINDS])
def test_a_record_of_many_classes_is_saved_loaded_pickled_and_compared(name: str, tmp_path: Path) -> None:
    noisy = KINDS[name]("exact")
    noisy.save(tmp_path / "noise.npz")
    for again in (NoisyLabels.load(tmp_path / "noise.npz"), pickle.loads(pickle.dumps(noisy))):
        assert again == noisy
        assert again.transition is None
        assert np.array_equal(again.dense_transition(), noisy.dense_transition())
    assert noisy != replace(noisy, compact=None)
    with np.load(tmp_path / "noise.npz") as archive:
        assert sum(archive[key].nbytes for key in archive.files if key.startswith("transition")) < CLASSES**2


def test_the_matrix_is_an_array_in_the_archive_and_not_text_in_its_header(tmp_path: Path) -> None:
    noisy = symmetric(np.arange(600), 0.4)
    noisy.save(tmp_path / "noise.npz")
    with np.load(tmp_path / "noise.npz") as archive:
        assert np.array_equal(archive["transition"], noisy.transition)  # type: ignore[arg-type]
        assert len(str(archive["header"])) < 1000


def _with(path: Path, **changed: NDArray[np.generic]) -> None:
    """Write the archive again with other arrays."""
    with np.load(path) as archive:
        held = {name: archive[name] for name in archive.files}
    np.savez(path, **(held | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [10, CLASSES])
def test_a_file_with_another_matrix_is_refused(classes: int, tmp_path: Path) -> None:
    path = tmp_path / "noise.npz"
    symmetric(np.arange(classes), 0.4).save(path)
    other = {"transition": np.eye(10)} if classes == 10 else {"transition_diagonal": np.ones(classes)}
    _with(path, **other)
    with pytest.raises(ValueError, match=r"noise\.npz.*its arrays do not have the recorded digest"):
        NoisyLabels.load(path)


def test_a_file_of_an_older_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "noise.npz"
    symmetric([0, 1, 2, 3], 0.5, seed=3).save(path)
    with np.load(path) as archive:
        header = json.loads(str(archive["header"]))
    _with(path, header=np.array(json.dumps(header | {"format": 3, "transition": [[1.0]]})))
    with pytest.raises(
        ValueError,
        match=r"format 3, and .* reads format 4; make the record again \(kind symmetric, nominal_rate 0\.5, seed 3\)",
    ):
        NoisyLabels.load(path)


def test_a_matrix_of_many_classes_that_is_given_is_kept_as_it_is(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).dirichlet(np.ones(CLASSES), CLASSES)
    noisy = from_transition(LABELS, matrix)
    assert noisy.transition is not None
    assert np.allclose(noisy.dense_transition(), matrix)
    noisy.save(tmp_path / "noise.npz")
    assert NoisyLabels.load(tmp_path / "noise.npz") == noisy
    both = compose(noisy, "pair_flip:0.2")
    assert np.allclose(both.dense_transition(), matrix @ pair_flip(LABELS, 0.2).dense_transition())


def test_a_matrix_of_many_classes_whose_rows_do_not_sum_to_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows must sum to 1, got 1\.5"):
        regular(np.ones(CLASSES), sent=([5], [6], [0.5]))


def test_products_of_matrices_in_few_numbers_are_those_of_dense_ones() -> None:
    parts = [noisy.matrix for noisy in (KINDS["block"]("iid"), KINDS["symmetric"]("iid"), SOURCE, KINDS["on_classes"]("iid"))]
    made, expected = parts[0], dense(parts[0])  # type: ignore[arg-type]
    for part in parts[1:]:
        made, expected = product(made, part), expected @ dense(part)  # type: ignore[arg-type]
    assert isinstance(made, Compact)
    assert np.allclose(dense(made), expected, rtol=0, atol=1e-14)
    assert np.allclose(diagonal_of(made), np.diagonal(expected))


@pytest.mark.parametrize("name", ["symmetric", "pair_flip", "chain", "open_set", "dividemix"])
def test_the_diagnostics_of_many_classes_are_those_of_few_but_for_the_heavy_ones(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = diagnose(KINDS[name]("exact_per_class"))
    for module in ("matrices", "diagnostics"):
        monkeypatch.setattr(f"noisylab.corruption.{module}.DENSE", 10_000)
    full = diagnose(KINDS[name]("exact_per_class"))
    assert np.isnan([found.condition, found.p_value, found.largest_deviation]).all()
    assert not np.isnan([full.condition, full.p_value, full.largest_deviation]).any()
    assert found.dominance == pytest.approx(full.dominance)
    assert (found.expected_rate, found.rate_spread) == pytest.approx((full.expected_rate, full.rate_spread), nan_ok=True)
    assert found.never_given == full.never_given
    assert np.array_equal(found.rate_per_class, full.rate_per_class, equal_nan=True)


def test_the_report_lists_the_noisiest_and_the_cleanest_classes_and_says_what_it_leaves_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    noisy = asymmetric(LABELS[LABELS != 9], 1, {5: 6, **{c: c + 1 for c in range(10, 800)}}, CLASSES)
    noisy.report()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) < 400
    said = " ".join(line.strip() for line in lines)
    assert "(791 entries)" in said
    assert "left out for more than 1000 classes: largest |realised - asked|, chi-square test, condition number" in said
    assert "10 noisiest and the 10 cleanest classes, and 1079 more; 1 without samples" in said
    assert any(line.split() == ["5", "4", "1.0000", "6", "(4)"] for line in lines)


def test_the_pairs_that_occur_are_the_counts_without_zeros() -> None:
    noisy = symmetric(LABELS, 0.4)
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    true, given, samples = noisy.pairs()
    counts[true, given] = samples
    assert np.array_equal(counts, noisy.counts())


def test_kinds_of_single_samples_hold_no_matrix_of_all_classes() -> None:
    labels = np.arange(4000)
    eta = np.full((8, 4000), 1e-4)
    eta[:, :2] = (1 - eta[:, 2:].sum(axis=1, keepdims=True)) / 2 + [[1e-3, -1e-3]]
    tracemalloc.start()
    margin(np.zeros(8, dtype=np.int64), 0.5, eta)
    subclass(labels, 0.5, labels * 2)
    preset(labels, 0.4, "dividemix")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.9 * 8 * 4000**2


def test_ten_thousand_classes_are_drawn_saved_and_reported_without_a_matrix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.random.default_rng(0).integers(10_000, size=50_000)
    tracemalloc.start()
    noisy = symmetric(labels, 0.4, 10_000)
    noisy.save(tmp_path / "noise.npz")
    again = NoisyLabels.load(tmp_path / "noise.npz")
    again.report()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "10,000 classes" in capsys.readouterr().out
    # The dense matrix would be 800 MB.
    assert peak < 200e6


@pytest.mark.slow
def test_ten_thousand_classes_and_a_million_labels_stay_below_two_gigabytes(tmp_path: Path) -> None:
    code = (
        "import resource, sys, numpy as np; from noisylab.corruption import NoisyLabels, symmetric\n"
        "labels = np.random.default_rng(0).integers(10_000, size=1_000_000)\n"
        "symmetric(labels, 0.4, 10_000).save(sys.argv[1]); NoisyLabels.load(sys.argv[1]).report()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    made = subprocess.run([sys.executable, "-c", code, tmp_path / "x.npz"], capture_output=True, text=True, check=True)
    assert int(made.stdout.splitlines()[-1]) * 1024 < 2e9


@pytest.mark.slow
def test_the_command_corrupts_ten_thousand_classes_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "true.npy", np.arange(10_000).repeat(2))
    outputs = {"save": "noise.npz", "out": "given.csv", "plot": "noise.png"}
    paths = [f"--{name}={tmp_path / file}" for name, file in outputs.items()]
    assert corrupt_main([f"--labels={tmp_path / 'true.npy'}", "--noise=symmetric:0.4", *paths]) == 0
    assert len(capsys.readouterr().out.splitlines()) < 40
    assert NoisyLabels.load(tmp_path / "noise.npz").rate == pytest.approx(0.4)
    assert (tmp_path / "noise.png").stat().st_size > 1000


@pytest.mark.parametrize("classes", [300, 1100])
def test_the_figure_of_many_classes_merges_neighbours_into_blocks(classes: int) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    from noisylab.plotting.corruption import corruption_figure

    labels = np.repeat(np.arange(classes - 1), 10)
    drawn = corruption_figure(open_set(labels, 0.4, 9, classes, open_share=0.5))
    numbers, block_size = drawn.numbers, -(-classes // 100)
    assert len(numbers) < 11_000
    assert numbers["samples"].sum() == len(labels)
    for name in ("asked_for", "realised"):
        assert numbers.groupby("true")[name].sum().to_numpy() == pytest.approx(1)
    assert sorted(set(numbers["true"]))[:3] == [0, block_size, 2 * block_size]
    assert drawn.figure.axes[0].get_xlabel() == f"given label, in blocks of {block_size}"
    # One outline, not a bar for each class.
    assert len(drawn.figure.axes[-1].patches) == 2
    plt.close("all")


def test_the_known_matrix_of_many_classes_is_refused_by_methods_with_the_way_out() -> None:
    torch = pytest.importorskip("torch")
    from noisylab.methods import create_method

    def make(**options: object) -> object:
        network = lambda: torch.nn.Linear(2, CLASSES)  # noqa: E731
        spec = "forward_correction(transition='known')"
        return create_method(spec, network, num_classes=CLASSES, num_samples=len(LABELS), epochs=1, **options)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"at most 1000 classes.*'anchor'.*dense_transition\(\)"):
        make()
    assert make(transition=torch.tensor(symmetric(LABELS, 0.4).dense_transition()))


def test_the_accuracy_of_many_classes_needs_no_confusion_matrix() -> None:
    labels = np.arange(4000)
    tracemalloc.start()
    accuracy = class_accuracy(labels, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (accuracy == 1).all()
    assert peak < 4000**2
