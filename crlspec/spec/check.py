"""What pydantic cannot see: one rule a function, each yielding issues with their places and remedies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from crlspec.errors import COUNTED, CrlspecError, Issue, SpecError
from crlspec.spec import rules_interventions, rules_known, rules_method  # noqa: F401  they register their rules
from crlspec.spec.explain import dotted, place
from crlspec.spec.expression import ExpressionError, parse_expression, parse_replacement
from crlspec.spec.rules import RULES
from crlspec.spec.schema import Spec
from crlspec.spec.setting import environment_targets
from crlspec.spec.structure import latent_names, parents_of
from crlspec.spec.yaml12 import Source

MAX_TRIAL = 100_000
MAX_TRIED = 5_000
"""Of what is drawn to try it: numbers, and replaced mechanisms."""
MAX_EQUATIONS = 200_000
"""Characters of all equations of the latents, and of all those of the environments."""


def check(spec: Spec, faulty: frozenset[str] = frozenset()) -> tuple[Issue, ...]:
    """Every issue of a spec: errors, warnings and notes, each with its place in the file it was read from.

    ``faulty`` names top-level keys to leave out of consideration: rules that read one of them are skipped.
    """
    source = spec._source
    latents: Any = spec.equations if spec.equations is not None else spec.latents
    environments = None if "environments" in faulty else spec.environments
    issues = list(_too_much(latents, environments, source))
    if issues:
        return tuple(issues)
    issues = formula_issues(latents, environments, source)
    for reads, rule in RULES:
        if not faulty & set(reads):
            issues += [_placed(finding, source) for finding in islice(rule(spec), COUNTED)]
    if not faulty and not any(issue.severity == "error" for issue in issues):
        issues += _trial(spec, source)
    return tuple(issues)


def _placed(finding: Any, source: Source | None) -> Issue:
    return place(
        source, finding.path, finding.message, finding.remedy, severity=finding.severity, key=finding.at_key
    )


def formula_issues(latents: Any, environments: Any, source: Source | None) -> list[Issue]:
    """The faults of all equations under ``latents`` and ``environments``, each at its own column.

    Takes raw trees too, so that equations are read even where another part of a file is faulty.
    """
    names = latent_names(latents)
    if names is None:
        return []
    issues = list(_too_much(latents, environments, source))
    if issues:
        return issues

    def read(parse: Callable[[str, tuple[str, ...]], Any], text: Any, *path: str) -> None:
        if not isinstance(text, str):
            return
        try:
            parse(text, names)
        except ExpressionError as error:
            remedy = error.remedy.rstrip(".") + "."
            issues.append(place(source, path, error.message, remedy, offset=error.offset))

    if isinstance(latents, Mapping):
        for name, text in latents.items():
            read(parse_expression, text, "latents", name)
    for environment, replaced in environments.items() if isinstance(environments, Mapping) else ():
        for name, text in replaced.items() if isinstance(replaced, Mapping) else ():
            read(parse_replacement, text, "environments", environment, name)
    return issues


def _too_much(latents: Any, environments: Any, source: Source | None) -> Iterator[Issue]:
    """More equations than can be read in a moment."""
    table = environments if isinstance(environments, Mapping) else {}
    texts = {
        "latents": [*latents.values()] if isinstance(latents, Mapping) else [],
        "environments": [
            one for held in table.values() if isinstance(held, Mapping) for one in held.values()
        ],
    }
    for key, found in texts.items():
        characters = sum(len(text) for text in found if isinstance(text, str))
        if characters > MAX_EQUATIONS:
            message = (
                f"the equations have {characters} characters in all; at most {MAX_EQUATIONS} are allowed"
            )
            yield place(source, (key,), message, "declare fewer, or shorter ones.", key=True)


def _trial(spec: Spec, source: Source | None) -> Iterator[Issue]:
    """Resolve once: what a family refuses to draw is found before anything is run."""
    from crlspec.spec.resolve import resolve

    if spec.assume is not None or _is_large(spec):
        return
    try:
        resolve(spec, 0)
    except SpecError as error:
        for issue in error.issues:
            field: tuple[str | int, ...] = tuple((issue.field or "").split(".")) if issue.field else ()
            yield place(source, field, issue.message, issue.remedy, severity=issue.severity)
    except CrlspecError as error:
        path = _mentioned(error.message, spec)
        yield place(source, path, error.message, error.remedy)


def _is_large(spec: Spec) -> bool:
    """Whether drawing would take more than a moment."""
    n = len(spec.latents)
    if n > 100 or sum(len(hit) for hit in environment_targets(spec).values()) > MAX_TRIED:
        return True
    numbers = 0
    if spec.mixing is not None:  # a drawn matrix is drawn until it is well-conditioned
        numbers = (1 if spec.mixing.is_resolved else 3) * spec.mixing.numbers(n)
    if spec.scm is not None:
        known, mechanism = parents_of(spec), spec.scm.mechanism
        for k, name in enumerate(spec.latents):
            one = mechanism[name] if isinstance(mechanism, dict) else mechanism
            numbers += one.numbers(k if known is None else len(known[name]))
    return numbers > MAX_TRIAL


def _mentioned(message: str, spec: Spec) -> tuple[str | int, ...]:
    """The part of the file that a family's message opens with: ``mixing: …`` or ``mechanism of z2: …``."""
    if message.startswith("mixing"):
        return ("mixing",)
    if message.startswith("mechanism") and spec.scm is not None:
        node = message.removeprefix("mechanism of ").partition(":")[0]
        each = isinstance(spec.scm.mechanism, dict) and node in spec.scm.mechanism
        return ("scm", "mechanism", node) if each else ("scm", "mechanism")
    return ()


__all__ = ["check", "dotted", "formula_issues"]
