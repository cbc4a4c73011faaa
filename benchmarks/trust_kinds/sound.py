"""Kinds whose declaration is true: the estimators' own settings, in which ``ok`` is expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .case import CONTROL, Case, Kind, case, linear_mixing, names, setting
from .scm import Model, change, draw_model, hard, soft, with_mechanism

__all__ = ["SOUND", "contrastive", "coupled", "glm", "in_components", "leaky", "multi_node", "single"]

SHORT_GSCALE = "gscale-i, restarts: 2, steps: 600"


def single(
    rng: np.random.Generator,
    n: int,
    d: int,
    rows: int,
    *,
    kind: str = "hard",
    function: str = "linear",
    noise: str = "normal",
    strong: bool = False,
    control: int | None = None,
    declared: str | None = None,
    chain: bool = False,
) -> Case:
    """One intervention per latent behind a linear mixing; ``control`` rows in the control, ``rows`` where None.
    ``chain``: each latent drives the next one, and no other."""
    density = (
        rng.choice([0.5, 1.0]) if function != "linear" or kind == "soft" else rng.choice([0.3, 0.6, 1.0])
    )
    if function != "linear":  # without edges nothing of a function is seen
        density = 1.0
    if chain:
        density = 1.0
    model = draw_model(rng, n, density, (0.8, 1.5) if strong else (0.5, 1.5), function, noise)
    if chain:
        model = replace(model, weights=np.triu(model.weights, -1))
    intervene = hard if kind == "hard" else soft
    called = names(rng, n)
    models = {CONTROL: model} | {name: intervene(rng, model, i, strong) for i, name in enumerate(called)}
    G = linear_mixing(rng, n, d)
    counts = dict.fromkeys(models, rows) | ({} if control is None else {CONTROL: control})
    return case(
        rng, models, {name: (i,) for i, name in enumerate(called)}, setting(n, kind=declared or kind),
        lambda z: z @ G.T, counts, claim="scaling" if (declared or kind) == "hard" else "ancestors",
    )  # fmt: skip


def in_components(
    rng: np.random.Generator, n: int, d: int, rows: int, *, noise: float, chain: bool = False
) -> Case:
    """Many variables with noise of one deviation, of which as many principal components are taken as latents."""
    made = single(rng, n, d, rows, strong=chain, chain=chain)
    samples = {name: x + noise * rng.normal(size=x.shape) for name, x in made.samples.items()}
    spec = made.spec.replace("data: {", f"data: {{components: {n}, ")
    return replace(made, samples=samples, spec=spec)


def multi_node(
    rng: np.random.Generator, n: int, d: int, rows: int, *, kind: str = "hard", function: str = "linear",
    sets: Callable[[np.random.Generator, int], np.ndarray] | None = None, alike: bool = False,
    intervene: Callable[[np.random.Generator, Model, int, bool], Model] | None = None,
) -> Case:  # fmt: skip
    """Unknown targets, several an environment: a random binary signature (environment, latent) of full rank.

    alike      whether a latent gets the same new mechanism wherever it is targeted, not one for each environment
    intervene  what is done to a latent; None: what the kind says
    """
    signature = (sets or signature_of_full_rank)(rng, n)
    model = draw_model(rng, n, 0.6, (0.8, 1.5), function)
    intervene = intervene or (hard if kind == "hard" else soft)
    once = [intervene(rng, model, i, True) for i in range(n)] if alike else []
    models, targets = {CONTROL: model}, {}
    for name, row in zip(names(rng, len(signature)), signature, strict=True):
        changed = model
        for i in np.flatnonzero(row):
            changed = with_mechanism(changed, i, once[i]) if alike else intervene(rng, changed, i, True)
        models[name], targets[name] = changed, tuple(int(i) for i in np.flatnonzero(row))
    G = linear_mixing(rng, n, d)
    spec = setting(n, design="multi-node", kind=kind, estimator="umni-crl")
    return case(
        rng,
        models,
        targets,
        spec,
        lambda z: z @ G.T,
        rows,
        claim="scaling" if kind == "hard" else "ancestors",
    )


def signature_of_full_rank(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, n) of 0 and 1 with rank n, one to two targets a row."""
    while True:
        rows = [
            np.isin(np.arange(n), rng.choice(n, size=rng.integers(1, 3), replace=False)) for _ in range(n)
        ]
        if np.linalg.matrix_rank(drawn := np.array(rows, dtype=int)) == n:
            return drawn


