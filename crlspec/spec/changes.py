"""What soft interventions change: how a latent depends on its parents, or the place or size of its noise alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from crlspec.spec.expression import Equation
from crlspec.spec.structure import equation, parents_of, replacement
from crlspec.spec.vocabulary import number_functions

if TYPE_CHECKING:
    from crlspec.spec.interventions import ReplacedMechanism
    from crlspec.spec.schema import Spec

__all__ = ["Changes", "soft_changes"]

Changes = Literal["mechanism", "shift", "scale", "unknown"]
"""Of the soft interventions: all change how targets depend on their parents; some only shift their target; some only
rescale its noise, or shift and rescale it; or it cannot be told."""

STRENGTH: tuple[Changes, ...] = ("shift", "scale", "unknown", "mechanism")


def soft_changes(spec: Spec) -> Changes:
    """The weakest over targets of what the soft environments of a target change; ``mechanism`` where none is soft.

    Roots of a known graph are left out: all that can be done to them is done to their noise. ``scale`` stands for
    shifts of one target beside rescalings of another too.
    """
    found = list(_designed(spec) if spec.environments is None else _listed(spec).values())
    alone = [one for one in found if one in ("shift", "scale")]
    if alone:
        return "scale" if "scale" in alone else "shift"
    return "unknown" if "unknown" in found else "mechanism"


def _designed(spec: Spec) -> list[Changes]:
    """Of a design: the same for every target."""
    design: Any = spec.interventions
    if getattr(design, "kind", None) != "soft":
        return []
    made = [one for one in (design, getattr(design, "second", None)) if one is not None]
    return [max((_made(one) for one in made), key=STRENGTH.index)]


def _made(change: Any) -> Changes:
    if change.mechanism is not None and change.mechanism.times != 1:
        return "mechanism"
    return "shift" if change.noise is not None and change.noise.variance is None else "scale"


def _listed(spec: Spec) -> Mapping[str, Changes]:
    """Latent → the most that any of its environments changes."""
    parents, found = parents_of(spec), dict[str, Changes]()
    for replaced in (spec.environments or {}).values():
        for latent, value in replaced.items():
            if parents is not None and not parents.get(latent):
                continue
            change = _replaced(spec, latent, value)
            if change is not None:
                found[latent] = max(change, found.get(latent, change), key=STRENGTH.index)
    return found


def _replaced(spec: Spec, latent: str, value: str | ReplacedMechanism) -> Changes | None:
    """What one replacement changes; None of a hard one."""
    if not isinstance(value, str):
        return None if value.kind == "hard" else _of_families(spec, latent, value)
    new = replacement(value, spec.latents)
    if new is None:
        return "unknown"
    if new.is_hard:
        return None
    if new.kind in {"shift", "scale"}:
        return new.kind
    base = None if spec.equations is None else equation(spec.equations[latent], spec.latents)
    return "mechanism" if base is None or new.equation is None else _compared(base, new.equation)


def _of_families(spec: Spec, latent: str, new: ReplacedMechanism) -> Changes:
    """Of a mechanism and a noise by their families, beside those of the model."""
    mechanism, noise = (_own(getattr(spec.scm, slot, None), latent) for slot in ("mechanism", "noise"))
    if new.mechanism is not None and new.mechanism != mechanism:
        return "mechanism"
    means = [getattr(one, "mean", None) for one in (noise, new.noise)]
    if noise is None or new.noise is None or None in means:
        return "scale"
    moved = noise.model_dump(exclude={"mean"}) == new.noise.model_dump(exclude={"mean"})
    return "shift" if moved else "scale"


def _own(slot: Any, latent: str) -> Any:
    """What a slot holds for a latent: one for all, or one for each."""
    return slot.get(latent) if isinstance(slot, dict) else slot


def _compared(base: Equation, new: Equation) -> Changes:
    """Of two equations: whether both are the same linear function of the parents, up to a constant."""
    if not (base.is_linear and new.is_linear) or _slopes(base) != _slopes(new):
        return "mechanism"
    scales = [one.arguments["scale"].text for one in (base, new)]
    return "shift" if base.distribution == new.distribution and scales[0] == scales[1] else "scale"


def _slopes(linear: Equation) -> dict[str, float]:
    """Parent → weight, of a linear equation that has parents; rounded as floating point asks."""
    functions, place = number_functions(), linear.arguments["loc"]
    zero = dict.fromkeys(place.parents, 0.0)
    at_zero = float(place.evaluate(functions, zero))
    ones = {name: float(place.evaluate(functions, {**zero, name: 1.0})) - at_zero for name in place.parents}
    return {name: round(weight, 9) for name, weight in ones.items() if round(weight, 9)}
