"""mixup against its formula, and what it mixes."""

import pytest
import torch
from helpers_formula import average, batch, check_far_off, check_formula, check_steps, draw
from helpers_training import make_method
from torch import Tensor
from torch.nn import functional

from noisylab.methods.mixup import mixup_loss


@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_loss_and_gradient_are_those_of_the_formula(share: float) -> None:
    def by_hand(p: list[Tensor], g: int) -> Tensor:
        target = [share * (k == g) + (1 - share) * (k == (g + 1) % 5) for k in range(len(p))]
        return -sum(target[k] * torch.log(p[k]) for k in range(len(p)))

    check_formula(lambda z, y: mixup_loss(z, y, (y + 1) % 5, share=share), average(by_hand))
    check_far_off(lambda z, y: mixup_loss(z, y, y - 1, share=share))


def test_unmixed_it_is_cross_entropy() -> None:
    logits, labels = draw(8)
    partners = labels.flip(0)
    ce = [functional.cross_entropy(logits, each) for each in (labels, partners)]
    torch.testing.assert_close(mixup_loss(logits, labels, partners, share=1), ce[0])
    torch.testing.assert_close(mixup_loss(logits, labels, partners, share=0), ce[1])
    torch.testing.assert_close(mixup_loss(logits, labels, labels, share=0.3), ce[0])


def test_steps() -> None:
    check_steps("mixup", None)
    check_steps("mixup(alpha=0.2)", None)


def test_images_and_labels_are_mixed_with_the_same_shares_and_partners() -> None:
    method, seen = make_method("mixup").train(), []
    method.network.register_forward_hook(lambda module, inputs, output: seen.extend([inputs[0].detach(), output.detach()]))
    given = batch()
    torch.manual_seed(3)
    step = method.loss(given)
    mixed, logits = seen
    flat = given.images.flatten(1)
    # Which two images, in which shares, each mixed one is made of.
    shares = torch.linalg.lstsq(flat.T.double(), mixed.flatten(1).T.double()).solution.T
    torch.testing.assert_close(shares @ flat.double(), mixed.flatten(1).double(), rtol=1e-4, atol=1e-5)
    own = shares.diagonal()
    share = own.min()
    assert 0 < share < 1
    assert ((shares.abs() > 1e-4).sum(1) <= 2).all()
    torch.testing.assert_close(shares.sum(1), torch.ones(16, dtype=torch.float64), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(shares.sum(0), torch.ones(16, dtype=torch.float64), rtol=1e-4, atol=1e-4)
    targets = shares @ functional.one_hot(given.labels, 4).double()
    wanted = -(targets * logits.double().log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(step.loss.double(), wanted, rtol=1e-4, atol=1e-4)


def test_draws_are_a_function_of_the_default_generator() -> None:
    method = make_method("mixup")
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        share, order = method._draw(16, torch.device("cpu"))
        drawn.append((float(share), order.tolist()))
    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(drawn[0][1]) == list(range(16))


def test_the_smaller_alpha_the_less_is_mixed() -> None:
    torch.manual_seed(0)
    spread = []
    for alpha in (0.0, 1e-3, 0.2, 1.0, 8.0):
        method = make_method(f"mixup(alpha={alpha})")
        shares = torch.tensor([method._draw(2, torch.device("cpu"))[0] for _ in range(2000)])
        assert ((shares >= 0) & (shares <= 1)).all()
        # The mean and the variance of Beta(alpha, alpha).
        if alpha:
            assert float(shares.mean()) == pytest.approx(0.5, abs=0.05)
            assert float(shares.var()) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)
        spread.append(float(torch.minimum(shares, 1 - shares).mean()))
    assert spread == sorted(spread)
    assert spread[0] == 0


def test_alpha_zero_is_training_on_the_batch_as_it_is() -> None:
    method, plain, given = make_method("mixup(alpha=0)").train(), make_method("ce").train(), batch()
    losses = []
    for each in (method, plain):
        torch.manual_seed(0)
        losses.append(each.loss(given).loss)
    torch.testing.assert_close(*losses)
