"""Which estimator solves a spec: the one it names, else the one that the verdict on its setting names."""

from __future__ import annotations

from crlspec.registry import EstimatorDeclaration, Registry
from crlspec.spec.identifiability import identifiability
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting

__all__ = ["chosen", "estimator_of", "refusal_without"]


def estimator_of(spec: Spec, registry: Registry | None = None) -> EstimatorDeclaration | None:
    """The estimator of a spec; None where it names none and the theory knows none for its setting."""
    if spec.estimator is not None or (spec.assume is None and spec.mixing is None):
        return spec.estimator
    return chosen(Setting.of(spec), registry)


def chosen(setting: Setting, registry: Registry | None = None) -> EstimatorDeclaration | None:
    """The estimator that the verdict on a setting names, as it is without options; None where there is none."""
    kind = identifiability(setting).estimator
    found = (registry or Registry.installed()).kinds("estimator").get(kind or "")
    declared = None if found is None else found(kind=str(kind))
    assert declared is None or isinstance(declared, EstimatorDeclaration)
    return declared


def refusal_without(setting: Setting) -> tuple[str, str]:
    """Why no estimator is chosen for a setting, and what would mend it; the words of the verdict."""
    verdict = identifiability(setting)
    reasons = "; ".join(one.text for one in verdict.missing) or "no estimator of this version takes it"
    remedies = verdict.remedies or ("name an estimator",)
    return f"no estimator takes this: {reasons}", f"{remedies[0]}."
