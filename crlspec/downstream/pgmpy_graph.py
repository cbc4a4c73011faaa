"""The recovered graph as a pgmpy DAG, with the roles of a causal question."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from crlspec.errors import CrlspecError, EstimationError

if TYPE_CHECKING:
    from pgmpy.base import DAG

    from crlspec.inference.estimate import Edge
    from crlspec.results.record import Record

__all__ = ["RECOVERED", "QuestionError", "causal_graph", "known", "names_of", "refuse_no_graph"]

RECOVERED = "recovered"
"""The role of every node: its values are known through the encoder."""


class QuestionError(CrlspecError):
    """Raised when a question names latents that are not there, or that do not go together."""

    exit_code = 2


def causal_graph(
    result: Record,
    exposures: str | Iterable[str] = (),
    outcomes: str | Iterable[str] = (),
    unobserved: str | Iterable[str] = (),
) -> DAG:
    """The graph as a pgmpy DAG, isolated nodes kept, every node in the role ``recovered``. Edges carry ``strength``
    (as ``weight`` too) and ``p_value`` where known, and ``environments``, a tuple: those that target the cause,
    and so show the effect. Nodes carry the ``environments`` that target them.

    exposures, outcomes  roles of these names in pgmpy, for its identification classes
    unobserved           role ``latents`` in pgmpy: nodes without values, which nothing may be conditioned on. The
                         recovered latents are not among them unless named here, since the encoder gives their values.

    Raises QuestionError for a name that is no latent, or that has two of these roles, and EstimationError where no
    graph was estimated.
    """
    from pgmpy.base import DAG

    refuse_no_graph(result)
    roles = {
        "exposures": names_of(result, exposures),
        "outcomes": names_of(result, outcomes),
        "latents": names_of(result, unobserved),
    }
    listed = [name for names in roles.values() for name in names]
    if twice := sorted({name for name in listed if listed.count(name) > 1}):
        raise QuestionError(
            f"{', '.join(twice)} cannot be exposure, outcome or unobserved at the same time.",
            remedy="Give each latent one role at most.",
        )
    dag = DAG()
    dag.add_nodes_from(result.names)
    dag.add_edges_from([edge.pair for edge in result.edges])
    for edge in result.edges:
        found = known(edge)
        attributes = {
            **found,
            "weight": found.get("strength"),
            "environments": result.targeted_by(edge.source),
        }
        dag.edges[edge.pair].update(attributes)
    for name in result.names:
        dag.nodes[name]["environments"] = result.targeted_by(name)
    for role, names in {RECOVERED: result.names, **roles}.items():
        dag.with_role(role, set(names), inplace=True)
    return dag


def known(edge: Edge) -> dict[str, float]:
    """What is known of an edge, for its attributes."""
    values = {"strength": float(edge.strength), "p_value": float(edge.p_value)}
    return {key: value for key, value in values.items() if not math.isnan(value)}


def names_of(result: Record, names: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several, each once. Raises QuestionError for one that is no latent of the result."""
    asked = tuple(dict.fromkeys([names] if isinstance(names, str) else names))
    if strangers := [str(name) for name in asked if name not in result.names]:
        raise QuestionError(
            f"there is no latent {', '.join(strangers)}; there are {', '.join(result.names)}.",
            remedy="Name latents of this result.",
        )
    return asked


def refuse_no_graph(result: Record) -> None:
    """Raises EstimationError where the estimator gives latents alone: no edges would then mean nothing."""
    if result.graph == "not estimated":
        raise EstimationError(
            "this result has no graph: its estimator gives latents alone.",
            remedy="Choose an estimator that gives a graph, such as lscale-i or umni-crl.",
        )
