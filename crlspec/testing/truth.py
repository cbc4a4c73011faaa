"""A result that is the truth of a compiled model, on which what follows recovery is tried alone."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import xarray as xr

from crlspec.generative.model import Model
from crlspec.inference.estimate import Edge, Estimate, Status
from crlspec.maps.maps import LinearEncoder, Network, NetworkDecoder, NetworkEncoder
from crlspec.result import Result
from crlspec.spec.setting import Setting

__all__ = ["true_result"]


def true_result(truth: Model, data: xr.DataTree) -> Result:
    """Latents, graph and mixing of a compiled spec, up to the conventions of results alone.

    truth  with a linear mixing, or one behind a known link (glm), of full column rank
    data   samples of it, by environment; the first environment of a latent stands for it

    Raises TypeError for other mixings, which have no matrix to invert.
    """
    kind = None if truth.spec.mixing is None else truth.spec.mixing.kind
    if kind not in ("linear", "glm"):
        raise TypeError(
            f"true_result undoes mixings linear and glm, not {kind}: recover that one with crlspec.solve"
        )
    edges = tuple(Edge(a, b, 0.5, 1e-9) for a, b in truth.graph.edges)
    hit = [(e.targets[0], name) for name, e in truth.environments.items() if e.targets]
    estimate = Estimate(
        latents=truth.latents,
        environment_of=dict(reversed(hit)),
        **_maps(np.asarray(truth.mixing.matrix), getattr(truth.mixing, "link", None)),
        order=tuple(nx.topological_sort(truth.graph)),
        edges=edges,
        tested=edges,
        graph="exact",
        status=Status("ok", "made from the truth"),
    )
    verdict = {"covered": True, "latents": "scaling", "latents_text": "up to scaling, each by itself"}
    return Result.from_estimate(
        estimate, data, spec=truth.spec, verdict=verdict, setting=Setting.of(truth.spec)
    )


def _maps(matrix: np.ndarray, link: str | None) -> dict[str, Any]:
    """Encoder, and mixing or decoder, of x = matrix · z or of x = link(matrix · z)."""
    (d, n), back = matrix.shape, np.linalg.pinv(matrix)
    if link is None:
        return {"encoder": LinearEncoder(back, np.zeros(d)), "mixing": matrix}
    return {
        "encoder": NetworkEncoder(Network(back, np.zeros(n)), np.eye(d), np.zeros(d), link),
        "mixing": None,
        "decoder": NetworkDecoder(Network(matrix, np.zeros(d)), np.eye(d), np.zeros(d), link),
    }
