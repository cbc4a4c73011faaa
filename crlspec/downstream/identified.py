"""What of a query the data can tell, in words: no more than the recovered latents are known up to."""

from __future__ import annotations

from collections.abc import Mapping

from crlspec.downstream.design import Design
from crlspec.downstream.interventions import Change, Changes, described

__all__ = ["identified"]


def identified(
    design: Design, changes: Changes, anchors: Mapping[str, str], caveats: tuple[str, ...] = ()
) -> str:
    """Sentences on units and signs, on each intervention, on effects, and on what else stands in the way."""
    told = [_intervention(design, *change) for change in changes]
    sound = all(good for good, _ in told)
    return " ".join(
        [*_units(changes, anchors), *(text for _, text in told), *_effects(design, sound), *caveats]
    )


def _units(changes: Changes, anchors: Mapping[str, str]) -> list[str]:
    fixed = [f"{z} is in the units of {x} and has its sign" for z, x in anchors.items()]
    texts = [f"{', '.join(fixed)}."] if fixed else []
    loose = [z for z, change, _ in changes if z not in anchors and _signed(change)]
    if loose:
        names = ", ".join(loose)
        texts.append(
            f"Numbers for {names} are in observational standard deviations, and the sign is a convention (the "
            "largest loading on x is positive). An anchor fixes both."
        )
    return texts


def _signed(change: Change | None) -> bool:
    """Whether a change means something else once scale or sign of the latent change."""
    return change is not None and not (isinstance(change, str) and change.startswith("scale"))


def _intervention(design: Design, latent: str, change: Change | None, source: str | None) -> tuple[bool, str]:
    """Whether one intervention is identified, and how that is said."""
    mixed = design.mixed_with(latent)
    text = described((latent, change, source))
    if not mixed and design.warped and source is None:
        return True, (
            f"{text}: identified as a change on the recovered scale of {latent}. That is a smooth invertible map "
            "of the true scale, on which the change has another form."
        )
    if not mixed:
        return True, f"{text}: identified."
    others = ", ".join(mixed)
    if source is not None:
        return (
            True,
            f"{text}: identified, since an environment shows it, although {latent} is known only up to "
            f"mixing with {others}.",
        )
    if isinstance(change, str) and change.startswith(("shift", "scale")):
        return True, (
            f"{text}: identified, since it acts on the noise of {latent}. That is known, although {latent} "
            f"itself is known only up to mixing with {others}."
        )
    return False, (
        f"{text}: not identified. {latent} is known only up to mixing with {others}, and setting the mixture is not "
        f"setting {latent}. Only shift(…), scale(…) and the interventions of environments are identified."
    )


def _effects(design: Design, sound: bool) -> list[str]:
    mixtures = [z for z in design.latents if design.mixed_with(z)]
    texts = []
    if sound and mixtures:
        texts.append(f"Effects on x are identified. Those on {', '.join(mixtures)} are effects on mixtures.")
    if not sound:
        texts.append("All effects, on x too, are those of setting the mixture.")
    if design.graph != "exact":
        texts.append(
            "Only the transitive closure of the graph is known, so direct and indirect causes are not told apart."
        )
    return texts
