"""A stand-in for the unknown truth behind one's own data: a random model of the class that is assumed."""

from __future__ import annotations

from typing import Any

from crlspec.errors import SettingMismatch
from crlspec.spec.load import dump, loads
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting
from crlspec.spec.yaml12 import write

__all__ = ["in_words", "stand_in"]

DENSITY = 0.5
TIMES = 4
WEAKER = 0.5


def stand_in(spec: Spec, observed: int, counts: dict[str, int]) -> Spec:
    """A spec to simulate from, of the class that ``assume:`` names, with scores and estimator as declared.

    observed  the number of observed variables in the data
    counts    environment → samples, the observational one first

    What is not assumed is filled in: a random graph of density 0.5; weights ±U[0.5, 1.5] or, where nonlinear
    functions are assumed, quadratic mechanisms; noise variance U[0.5, 1.5], normal unless other noise is assumed;
    interventions that multiply it by 4 and, where soft, halve the mechanism; in a multi-node design on every latent
    with probability one half. Raises SettingMismatch where the mixing is not linear or noisy, the design has pairs or
    no interventions, something is known of the graph, or the number of latents is unknown: write the guessed truth as
    a spec with ``scm:`` instead.
    """
    setting = Setting.of(spec)
    assert spec.assume is not None
    if not spec.latents:
        raise SettingMismatch(
            "Got latents: auto",
            "a number of latents to simulate",
            "Say how many you guess there are, as in --set latents=5.",
        )
    several = setting.design == "multi-node"
    if setting.mixing != "linear" or not (several or setting.design == "single-node") or setting.noisy:
        raise SettingMismatch(
            f"Got data assumed to have {setting}",
            "linear mixing without noise and a single-node or multi-node design, for which there is a stand-in",
            "Write a spec with scm:, mixing: and interventions: as you guess the truth to be, and plan with that.",
        )
    if setting.known is not None and setting.known.graph:
        raise SettingMismatch(
            f"Got assume.known: {setting.known}, and a stand-in draws its graph at random",
            "data of which nothing is known of the graph",
            "Leave edges, absent and order out of assume.known for the simulation. Or write a spec with scm: that "
            "has them.",
        )
    soft = setting.kind != "hard"
    nonlinear = setting.function == "nonlinear"
    interventions: dict[str, Any] = {
        "design": setting.design,
        "kind": "soft" if soft else "hard",
        "noise": {"variance": {"times": TIMES}},
    }
    if soft:
        interventions["mechanism"] = {"times": WEAKER}
    if several:
        interventions["environments"] = len(counts) - 1
    prefix = "soft" if soft else "do"
    targets = range(1, len(counts)) if several else spec.latents
    names = ["obs", *(f"{prefix}_{target}" for target in targets)]
    whole = len(counts) == len(names)
    tree: dict[str, Any] = {
        "crlspec": 1,
        "name": f"{spec.name}-stand-in"[:100],
        "latents": list(spec.latents),
        "scm": {
            "graph": {"kind": "random", "density": DENSITY},
            "mechanism": {"kind": "quadratic"} if nonlinear else {"kind": "linear", "weight": [0.5, 1.5]},
            "noise": {"kind": "laplace" if setting.noise == "other" else "normal", "variance": [0.5, 1.5]},
        },
        "mixing": {"kind": "linear", "observed": observed},
        "interventions": interventions,
        "samples": dict(zip(names, counts.values(), strict=True)) if whole else min(counts.values()),
    }
    kept = loads(write(tree)).model_copy(update={"scores": spec.scores, "estimator": spec.estimator})
    return loads(dump(kept))


def in_words(spec: Spec) -> str:
    """What a stand-in takes for granted, for people."""
    scm: Any = spec.scm
    design: Any = spec.interventions
    soft = f" and the mechanism by {WEAKER}" if design.kind == "soft" else ""
    soft += ", each on half of the latents" if design.design == "multi-node" else ""
    return (
        f"a random graph of density {DENSITY}, {scm.mechanism.kind} mechanisms, {scm.noise.kind} noise, "
        f"interventions that multiply its variance by {TIMES}{soft}"
    )
