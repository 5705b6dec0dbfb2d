"""One epoch's row of records, collected on the device from presentations in their order."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from noisylab.recording.epoch_checks import Counted, EpochChecks, Presentations

# The smallest log probability kept: float16 can hold it, and its exponential is 0.
LEAST = -6e4
LARGEST = 65504.0


class Rows:
    """The current row, and the memory of earlier presentations, as tensors on one device.

    Tensors have one entry more than there are samples. Entries to discard are written there, since selecting entries would wait
    for the device.
    """

    def __init__(
        self, samples: int, classes: int, missing: int, device: torch.device, divergence: bool, probabilities: bool
    ) -> None:
        self.samples, self.classes, self.missing = samples, classes, missing
        self.device = device
        self.latest = torch.full((samples + 1,), missing, device=device)
        self.latest_log_p = self._nothing() if divergence else None
        self.before_log_p = self._nothing() if divergence else None
        self.own_log_p = self._nothing() if divergence else None
        self.probability_sum = torch.zeros(samples + 1, classes, device=device) if probabilities else None
        self.times = torch.zeros(samples + 1, dtype=torch.int64, device=device) if probabilities else None
        self.start()

    def _nothing(self) -> Tensor:
        return torch.full((self.samples + 1, self.classes), torch.nan, dtype=torch.float16, device=self.device)

    def start(self) -> None:
        """Start an empty row."""
        self.begun = False
        floats = ["loss_predicted", "margin", "el2n"]
        if self.own_log_p is not None:
            floats += ["divergence", "step_divergence"]
        size = self.samples + 1
        self.row = {name: torch.full((size,), torch.nan, device=self.device) for name in floats}
        self.row["prediction"] = torch.full((size,), self.missing, device=self.device)
        self.row["agreement"] = torch.full((size,), -1, dtype=torch.int8, device=self.device)
        self.shown = torch.zeros(size, dtype=torch.bool, device=self.device)
        self.owned = torch.zeros(size, dtype=torch.bool, device=self.device)
        self.checks = EpochChecks(self.samples, self.classes, self.device)

    def add(self, seen: Presentations) -> None:
        """Add presentations, without waiting for the device.

        One whose logits are not finite predicts nothing: its sample counts as not shown by it.
        """
        self.begun = True
        # 0 times a number is 0, and NaN otherwise. (A sixth of the time of `isfinite`.)
        finite = (seen.logits * 0).sum(dim=1) == 0
        self.checks.add(seen, finite)
        sample = torch.where((seen.sample >= 0) & (seen.sample < self.samples), seen.sample, self.samples)
        # Sorted by sample, and by time within a sample.
        order = torch.argsort(sample, stable=True)
        # `index_select` takes a fifth of the time of `[order]`.
        sample, logits, new, finite = (each.index_select(0, order) for each in (sample, seen.logits, seen.new, finite))
        given = seen.given.index_select(0, order).clamp(0, self.classes - 1)[:, None]
        first = _marks_change(sample)
        last = _marks_change(sample.flip(0)).flip(0)

        log_p = functional.log_softmax(logits, dim=1).clamp(min=LEAST)
        best, prediction = log_p.max(dim=1)
        prediction = torch.where(finite, prediction, self.missing)
        p = log_p.exp()
        others = logits.scatter(1, given, -torch.inf).amax(dim=1)
        error = p.scatter_add(1, given, p.new_full((1, 1), -1.0).expand_as(given))
        values = {
            "prediction": prediction,
            "loss_predicted": -best,
            "margin": (logits.gather(1, given)[:, 0] - others).clamp(-LARGEST, LARGEST),
            "el2n": error.norm(dim=1),
        }

        before = torch.where(first, self.latest.index_select(0, sample), prediction.roll(1))
        may_own = torch.where(new < 0, ~self.shown.index_select(0, sample), new == 1) & finite
        own = _earliest(sample, may_own)
        may_second = ~torch.where(new < 0, own, may_own) & finite & (before != self.missing)
        second = _earliest(sample.flip(0), may_second.flip(0)).flip(0)
        own &= ~self.owned.index_select(0, sample)
        to_own = torch.where(own, sample, self.samples)
        to_second = torch.where(second, sample, self.samples)
        to_latest = torch.where(last, sample, self.samples)

        if self.own_log_p is not None and self.latest_log_p is not None and self.before_log_p is not None:
            # Rounded like the remembered values, so that the end of a buffer changes no number.
            rounded = log_p.half()
            previous = torch.where(first[:, None], self.latest_log_p.index_select(0, sample), rounded.roll(1, 0))
            self.row["step_divergence"].index_copy_(0, to_second, _divergence(previous, log_p))
            values["divergence"] = _divergence(self.before_log_p.index_select(0, sample), log_p)
            self.latest_log_p.index_copy_(0, to_latest, rounded)
            self.own_log_p.index_copy_(0, to_own, rounded)
        if self.probability_sum is not None and self.times is not None:
            self.probability_sum.index_copy_(0, to_own, self.probability_sum.index_select(0, sample) + p)
            self.times.index_copy_(0, to_own, self.times.index_select(0, sample) + 1)
        for name, value in values.items():
            self.row[name].index_copy_(0, to_own, value)
        self.row["agreement"].index_copy_(0, to_second, (prediction == before).to(torch.int8))
        self.latest.index_copy_(0, to_latest, prediction)
        self.shown.index_fill_(0, torch.where(finite, sample, self.samples), True)
        self.owned.index_fill_(0, to_own, True)

    def take(self) -> tuple[dict[str, Tensor], Counted]:
        """Return the finished row on the CPU, [N] by name, and what was counted of it, and start the next one.

        Raises ValueError for samples or labels out of range, and for labels that contradict the given ones.
        """
        counted = self.checks.judge()
        row = {name: values[: self.samples].cpu() for name, values in self.row.items()}
        self.start()
        if self.own_log_p is not None:
            # Only consecutive epochs are compared, so a sample that was not shown has no divergence.
            self.before_log_p, self.own_log_p = self.own_log_p, self._nothing()
        return row, counted

    def mean_probabilities(self) -> Tensor:
        """float16[N, K], over the epochs so far that showed the sample; NaN if none did."""
        assert self.probability_sum is not None
        assert self.times is not None
        return (self.probability_sum[: self.samples] / self.times[: self.samples, None]).half()

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of the memory that later rows depend on, on the CPU."""
        state = {
            "latest": self.latest,
            "latest_log_p": self.latest_log_p,
            "before_log_p": self.before_log_p,
            "probability_sum": self.probability_sum,
            "times": self.times,
        }
        return {name: values[: self.samples].detach().cpu().clone() for name, values in state.items() if values is not None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of `state_dict`, forget what it lacks, and start an empty row."""
        self.start()
        self.latest[: self.samples] = state["latest"].to(self.device)
        for name, nothing in (("latest_log_p", torch.nan), ("before_log_p", torch.nan), ("probability_sum", 0), ("times", 0)):
            target = getattr(self, name)
            if target is not None:
                target.fill_(nothing)
                if name in state:
                    target[: self.samples] = state[name].to(self.device)
        if self.own_log_p is not None:
            self.own_log_p.fill_(torch.nan)


def _marks_change(sample: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(sample[:1], dtype=torch.bool), sample[1:] != sample[:-1]])


def _earliest(sample: Tensor, mask: Tensor) -> Tensor:
    """The first entry within each run of equal samples that `mask` holds."""
    count = mask.long().cumsum(0)
    position = torch.arange(len(sample), device=sample.device)
    start = torch.where(_marks_change(sample), position, 0).cummax(0).values
    before_run = count.index_select(0, start) - mask.index_select(0, start).long()
    return mask & (count - before_run == 1)


def _divergence(before: Tensor, now: Tensor) -> Tensor:
    """KL(before || now) in nats for log probabilities [M, K]; NaN if there is none before."""
    log_p = before.float()
    return (log_p.exp() * (log_p - now)).sum(dim=1).clamp(min=0)
