"""Co-teaching against its formula, its schedule and its two networks."""

import pytest
import torch
from helpers_training import CLASSES, SAMPLES
from method_kit import build, check_gradients, draw, draw_labels, logits_of, make_batch, make_network
from torch import Tensor
from torch.nn import functional

from noisylab.methods import RunInfo
from noisylab.methods.coteaching import CoTeaching, coteaching_loss


def losses(logits: Tensor, labels: Tensor) -> list[Tensor]:
    return [-torch.log(torch.exp(row[g]) / torch.exp(row).sum()) for row, g in zip(logits, labels, strict=True)]


def by_hand(first: Tensor, second: Tensor, labels: Tensor, count: int) -> Tensor:
    """Each network's mean loss over the `count` samples that the other finds easiest."""
    total = torch.zeros((), dtype=torch.float64)
    for own, other in ((first, second), (second, first)):
        judged = losses(other, labels)
        chosen = sorted(range(len(labels)), key=lambda i: float(judged[i].detach()))[:count]
        mine = losses(own, labels)
        total = total + sum(mine[i] for i in chosen) / count
    return total


def both(entries: int, single_class: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    labels = torch.full((entries,), 2) if single_class else draw_labels(entries, 5)
    return draw(entries, 5, seed=entries).requires_grad_(), draw(entries, 5, seed=9).requires_grad_(), labels


@pytest.mark.parametrize("single_class", [False, True])
@pytest.mark.parametrize("entries", [8, 5, 1])
@pytest.mark.parametrize("remembered", [1.0, 0.6, 0.25, 0.0])
def test_loss_and_gradient_are_those_of_the_formula(entries: int, remembered: float, single_class: bool) -> None:
    first, second, labels = both(entries, single_class)
    # Whole samples, and at least one.
    count = {1.0: entries, 0.6: {8: 4, 5: 3, 1: 1}[entries], 0.25: {8: 2, 5: 1, 1: 1}[entries], 0.0: 1}[remembered]
    halves = [z.detach().half() for z in (first, second)]
    floats = [z.float() for z in halves]
    assert torch.equal(*(coteaching_loss(*pair, labels, remembered=remembered) for pair in (halves, floats)))
    for share in (remembered, torch.tensor(remembered)):
        loss, wanted = coteaching_loss(first, second, labels, remembered=share), by_hand(first, second, labels, count)
        torch.testing.assert_close(loss, wanted, rtol=1e-6, atol=1e-6)
        gradients = torch.autograd.grad(loss, [first, second])
        for gradient, expected in zip(gradients, torch.autograd.grad(wanted, [first, second]), strict=True):
            torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-9)
            assert int((gradient.abs().sum(1) > 0).sum()) == count


def test_all_remembered_is_cross_entropy_of_both() -> None:
    first, second, labels = both(8)
    wanted = functional.cross_entropy(first, labels) + functional.cross_entropy(second, labels)
    torch.testing.assert_close(coteaching_loss(first, second, labels, remembered=1.0), wanted)


def test_each_learns_from_the_samples_that_the_other_finds_easy() -> None:
    labels = torch.tensor([0, 0])
    # The first finds sample 0 easy, the second sample 1.
    first = torch.tensor([[2.0, 0.0], [0.0, 2.0]], requires_grad=True)
    second = torch.tensor([[0.0, 2.0], [2.0, 0.0]], requires_grad=True)
    gradients = torch.autograd.grad(coteaching_loss(first, second, labels, remembered=0.5), [first, second])
    assert [(gradient.abs().sum(1) > 0).tolist() for gradient in gradients] == [[False, True], [True, False]]


@pytest.mark.parametrize("size", [10, 64, 75, 128, 150, 180])
def test_no_sample_is_lost_to_rounding(size: int) -> None:
    logits, labels = torch.zeros(size, 3, requires_grad=True), torch.zeros(size, dtype=torch.int64)
    for percent in range(100):
        remembered = torch.ones(()).fill_(1 - percent / 100)
        loss = coteaching_loss(logits, torch.zeros(size, 3), labels, remembered=remembered)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert int((gradient.abs().sum(1) > 0).sum()) == max(1, size * (100 - percent) // 100)


def test_the_share_falls_for_ten_epochs_from_everything_to_one_minus_tau() -> None:
    method = build("coteaching")
    shares = []
    for epoch in range(13):
        method.start_epoch(epoch)
        shares.append(float(method.remembered))
    assert shares == pytest.approx([1 - min(e / 10 * 0.4, 0.4) for e in range(13)])
    method = build("coteaching(forget_rate=0.2, gradual_epochs=2)")
    for epoch, share in ((0, 1.0), (1, 0.9), (2, 0.8), (3, 0.8)):
        method.start_epoch(epoch)
        assert float(method.remembered) == pytest.approx(share)


@pytest.mark.parametrize("gradual", [1, 2, 10])
def test_the_public_code_s_schedule_begins_with_its_second_entry(gradual: int) -> None:
    # There, numpy.linspace(0, tau, gradual) is read from index 1 on.
    steps = [0.4 * place / (gradual - 1) for place in range(gradual)] if gradual > 1 else [0.0]
    rates = (steps + 13 * [0.4])[1:14]
    method = build(f"coteaching(schedule='code', gradual_epochs={gradual})")
    for epoch, rate in enumerate(rates):
        method.start_epoch(epoch)
        assert float(method.remembered) == pytest.approx(1 - rate)


def test_what_the_measured_network_trains_on_is_told() -> None:
    method = build("coteaching")
    method.start_epoch(50)
    batch = make_batch(method, new=10)
    step = method.loss(batch)
    (gradient,) = torch.autograd.grad(step.loss, step.logits)
    assert torch.equal(step.selected, gradient.abs().sum(1) > 0)
    assert int(step.selected.sum()) == 6


def test_both_networks_learn_from_what_the_other_finds_easy() -> None:
    method = build("coteaching")
    method.start_epoch(50)
    batch = make_batch(method)
    step = check_gradients(method, batch)
    first, second = (logits_of(network, batch.images) for network in (method.network, method.second))
    assert torch.equal(step.logits, first)
    torch.testing.assert_close(step.loss, coteaching_loss(first, second, batch.labels, remembered=0.6))


def test_networks_start_apart() -> None:
    made = []

    def make() -> torch.nn.Module:
        made.append(make_network())
        return made[-1]

    method = CoTeaching(RunInfo(make, CLASSES, SAMPLES, 3, noise_rate=0.2))  # type: ignore[arg-type]
    assert [method.network, method.second] == made


def test_the_rate_has_to_be_known_from_somewhere() -> None:
    with pytest.raises(ValueError, match="forget_rate must be given if the noise rate is not known"):
        CoTeaching(RunInfo(make_network, CLASSES, SAMPLES, 3))
    assert CoTeaching(RunInfo(make_network, CLASSES, SAMPLES, 3), forget_rate=0.3).forget_rate == 0.3
    # What is given goes before what is known.
    assert CoTeaching(RunInfo(make_network, CLASSES, SAMPLES, 3, noise_rate=0.4), forget_rate=0.0).forget_rate == 0
    assert CoTeaching(RunInfo(make_network, CLASSES, SAMPLES, 3, noise_rate=0.4)).forget_rate == 0.4
