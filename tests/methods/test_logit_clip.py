"""LogitClip against its formula, through its norm, and on other losses."""

import method_kit as kit
import pytest
import torch
from helpers_training import make_method
from torch import Tensor
from torch.nn import functional

from noisylab.methods.elr import updated_targets
from noisylab.methods.gce import gce_loss
from noisylab.methods.logit_clip import clipped


def by_hand(z: Tensor, tau: float) -> Tensor:
    rows = []
    for row in z:
        norm = torch.sqrt(sum((value**2 for value in row), torch.zeros(())))
        rows.append(row * tau / norm if norm > tau else row)
    return torch.stack(rows)


@pytest.mark.parametrize("tau", [0.5, 3.0, 100.0])
def test_loss_and_gradient_are_those_of_the_formula(tau: float) -> None:
    z = kit.draw(8, 4)
    assert tau != 3 or 0 < int((z.norm(dim=1) > tau).sum()) < 8, "some are clipped"
    labels = kit.draw_labels(8, 4)
    kit.assert_formula(
        lambda z: functional.cross_entropy(clipped(z, tau=tau), labels),
        lambda z: kit.cross_entropy(by_hand(z, tau), labels),
        [z],
    )
    assert torch.equal(clipped(z.half(), tau=tau), clipped(z.half().float(), tau=tau))
    kit.check_far_off(lambda y, z: functional.cross_entropy(clipped(z, tau=tau), y))


def test_along_a_clipped_logit_there_is_no_gradient_and_at_nothing_it_is_finite() -> None:
    z = torch.tensor([[3.0, -1.0, 2.0], [0.1, 0.2, 0.0], [0.0, 0.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(functional.cross_entropy(clipped(z, tau=1.0), torch.tensor([1, 1, 1])), z)
    assert gradient.isfinite().all()
    # Not so if the norm were a constant.
    assert float((gradient[0] * z[0].detach()).sum()) == pytest.approx(0, abs=1e-7)
    assert float((gradient[1] * z[1].detach()).sum()) < -0.01
    constant = z / z.detach().norm(dim=1, keepdim=True).clamp_min(1)
    (stopped,) = torch.autograd.grad(functional.cross_entropy(constant, torch.tensor([1, 1, 1])), z)
    torch.testing.assert_close(clipped(z, tau=1.0), constant)
    assert abs(float((stopped[0] * z[0].detach()).sum())) > 0.1


def test_the_loss_is_bounded() -> None:
    z = torch.tensor([[0.0, 1e6]])
    assert float(functional.cross_entropy(clipped(z, tau=1.0), torch.tensor([0]))) < 1.4


@pytest.mark.parametrize("on", ["ce", "gce(q=0.5)"])
def test_any_loss_of_clipped_logits_and_evaluation_of_unclipped_ones(on: str) -> None:
    method = kit.build(f'logit_clip(tau=0.05, on="{on}")')
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    assert float(step.logits.detach().norm(dim=1).min()) > 0.05
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))
    z = clipped(step.logits, tau=0.05)
    wanted = functional.cross_entropy(z, batch.labels) if on == "ce" else gce_loss(z, batch.labels, q=0.5)
    torch.testing.assert_close(step.loss, wanted)
    method.eval()
    assert torch.equal(method(batch.images), method.network(batch.images))


def test_a_base_remembers_clipped_predictions_also_under_a_further_loss() -> None:
    method = make_method("logit_clip(tau=0.1, on='elr')").train()
    method.network = kit.Given(torch.tensor([[2.0, 0.0, 1.0, 0.0]]).requires_grad_())
    kit.take_step(method, kit.some_batch([3]))
    z = torch.tensor([[2.0, 0.0, 1.0, 0.0]])
    wanted = updated_targets(torch.zeros(1, 4), 0.1 * z / z.norm(), momentum=0.7)
    torch.testing.assert_close(method.base.targets[3:4], wanted)
    watch = kit.watched("""dlb(alpha=0, on="logit_clip(tau=0.1)")""", 2)[1]
    for each in watch.presentations:
        wanted = functional.cross_entropy(clipped(each.step.logits, tau=0.1), each.batch.labels)
        torch.testing.assert_close(each.step.loss, wanted)
