"""Fitted mechanisms as plain declarations, and the spec that they make: no randomness, no tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crlspec.downstream.decoded import Code
from crlspec.downstream.design import Design
from crlspec.errors import CrlspecError

if TYPE_CHECKING:
    from crlspec.spec.schema import Spec

__all__ = ["Fitted", "Node", "spec_of"]

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Node:
    """One mechanism, as a spec declares it: a function of the parents, none for a root, and noise."""

    parents: tuple[str, ...]
    mechanism: Plain
    noise: Plain


@dataclass(frozen=True)
class Fitted:
    """All mechanisms of a recovered model and the map to what is observed.

    design    graph and interventions
    base      latent → its mechanism where nothing touches it
    replaced  environment → latent → what stands there instead
    mixing    (observed, latent), in the units of x
    offset    (observed,): x at z = 0
    """

    design: Design
    base: Mapping[str, Node]
    replaced: Mapping[str, Mapping[str, Node]]
    mixing: np.ndarray
    offset: np.ndarray

    def rescaled(self, factor: Mapping[str, float]) -> Fitted:
        """The same model with each latent times its factor."""
        scale = np.array([factor.get(name, 1.0) for name in self.design.latents])
        return replace(
            self,
            base={name: _rescaled(node, name, factor) for name, node in self.base.items()},
            replaced={
                environment: {name: _rescaled(node, name, factor) for name, node in nodes.items()}
                for environment, nodes in self.replaced.items()
            },
            mixing=self.mixing / scale,
        )


def spec_of(
    fitted: Fitted,
    observed: tuple[str, ...],
    name: str,
    samples: Mapping[str, int],
    noise: float = 0.0,
    code: Code | None = None,
) -> Spec:
    """The spec that declares a fitted model; it compiles and runs by itself.

    samples  environment → samples; noise: the standard deviation of that on every observed variable
    code     encoder and decoder of what ``fitted.mixing`` and ``fitted.offset`` lead to, where that is not observed
    """
    from crlspec.spec.load import loads
    from crlspec.spec.yaml12 import write

    return loads(write(_tree(fitted, observed, name, samples, noise, code)), origin=name)


def quick_spec(fitted: Fitted, observed: tuple[str, ...], code: Code | None = None) -> Spec:
    """The same without the checks of a file, which one of many variations of a checked spec does not need.

    Raises CrlspecError for names that no spec can hold.
    """
    from pydantic import ValidationError

    from crlspec.spec.schema import Spec

    samples = dict.fromkeys(fitted.design.environments, 1)
    try:
        return Spec.model_validate(_tree(fitted, observed, "variation", samples, 0.0, code))
    except ValidationError as error:
        raise CrlspecError(
            f"no spec can declare this model: {error.errors()[0]['msg']}.", remedy="rename it in the data."
        ) from None


def _tree(
    fitted: Fitted,
    observed: tuple[str, ...],
    name: str,
    samples: Mapping[str, int],
    noise: float,
    code: Code | None = None,
) -> dict[str, Any]:
    design = fitted.design
    edges = [f"{parent} -> {z}" for z in design.latents for parent in design.parents[z]]
    environments: dict[str, Any] = {design.observational: {}}
    for environment, nodes in fitted.replaced.items():
        environments[environment] = {z: _replacement(node, design.kind) for z, node in nodes.items()}
    mixing: dict[str, Any] = {
        "kind": "linear",
        "observed": len(observed),
        "names": list(observed),
        "matrix": fitted.mixing.tolist(),
        "offset": fitted.offset.tolist(),
    }
    if code is not None:
        mixing = code.after(fitted.mixing, fitted.offset).declared(design.latents)
    if noise > 0:
        mixing["noise"] = noise
    return {
        "crlspec": 1,
        "name": name,
        "latents": list(design.latents),
        "scm": {
            "graph": edges,
            "mechanism": {z: dict(fitted.base[z].mechanism) for z in design.latents},
            "noise": {z: dict(fitted.base[z].noise) for z in design.latents},
        },
        "mixing": mixing,
        "environments": environments,
        "samples": {environment: int(count) for environment, count in samples.items()},
    }


def _replacement(node: Node, kind: str) -> dict[str, Any]:
    if kind == "hard":
        return {"kind": "hard", "noise": dict(node.noise)}
    return {"kind": "soft", "mechanism": dict(node.mechanism), "noise": dict(node.noise)}


def _rescaled(node: Node, name: str, factor: Mapping[str, float]) -> Node:
    own = factor.get(name, 1.0)
    noise = {
        **node.noise,
        "mean": float(node.noise.get("mean", 0.0)) * own,
        "variance": float(node.noise["variance"]) * own**2,
    }
    if noise["kind"] == "mixture" and own < 0:
        noise["means"] = [-mean for mean in noise["means"]]
    return Node(node.parents, _in_units(node.mechanism, own, factor), noise)


def _in_units(mechanism: Plain, own: float, factor: Mapping[str, float]) -> dict[str, Any]:
    """A function times ``own``, of parents that are times their factors."""
    found = dict(mechanism)
    if found["kind"] == "location-scale":
        found["location"] = _in_units(found["location"], own, factor)
        found["log_scale"] = _in_units(found["log_scale"], 1.0, factor)
    elif found["kind"] == "linear":
        found["weight"] = {z: w * own / factor.get(z, 1.0) for z, w in found["weight"].items()}
    else:
        parents = np.array([factor.get(z, 1.0) for z in found["parents"]])
        found["inner"] = (np.array(found["inner"]) / parents).tolist()
        found["factor"] = found.get("factor", 1.0) * own
    return found
