"""The networks."""

import pytest
import torch

from noisylab.registries import MODELS

NAMES = list(MODELS.entries())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "size"), [(1, 8), (1, 28), (3, 32)])
def test_images_of_any_of_these_sizes_give_logits_and_a_gradient_for_every_parameter(
    name: str, channels: int, size: int
) -> None:
    network = MODELS.create(MODELS.parse(name), 7, channels)
    logits = network(torch.randn(2, channels, size, size))
    assert logits.shape == (2, 7)
    # A sum of logits would give batch norm before pooling no gradient at all.
    logits.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_one_image_can_be_evaluated(name: str) -> None:
    network = MODELS.create(MODELS.parse(name), 10, 1).eval()
    assert network(torch.randn(1, 1, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize(
    # He et al. 2016, section 4.2: .27 and .46 million, exactly with parameter-free shortcuts; ResNet-18 with a CIFAR stem.
    ("name", "parameters"),
    [("resnet20", 269_722), ("resnet32", 464_154), ("resnet18", 11_173_962)],
)
def test_parameter_counts_are_those_of_the_literature(name: str, parameters: int) -> None:
    assert sum(p.numel() for p in MODELS.create(MODELS.parse(name), 10, 3).parameters()) == parameters


def test_the_small_network_grows_with_its_width() -> None:
    counts = [sum(p.numel() for p in MODELS.create(MODELS.parse(f"small_cnn:{w}"), 10, 1).parameters()) for w in (8, 16)]
    assert counts[0] < counts[1] < 30_000
