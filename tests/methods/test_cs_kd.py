"""CS-KD: its formula, and which half of the batch gets what."""

import method_kit as kit
import pytest
import torch
from torch import Tensor

from noisylab.methods.cs_kd import cs_kd_loss


@pytest.mark.parametrize(("temperature", "alpha"), [(4.0, 1.0), (1.0, 0.5), (2.0, 3.0)])
def test_loss_and_gradient_are_those_of_the_formula(temperature: float, alpha: float) -> None:
    def formula(labels: Tensor, z: Tensor, partner: Tensor) -> Tensor:
        taught = kit.divergence(kit.probabilities(partner, temperature), z, temperature)
        return kit.cross_entropy(z, labels) + alpha * temperature**2 * taught

    kit.check_formula(lambda y, z, t: cs_kd_loss(z, y, t, temperature=temperature, alpha=alpha), formula, taught=1)


def test_alpha_and_temperature_weigh_the_partner() -> None:
    z, partner, labels = kit.draw(4, 3), kit.draw(4, 3, seed=1), kit.draw_labels(4, 3)
    loss = {a: cs_kd_loss(z, labels, partner, temperature=4.0, alpha=a) for a in (0.0, 1.0, 3.0)}
    torch.testing.assert_close(loss[0.0], kit.cross_entropy(z, labels))
    torch.testing.assert_close(loss[3.0] - loss[0.0], 3 * (loss[1.0] - loss[0.0]))
    label = torch.tensor([0])
    apart = torch.nn.functional.cross_entropy
    kit.check_temperature(lambda s, t, heat: cs_kd_loss(s, label, t, temperature=heat, alpha=1.0) - apart(s, label))


def test_the_new_half_gets_the_label_and_the_partners_get_no_gradient() -> None:
    method = kit.build("cs_kd(temperature=2.0, alpha=0.7)")
    batch = kit.make_batch(method)
    step = kit.check_gradients(method, batch)
    torch.testing.assert_close(step.logits, kit.logits_of(method.network, batch.images))
    new, partner = step.logits[:5], step.logits[5:]
    torch.testing.assert_close(step.loss, cs_kd_loss(new, batch.labels[:5], partner, temperature=2.0, alpha=0.7))
    kept: list[Tensor] = []
    method.network.classifier.register_full_backward_hook(lambda module, given, received: kept.append(received[0]))
    method.loss(batch).loss.backward()
    assert (kept[0][:5].abs().sum(1) > 0).all()
    assert not kept[0][5:].any()


def test_partners_have_the_same_given_label() -> None:
    for each in kit.watched("cs_kd", 2)[1].presentations:
        assert torch.equal(*each.batch.labels.chunk(2))
        assert not torch.equal(*each.batch.index.chunk(2))
