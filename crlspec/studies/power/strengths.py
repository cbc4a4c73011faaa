"""How strong an edge is: how far the child moves with the parent, in deviations of the child's own noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crlspec.generative.model import Model

__all__ = ["edge_strengths"]

SAMPLES = 2000


def edge_strengths(model: Model, seed: int = 0, samples: int = SAMPLES) -> dict[tuple[str, str], float]:
    """(parent, child) → strength, for every edge of the model's graph, in the observational environment.

    With μ(pa) the mean of the child given its parents, σ² its variance given them, and pa′ the same parents but for
    the one in question, drawn anew: strength² = ½ E[(μ(pa) − μ(pa′))²] / E[σ²]. For a linear mechanism that is
    |weight| · sd(parent) / sd(noise); an even function has one too. NaN where a mean or variance is not finite.
    """
    import torch

    rng = np.random.default_rng([seed, 0x57])
    name = model.observational
    z = model.sample({name: samples}, seed=seed)[name].to_dataset()["z"]
    columns = {str(latent): z.sel(latent=latent).values for latent in z["latent"].values}
    found = {}
    for child in model.latents:
        mechanism = model.scm.mechanisms[child]
        given = (
            np.stack([columns[parent] for parent in mechanism.parents], axis=-1)
            if mechanism.parents
            else None
        )
        for place, parent in enumerate(mechanism.parents):
            assert given is not None
            other = given.copy()
            other[:, place] = rng.permutation(other[:, place])
            with torch.no_grad():
                here, there = (
                    mechanism.distribution(torch.as_tensor(values, dtype=model.dtype, device=model.device))
                    for values in (given, other)
                )
                moved = float(((here.mean - there.mean) ** 2).mean()) / 2
                own = float(torch.as_tensor(here.variance).mean())
            found[parent, child] = float(np.sqrt(moved / own)) if own > 0 else float("nan")
    return found
