"""The one training loop: AdamW on a one-cycle schedule, replicas as one batch, early stopping, checkpoints.

A module may hold several *replicas* (restarts, environments, folds) side by side, one slice of the leading dimension
(a multiple of their number) of every parameter each; one loss a replica, and their sum is what is minimised, so
that none feels the others. Every random number comes from the generator that is passed in, so that a run is the
same run whenever it is made.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from crlspec.numerics.adamw import AdamW
from crlspec.numerics.checkpoints import Checkpoint
from crlspec.numerics.freed import keep_freed
from crlspec.numerics.gradients import Capture, gradients_of
from crlspec.progress import Losses, Progress, silent

__all__ = ["Plan", "Trained", "train"]

Batch = TypeVar("Batch")
Groups = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train.

    steps     at most so many
    rate      the highest learning rate, for every group of parameters that names none of its own (key ``lr``)
    look      steps between two looks at the held-out loss
    patience  stop once so many looks in a row have bettered no replica by ``least``; None: never
    """

    steps: int
    rate: float = 3e-3
    look: int = 25
    patience: int | None = None
    least: float = 1e-4


@dataclass(frozen=True)
class Trained:
    """losses (replica,): the lowest held-out loss, with which each replica's weights were left, NaN where none was
    asked for; history (look, replica): every look; steps: how many were made."""

    losses: Tensor
    history: Tensor
    steps: int

    @property
    def best(self) -> int:
        """The replica of lowest held-out loss."""
        return int(self.losses.nan_to_num(torch.inf).argmin())


def train(
    module: nn.Module,
    loss: Callable[[Batch], Tensor],
    draw: Callable[[torch.Generator], Batch],
    generator: torch.Generator,
    plan: Plan,
    *,
    held_out: Callable[[], Tensor] | None = None,
    groups: Groups | None = None,
    progress: Progress = silent,
    stage: str = "training",
    shown: Callable[[int, Tensor], Losses] | None = None,
    checkpoint: Checkpoint | None = None,
    after: Callable[[int], None] | None = None,
    fabric: Any = None,
    capture: Capture | None = None,
) -> Trained:
    """Train in place; where there is a held-out loss, each replica is left with the weights of its lowest one.

    loss      of a batch: (replica,)
    draw      a batch, by the generator alone
    held_out  (replica,), computed without gradients every ``plan.look`` steps and at the end
    groups    parameter groups of AdamW; None: all parameters, no weight decay
    shown     from the step and the held-out losses (replica,), what ``progress`` is given to keep
    after     called with the number of each step that was made, for what is no gradient step
    fabric    a launched ``Fabric`` of Lightning: every process runs the same training, draws the same numbers and
              takes its part of each batch (:meth:`TrainingContext.part`); gradients are averaged over all, and
              the held-out losses of the first process count
    capture   as in :func:`crlspec.numerics.gradients.gradients_of`

    On a GPU nothing waits for the device between two looks, if neither ``draw`` nor ``after`` does.
    """
    keep_freed()
    optimizer = AdamW([_all(module)] if groups is None else groups, plan.rate, plan.steps)
    run = _Run(module, optimizer, generator)
    kind = {"plan": vars(plan), "stage": stage, "shapes": [list(p.shape) for p in module.parameters()]}
    state = None if checkpoint is None else checkpoint.read(kind)
    if checkpoint is not None and state is not None and run.restored(state, checkpoint):
        progress(f"{stage}: going on after step {run.step}")
        for count, losses in enumerate(run.history or (), start=1):
            step = min(count * plan.look, plan.steps)
            progress(stage, step, plan.steps, losses=None if shown is None else shown(step, losses))
    if fabric is not None:
        for parameter in module.parameters():
            parameter.data.copy_(fabric.broadcast(parameter.data))
    written = checkpoint if fabric is None or fabric.is_global_zero else None
    saved = -math.inf  # so that the first look is kept
    gradients = gradients_of(module, loss, lambda words: progress(f"{stage}: {words}"), capture)
    while run.step < plan.steps and not run.is_idle(plan):
        gradients(draw(generator))
        if fabric is not None:
            _average(module, fabric)
        optimizer.step()
        run.step += 1
        if after is not None:
            after(run.step)
        if run.step % plan.look == 0 or run.step == plan.steps:
            losses_shown = None
            if held_out is not None:
                with torch.no_grad():
                    losses = held_out() if fabric is None else fabric.broadcast(held_out())
                losses = run.look(losses, plan.least)
                losses_shown = None if shown is None else shown(run.step, losses)
            progress(stage, run.step, plan.steps, losses=losses_shown)
            if written is not None and time.monotonic() - saved >= written.seconds:
                written.write({"kind": kind, **run.state()})
                saved = time.monotonic()
    module.zero_grad()
    if written is not None:
        written.write({"kind": kind, **run.state()})
    return run.finished()


