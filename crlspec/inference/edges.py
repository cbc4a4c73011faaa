"""Edges by leaving one covariate out: does a latent's regression on its predecessors need this one?

Each latent is regressed on its predecessors with and without one of them by small smooth networks, all jobs as
one batch from the same start, two folds; the paired held-out losses are tested. Samples of every environment but
the one that targets the latent take part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crlspec.numerics.networks import BatchedNetwork, one_cycle
from crlspec.numerics.statistics import paired_p_value
from crlspec.progress import Losses, Progress

__all__ = ["LeaveOneOut", "leave_one_out"]


@dataclass(frozen=True)
class LeaveOneOut:
    """(position, position) arrays, ``[i, j]`` for j → i with j before i; elsewhere 0 and 1.

    gains     how much the held-out squared error grows without j, in units of the error with it
    p_values  one-sided, of "the error does not grow"
    """

    gains: np.ndarray
    p_values: np.ndarray


def leave_one_out(
    latents: Sequence[np.ndarray],
    targets: Sequence[int] | np.ndarray,
    seed: int,
    progress: Progress,
    *,
    keep_linear: np.ndarray | None = None,
    steps: int = 300,
    batch: int = 1536,
    width: int = 32,
    rate: float = 5e-3,
) -> LeaveOneOut:
    """Test every pair of a causal order.

    latents      one array (sample, position) per environment, columns in causal order
    targets      per position the index of the environment that intervenes on it, or (position, environment) bool:
                 all those that do
    keep_linear  (position, position) bool: leave out j's nonlinear part alone. A linear remainder of mixing in
                 estimated latents looks like a linear edge, never like a nonlinear one.
    """
    generator = torch.Generator().manual_seed(seed)
    pooled = np.concatenate(latents)
    environment = torch.repeat_interleave(torch.arange(len(latents)), torch.tensor([len(z) for z in latents]))
    z = torch.as_tensor((pooled - pooled.mean(0)) / pooled.std(0), dtype=torch.float32)
    n = z.shape[1]
    jobs = [(i, -1) for i in range(1, n)] + [(i, j) for i in range(1, n) for j in range(i)]
    nonlinear, linear = torch.zeros(len(jobs), 1, n), torch.zeros(len(jobs), 1, n)
    for k, (i, j) in enumerate(jobs):
        nonlinear[k, 0, :i] = linear[k, 0, :i] = 1
        if j >= 0:
            nonlinear[k, 0, j] = 0
            linear[k, 0, j] = float(keep_linear is not None and keep_linear[i, j])
    targeted = np.zeros((n, len(latents)), dtype=bool)
    if np.ndim(targets) == 2:
        targeted[:] = targets
    else:
        targeted[range(n), targets] = True
    own = torch.as_tensor(targeted)[[i for i, _ in jobs]][:, environment]
    order = torch.randperm(len(z), generator=generator)
    folds = order[: len(z) // 2], order[len(z) // 2 :]
    losses = torch.zeros(len(jobs), len(z))
    response = torch.tensor([i for i, _ in jobs])

    def residuals(network: BatchedNetwork, index: Tensor) -> Tensor:
        values = z[index]
        return values.T[response] - network(values * nonlinear, values * linear)

    for number, (inside, outside) in enumerate((folds, folds[::-1])):
        network = BatchedNetwork(len(jobs), n, width, generator, common=True)
        optimizer = torch.optim.AdamW(network.groups(1e-2), lr=rate)
        schedule = one_cycle(optimizer, [rate, rate], steps)
        for step in range(steps):
            index = inside[torch.randint(len(inside), (batch,), generator=generator)]
            loss = (residuals(network, index) ** 2 * ~own[:, index]).mean(1).sum() / 2
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if step % 25 == 0:
                mean = {f"half {number + 1}": 2 * loss.item() / len(jobs)}
                told = Losses(step, "mean squared error in training", mean)
                progress("edges", number * steps + step, 2 * steps, losses=told)
        with torch.no_grad():
            losses[:, outside] = residuals(network, outside) ** 2
    return _compare(jobs, losses.double().numpy(), own.numpy(), n)


def _compare(jobs: list[tuple[int, int]], losses: np.ndarray, own: np.ndarray, n: int) -> LeaveOneOut:
    gains, p_values = np.zeros((n, n)), np.ones((n, n))
    full = {i: k for k, (i, j) in enumerate(jobs) if j < 0}
    for k, (i, j) in enumerate(jobs):
        if j >= 0:
            used = ~own[k]
            paired = losses[k, used] - losses[full[i], used]
            gains[i, j] = paired.mean() / losses[full[i], used].mean()
            p_values[i, j] = paired_p_value(paired)
    return LeaveOneOut(gains, p_values)
