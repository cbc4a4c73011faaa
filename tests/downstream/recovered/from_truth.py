"""Results that are the truth of a spec, as an estimator would say it, behind a matrix or a known link."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np

import crlspec
from crlspec.inference.estimate import Edge, Estimate, Status
from crlspec.inference.maps import LinearEncoder, Network, NetworkDecoder, NetworkEncoder
from crlspec.results.result import Result


def recovered(text: str, samples: int, seed: int = 0) -> tuple[crlspec.Model, Result]:
    """A compiled spec, and a result that is its truth; the first environment of a latent stands for it."""
    truth = crlspec.compile(crlspec.loads(text), seed=seed)
    edges = tuple(Edge(a, b, 0.5, 1e-9) for a, b in truth.graph.edges)
    hit = [(e.targets[0], name) for name, e in truth.environments.items() if e.targets]
    estimate = Estimate(
        latents=truth.latents,
        environment_of=dict(reversed(hit)),
        **maps(truth.mixing.matrix.numpy(), getattr(truth.mixing, "link", None)),
        order=tuple(nx.topological_sort(truth.graph)),
        edges=edges,
        tested=edges,
        graph="exact",
        status=Status("ok", "made from the truth"),
    )
    verdict = {"covered": True, "latents": "up to scaling, each by itself"}
    data = truth.sample(samples, seed=seed)
    return truth, Result.from_estimate(estimate, data, spec=truth.spec, verdict=verdict)


def maps(matrix: np.ndarray, link: str | None) -> dict[str, Any]:
    """Encoder, and mixing or decoder, of x = matrix · z or of x = link(matrix · z)."""
    (d, n), back = matrix.shape, np.linalg.pinv(matrix)
    if link is None:
        return {"encoder": LinearEncoder(back, np.zeros(d)), "mixing": matrix}
    straight = {"offset": np.zeros(d), "link": link}
    return {
        "encoder": NetworkEncoder(Network(back, np.zeros(n)), np.eye(d), **straight),
        "mixing": None,
        "decoder": NetworkDecoder(Network(matrix, np.zeros(d)), np.eye(d), **straight),
    }
