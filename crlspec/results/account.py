"""What a reader asks first of a result: which environments belong to a latent, in what unit a strength is, by what
method all was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crlspec.inference.estimate import Estimate
from crlspec.results.loadings import Loading, strongest

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = [
    "Accounts",
    "intervals",
    "latent_lines",
    "method_line",
    "nodes",
    "strength_unit",
    "targeted_by",
    "targets_text",
]

NORMAL = 1.959963984540054
"""The quantile .975 of the standard normal distribution."""
TOLD = 4
"""Variables of a latent in its line."""
SHOWN = 4
WEIGHT = "standard deviations of the effect for one of the cause"
SHARE = "share of the variance of the mechanism's score"
RATIO = "root of twice the log likelihood ratio, for each sample"
UNITS = {
    "graph": SHARE,
    "likelihood": WEIGHT,
    "contrast": WEIGHT,
    "log odds": WEIGHT,
    "invariance": RATIO,
    "orders": RATIO,
    "scores": "share of the score difference",
    "signature": "share of the score difference",
    "full rank": "share of the score difference",
}
"""Name of the stage that tested edges → the unit of their strengths, as ``docs/edges.md`` explains it."""


def targeted_by(estimate: Estimate, assumed: Mapping[str, Any], latent: str) -> tuple[str, ...]:
    """The environments that intervene on a latent, as far as it is known or was found."""
    signature = estimate.diagnostics.get("signature")
    if signature is not None:
        hits = signature.sel(latent=latent)
        return tuple(
            str(name) for name, hit in zip(hits["environment"].values, hits.values, strict=True) if hit
        )
    targets: Mapping[str, Any] | None = assumed.get("targets")
    if targets:
        return tuple(name for name, hit in targets.items() if latent in hit)
    shown = estimate.environment_of.get(latent)
    if shown is None:
        return ()
    pair = next((pair for pair in assumed.get("pairs") or () if shown in pair), None)
    return (shown,) if pair is None else tuple(pair)


def strength_unit(estimate: Estimate) -> str:
    """What a strength of 1 means."""
    name = estimate.stages[-1].name if estimate.stages else ""
    if name == "edges":
        link = getattr(estimate.encoder, "link", None)
        classified = link is None or "edge_excess" in estimate.diagnostics
        return SHARE if classified else "nats of log loss that leaving the cause out costs"
    if name == "likelihood" and estimate.graph == "transitive closure":
        return RATIO
    return UNITS.get(name, "standardised size of the effect")


def intervals(estimate: Estimate) -> dict[tuple[str, str], tuple[float, float]]:
    """Edge → the interval of its strength, of 95 %, from the standard errors that the last stage told."""
    errors = estimate.diagnostics.get("strength_errors")
    if errors is None:
        return {}
    found = {}
    for edge in estimate.edges:
        reach = NORMAL * float(errors.sel(latent=edge.target, other=edge.source))
        found[edge.pair] = (max(edge.strength - reach, 0.0), edge.strength + reach)
    return found


def latent_lines(result: Record) -> list[str]:
    """A line on each latent: the environments that target it, and the variables that it moves most."""
    names = {name: targets_text(result.targeted_by(name)) for name in result.names}
    heads = [f"{name} ← {told}" if told else name for name, told in names.items()]
    width = max(map(len, heads), default=0)
    carried = [", ".join(map(str, result.loadings(name, TOLD))) for name in result.names]
    return [f"{head:<{width}}  {variables}".rstrip() for head, variables in zip(heads, carried, strict=True)]


def nodes(result: Record) -> list[dict[str, Any]]:
    """Each latent as ``dag.json`` has it."""
    return [
        {
            "name": name,
            "environments": list(result.targeted_by(name)),
            "variables": [[one.variable, one.value, one.error] for one in result.loadings(name, 10)],
        }
        for name in result.names
    ]


def targets_text(environments: Sequence[str]) -> str:
    """``KO TP53``, or ``a, b`` …, cut after four."""
    more = f", … ({len(environments)} in all)" if len(environments) > SHOWN else ""
    return ", ".join(environments[:SHOWN]) + more


class Accounts:
    """What a result answers of itself from its estimate and what was assumed."""

    estimate: Estimate
    assumed: Mapping[str, Any]

    def targeted_by(self, latent: str) -> tuple[str, ...]:
        """The environments that intervene on a latent, as far as it is declared or was found."""
        return targeted_by(self.estimate, self.assumed, latent)

    def loadings(self, latent: str, most: int = 5) -> tuple[Loading, ...]:
        """The observed variables that move most with a latent, the strongest first, with sign and standard error;
        none where images are observed. All of them: ``diagnostics["loadings"]`` (variable, latent)."""
        return strongest(self.estimate.diagnostics, latent, most)

    @property
    def strength_unit(self) -> str:
        """What an edge of strength 1 is."""
        return strength_unit(self.estimate)

    @property
    def intervals(self) -> Mapping[tuple[str, str], tuple[float, float]]:
        """Edge (source, target) → the interval of its strength, of 95 %, where a standard error is known."""
        return intervals(self.estimate)


def method_line(result: Record) -> str:
    """Estimator, scores, what refined them, samples and seconds in one line."""
    told = result.provenance
    parts = [str(told.get("method") or "estimator not told")]
    if told.get("scores"):
        parts.append(f"{told['scores']} scores")
    stages = [stage.name for stage in result.stages]
    parts += [f"then {', '.join(stages[1:])}"] if len(stages) > 1 else []
    sizes = [node.sizes["sample"] for node in result.latents.children.values()]
    rows = f"{min(sizes):,}" if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
    parts.append(f"{len(sizes)} environments of {rows} samples")
    if components := told.get("components"):
        parts.append(f"{components['count']} components ({100 * components['share']:.3g} % of the variance)")
    if seconds := sum(result.estimate.seconds.values()):
        parts.append(f"{seconds:.1f} s")
    return "; ".join(parts)
