"""The blocks ``assume:`` and ``calibrate:`` of a spec: what is known of one's own data beyond their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from crlspec.registry import ClosedModel
from crlspec.spec.known import KnownFacts
from crlspec.spec.links import LinkName
from crlspec.spec.slots import fault, shown

__all__ = ["Assume", "AssumedInterventions", "Calibrate"]

FEWEST_LABELS = 5


def _targets(value: Any) -> Any:
    if value == "concealed" or isinstance(value, Mapping):
        return value
    remedy = "write targets: concealed, or targets: {environment: [latent]}."
    raise fault(f"got {shown(value)}; the targets of each environment are needed", remedy)


class AssumedInterventions(ClosedModel):
    """What is assumed of the interventions behind one's own data."""

    design: Annotated[
        Literal["observational", "single-node", "coupled", "uncoupled", "multi-node"],
        Field(
            description="One environment for each latent, two whose pairs are known (coupled) or not (uncoupled), "
            "environments with several targets, or none."
        ),
    ]
    kind: Annotated[
        Literal["hard", "soft"] | None,
        Field(description="Whether interventions cut the parents (hard) or not."),
    ] = None
    changes: Annotated[
        Literal["mechanism", "shift", "scale"],
        Field(
            description="What soft interventions change: how a latent depends on its parents, or only where it "
            "lies, or how much it varies."
        ),
    ] = "mechanism"
    targets: Annotated[
        Literal["concealed"] | dict[str, tuple[str, ...]],
        BeforeValidator(_targets),
        Field(description="The targets of each environment, or that they are not known."),
    ] = "concealed"
    pairs: Annotated[
        tuple[tuple[str, str], ...] | None,
        Field(description="The two environments of each latent, for the design coupled."),
    ] = None


class Assume(ClosedModel):
    """What is assumed of the model behind one's own data."""

    examples = (
        "{mixing: linear, interventions: {design: single-node, kind: hard, targets: concealed}, "
        "observation_noise: isotropic}",
        "{mixing: linear, interventions: {design: single-node, kind: soft, changes: shift}, function: nonlinear}",
        "{mixing: glm, link: tanh, interventions: {design: coupled, kind: hard, "
        "pairs: [[a1, a2], [b1, b2], [c1, c2]]}, noise: gaussian}",
        "{mixing: linear, interventions: {design: multi-node, kind: soft, "
        "targets: {e1: [z1, z2], e2: [z2], e3: [z3]}}}",
        "{mixing: general, interventions: {design: single-node, kind: hard}, beyond_theory: true}",
        "{mixing: linear, interventions: {design: single-node, kind: hard}, "
        "known: {edges: [z1 -> z2], targets: {e1: [z1], e2: [z2]}}}",
    )

    mixing: Annotated[
        Literal["linear", "glm", "general"],
        Field(description="x = G z, x = link(G z), or any smooth map that loses nothing."),
    ]
    link: Annotated[LinkName | None, Field(description="The link of a glm mixing.")] = None
    interventions: Annotated[
        AssumedInterventions,
        Field(description="What is assumed of the interventions behind the environments."),
    ]
    noise: Annotated[
        Literal["gaussian", "other", "unknown"],
        Field(description="What is known of the noise of the latents."),
    ] = "unknown"
    function: Annotated[
        Literal["linear", "nonlinear", "unknown"],
        Field(description="What is known of how latents depend on their parents."),
    ] = "unknown"
    observation_noise: Annotated[
        Literal["none", "isotropic", "per-variable"],
        Field(description="Noise of unknown size on x: none, the same on every variable, or each its own."),
    ] = "none"
    beyond_theory: Annotated[
        bool,
        Field(
            description="Lets an estimator that the file names run where no theorem covers it. The status is "
            "undecided at best."
        ),
    ] = False
    known: Annotated[
        KnownFacts | None,
        Field(description="What is known already of graph and targets; any part of it."),
    ] = None


def _labels(value: Any) -> Any:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= FEWEST_LABELS:
        return value
    raise fault(
        f"got {shown(value)}; a file of labels, or a number of rows from {FEWEST_LABELS} on, is needed",
        "write labels: labels.csv, or labels: 20 where the truth is known.",
    )


class Calibrate(ClosedModel):
    """A few labelled rows that give latents their units and signs, once the estimate is complete.

    A table of labels (.csv, .parquet) has the columns ``environment`` and ``row`` (from 0), and one of true values
    for each labelled latent.
    """

    examples = ("{labels: labels.csv, latents: {elbow_degrees: z2}, unit: degrees}",)

    labels: Annotated[
        str | int,
        BeforeValidator(_labels),
        WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": FEWEST_LABELS}]}),
        Field(
            description="The table of labels; or, where the truth is known, how many observational rows to label."
        ),
    ]
    latents: Annotated[
        dict[str, str] | None,
        Field(
            description="The latent of each column. Left out, columns go by the latents' names, or by rank "
            "correlation where targets are concealed."
        ),
    ] = None
    unit: Annotated[str | None, Field(description="The unit of the labels, named in texts.")] = None
