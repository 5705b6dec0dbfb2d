"""Networks of timm."""

import sys

import pytest
import torch

from noisylab.core.registries import MODELS
from noisylab.models import Backbone


def make(spec: str, num_classes: int = 7, channels: int = 1) -> Backbone:
    network: Backbone = MODELS.create(MODELS.parse(spec), num_classes, channels)
    return network


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ValueError, match=r"need timm .*pip install 'noisylab\[timm\]'"):
        make("timm:resnet18")


@pytest.mark.parametrize(
    "spec",
    [
        "timm:resnet18",
        "timm:convnext_atto",
        # Widens after its last stage.
        "timm:mobilenetv3_small_050",
        "timm(name='vit_tiny_patch16_224', img_size=32)",
        "timm(name='swin_tiny_patch4_window7_224', img_size=32)",
    ],
)
def test_a_network_shows_its_stages_and_what_its_classifier_sees(spec: str) -> None:
    pytest.importorskip("timm", reason="timm is not installed (extra: timm)")
    network = make(spec).eval()
    images = torch.randn(2, 1, 32, 32)
    with torch.no_grad():
        outputs, logits = network.stage_outputs(images), network(images)
        pooled = network.pool(outputs[-1])
        assert logits.shape == (2, 7)
        assert tuple(features.shape[1] for features in outputs[:-1]) == network.widths[:-1]
        assert pooled.shape == (2, network.widths[-1])
        torch.testing.assert_close(network.classifier(pooled), logits)


def test_an_unknown_name_is_refused_with_what_was_meant() -> None:
    pytest.importorskip("timm", reason="timm is not installed (extra: timm)")
    with pytest.raises(ValueError, match=r"has no model 'resnet_18' \(did you mean .*'resnet18'"):
        make("timm:resnet_18")


def test_a_network_that_cannot_be_made_is_named() -> None:
    pytest.importorskip("timm", reason="timm is not installed (extra: timm)")
    with pytest.raises(ValueError, match=r"'resnet18' cannot be made with .*img_size=32"):
        make("timm(name='resnet18', img_size=32)")


def test_a_name_is_needed() -> None:
    with pytest.raises(ValueError, match="name is missing"):
        MODELS.parse("timm")
