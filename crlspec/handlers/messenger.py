"""``intervene``: a handler that REPLACES the distributions of sites in any Pyro program."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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

from crlspec.errors import CrlspecError
from crlspec.handlers.changes import Distribution
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

    ``Predictive`` conditions on the samples that it is given: leave replaced sites out of them.

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
        self._changes = {name: _change(name, value) for name, value in self.replacements.items()}
        self._values = _Values()

    def __enter__(self) -> Intervention:
        self._values = _Values()
        super().__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        super().__exit__(kind, error, traceback)
        absent = [name for name in self._changes if name not in self._values]
        if kind is None and self.strict and absent:
            raise _no_such_site(absent[0], self._values)

    def _pyro_sample(self, msg: Message) -> None:
        change = self._changes.get(msg["name"])
        by: tuple[int, ...] = msg.get("_intervened_by", ())
        if change is None or id(self) in by or site_is_subsample(msg):
            return
        if isinstance(msg["fn"], dist.Unit):
            message = f"the site {msg['name']!r} is a factor, which has no values."
            raise CrlspecError(message, "intervene on a site that is sampled.")
        infer = dict(msg["infer"] or {})
        # Computed by the program, or fixed by a handler further inside: the value is no data.
        computed = bool(infer.pop("_deterministic", False)) or (not by and _holds_its_value(msg))
        place = TrainingContext.here()
        current = place.held(msg["value"], msg["fn"].event_dim) if computed else msg["fn"]
        msg["fn"] = fitted(msg["name"], change(current, self._values), current, place)
        BroadcastMessenger._pyro_sample(msg)
        new = msg["fn"]
        if computed:
            msg["value"], msg["is_observed"] = None, False
        if isinstance(new, dist.Delta) and not msg["is_observed"]:
            infer["_deterministic"] = True
            msg["value"], msg["is_observed"] = new.v, True
        if not new.has_enumerate_support:
            infer.pop("enumerate", None)
        msg["infer"] = infer
        msg["_intervened_by"] = (*by, id(self))

    def _pyro_post_sample(self, msg: Message) -> None:
        name = msg["name"]
        if site_is_subsample(msg) or (msg.get("_intervener_id") and name.endswith("__CF")):
            return
        self._values[name] = _seen(msg)
        if id(self) in msg.get("_intervened_by", ()) and isinstance(msg["fn"], dist.Delta):
            _require_agreement(name, msg["value"], msg["fn"].v)


class _Values(dict[str, torch.Tensor]):
    """The values of the sites visited so far, as the rest of the program reads them."""

    def __missing__(self, name: str) -> torch.Tensor:
        remedy = f"earlier sites are {', '.join(self) or 'none'}."
        near = get_close_matches(name, self, n=1)
        remedy = f"did you mean {near[0]!r}? {remedy}" if near else remedy
        raise CrlspecError(f"the site {name!r} was not sampled before the one that reads it.", remedy)


def _change(name: str, given: Replacement) -> Callable[[Distribution, Mapping[str, torch.Tensor]], Any]:
    """Any replacement as a function of the current distribution and of the values of earlier sites."""
    if isinstance(given, type) or not callable(given) or isinstance(given, TorchDistributionMixin):
        fixed = replacement(name, given)
        return lambda current, values: fixed
    needed = _needed(given)
    if needed > 2:
        raise CrlspecError(
            f"the function for {name!r} takes {needed} arguments.",
            "write one of the current distribution, or of it and the values of earlier sites.",
        )
    if needed == 2:
        return given
    return lambda current, values: given(current)


def _needed(function: Callable[..., Any]) -> int:
    """How many positional arguments without default a function has; 1 where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


def _holds_its_value(msg: Message) -> bool:
    """Whether a site was made deterministic without Pyro's mark for it, as ``poutine.reparam`` does."""
    fn = msg["fn"].base_dist if isinstance(msg["fn"], dist.MaskedDistribution) else msg["fn"]
    return bool(msg["is_observed"]) and isinstance(fn, dist.Delta)


def _seen(msg: Message) -> torch.Tensor:
    """What the program reads at a site; under ``pyro.do`` that is not the draw left behind."""
    value: torch.Tensor = msg["value"]
    split = msg.get("_intervener_id")
    for handler in _PYRO_STACK if split else ():
        if isinstance(handler, DoMessenger) and handler._intervener_id == split:
            read = handler.data[msg["name"]]
            dtype = value.dtype if value.is_floating_point() else None
            return (
                read
                if isinstance(read, torch.Tensor)
                else torch.as_tensor(read, dtype=dtype, device=value.device)
            )
    return value


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