def _average(module: nn.Module, fabric: Any) -> None:
    """Every gradient becomes its mean over all processes."""
    for parameter in module.parameters():
        if parameter.grad is not None:
            parameter.grad.copy_(fabric.all_reduce(parameter.grad, reduce_op="mean"))


def _all(module: nn.Module) -> dict[str, Any]:
    return {"params": [p for p in module.parameters() if p.requires_grad], "weight_decay": 0.0}


@dataclass
class _Run:
    """What a training is at a moment: everything that its next step depends on."""

    module: nn.Module
    optimizer: AdamW
    generator: torch.Generator
    step: int = 0
    idle: int = 0
    best: Tensor | None = None
    kept: list[Tensor] | None = None
    history: list[Tensor] | None = None

    def look(self, losses: Tensor, least: float) -> Tensor:
        """Keep the weights of every replica that has bettered itself, and give the losses back as they are kept: one
        that is no number is infinite, and betters nothing."""
        losses = losses.detach().double().cpu().nan_to_num(torch.inf)
        if self.best is None or self.kept is None or self.history is None:
            self.best = torch.full_like(losses, torch.inf)
            self.kept = [
                p.detach().clone(memory_format=torch.contiguous_format) for p in self.module.parameters()
            ]
            self.history = []
        better = losses < self.best
        self.idle = 0 if bool((losses < self.best - least).any()) else self.idle + 1
        self.best = torch.where(better, losses, self.best)
        for old, new in zip(self.kept, self.module.parameters(), strict=True):
            chosen = better.to(old.device)
            old.view(len(losses), -1)[chosen] = new.detach().reshape(len(losses), -1)[chosen]
        self.history.append(losses)
        return losses

    def is_idle(self, plan: Plan) -> bool:
        """Whether patience is at its end."""
        return plan.patience is not None and self.idle >= plan.patience

    def state(self) -> dict[str, Any]:
        """All of it, as plain values and tensors."""
        return {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            **{name: getattr(self, name) for name in ("step", "idle", "best", "kept", "history")},
        }

    def restored(self, state: dict[str, Any], checkpoint: Checkpoint) -> bool:
        """Whether it could go back to a state that was read; one that does not fit is set aside."""
        before = copy.deepcopy(self.state())
        try:
            self.restore(state)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            self.restore(before)
            checkpoint.set_aside(" ".join(str(error).split())[:100])
            return False
        return True

    def restore(self, state: dict[str, Any]) -> None:
        """Back to what :meth:`state` gave."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        for name in ("step", "idle", "best", "history"):
            setattr(self, name, state[name])
        if state["kept"] is not None:
            places = [p.device for p in self.module.parameters()]
            self.kept = [value.to(place) for value, place in zip(state["kept"], places, strict=True)]

    def finished(self) -> Trained:
        """The module with the weights that were kept, and what was seen on the way."""
        if self.best is None or self.kept is None or self.history is None:
            nothing = torch.full((1,), torch.nan, dtype=torch.float64)
            return Trained(nothing, torch.empty(0, 1, dtype=torch.float64), self.step)
        with torch.no_grad():
            for parameter, value in zip(self.module.parameters(), self.kept, strict=True):
                parameter.copy_(value)
        return Trained(self.best, torch.stack(self.history), self.step)