def coupled(
    rng: np.random.Generator, n: int, rows: int, mix: Callable[[np.ndarray], np.ndarray], mixing: str,
    *, estimator: str = "gscale-i", assume: str = "", function: str = "linear", turned: bool = False,
) -> Case:  # fmt: skip
    """Two hard interventions per latent, a quarter and four times its variance, pairs declared; ``turned`` declares
    the second environments one latent further on."""
    model = draw_model(rng, n, 0.6, (0.8, 1.5), function)
    called = names(rng, 2 * n)
    models = {CONTROL: model}
    for i in range(n):
        models[called[2 * i]] = change(model, i, weights=0.0, deviation=0.5)
        models[called[2 * i + 1]] = change(model, i, weights=0.0, deviation=2.0)
    second = [(i + turned) % n for i in range(n)]
    pairs = ", ".join(f"[{called[2 * i]}, {called[2 * k + 1]}]" for i, k in enumerate(second))
    spec = setting(
        n,
        mixing=mixing,
        design="coupled",
        interventions=f"pairs: [{pairs}]",
        estimator=estimator,
        assume=assume,
    )
    targets = {name: (k // 2,) for k, name in enumerate(called)}
    return case(rng, models, targets, spec, mix, rows, claim="map")


def glm(
    rng: np.random.Generator, n: int, d: int, rows: int, *, link: str = "tanh", function: str = "linear",
    turned: bool = False, scale: float = 0.4,
) -> Case:  # fmt: skip
    """x = tanh(G z), declared with a link of its own."""
    G = scale * linear_mixing(rng, n, d)
    return coupled(
        rng, n, rows, lambda z: np.tanh(z @ G.T), "glm", assume=f"  link: {link}\n", function=function,
        turned=turned,
    )  # fmt: skip


def leaky(rng: np.random.Generator, n: int, d: int) -> Callable[[np.ndarray], np.ndarray]:
    """Two turns, each followed by leaky units of slope .3, and a linear map: injective."""
    turns = [np.linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2)]
    G = linear_mixing(rng, n, d)

    def mix(z: np.ndarray) -> np.ndarray:
        for turn in turns:
            z = z @ turn
            z = np.where(z > 0, z, 0.3 * z)
        return z @ G.T

    return mix


def general(rng: np.random.Generator, n: int, d: int, rows: int) -> Case:
    """Quadratic latents behind leaky units, two hard interventions per latent."""
    mix = leaky(rng, n, d)
    return coupled(rng, n, rows, mix, "general", estimator=SHORT_GSCALE, function="quadratic")


def contrastive(
    rng: np.random.Generator, n: int, d: int, rows: int, *, function: str = "linear", mixed: bool = True
) -> Case:
    """Linear-Gaussian latents, one hard intervention with a shift per latent, behind leaky units."""
    model = draw_model(rng, n, 0.6, (0.8, 1.5), function)
    called = names(rng, n)
    models: dict[str, Model] = {CONTROL: model}
    for i, name in enumerate(called):
        models[name] = change(
            model, i, weights=0.0, deviation=rng.choice([0.5, 2.0]), shift=rng.normal() * 1.5
        )
    G = linear_mixing(rng, n, d)
    spec = setting(
        n, mixing="general", estimator="contrastive",
        assume="  noise: gaussian\n  function: linear\n",
    )  # fmt: skip
    mix = leaky(rng, n, d) if mixed else (lambda z: z @ G.T)
    targets = {name: (i,) for i, name in enumerate(called)}
    return case(rng, models, targets, spec, mix, rows, claim="map")


def _sound(name: str, make: Callable[..., Case], options: dict[str, object] | None = None, **further) -> Kind:  # type: ignore[no-untyped-def]
    given = options or {}
    return Kind(
        name, lambda rng, n, d, rows: make(rng, n, d, rows, **given), "sound", "ok expected", **further
    )


STRONG = {"strong": True}

SOUND = (
    _sound("hard Gaussian", single, latents=(2, 3, 4, 5, 6), extra=(0, 2, 6), rows=(5000, 10_000)),
    _sound("hard Gaussian (50000 rows)", single, latents=(3, 5), rows=(50_000,)),
    _sound("hard Gaussian (1000 rows)", single, STRONG, rows=(1000,), strong=True),
    _sound("hard Gaussian (big control)", single, {"control": 20_000}, rows=(5000,)),
    _sound("components, clean", in_components, {"noise": 0.05}, latents=(4,), extra=(26,), rows=(1500, 5000)),
    _sound("hard Laplace", single, {"noise": "laplace"}, latents=(3,), rows=(5000,)),
    _sound("hard quadratic", single, {"function": "quadratic"}, latents=(3,), rows=(5000,)),
    _sound("hard sine", single, {"function": "sine"}, latents=(3,), rows=(5000,)),
    _sound("soft Gaussian", single, {"kind": "soft"}, rows=(10_000,)),
    _sound("soft Gaussian (1000 rows)", single, {"kind": "soft", **STRONG}, rows=(1000,), strong=True),
    _sound("soft quadratic", single, {"kind": "soft", "function": "quadratic"}, latents=(3,), rows=(5000,)),
    _sound("umni hard", multi_node, rows=(10_000,)),
    _sound("umni soft", multi_node, {"kind": "soft", "alike": True}, rows=(10_000,)),
    _sound(
        "umni soft quadratic",
        multi_node,
        {"kind": "soft", "function": "quadratic", "alike": True},
        latents=(3,),
        rows=(5000,),
    ),
    _sound("glm coupled", glm, latents=(3, 4), rows=(5000,)),
    _sound("glm coupled (1000 rows)", glm, latents=(3,), rows=(1000,), strong=True),
    _sound("general coupled", general, latents=(3,), extra=(3,), rows=(5000,)),
    _sound("contrastive", contrastive, latents=(3,), extra=(3,), rows=(5000,)),
    _sound("contrastive (linear inverse)", contrastive, {"mixed": False}, latents=(3,), rows=(5000,)),
)
