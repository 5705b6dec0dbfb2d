"""Functions for methods with a memory of soft targets, one row per training sample."""

import math

import torch
from torch import Tensor
from torch.nn import functional

# Laine & Aila 2017: 80 of 300 epochs.
RAMP_UP = 80 / 300


def soft_targets(logits: Tensor, *, temperature: float = 1.0) -> Tensor:
    """softmax(logits / T) without gradient, in at least float32: float[B, K]."""
    precision = torch.promote_types(logits.dtype, torch.float32)
    return functional.softmax(logits.detach().to(precision) / temperature, dim=1)


def target_divergence(logits: Tensor, targets: Tensor, *, temperature: float = 1.0) -> Tensor:
    """T^2 KL(target || softmax(z / T)) per entry: float[B].

    logits: float[B, K]; targets: softened probabilities float[B, K], without gradient. Computed in at least float32.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    log_p = functional.log_softmax(logits.to(precision) / temperature, dim=1)
    return temperature**2 * functional.kl_div(log_p, targets.detach().to(precision), reduction="none").sum(dim=1)


def last_occurrence(index: Tensor) -> Tensor:
    """For every entry, the last entry with the same id: int64[B].

    Rows that are taken from there are equal for all entries of a sample, so the order of writing does not matter.
    """
    positions = torch.arange(len(index), device=index.device)
    return torch.where(index[:, None] == index[None, :], positions, -1).amax(dim=1)


def write_rows(memory: Tensor, index: Tensor, rows: Tensor) -> None:
    """memory[index] = rows, in place; if a sample is in the batch more than once, its last entry counts.

    memory: float[N, K]; index: int64[B]; rows: float[B, K], without gradient.
    """
    memory.index_copy_(0, index, rows.detach().to(memory.dtype).index_select(0, last_occurrence(index)))


def averaging_rate(momentum: float, count: int) -> float:
    """The weight of the count-th prediction in a moving average that is corrected for its start from zero.

    Z_n = m Z_{n-1} + (1 - m) p_n with Z_0 = 0 has Z_n / (1 - m^n) as its corrected form (Laine & Aila 2017), which is
    t_n = (1 - r) t_{n-1} + r p_n with this r; r = 1 for the first.
    """
    return (1 - momentum) / (1 - momentum**count)


def linear_rise(epoch: int, epochs: int) -> float:
    """t/E with t from 1, so that it is 1 in the last epoch."""
    return (epoch + 1) / epochs


def stair_rise(epoch: int, epochs: int, *, step: int) -> float:
    """The share step floor(t / step) / E with t from 1: a stair to 1 in the last epoch, if E is a multiple of the step."""
    return step * ((epoch + 1) // step) / epochs


def gaussian_rise(epoch: float, epochs: float, *, over: float = RAMP_UP) -> float:
    """exp(-5 (1 - x)^2), from .007 to 1 while x goes from 0 to 1 over a share of all epochs (Laine & Aila 2017).

    over: the share; 0: it is 1 at once.
    """
    risen = min(1.0, epoch / (over * epochs)) if over else 1.0
    return math.exp(-5 * (1 - risen) ** 2)
