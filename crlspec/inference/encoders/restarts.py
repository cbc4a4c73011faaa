"""Restarts that are trained side by side: how far two of them agree, and one of them as plain numbers."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata
from torch import Tensor

from crlspec.maps.maps import Network
from crlspec.numerics.residual import ResidualNetwork

__all__ = ["agreement_of", "network_of"]


def agreement_of(latents: np.ndarray, best: int) -> np.ndarray:
    """|Rank correlations| (latent,) of replica ``best`` with the other that agrees with it best in its worst latent.

    latents  (replica, sample, latent)
    """
    ranks = [rankdata(z, axis=0) - (len(z) + 1) / 2 for z in latents]
    first = ranks.pop(best)
    found = [np.abs((first * z).sum(0)) / np.sqrt((first**2).sum(0) * (z**2).sum(0)) for z in ranks]
    return max(found, key=min, default=np.full(first.shape[1], np.nan))


def network_of(module: ResidualNetwork, replica: int) -> Network:
    """One replica as plain numbers."""

    def numbers(parameter: Tensor) -> np.ndarray:
        return np.asarray(parameter[replica].detach().double().cpu().numpy())

    return Network(
        skip=numbers(module.skip).T,
        bias=numbers(module.bias)[0],
        weights=tuple(numbers(weight).T for weight in module.weights),
        biases=tuple(numbers(bias)[0] for bias in module.biases),
    )
