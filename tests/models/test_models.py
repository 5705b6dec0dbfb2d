"""The networks."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from noisylab.core.registries import MODELS
from noisylab.models import Backbone

# timm's networks are tested in test_timm.py.
NAMES = [name for name in MODELS.entries() if name != "timm"]
HEAVY = {"wrn28_10"}
BOTTLENECKS = "resnet110(block='bottleneck', shortcut='project')"
VARIANTS = [
    "densenet40_12(compressed=False)",
    BOTTLENECKS,
    "resnet110(block='bottleneck')",
    "resnet20(shortcut='project')",
    "vgg16(hidden=2)",
    "wrn16_4(dropout=0.3)",
]


def make(spec: str, num_classes: int = 10, channels: int = 3) -> Backbone:
    network: Backbone = MODELS.create(MODELS.parse(spec), num_classes, channels)
    return network


def has_gradients(network: nn.Module) -> bool:
    """Whether every parameter has one, but for biases that a norm right after takes away again."""
    cancelled = [
        convolution.bias
        for convolution in network.modules()
        if isinstance(convolution, nn.Conv2d) and convolution.bias is not None
    ]
    needed = [p for p in network.parameters() if not any(p is bias for bias in cancelled)]
    return all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in needed)


@pytest.mark.parametrize("spec", [*(name for name in NAMES if name not in HEAVY), *VARIANTS])
@pytest.mark.parametrize(("channels", "size"), [(1, 8), pytest.param(1, 28, marks=pytest.mark.slow), (3, 32)])
def test_images_of_any_of_these_sizes_give_logits_and_a_gradient_for_every_parameter(
    spec: str, channels: int, size: int
) -> None:
    network = make(spec, 7, channels)
    logits = network(torch.randn(2, channels, size, size))
    assert logits.shape == (2, 7)
    # A sum of logits would give batch norm before pooling no gradient at all.
    logits.square().sum().backward()
    assert has_gradients(network)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in HEAVY])
def test_one_image_can_be_evaluated(name: str) -> None:
    assert make(name, 10, 1).eval()(torch.randn(1, 1, 8, 8)).shape == (1, 10)


def test_the_heaviest_network_evaluates() -> None:
    network = make("wrn28_10", 7, 1).eval()
    with torch.no_grad():
        assert network(torch.randn(1, 1, 16, 16)).shape == (1, 7)


@pytest.mark.parametrize("spec", [*NAMES, *VARIANTS])
@pytest.mark.parametrize("size", [8, 32, *(pytest.param(size, marks=pytest.mark.slow) for size in (28, 64))])
def test_stages_show_what_the_classifier_sees(spec: str, size: int) -> None:
    with torch.device("meta"):
        network = make(spec).eval()
        images = torch.empty(2, 3, size, size)
    outputs = network.stage_outputs(images)
    assert tuple(features.shape[1] for features in outputs) == network.widths
    sizes = [features.shape[2] for features in outputs]
    assert sizes == sorted(sizes, reverse=True)
    assert network.pool(outputs[-1]).shape == (2, network.widths[-1])
    assert network.classifier(network.pool(outputs[-1])).shape == network(images).shape == (2, 10)


@pytest.mark.parametrize("spec", ["resnet20", "preact_resnet18", "vgg16(hidden=2)", "densenet40_12", "cnn9"])
def test_logits_are_the_classifier_on_the_pooled_last_stage(spec: str) -> None:
    network = make(spec).eval()
    images = torch.randn(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.equal(network(images), network.classifier(network.pool(network.stage_outputs(images)[-1])))


# Parameters for ten classes and three channels, and millions of multiply-adds for one 32x32 image, as published.
# The parameter counts are exact; sources round multiply-adds, or count norms and activations too (see docs/models.md).
PUBLISHED = {
    "resnet20": (269_722, 40.8),
    "resnet32": (464_154, 69.1),
    "resnet32(shortcut='project')": (466_906, 69.1),
    "resnet44": (658_586, 97.4),
    "resnet56": (853_018, 125.8),
    "resnet110": (1_727_962, 255.7),
    "resnet18": (11_173_962, 556.7),
    "resnet34": (21_282_122, 1161.5),
    "preact_resnet18": (11_172_170, 556.5),
    "vgg16": (14_728_266, 313),
    "vgg16(hidden=2)": (15_253_578, None),
    "vgg19": (20_040_522, 398),
    "densenet40_12": (176_122, 74.9),
    "densenet100_12": (769_162, 298.5),
    "densenet40_12(compressed=False)": (1_019_722, None),
    "densenet100_12(compressed=False)": (6_979_642, None),
    "wrn16_4": (2_748_890, None),
    "wrn28_10": (36_479_194, 5247.0),
    # Counted by hand from the layers of the public codes.
    BOTTLENECKS: (1_147_738, None),
    "wrn20_8": (6_848_090, None),
    "cnn9": (4_434_570, None),
}


@pytest.mark.parametrize("spec", PUBLISHED)
def test_parameters_and_multiply_adds_are_those_of_the_literature(spec: str) -> None:
    parameters, published = PUBLISHED[spec]
    with torch.device("meta"):
        network = make(spec).eval()
        images = torch.empty(1, 3, 32, 32)
    assert sum(p.numel() for p in network.parameters()) == parameters
    if published is not None:
        with FlopCounterMode(display=False) as counter:
            network(images)
        assert counter.get_total_flops() / 2e6 == pytest.approx(published, rel=0.04)


def test_every_network_has_a_published_count() -> None:
    assert {spec.split("(")[0] for spec in PUBLISHED} | {"small_cnn"} == set(NAMES)


def test_the_small_network_grows_with_its_width() -> None:
    counts = [sum(p.numel() for p in make(f"small_cnn:{w}", 10, 1).parameters()) for w in (8, 16)]
    assert counts[0] < counts[1] < 30_000


def test_co_teachings_dropout_is_off_when_evaluating() -> None:
    network = make("cnn9").eval()
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(images), network(images))


@pytest.mark.parametrize(
    "spec", ["wrn16_4(dropout=1)", "vgg16(hidden=-1)", "densenet40_12(compressed=1)", "resnet20(shortcut='a')"]
)
def test_options_out_of_range_are_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        MODELS.parse(spec)
