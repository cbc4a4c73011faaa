"""Two answers side by side: results, truths or graphs, latents matched, every edge in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr

from crlspec.downstream.pgmpy_graph import QuestionError
from crlspec.downstream.sid import sid
from crlspec.results.encoder import labels
from crlspec.results.metrics import best_matching

if TYPE_CHECKING:
    import pandas as pd

Side = Any
"""A Result; the model that made the data; or a DAG, of pgmpy or networkx, names as nodes."""

__all__ = ["Comparison", "compare", "correlations"]

SAMPLES = 10_000
TOLD = 12


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two answers share. Names are those of the first; latents that only one has keep theirs.

    matching     latent of the first → latent of the second
    correlation  (first, second) correlations of all latents on the same data, with signs; None without data
    shd          structural Hamming distance by pgmpy, a reversed edge counts once; None where a side has no graph
    shd_closure  the same of the transitive closures
    sid          structural intervention distance, the first taken as the truth; ``sid_back`` the second
    edges        a row per pair with an edge on either side: ``source``, ``target``, ``first`` and ``second`` (whether
                 it has the edge), ``strength_…`` and ``p_value_…`` where known, and ``says``: both, first only,
                 second only, or reversed
    """

    matching: Mapping[str, str]
    correlation: xr.DataArray | None
    shd: int | None
    shd_closure: int | None
    sid: int | None
    sid_back: int | None
    edges: pd.DataFrame

    @property
    def matched(self) -> Mapping[str, float]:
        """Latent of the first → |correlation| with its match; empty without data."""
        if self.correlation is None:
            return {}
        return {a: abs(float(self.correlation.sel(first=a, second=b))) for a, b in self.matching.items()}

    def as_values(self) -> dict[str, Any]:
        """Plain values, as JSON takes them: a missing number is None."""
        return {
            "matching": dict(self.matching),
            "correlation": dict(self.matched) or None,
            "shd": self.shd,
            "shd_closure": self.shd_closure,
            "sid": self.sid,
            "sid_back": self.sid_back,
            "edges": [
                {key: None if value != value else value for key, value in row.items()}  # noqa: PLR0124
                for row in self.edges.to_dict("records")
            ],
        }

    def __str__(self) -> str:
        matched = self.matched
        width = max((len(name) for name in self.matching), default=0)
        lines = [f"latents matched: {len(self.matching)}"]
        for a, b in self.matching.items():
            shown = f"  |correlation| {matched[a]:.4f}" if a in matched else ""
            lines.append(f"  {a:<{width}} ~ {b}{shown}")
        if self.shd is None:
            return "\n".join([*lines, "graphs: not compared, one side has none"])
        counts = self.edges["says"].value_counts()
        lines += [
            f"SHD {self.shd}, of the closures {self.shd_closure}; "
            f"SID {self.sid}, the other way round {self.sid_back}",
            f"edges: {', '.join(f'{counts[says]} {says}' for says in counts.index) or 'none on either side'}",
        ]
        for row in self.edges[self.edges["says"] != "both"].head(TOLD).itertuples():
            lines.append(f"  {row.source} -> {row.target}: {row.says}")
        return "\n".join(lines)


def compare(
    first: Side,
    second: Side,
    data: xr.DataTree | None = None,
    *,
    matching: Mapping[str, str] | None = None,
    seed: int = 0,
) -> Comparison:
    """Compare two results, a result with the model that made its data, or two graphs.

    data      observations that both sides encode (a truth reads the latents kept beside them); latents are then
              matched by the best assignment of absolute correlations, environments pooled. Without data a truth
              samples its own; two results or graphs are matched by name
    matching  latent of the first → latent of the second, instead
    seed      of the truth's samples

    Raises QuestionError where latents cannot be matched, or an assignment names none.
    """
    names_a, names_b = _names(first), _names(second)
    correlation = _correlation(first, second, _data(first, second, data, seed))
    match = dict(matching) if matching is not None else _matched(names_a, names_b, correlation)
    if (
        set(match) - set(names_a)
        or set(match.values()) - set(names_b)
        or len(set(match.values())) != len(match)
    ):
        raise QuestionError(
            f"matching does not pair latents {', '.join(names_a)} with {', '.join(names_b)}.",
            remedy="Give each latent of the first one of the second.",
        )
    back = {b: a for a, b in match.items()}
    taken = set(names_a)
    nodes = list(names_a)
    for b in (b for b in names_b if b not in back):
        back[b] = b if b not in taken else f"{b} (second)"
        nodes.append(back[b])
    facts_a = _edges(first, {name: name for name in names_a})
    facts_b = _edges(second, back)
    return Comparison(
        match, correlation, *_distances(nodes, facts_a, facts_b), _table(facts_a or {}, facts_b or {})
    )


