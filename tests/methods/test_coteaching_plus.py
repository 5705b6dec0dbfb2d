"""Co-teaching+ against its formula, its warm-up and the samples that it names."""

import pytest
import torch
from helpers_training import CLASSES, SAMPLES
from method_kit import build, check_gradients, draw, draw_labels, logits_of, make_batch, make_network, watched
from torch import Tensor
from torch.nn import functional

from noisylab.methods import RunInfo
from noisylab.methods.coteaching import coteaching_loss
from noisylab.methods.coteaching_plus import CoTeachingPlus, coteaching_plus_loss


def losses(logits: Tensor, labels: Tensor) -> list[Tensor]:
    return [-torch.log(torch.exp(row[g]) / torch.exp(row).sum()) for row, g in zip(logits, labels, strict=True)]


def by_hand(first: Tensor, second: Tensor, labels: Tensor, remembered: float) -> tuple[Tensor, list[int]]:
    """The loss, and the samples of the first network."""
    everything = list(range(len(labels)))
    differ = [i for i in everything if int(first[i].argmax()) != int(second[i].argmax())]
    total, chosen_for = torch.zeros((), dtype=torch.float64), []
    for own, other in ((first, second), (second, first)):
        judged, mine = losses(other, labels), losses(own, labels)
        chosen = sorted(differ, key=lambda i: float(judged[i].detach()))[: max(1, int(remembered * len(differ) + 1e-6))]
        chosen = chosen or everything
        total = total + sum(mine[i] for i in chosen) / len(chosen)
        chosen_for.append(sorted(chosen))
    return total, chosen_for[0]


@pytest.mark.parametrize("entries", [12, 5, 1])
@pytest.mark.parametrize("remembered", [1.0, 0.6, 0.25, 0.0])
def test_loss_and_gradient_are_those_of_the_formula(entries: int, remembered: float) -> None:
    first, second = draw(entries, 4, seed=entries).requires_grad_(), draw(entries, 4, seed=9).requires_grad_()
    labels = draw_labels(entries, 4)
    wanted, chosen = by_hand(first, second, labels, remembered)
    for share in (remembered, torch.tensor(remembered)):
        loss, selected = coteaching_plus_loss(first, second, labels, remembered=share)
        torch.testing.assert_close(loss, wanted, rtol=1e-6, atol=1e-6)
        assert selected.nonzero().flatten().tolist() == chosen
        pairs = (torch.autograd.grad(value, [first, second], retain_graph=True) for value in (loss, wanted))
        for gradient, expected in zip(*pairs, strict=True):
            torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-9)


def test_networks_that_agree_everywhere_learn_from_all_samples() -> None:
    first, labels = draw(6, 4), draw_labels(6, 4)
    second = 2 * first
    loss, selected = coteaching_plus_loss(first, second, labels, remembered=0.5)
    torch.testing.assert_close(loss, functional.cross_entropy(first, labels) + functional.cross_entropy(second, labels))
    assert selected.all()


def test_the_samples_on_which_the_networks_agree_give_no_gradient() -> None:
    first = torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0]], requires_grad=True)
    second = torch.tensor([[3.0, 0.0], [0.0, 1.0], [1.0, 0.0]], requires_grad=True)
    loss, selected = coteaching_plus_loss(first, second, torch.tensor([0, 0, 0]), remembered=0.5)
    # Sample 1 has the first network's lowest loss of those that differ, sample 2 the second's; sample 0 is agreed on.
    gradients = torch.autograd.grad(loss, [first, second])
    assert [(gradient.abs().sum(1) > 0).tolist() for gradient in gradients] == [[False, False, True], [False, True, False]]
    assert selected.tolist() == [False, False, True]


@pytest.mark.parametrize("remembered", [1.0, 0.6, 0.0])
def test_among_all_samples_it_is_co_teaching(remembered: float) -> None:
    first, second, labels = draw(8, 5), draw(8, 5, seed=1), draw_labels(8, 5)
    loss, selected = coteaching_plus_loss(first, second, labels, remembered=remembered, disagreeing=False)
    torch.testing.assert_close(loss, coteaching_loss(first, second, labels, remembered=remembered))
    assert int(selected.sum()) == max(1, int(8 * remembered))


def test_the_warm_up_is_a_share_of_the_run() -> None:
    method = build("coteaching_plus(warm_up=0.25)", epochs=8)
    batch = make_batch(method)
    first, second = (logits_of(network, batch.images) for network in (method.network, method.second))
    for epoch, disagreeing in ((0, False), (1, False), (2, True), (7, True)):
        method.start_epoch(epoch)
        kept = 1 - 0.4 * min(epoch / 10, 1)
        assert float(method.remembered) == pytest.approx(kept)
        step = check_gradients(method, batch)
        wanted, chosen = coteaching_plus_loss(first, second, batch.labels, remembered=kept, disagreeing=disagreeing)
        torch.testing.assert_close(step.loss, wanted)
        assert torch.equal(step.selected, chosen)
    assert type(method).total_images_factor(epochs=8) == 2


def test_a_training_names_the_samples_of_the_measured_network() -> None:
    method, watch = watched("coteaching_plus(warm_up=0.3)", 4)
    assert method.selected.shape == (len(watch.presentations[-1].batch.labels),)
    assert all(torch.isfinite(each.step.loss) for each in watch.presentations)


def test_the_rate_has_to_be_known_from_somewhere() -> None:
    with pytest.raises(ValueError, match="forget_rate must be given if the noise rate is not known"):
        CoTeachingPlus(RunInfo(make_network, CLASSES, SAMPLES, 3))
    assert CoTeachingPlus(RunInfo(make_network, CLASSES, SAMPLES, 3), forget_rate=0.3).forget_rate == 0.3
