"""``intervene``: a handler that REPLACES the distributions of sites in any Pyro program."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.broadcast_messenger import BroadcastMessenger
from pyro.poutine.do_messenger import DoMessenger
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import _PYRO_STACK
from pyro.poutine.util import site_is_subsample

from crlspec.errors import CrlspecError, DensityWarning
from crlspec.handlers.changes import Distribution
from crlspec.handlers.computed import held_instead
from crlspec.handlers.shapes import TrainingContext, fitted, replacement

Replacement = Any  # a distribution, a constant, or a function that gives one of both
Message = Any  # Pyro's message of one site


def intervene(
    program: Callable[..., Any] | None = None,
    replacements: Mapping[str, Replacement] | None = None,
    *,
    strict: bool = True,
) -> Any:
    """The program in which some sites have other distributions: an intervention, as one on mechanisms is meant.

        cut   = intervene(program, {"dose": dist.Normal(0, 2)})              # hard and stochastic: parents cut
        fixed = intervene(program, {"dose": 1.5})                            # do(1.5)
        soft  = intervene(program, {"dose": shift(2), "light": scale(0.5)})  # two sites, both soft
        own   = intervene(program, {"dose": lambda now: dist.Laplace(now.mean, 1)})
        rewired = intervene(program, {"dose": lambda now, values: dist.Normal(-values["light"], 0.5)})
        with intervene(replacements={"dose": shift(2)}):
            program()

    A replaced site is really sampled from its new distribution, and ``log_prob_sum`` of the trace is the
    interventional density (under ``pyro.do`` the site stays behind as a draw that nothing reads). A constant, or a
    Delta, makes a site deterministic; its log density is 0, and the trace's is that of the others.

    Args:
        program: a callable with Pyro primitives; without it a handler comes back, for ``with`` or as decorator.
        replacements: site → a distribution of its event shape, which is spread over plates and batch; or a number or
            tensor; or a function of the site's current distribution and, where it takes a second argument, of the
            values of earlier sites by name.
        strict: whether a site that the program did not visit is an error.

    Laws (p a program, a and b sites, ∘ as in mathematics, D and E distributions or constants, f and g functions):
        - intervene(p, {}) is p.
        - Density: log p'(v) = log p(v) − log p(v_a | earlier) + log D(v_a). A hard D reads no parents.
        - Sites commute: intervening on a, then on b, is intervening on both at once, in either order.
        - One site, nested: the inner handler acts first, the outer one on what it gives. So
          intervene(intervene(p, {a: f}), {a: g}) is intervene(p, {a: g ∘ f}), and a hard outer one overrides.
        - shift(a), then shift(b), is shift(a + b); scale(a), then scale(b), is scale(a · b); they commute.
        - Observed sites keep their data, which then count under the new distribution: intervene and
          ``pyro.condition`` commute. A constant against other data is an error.
        - A deterministic site may be replaced as well: it is then sampled, or fixed.
        - ``pyro.do`` on the same site decides what the rest of the program reads, inside or outside.

    Names are those that the handler sees: inside ``pyro.contrib.autoname.scope`` without the scope, as for
    ``pyro.condition``. What comes back can be pickled where program and replacements can (functions with a name).

    ``Predictive`` conditions on the samples that it is given: leave replaced sites out of them, and what is computed
    from these. A deterministic site that is held at other values than the intervention gives warns (DensityWarning).

    Raises:
        CrlspecError: at the call, for a replacement that is none; while the program runs, for one that does not
            fit its site; when it has run, for sites that it does not have.
    """
    if isinstance(program, Mapping) or (replacements is not None and not isinstance(replacements, Mapping)):
        remedy = (
            "write intervene(program, {site: distribution}), or intervene(replacements={site: distribution})."
        )
        raise CrlspecError("intervene takes a program, then a mapping from sites to replacements.", remedy)
    handler = Intervention(replacements or {}, strict)
    return handler if program is None else handler(program)


class Intervention(Messenger):
    """The handler behind :func:`intervene`."""

    def __init__(self, replacements: Mapping[str, Replacement], strict: bool = True) -> None:
        super().__init__()
        self.replacements, self.strict = dict(replacements), strict
        self._changes = {name: _Change.of(name, value) for name, value in self.replacements.items()}
        self._forget()

    def _forget(self) -> None:
        """Begin a run: no site was visited, and none computed."""
        self._values = _Values()
        self._computed: dict[str, torch.Tensor] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_values": _Values(), "_computed": {}}

    def __enter__(self) -> Intervention:
        self._forget()
        super().__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        super().__exit__(kind, error, traceback)
        absent = [name for name in self._changes if name not in self._values]
        if kind is None and self.strict and absent:
            raise _no_such_site(absent[0], self._values)

    def _pyro_sample(self, msg: Message) -> None:
        name = msg["name"]
        # Handlers further outside, such as scopes, may give the site another name.
        msg["_known_as"] = {**msg.get("_known_as", {}), id(self): name}
        change = self._changes.get(name)
        by: tuple[int, ...] = msg.get("_intervened_by", ())
        if site_is_subsample(msg) or id(self) in by:
            return
        if change is None:
            if not by and _is_computed(msg):
                self._computed[name] = msg["value"]
            return
        if isinstance(msg["fn"], dist.Unit):
            message = f"the site {name!r} is a factor, which has no values."
            raise CrlspecError(message, "intervene on a site that is sampled.")
        infer = dict(msg["infer"] or {})
        # Computed by the program, or fixed by a handler further inside: the value is no data.
        computed = bool(infer.pop("_deterministic", False)) or (not by and _holds_its_value(msg))
        place = TrainingContext.here()
        current = place.held(msg["value"], msg["fn"].event_dim) if computed else msg["fn"]
        msg["fn"] = fitted(name, change(current, self._values), current, place)
        BroadcastMessenger._pyro_sample(msg)
        new = msg["fn"]
        if computed:
            msg["value"], msg["is_observed"] = None, False
        if not new.has_enumerate_support:
            infer.pop("enumerate", None)
        if isinstance(new, dist.Delta) and not msg["is_observed"]:
            infer["_deterministic"] = True
            msg["value"], msg["is_observed"] = new.v, True
            msg["fn"] = new.mask(True)  # a mask as pyro.deterministic has it, for inspections
        msg["infer"] = infer
        msg["_intervened_by"] = (*by, id(self))

    def _pyro_post_sample(self, msg: Message) -> None:
        if site_is_subsample(msg) or (msg.get("_intervener_id") and msg["name"].endswith("__CF")):
            return
        name = msg.get("_known_as", {}).get(id(self), msg["name"])
        self._values[name] = _seen(msg)
        fixed = _constant(msg["fn"])
        if id(self) in msg.get("_intervened_by", ()) and fixed is not None:
            _require_agreement(name, msg["value"], fixed.v)
        value = self._computed.get(name)
        changed = any(one in self._values for one in self._changes)
        if value is not None and changed and held_instead(msg, value):
            warnings.warn(
                f"the site {name!r} is computed, and held at other values than the intervention gives. Remedy: leave "
                "it out of the data or samples that the program is conditioned on.",
                DensityWarning,
                stacklevel=2,
            )


class _Values(dict[str, torch.Tensor]):
    """The values of the sites visited so far, as the rest of the program reads them."""

    def __missing__(self, name: str) -> torch.Tensor:
        remedy = f"earlier sites are {', '.join(self) or 'none'}."
        near = get_close_matches(name, self, n=1)
        remedy = f"did you mean {near[0]!r}? {remedy}" if near else remedy
        raise CrlspecError(f"the site {name!r} was not sampled before the one that reads it.", remedy)


@dataclass(frozen=True, eq=False)
class _Change:
    """Any replacement as a function of the current distribution and of the values of earlier sites.

    given  a distribution or a constant; or a function of so many arguments as ``reads`` says, 0 for the former
    """

    given: Replacement
    reads: int

    @classmethod
    def of(cls, name: str, given: Replacement) -> _Change:
        """Raises CrlspecError for what is no replacement."""
        if isinstance(given, type) or not callable(given) or isinstance(given, TorchDistributionMixin):
            return cls(replacement(name, given), 0)
        needed = _needed(given)
        if needed > 2:
            raise CrlspecError(
                f"the function for {name!r} takes {needed} arguments.",
                "write one of the current distribution, or of it and the values of earlier sites.",
            )
        return cls(given, max(1, needed))

    def __call__(self, current: Distribution, values: Mapping[str, torch.Tensor]) -> Any:
        if self.reads == 0:
            return self.given
        return self.given(current, values) if self.reads == 2 else self.given(current)


def _needed(function: Callable[..., Any]) -> int:
    """How many positional arguments without default a function has; 1 where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


