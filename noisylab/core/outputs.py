"""What a network returned: logits, or something else by mistake."""

from torch import Tensor


def are_probabilities(outputs: Tensor) -> bool:
    """Whether all rows of outputs float[B, K, ...] are probabilities: in [0, 1], with sum 1. Waits for the device."""
    z = outputs.detach().float()
    if z.ndim < 2 or z.shape[1] < 2 or not len(z):
        return False
    return bool(((z >= 0) & (z <= 1)).all() & ((z.sum(dim=1) - 1).abs() < 1e-3).all())


def check_logits(outputs: Tensor, name: str = "logits") -> None:
    """Raise ValueError if outputs float[B, K, ...] are probabilities, whose softmax would be taken again."""
    if are_probabilities(outputs):
        row = [round(value, 3) for value in outputs.detach()[0].flatten()[:4].tolist()]
        raise ValueError(
            f"{name} must be the outputs before the softmax, got probabilities (every row has sum 1, as in {row}); return the "
            "logits, or torch.log of the probabilities"
        )
