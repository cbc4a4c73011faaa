"""AdamW on a one-cycle schedule, without what ``torch.optim`` brings along: its first optimiser imports the compiler,
which takes a second, and it goes through the parameters one by one in Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["AdamW", "one_cycle"]

FORGET, SMALL = 0.999, 1e-8
"""Of the mean square of the gradients, and what is added to its root."""


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


class AdamW:
    """Adam with weight decay of its own (Loshchilov & Hutter, "Decoupled weight decay regularization", 2019).

    groups  mappings with ``params`` and, on request, ``weight_decay`` (else 0) and ``lr``, their highest rate
    rate    that of groups that name none
    steps   how many there will be, at most
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], rate: float, steps: int) -> None:
        self.step_count, self.steps = 0, steps
        self.groups: list[tuple[list[Tensor], float, float]] = [
            (list(group["params"]), group.get("weight_decay", 0.0), group.get("lr", rate)) for group in groups
        ]
        self.means, self.squares = (
            [[torch.zeros_like(p) for p in parameters] for parameters, _, _ in self.groups] for _ in range(2)
        )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameters, _, _ in self.groups:
            for parameter in parameters:
                parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move all parameters that have a gradient, at the rate of this step."""
        share, momentum = one_cycle(self.step_count, self.steps)
        self.step_count += 1
        first, second = 1 - momentum**self.step_count, 1 - FORGET**self.step_count
        for (parameters, decay, highest), all_means, all_squares in zip(
            self.groups, self.means, self.squares, strict=True
        ):
            kept = [
                (parameter, parameter.grad, mean, square)
                for parameter, mean, square in zip(parameters, all_means, all_squares, strict=True)
                if parameter.grad is not None
            ]
            if not kept:
                continue
            moved, gradients, means, squares = (list(column) for column in zip(*kept, strict=True))
            rate = share * highest
            if decay:
                torch._foreach_mul_(moved, 1 - rate * decay)
            torch._foreach_lerp_(means, gradients, 1 - momentum)
            torch._foreach_mul_(squares, FORGET)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - FORGET)
            roots = torch._foreach_sqrt(squares)
            torch._foreach_div_(roots, second**0.5)
            torch._foreach_add_(roots, SMALL)
            torch._foreach_addcdiv_(moved, means, roots, -rate / first)

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return {"step": self.step_count, "means": self.means, "squares": self.squares}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Back to what :meth:`state_dict` gave."""
        for name, mine in (("means", self.means), ("squares", self.squares)):
            for old, new in zip(mine, state[name], strict=True):
                for one, other in zip(old, new, strict=True):
                    one.copy_(other)
        self.step_count = state["step"]
