"""Any network of timm (optional: pip install 'noisylab[timm]'), with its stages."""

from types import ModuleType
from typing import Any

from torch import Tensor, nn

from noisylab.core.checks import PositiveInt
from noisylab.core.registries import MODELS
from noisylab.core.suggestions import did_you_mean
from noisylab.models.base import Backbone


class TimmBackbone(Backbone):
    """A timm network as a `Backbone`.

    stages: those in timm's `feature_info`. widths: their channels; the last one is the input of the classifier, which some
    networks widen after the last stage. The last stage output is the input of timm's own pooling: tokens in transformers.
    """

    def __init__(self, network: Any) -> None:
        nn.Module.__init__(self)
        self.network = network
        info = network.feature_info
        channels = [stage["num_chs"] for stage in (info if isinstance(info, list) else info.info)]
        self.widths = (*channels[:-1], network.head_hidden_size)

    @property
    def classifier(self) -> nn.Module:  # type: ignore[override]
        """The network's last layer."""
        layer: nn.Module = self.network.get_classifier()
        return layer

    def stage_outputs(self, images: Tensor) -> list[Tensor]:
        """Feature maps float[B, C_i, H_i, W_i] after each stage; the last entry is the input of the network's own pooling."""
        last, outputs = self.network.forward_intermediates(images, output_fmt="NCHW")
        return [*outputs[:-1], last]

    def pool(self, features: Tensor) -> Tensor:
        """The last stage output, pooled as the network does: float[B, D], the input of the classifier."""
        pooled: Tensor = self.network.forward_head(features, pre_logits=True)
        return pooled

    def forward(self, images: Tensor) -> Tensor:
        """Logits float[B, K]."""
        logits: Tensor = self.network(images)
        return logits


@MODELS.register("timm", main="name")
def timm_model(
    num_classes: int, in_channels: int = 3, *, name: str, pretrained: bool = False, img_size: PositiveInt | None = None
) -> Backbone:
    """Any timm network (extra: timm), as in timm:convnext_atto; most are made for 224 pixels, img_size adapts transformers.

    Raises ValueError without timm, for an unknown name, or if the network cannot be made or has no stages.
    """
    timm = _timm()
    if not timm.is_model(name):
        meant = did_you_mean(name, timm.list_models())
        raise ValueError(f"timm {timm.__version__} has no model {name!r}{meant}; timm.list_models() lists them")
    size = {} if img_size is None else {"img_size": img_size}
    try:
        network = timm.create_model(name, pretrained=pretrained, num_classes=num_classes, in_chans=in_channels, **size)
    except Exception as error:  # every family of networks has its own errors
        asked = f"num_classes={num_classes}, in_chans={in_channels}, pretrained={pretrained}, img_size={img_size}"
        raise ValueError(f"timm model {name!r} cannot be made with {asked}: {error}") from error
    if not all(hasattr(network, needed) for needed in ("feature_info", "forward_intermediates", "head_hidden_size")):
        raise ValueError(f"timm model {name!r} does not show its stages (no forward_intermediates); choose another")
    return TimmBackbone(network)


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise ValueError(f"models timm:NAME need timm ({error}); pip install 'noisylab[timm]'") from error
    module: ModuleType = timm
    return module