def _is_computed(msg: Message) -> bool:
    """Whether the program computes the value of a site."""
    return bool((msg["infer"] or {}).get("_deterministic")) and isinstance(msg["value"], torch.Tensor)


def _constant(fn: Distribution) -> Any:
    """The Delta that a distribution is, masked or not; None for another."""
    inner = fn.base_dist if isinstance(fn, dist.MaskedDistribution) else fn
    return inner if isinstance(inner, dist.Delta) else None


def _holds_its_value(msg: Message) -> bool:
    """Whether a site was made deterministic without Pyro's mark for it, as ``poutine.reparam`` does."""
    return bool(msg["is_observed"]) and _constant(msg["fn"]) is not None


def _seen(msg: Message) -> torch.Tensor:
    """What the program reads at a site; under ``pyro.do`` that is not the draw left behind."""
    value: torch.Tensor = msg["value"]
    split = msg.get("_intervener_id")
    for handler in _PYRO_STACK if split else ():
        if isinstance(handler, DoMessenger) and handler._intervener_id == split:
            read = handler.data[_as_named_in(handler.data, msg["name"])]
            dtype = value.dtype if value.is_floating_point() else None
            return (
                read
                if isinstance(read, torch.Tensor)
                else torch.as_tensor(read, dtype=dtype, device=value.device)
            )
    return value


def _as_named_in(data: Mapping[str, Any], name: str) -> str:
    """The key of a site in the data of another handler, which may know it without the scopes around it."""
    while name not in data and "/" in name:
        name = name.partition("/")[2]
    return name


def _require_agreement(name: str, value: torch.Tensor, fixed: torch.Tensor) -> None:
    """Refuse data, or samples to predict from, that contradict a site fixed to a constant."""
    if value is not fixed and not bool((value == fixed).all()):
        raise CrlspecError(
            f"the site {name!r} is fixed by an intervention and observed with another value.",
            "leave it out of the data or samples that the program is conditioned on, or give it a distribution.",
        )


def _no_such_site(name: str, known: Mapping[str, Any]) -> CrlspecError:
    near = get_close_matches(name, known, n=1)
    remedy = f"did you mean {near[0]!r}? " if near else ""
    return CrlspecError(
        f"the program has no site {name!r}; it has {', '.join(known) or 'none'}.",
        f"{remedy}give a site that it has, or strict=False where not every run visits it.",
    )
