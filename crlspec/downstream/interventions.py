"""What a query puts in place of mechanisms: numbers, equations, changes, distributions, or what environments did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Any

import torch
from torch.distributions.transforms import ComposeTransform, Transform

from crlspec.errors import CrlspecError
from crlspec.generative.equation import EquationMechanism
from crlspec.generative.intervention import Constant, Environment, Kind, Shifted, scaled
from crlspec.generative.model import Model
from crlspec.generative.scm import Distribution, Mechanism
from crlspec.spec.expression import ExpressionError, parse_replacement
from crlspec.typing import Parents

__all__ = ["Change", "Changes", "changes_of", "intervened"]

Change = float | str | Distribution
"""do(v) as a number; ``"Normal(0, 2)"``, ``"shift(1)"``, ``"scale(0.5)"``, any equation; or a distribution."""

Changes = tuple[tuple[str, Change | None, str | None], ...]
"""(latent, change, environment): what replaces its mechanism, or the environment whose replacement is taken."""


class Marginal(Mechanism):
    """A hard intervention: the node follows a given univariate distribution, whatever its former parents."""

    def __init__(self, given: Distribution) -> None:
        super().__init__(())
        self.given = given

    def distribution(self, parents: Parents) -> Distribution:
        return self.given.expand(parents.shape[:-1])

    def explicit(self, parents: Parents) -> tuple[Distribution, Transform]:
        return self.distribution(parents), ComposeTransform([])


def changes_of(model: Model, interventions: Any) -> Changes:
    """Interventions as a query takes them, latent by latent, in the order of the model's latents.

    Raises CrlspecError for an unknown latent or environment, a change that cannot be read, or two of one latent.
    """
    parts = [interventions] if isinstance(interventions, str | Mapping) else interventions
    if not isinstance(parts, Sequence):
        raise _unreadable(interventions)
    found: dict[str, tuple[str, Change | None, str | None]] = {}
    for part in parts:
        for one in _changes(model, part):
            if one[0] in found:
                raise CrlspecError(
                    f"{one[0]} is intervened on twice.",
                    remedy="give one intervention per latent; two of them on one mechanism have no joint meaning.",
                )
            found[one[0]] = one
    if not found:
        raise CrlspecError(
            "the query intervenes on nothing.", remedy='give e.g. {"z1": 1.0} or ["do_z1", "do_z2"].'
        )
    return tuple(found[latent] for latent in model.latents if latent in found)


def intervened(model: Model, changes: Changes, environment: str | None = None) -> Environment:
    """The environment in which ``changes`` are made to the mechanisms of another one (the observational)."""
    base = model.environments[environment or model.observational]
    mechanisms: dict[str, Mechanism] = {}
    kinds: set[Kind] = {base.kind} - {"none"}
    for latent, change, source in changes:
        old = base.scm.mechanisms[latent]
        if source is not None:
            mechanisms[latent], kind = (
                model.environments[source].scm.mechanisms[latent],
                model.environments[source].kind,
            )
        else:
            mechanisms[latent], kind = _replacement(model, latent, old, change)
        kinds.add(kind)
    hit = {*base.targets, *mechanisms}
    within = [] if environment in (None, model.observational) else [str(environment)]
    name = " & ".join([*within, *(described(one) for one in changes)])
    return Environment(
        name,
        tuple(z for z in model.latents if z in hit),
        kinds.pop() if len(kinds) == 1 else "mixed",
        base.scm.replace(mechanisms),
    )


def described(change: tuple[str, Change | None, str | None]) -> str:
    """One change in words: ``z2 := 1``, ``z2 ~ Normal(0, 2)``, ``z2: shift(1)``, ``z2 as in do_z2``."""
    latent, value, source = change
    if source is not None:
        return f"{latent} as in {source}"
    if isinstance(value, str):
        return f"{latent}: {value}" if value.startswith(("shift", "scale", "do")) else f"{latent} ~ {value}"
    return f"{latent} := {value:g}" if isinstance(value, float) else f"{latent} ~ {value}"


def _changes(model: Model, part: Any) -> list[tuple[str, Change | None, str | None]]:
    if isinstance(part, Mapping):
        return [
            (_known(str(latent), model.latents, "latent"), _change(latent, value), None)
            for latent, value in part.items()
        ]
    if isinstance(part, str):
        name = _known(part, tuple(model.environments), "environment")
        return [(latent, None, name) for latent in model.environments[name].targets]
    raise _unreadable(part)


def _change(latent: str, value: Any) -> Change:
    if isinstance(value, bool) or value is None:
        raise _unreadable({latent: value})
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, torch.distributions.Distribution):
        if value.batch_shape or value.event_shape:
            raise CrlspecError(
                f"the distribution for {latent} has the shape {tuple(value.batch_shape + value.event_shape)}.",
                remedy="give one univariate distribution.",
            )
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _unreadable({latent: value}) from None
    if not isfinite(number):
        raise _unreadable({latent: value})
    return number


def _replacement(model: Model, latent: str, old: Mechanism, change: Change | None) -> tuple[Mechanism, Kind]:
    if isinstance(change, float):
        return Constant(change, model.dtype, model.device), "hard"
    if not isinstance(change, str):
        return Marginal(change), "hard"
    try:
        parsed = parse_replacement(change, model.latents)
    except ExpressionError as error:
        raise CrlspecError(
            f"the intervention {change!r} on {latent} cannot be read: {error.message}.", remedy=error.remedy
        ) from None
    if parsed.equation is not None:
        return EquationMechanism(
            parsed.equation, model.dtype, model.device
        ), "hard" if parsed.is_hard else "soft"
    assert parsed.value is not None
    if parsed.kind == "do":
        return Constant(parsed.value, model.dtype, model.device), "hard"
    if old.clamped:
        raise CrlspecError(
            f"{change} of {latent}: it is fixed to a value there.", remedy="give the new value itself."
        )
    if parsed.kind == "shift":
        return Shifted(old, parsed.value), "soft"
    return scaled(old, parsed.value, latent), "soft"


def _known(name: str, names: tuple[str, ...], what: str) -> str:
    if name not in names:
        near = get_close_matches(name, names, n=1)
        raise CrlspecError(
            f"there is no {what} {name!r}; there are {', '.join(names)}.",
            remedy=f"did you mean {near[0]!r}?" if near else "choose one of these.",
        )
    return name


def _unreadable(value: Any) -> CrlspecError:
    return CrlspecError(
        f"{value!r} is no intervention.",
        remedy='give {latent: number}, {latent: "Normal(0, 2)"}, "shift(1)", "scale(0.5)", an equation or a '
        'distribution for each latent, or names of environments: ["do_z1", "do_z3"].',
    )
