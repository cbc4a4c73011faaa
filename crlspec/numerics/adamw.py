"""AdamW on a one-cycle schedule, by torch's functional form of it.

The classes of ``torch.optim`` import the compiler with their first step, which takes a second. A step is one
call for all operations on a group: on a CPU a quarter of the time of a call for each, on a GPU one kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

__all__ = ["AdamW", "one_cycle"]

FORGET, SMALL = 0.999, 1e-8
"""How much of its mean square gradients keep in a step, and what is added to its root."""


def one_cycle(step: int, steps: int) -> tuple[float, float]:
    """(share of the highest rate, momentum) of a step, counted from 0: the rate warms up from a 25th over a tenth of
    the steps, then falls by a cosine down to nothing; momentum falls from .95 to .85 and rises again (Smith & Topin,
    "Super-convergence", 2018)."""
    turn = (0.15 if steps == 10 else 0.1) * steps - 1
    if step <= turn:
        return _cosine(1 / 25, 1.0, step / turn), _cosine(0.95, 0.85, step / turn)
    done = (step - turn) / (steps - 1 - turn)
    return _cosine(1.0, 4e-6, done), _cosine(0.85, 0.95, done)


def _cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * done))


FUSED = ("cpu", "cuda")
"""Devices on which a step is one call, or one kernel."""


class AdamW:
    """Adam with weight decay of its own (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019).

    groups  mappings with ``params`` and, on request, ``weight_decay`` (else 0) and ``lr``, their highest rate
    rate    that of groups that name none
    steps   how many there will be, at most
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], rate: float, steps: int) -> None:
        self.steps = steps
        self.groups = [
            _Group(list(one["params"]), one.get("weight_decay", 0.0), one.get("lr", rate)) for one in groups
        ]
        self.step_count = 0

    def step(self) -> None:
        """Move all parameters that have a gradient, at the rate of this step."""
        share, momentum = one_cycle(self.step_count, self.steps)
        self.step_count += 1
        for group in self.groups:
            group.step(share * group.rate, momentum)

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return {"step": self.step_count, "moments": [group.moments for group in self.groups]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Back to what :meth:`state_dict` gave."""
        for group, moments in zip(self.groups, state["moments"], strict=True):
            for old, new in zip(group.moments, moments, strict=True):
                for one, other in zip(old, new, strict=True):
                    one.copy_(other)
        self.step_count = state["step"]


class _Group:
    """Parameters of one rate; ``moments`` of each: mean and mean square of its gradients, and how many there were."""

    def __init__(self, parameters: list[Tensor], decay: float, rate: float) -> None:
        self.parameters, self.decay, self.rate = parameters, decay, rate
        self.fused = all(p.device.type in FUSED for p in parameters)
        place = parameters[0].device if self.fused and parameters else None
        self.moments = [
            (torch.zeros_like(p), torch.zeros_like(p), torch.zeros((), device=place)) for p in parameters
        ]

    @torch.no_grad()
    def step(self, rate: float, momentum: float) -> None:
        """Move those that have a gradient."""
        moved = [
            (parameter, parameter.grad, *moments)
            for parameter, moments in zip(self.parameters, self.moments, strict=True)
            if parameter.grad is not None
        ]
        if not moved:
            return
        parameters, gradients, means, squares, counts = (list(column) for column in zip(*moved, strict=True))
        adamw(
            parameters, gradients, means, squares, [], counts, foreach=not self.fused, fused=self.fused,
            amsgrad=False, beta1=momentum, beta2=FORGET, lr=rate, weight_decay=self.decay, eps=SMALL,
            maximize=False,
        )  # fmt: skip
