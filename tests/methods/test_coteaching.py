"""Co-teaching against its formula, its schedule and its two networks."""

import pytest
import torch
from helpers_formula import SIZES, batch, check_steps, draw, one_step
from helpers_training import CLASSES, CONFIG, SAMPLES, make_method, network, same_state, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.methods import RunInfo
from noisylab.methods.coteaching import CoTeaching, coteaching_loss
from noisylab.training import train


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
    first, labels = draw(entries, single_class=single_class)
    second = (1.5 * torch.randn(entries, 5, generator=torch.Generator().manual_seed(9), dtype=torch.float64)).requires_grad_()
    return first, second, labels


@pytest.mark.parametrize("single_class", [False, True])
@pytest.mark.parametrize("entries", SIZES)
@pytest.mark.parametrize("remembered", [1.0, 0.6, 0.25, 0.0])
def test_loss_and_gradient_are_those_of_the_formula(entries: int, remembered: float, single_class: bool) -> None:
    first, second, labels = both(entries, single_class)
    # Whole samples, and at least one.
    count = {1.0: entries, 0.6: {8: 4, 5: 3, 1: 1}[entries], 0.25: {8: 2, 5: 1, 1: 1}[entries], 0.0: 1}[remembered]
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


def test_half_precision_logits_are_compared_in_float32() -> None:
    first, second, labels = (each.detach() for each in both(8))
    loss = coteaching_loss(first.half(), second.half(), labels, remembered=0.5)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, coteaching_loss(first.half().float(), second.half().float(), labels, remembered=0.5))


def test_the_share_falls_for_ten_epochs_from_everything_to_one_minus_tau() -> None:
    method = make_method("coteaching")
    shares = []
    for epoch in range(13):
        method.start_epoch(epoch)
        shares.append(float(method.remembered))
    assert shares == pytest.approx([1 - min(e / 10 * 0.4, 0.4) for e in range(13)])
    method = make_method("coteaching(forget_rate=0.2, gradual_epochs=2)")
    for epoch, share in ((0, 1.0), (1, 0.9), (2, 0.8), (3, 0.8)):
        method.start_epoch(epoch)
        assert float(method.remembered) == pytest.approx(share)


def test_steps() -> None:
    check_steps("coteaching", first_and_second, ("network", "second"))


def first_and_second(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of a fresh method, both of whose networks are alike in `helpers_training`, but for dropout."""
    method = make_method("coteaching").train()
    given = next(b for b in (batch(16), batch(14), batch(16, True), batch(1)) if torch.equal(b.labels, labels))
    torch.manual_seed(0)
    first, second = method.network(given.images), method.second(given.images)
    torch.testing.assert_close(first, logits)
    return coteaching_loss(first, second, labels, remembered=1.0)


def test_both_networks_learn_and_the_first_is_evaluated() -> None:
    fresh, method = make_method("coteaching"), make_method("coteaching")
    train(method, training_set(), CONFIG)
    assert not same_state(fresh.network, method.network)
    assert not same_state(fresh.second, method.second)
    assert not same_state(method.network, method.second)
    method.eval()
    images = batch().images
    assert torch.equal(method(images), method.network(images))
    assert float(method.remembered) == pytest.approx(1 - 0.4 * 2 / 10)


def test_the_share_is_part_of_the_state() -> None:
    method, fresh = make_method("coteaching"), make_method("coteaching")
    method.start_epoch(50)
    fresh.load_state_dict(method.state_dict())
    assert same_state(method, fresh)
    assert torch.equal(one_step(method.train(), batch()).loss, one_step(fresh.train(), batch()).loss)


def test_networks_start_apart() -> None:
    made = []

    def make() -> torch.nn.Module:
        made.append(network())
        return made[-1]

    method = CoTeaching(RunInfo(make, CLASSES, SAMPLES, 3, noise_rate=0.2))  # type: ignore[arg-type]
    assert [method.network, method.second] == made


def test_the_rate_has_to_be_known_from_somewhere() -> None:
    with pytest.raises(ValueError, match="forget_rate must be given where the noise rate is not known"):
        CoTeaching(RunInfo(network, CLASSES, SAMPLES, 3))
    assert CoTeaching(RunInfo(network, CLASSES, SAMPLES, 3), forget_rate=0.3).forget_rate == 0.3
    # What is given goes before what is known.
    assert CoTeaching(RunInfo(network, CLASSES, SAMPLES, 3, noise_rate=0.4), forget_rate=0.0).forget_rate == 0
    assert CoTeaching(RunInfo(network, CLASSES, SAMPLES, 3, noise_rate=0.4)).forget_rate == 0.4
