"""The n linear combinations of k > n components that tell the environments apart, where they are linear-Gaussian.

A mixing may bend the observations into more linear dimensions than there are latents and still have a linear inverse:
the log odds of the environments are then quadratic forms in n combinations of the components alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from crlspec.inference.encoders.gaussian_environments import Start, log_densities
from crlspec.numerics.optimum import minimised

__all__ = ["LinearContrast", "linear_contrast"]

ROUGH, FINE = 3000, 60
"""Samples of each environment that the first search looks at; steps of the second one, on all samples."""


@dataclass(frozen=True)
class LinearContrast:
    """Encoder rows (latent, component), up to invertible linear maps; whether the log loss is at an optimum there,
    and its relative gradient."""

    rows: np.ndarray
    settled: bool
    gradient: float


def linear_contrast(samples: Sequence[np.ndarray], start: Start, steps: int = 400) -> LinearContrast:
    """The encoder of least log loss of the environments.

    samples  (sample, component) of every environment in white coordinates, the observational first, then that of
             each latent, in random order
    """
    shapes = [start.rows.shape, start.shift.shape, start.weights.shape, start.intercepts.shape]
    cuts = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    flat = np.concatenate([start.rows.ravel(), start.shift, start.weights.ravel(), start.intercepts])
    for part, most in (([y[:ROUGH] for y in samples], steps), (list(samples), FINE)):
        y = torch.as_tensor(np.concatenate(part))
        environment = torch.repeat_interleave(torch.arange(len(part)), torch.tensor([len(p) for p in part]))
        prior = torch.log(torch.tensor([len(p) for p in part], dtype=y.dtype))

        def objective(
            values: np.ndarray,
            y: torch.Tensor = y,
            e: torch.Tensor = environment,
            prior: torch.Tensor = prior,
        ) -> tuple[float, np.ndarray]:
            parameters = torch.tensor(values, requires_grad=True)
            rows, shift, weights, intercepts = (
                piece.reshape(shape)
                for piece, shape in zip(torch.tensor_split(parameters, cuts.tolist()), shapes, strict=True)
            )
            z = y @ rows.T + shift
            densities = log_densities(z[None], weights[None], intercepts[None, None])[0]
            loss = torch.nn.functional.cross_entropy(densities + prior, e)
            (gradient,) = torch.autograd.grad(loss, parameters)
            return float(loss.detach()), gradient.numpy()

        found = minimised(objective, flat, options={"maxiter": most})
        flat = found.x
    return LinearContrast(flat[: cuts[0]].reshape(shapes[0]), found.settled, found.gradient)
