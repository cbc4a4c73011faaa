"""Is the noise of recovered latents of one size? The flexible likelihood takes it so, and errs where it is not.

Where the size of the noise depends on the causes, a likelihood of additive noise turns latents into others whose
noise looks more even; seldom quite. What is left shows: the squared residual of a latent still knows the latents
before it.
"""

from __future__ import annotations

import torch
from scipy.special import chdtrc

from crlspec.inference.likelihood.flexible import FlexibleLikelihood
from crlspec.inference.likelihood.ranks import legendre
from crlspec.inference.thresholds import LinearThresholds
from crlspec.numerics.sample import Sample

__all__ = ["heteroscedasticity"]

CLIPPED = 4.0
"""Standard deviations at which residuals are cut."""


def heteroscedasticity(
    model: FlexibleLikelihood, sample: Sample, level: float = LinearThresholds.heteroscedastic_level
) -> float:
    """The largest share, over latents, of the variance of a squared residual that the latents before it explain.

    Score tests of a normal regression whose variance depends on Legendre polynomials of the others' ranks, residuals
    clipped at four standard deviations (Koenker, "A note on studentizing a test for heteroscedasticity", Journal of
    Econometrics 1981); 0 where none rejects at the level for all latents together.

    model  of one candidate, fitted
    """
    n = model.shape[1]
    z = sample.y @ model.coordinates()[0].detach().T
    with torch.no_grad():
        residuals = model.terms(z[None])[0][0].double()
    ranks = legendre(z.double())
    found = 0.0
    for i in range(1, n):
        own = model.targets[0, i]
        kept = ~own[sample.environment] if own.ndim else sample.environment != own
        residual = residuals[i, kept]
        squares = ((residual - residual.mean()) / residual.std()).clamp(-CLIPPED, CLIPPED) ** 2
        squares = squares - squares.mean()
        before = torch.cat([one[kept, :i] for one in ranks], 1)
        before = before - before.mean(0)
        fitted = before @ torch.linalg.lstsq(before, squares[:, None]).solution
        share = float(fitted.square().sum() / squares.square().sum())
        if chdtrc(before.shape[1], share * len(squares)) < level / n:
            found = max(found, share)
    return found