def correlations(z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pearson correlations of the columns of two (sample, latent) arrays; 0 for a constant."""
    z, other = z - z.mean(axis=0), other - other.mean(axis=0)
    norms = np.outer(np.linalg.norm(z, axis=0), np.linalg.norm(other, axis=0))
    return np.clip(np.divide(z.T @ other, norms, out=np.zeros_like(norms), where=norms > 0), -1, 1)


def _is_truth(side: Side) -> bool:
    return hasattr(side, "sample") and hasattr(side, "latents")


def _is_result(side: Side) -> bool:
    return hasattr(side, "encoder")


def _names(side: Side) -> tuple[str, ...]:
    if _is_result(side):
        return tuple(side.names)
    return tuple(side.latents) if _is_truth(side) else tuple(side.nodes)


def _data(first: Side, second: Side, data: xr.DataTree | None, seed: int) -> xr.DataTree | None:
    if data is not None:
        return data
    for side, other in ((first, second), (second, first)):
        if _is_truth(side) and _is_result(other):
            return cast(xr.DataTree, side.sample(SAMPLES, seed=seed))
    return None


def _correlation(first: Side, second: Side, data: xr.DataTree | None) -> xr.DataArray | None:
    if data is None:
        return None
    values = [_encoded(side, data) for side in (first, second)]
    if values[0] is None or values[1] is None:
        return None
    coords = {"first": labels(_names(first)), "second": labels(_names(second))}
    return xr.DataArray(correlations(values[0], values[1]), coords, ("first", "second"), name="correlation")


def _encoded(side: Side, data: xr.DataTree) -> np.ndarray | None:
    """(sample, latent), environments pooled; None for a graph, which encodes nothing."""
    nodes = [node.to_dataset() for node in data.children.values()]
    if _is_result(side):
        found = [side.encoder(node)["z_hat"].transpose("sample", "latent").values for node in nodes]
    elif _is_truth(side):
        if not all("z" in node for node in nodes):
            raise QuestionError(
                "the data hold no true latents z, which a comparison with the truth needs.",
                remedy="Leave data out, and the truth samples its own.",
            )
        found = [
            node["z"].sel(latent=list(_names(side))).transpose("sample", "latent").values for node in nodes
        ]
    else:
        return None
    return np.concatenate(found)


def _matched(a: Sequence[str], b: Sequence[str], correlation: xr.DataArray | None) -> dict[str, str]:
    if correlation is not None:
        columns = best_matching(np.abs(correlation.values))
        return {name: b[k] for name, k in zip(a, columns, strict=True) if k >= 0}
    if set(a) != set(b):
        raise QuestionError(
            f"latents {', '.join(a)} and {', '.join(b)} go by other names, and nothing tells which is which.",
            remedy="Give data, observations that both sides encode; or matching.",
        )
    return {name: name for name in a}


def _edges(side: Side, names: Mapping[str, str]) -> dict[tuple[str, str], tuple[float, float]] | None:
    """Edge in common names → (strength, p-value); None where there is no graph."""
    if _is_result(side):
        if side.graph == "not estimated":
            return None
        return {(names[e.source], names[e.target]): (e.strength, e.p_value) for e in side.edges}
    graph = side.graph if _is_truth(side) else side
    return {(names[a], names[b]): (np.nan, np.nan) for a, b in graph.edges}


def _distances(
    nodes: Sequence[str], first: Any, second: Any
) -> tuple[int | None, int | None, int | None, int | None]:
    """SHD, SHD of the closures, SID both ways."""
    if first is None or second is None:
        return None, None, None, None
    import networkx as nx
    from pgmpy.base import DAG
    from pgmpy.metrics import SHD

    graphs, closures = [], []
    for edges in (first, second):
        graph = DAG()
        graph.add_nodes_from(nodes)
        graph.add_edges_from(edges)
        graphs.append(graph)
        closure = DAG()
        closure.add_nodes_from(nodes)
        closure.add_edges_from(nx.transitive_closure(nx.DiGraph(list(edges))).edges)
        closures.append(closure)
    return int(SHD()(*graphs)), int(SHD()(*closures)), sid(graphs[0], graphs[1]), sid(graphs[1], graphs[0])


def _table(first: Mapping[tuple[str, str], Any], second: Mapping[tuple[str, str], Any]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for pair in dict.fromkeys([*first, *second]):
        mine, theirs = pair in first, pair in second
        turned = pair[::-1] in (second if mine else first)
        alone = "reversed" if turned else "first only" if mine else "second only"
        strength, p_value = first.get(pair, (np.nan, np.nan))
        other_strength, other_p = second.get(pair, (np.nan, np.nan))
        rows.append((*pair, mine, theirs, "both" if mine and theirs else alone,
                     strength, other_strength, p_value, other_p))  # fmt: skip
    columns = ["source", "target", "first", "second", "says", "strength_first", "strength_second", "p_value_first",
               "p_value_second"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
