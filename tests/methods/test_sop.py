"""SOP's loss against its formula, and how u and v learn: whose they are, how fast, and what they find."""

import method_kit as kit
import pytest
import torch
from helpers_training import CONFIG, make_method, training_set
from torch import Tensor
from torch.nn import functional

from noisylab.methods.sop import sop_loss
from noisylab.training import train
from noisylab.training.optimizers import make_optimizer, own_optimizers, scheduled_parameters


def by_hand(z: Tensor, labels: Tensor, u: Tensor, v: Tensor) -> Tensor:
    p, total = kit.probabilities(z), torch.zeros((), dtype=torch.float64)
    classes = range(p.shape[1])
    for i, g in enumerate(labels.tolist()):
        up = [torch.clamp(u[i, 0].double() ** 2, 0, 1) if k == g else torch.zeros(()) for k in classes]
        down = [torch.zeros(()) if k == g else torch.clamp(v[i, k].double() ** 2, 0, 1) for k in classes]
        q = [torch.clamp(p[i, k] + up[k] - down[k].detach(), min=1e-4) for k in classes]
        total = total - torch.log(q[g] / sum(q))
        best = int(p[i].argmax())
        total = total + sum((float(k == best) + up[k] - down[k] - float(k == g)) ** 2 for k in classes)
    return total / len(labels)


@pytest.mark.parametrize("scale", [0.1, 0.7])
def test_loss_and_gradients_are_those_of_the_formula(scale: float) -> None:
    for count, classes in ((6, 4), (1, 3)):
        z, labels = kit.draw(count, classes), kit.draw_labels(count, classes)
        # Some of them beyond 1, where they are clipped, but none of them exactly there.
        u, v = scale * kit.draw(count, 1, seed=1), scale * kit.draw(count, classes, seed=2)
        kit.assert_formula(
            lambda *x, y=labels: sop_loss(x[0], y, *x[1:]), lambda *x, y=labels: by_hand(x[0], y, *x[1:]), [z, u, v]
        )


def test_the_network_never_learns_from_v_and_v_never_from_cross_entropy() -> None:
    z, labels, u = kit.draw(5, 4).requires_grad_(), kit.draw_labels(5, 4), torch.zeros(5, 1, dtype=torch.float64)
    v = 0.3 * torch.ones(5, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(sop_loss(z, labels, u, v), v)
    hard, given = (functional.one_hot(k, 4).double() for k in (z.argmax(1), labels))
    error = hard - v.detach() ** 2 * (1 - given) - given
    torch.testing.assert_close(gradient, -4 * error * v.detach() * (1 - given) / 5)


def test_without_u_and_v_it_is_cross_entropy_and_the_share_that_is_mispredicted() -> None:
    z, labels = kit.draw(6, 4), kit.draw_labels(6, 4)
    none = torch.zeros(6, 1, dtype=torch.float64), torch.zeros(6, 4, dtype=torch.float64)
    wrong = 2 * (z.argmax(1) != labels).double().mean()
    torch.testing.assert_close(sop_loss(z, labels, *none), functional.cross_entropy(z, labels) + wrong, atol=1e-3, rtol=1e-3)
    kit.check_far_off(lambda y, z: sop_loss(z, y, torch.zeros(2, 1), torch.zeros(2, 3)))


def test_u_and_v_start_at_almost_nothing_and_have_rates_of_their_own() -> None:
    method = kit.build("sop(u_rate=3, v_rate=7)")
    (own,) = own_optimizers(method)
    rates = [group["lr"] for group in own.param_groups]
    assert rates == [3, 7]
    assert all(group["momentum"] == group["weight_decay"] == 0 for group in own.param_groups)
    assert not {id(method.u), id(method.v)} & {id(p) for p in scheduled_parameters(method)}
    for each in (method.u, method.v):
        assert float(each.detach().abs().min()) > 0
        assert 0.5e-8 < float(each.detach().std()) < 1.5e-8
    assert not torch.equal(kit.build("sop", seed=1).u, kit.build("sop", seed=2).u)


def test_samples_that_are_not_in_the_batch_do_not_move() -> None:
    method = kit.build("sop")
    optimizers = [make_optimizer(scheduled_parameters(method), CONFIG), *own_optimizers(method)]
    for ids in ([0, 1, 2], [3, 4, 5]):
        before = torch.cat([method.u, method.v], 1).detach().clone()
        kit.take_step(method, kit.some_batch(ids))
        for optimizer in optimizers:
            optimizer.step()
        moved = (torch.cat([method.u, method.v], 1) != before).any(1).nonzero().flatten()
        assert moved.tolist() == ids, "not even by momentum"


def test_a_sample_that_is_surely_predicted_otherwise_is_explained_by_u_and_v() -> None:
    method = kit.build("sop")
    batch = kit.some_batch([0])
    other = (batch.labels + 1) % 4
    method.network = kit.Given((8.0 * functional.one_hot(other, 4)).requires_grad_())
    optimizer = torch.optim.SGD([method.u, method.v], 0.2)
    losses = []
    for _ in range(80):
        losses.append(float(kit.take_step(method, batch).loss.detach()))
        optimizer.step()
    assert losses[0] > 9
    assert losses[-1] < 1
    u, v = method.u[0].detach().square().clamp(max=1), method.v[0].detach().square().clamp(max=1)
    torch.testing.assert_close(u, torch.ones(1), atol=1e-2, rtol=0)
    torch.testing.assert_close(v, functional.one_hot(other, 4)[0].float(), atol=1e-2, rtol=0)


def test_rates_of_zero_leave_u_and_v_alone() -> None:
    method = make_method("sop(u_rate=0, v_rate=0)")
    before = method.u.detach().clone()
    train(method, training_set(), CONFIG)
    assert torch.equal(method.u, before)
