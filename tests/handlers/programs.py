"""Pyro programs that crlspec did not make: the usual ones of textbooks, in Pyro's own idioms."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch

EFFECTS = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
AGES = torch.linspace(-1, 1, 10)
CHAIN = torch.tensor([0.3, -1.0, 0.8, 2.0])
POINTS = torch.tensor([-2.1, -1.9, 2.0, 2.2, 1.8, -2.3])


def eight_schools():
    """Rubin (1981): effects of coaching in eight schools, in vectors rather than plates."""
    mu = pyro.sample("mu", dist.Normal(0, 5))
    tau = pyro.sample("tau", dist.HalfCauchy(5))
    theta = pyro.sample("theta", dist.Normal(mu, tau).expand([8]).to_event(1))
    return pyro.sample("effect", dist.Normal(theta, ERRORS).to_event(1), obs=EFFECTS)


def regression():
    """Linear regression with a plate, and its line as a deterministic site."""
    slope = pyro.sample("slope", dist.Normal(0, 1))
    intercept = pyro.sample("intercept", dist.Normal(0, 1))
    sigma = pyro.sample("sigma", dist.LogNormal(0, 0.5))
    with pyro.plate("people", len(AGES)):
        line = pyro.deterministic("line", intercept + slope * AGES)
        return pyro.sample("weight", dist.Normal(line, sigma))


def hidden_markov():
    """A hidden Markov model with enumerated states."""
    stay = pyro.sample("stay", dist.Beta(8, 2))
    state = torch.tensor(0)
    for t in pyro.markov(range(len(CHAIN))):
        moves = torch.stack([torch.stack([stay, 1 - stay]), torch.stack([1 - stay, stay])])
        state = pyro.sample(f"state_{t}", dist.Categorical(moves[state]), infer={"enumerate": "parallel"})
        pyro.sample(f"reading_{t}", dist.Normal(2.0 * state - 1, 0.7), obs=CHAIN[t])


def mixture():
    """Two normal components; who belongs where is enumerated."""
    share = pyro.sample("share", dist.Beta(2, 2))
    with pyro.plate("components", 2):
        centre = pyro.sample("centre", dist.Normal(0, 3))
    with pyro.plate("points", len(POINTS)):
        which = pyro.sample("which", dist.Bernoulli(share), infer={"enumerate": "parallel"}).long()
        pyro.sample("point", dist.Normal(centre[which], 0.5), obs=POINTS)


def correlated():
    """Vectors with a Lewandowski-Kurowicka-Joe prior on their correlations."""
    width = pyro.sample("width", dist.LogNormal(0, 0.3).expand([3]).to_event(1))
    root = pyro.sample("root", dist.LKJCholesky(3, 2.0))
    with pyro.plate("vectors", 5):
        cause = pyro.sample(
            "cause", dist.MultivariateNormal(torch.zeros(3), scale_tril=width[:, None] * root)
        )
        return pyro.sample("sum", dist.Normal(cause.sum(-1), 1.0))


def subsampled():
    """A plate from which four of ten are drawn: log densities are scaled by 10/4."""
    rate = pyro.sample("rate", dist.Gamma(2, 1))
    with pyro.plate("all", 10, subsample_size=4):
        wait = pyro.sample("wait", dist.Exponential(rate))
        return pyro.sample("seen", dist.Normal(wait, 0.1))
