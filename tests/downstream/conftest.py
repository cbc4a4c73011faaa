"""Results whose truth is known: any linear-Gaussian SCM, sampled, with its latents as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
import xarray as xr

from crlspec.inference.estimate import Edge, Estimate, GraphKind, LinearEncoder, Status
from crlspec.result import Result

Make = Callable[..., Result]


@pytest.fixture(scope="session")
def make() -> Make:
    """``make(["a -> b"], …)``: a Result of hard interventions on each latent, encoder and graph the truth's."""
    return made


@pytest.fixture(scope="session", name="simulate")
def simulate_fixture() -> Callable[..., np.ndarray]:
    """The function ``simulate``."""
    return simulate


def made(
    edges: Sequence[str],
    nodes: Sequence[str] | None = None,
    weights: Mapping[tuple[str, str], float] | None = None,
    samples: int = 200,
    seed: int = 0,
    graph: GraphKind = "exact",
    identified: Mapping[str, str] | None = None,
) -> Result:
    pairs = [tuple(part.strip() for part in edge.split("->")) for edge in edges]
    names = tuple(nodes or dict.fromkeys(name for pair in pairs for name in pair))
    weight = {pair: (weights or {}).get(pair, 0.8) for pair in pairs}
    tree = {}
    for k, target in enumerate((None, *names)):
        name = "obs" if target is None else f"do_{target}"
        z = simulate(names, weight, target, samples, np.random.default_rng([seed, k]))
        coords = {"observed": np.array([f"x_{one}" for one in names], dtype=object)}
        tree[name] = xr.Dataset({"x": (("sample", "observed"), z)}, coords=coords)
    n = len(names)
    estimate = Estimate(
        latents=names,
        environment_of={name: f"do_{name}" for name in names},
        encoder=LinearEncoder(np.eye(n), np.zeros(n)),
        mixing=np.eye(n),
        order=ordered(names, pairs),
        edges=tuple(Edge(a, b, 0.5, 1e-20) for a, b in pairs),
        tested=tuple(Edge(a, b, 0.5, 1e-20) for a, b in pairs),
        graph=graph,
        status=Status("ok", "fixed"),
    )
    told = {"latents": "scaling"} if identified is None else identified
    return Result.from_estimate(estimate, xr.DataTree.from_dict(tree), verdict=told)


def ordered(names: Sequence[str], pairs: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    left, order = list(names), []
    while left:
        root = next(one for one in left if not any(b == one and a in left for a, b in pairs))
        order.append(root)
        left.remove(root)
    return tuple(order)


def simulate(
    names: Sequence[str],
    weight: Mapping[tuple[str, ...], float],
    target: str | None,
    samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(sample, latent) with unit noise; the target without parents, its noise 2."""
    columns: dict[str, np.ndarray] = {}
    for name in ordered(names, list(weight)):
        noise = rng.normal(size=samples) * (2 if name == target else 1)
        parents = [] if name == target else [a for a, b in weight if b == name]
        columns[name] = noise + sum((weight[a, name] * columns[a] for a in parents), np.zeros(samples))
    return np.stack([columns[name] for name in names], axis=1)
