"""Kinds whose interventions are not those declared: who is hit, how, in how many rows, whether it tells anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from .case import CONTROL, Case, Kind, case, linear_mixing, names, setting
from .scm import Model, change, draw_model, hard, soft
from .sound import glm, single

__all__ = ["DESIGN", "FEW", "MIXTURE", "NOTED", "TARGETS", "UNKNOWABLE"]

Rng = np.random.Generator


def _linear(
    rng: Rng, d: int, rows: int, model: Model, targets: list[tuple[int, ...]],
    intervene: Callable[[Model, int, int], Model], *, kind: str = "hard",
    at_fault: Callable[[list[str]], tuple[str, ...]] = lambda called: (),
) -> Case:  # fmt: skip
    """An environment an entry of ``targets``; ``intervene(model, environment, latent)`` replaces a mechanism."""
    n = len(model.weights)
    called = names(rng, len(targets))
    models = {CONTROL: model}
    for k, (name, hit) in enumerate(zip(called, targets, strict=True)):
        changed = model
        for i in hit:
            changed = intervene(changed, k, i)
        models[name] = changed
    G = linear_mixing(rng, n, d)
    found = dict(zip(called, targets, strict=True))
    claim = "scaling" if kind == "hard" else "ancestors"
    made = case(rng, models, found, setting(n, kind=kind), lambda z: z @ G.T, rows, claim=claim)
    return replace(made, at_fault=at_fault(called))


def _model(rng: Rng, n: int, function: str = "linear") -> Model:
    return draw_model(rng, n, rng.choice([0.6, 1.0]), (0.7, 1.5), function)


def _one_each(n: int) -> list[tuple[int, ...]]:
    return [(i,) for i in range(n)]


def _shift_only(rng: Rng, n: int, d: int, rows: int) -> Case:
    return _linear(
        rng, d, rows, _model(rng, n), _one_each(n), lambda m, k, i: change(m, i, shift=rng.choice([-2, 2])),
        kind="soft",
    )  # fmt: skip


def _scale_only(rng: Rng, n: int, d: int, rows: int) -> Case:
    return _linear(
        rng, d, rows, _model(rng, n), _one_each(n), lambda m, k, i: change(m, i, deviation=rng.choice([0.5, 2])),
        kind="soft",
    )  # fmt: skip


def _skewed(rng: Rng, n: int, d: int, rows: int, **changed: float) -> Case:
    """Noise that is not normal, and interventions that leave weights as they are."""
    model = draw_model(
        rng, n, rng.choice([0.6, 1.0]), (0.7, 1.5), "linear", str(rng.choice(["laplace", "skewed"]))
    )
    return _linear(rng, d, rows, model, _one_each(n), lambda m, k, i: change(m, i, **changed), kind="soft")


def _some_scale_only(rng: Rng, n: int, d: int, rows: int) -> Case:
    """One latent with parents gets a new mechanism, the others a new size of noise alone: judged by the noise terms
    of those, which are latents as well, behind another mixing."""
    model = _model(rng, n)
    told = int(rng.choice(np.flatnonzero(model.weights.any(1)))) if model.weights.any() else 0

    def intervene(m: Model, k: int, i: int) -> Model:
        return soft(rng, m, i, True) if i == told else change(m, i, deviation=rng.choice([0.5, 2.0]))

    made = _linear(rng, d, rows, model, _one_each(n), intervene, kind="soft")
    kept = np.eye(n) - np.where(np.arange(n)[:, None] == told, 0.0, model.weights)
    relative = np.eye(n) - (np.eye(n) - model.weights) @ np.linalg.inv(kept)
    truth = {name: z @ kept.T for name, z in made.truth.items()}
    return replace(made, truth=truth, parents=np.abs(relative) > 1e-9)


def _undeclared(rng: Rng, n: int, d: int, rows: int) -> Case:
    """One latent more than is declared, which no environment targets."""
    made = single(rng, n + 1, d, rows)
    called = list(made.targets)
    kept = (CONTROL, *called[:n])
    return replace(
        made,
        samples={name: made.samples[name] for name in kept},
        truth={name: made.truth[name] for name in kept},
        targets={name: made.targets[name] for name in called[:n]},
        spec=setting(n, kind="hard"),
    )


def _shift_declared(rng: Rng, n: int, d: int, rows: int) -> Case:
    """The same with the model itself in the file: equations, and ``shift(2)`` in each environment."""
    model = _model(rng, n)
    made = _linear(rng, d, rows, model, _one_each(n), lambda m, k, i: change(m, i, shift=2.0), kind="soft")
    equations = ""
    for i, (row, deviation) in enumerate(zip(model.weights, model.deviations, strict=True)):
        mean = " + ".join([f"({row[j]:.6f})*z{j + 1}" for j in np.flatnonzero(row)] or ["0"])
        equations += f'  z{i + 1}: "Normal({mean}, {deviation:.6f})"\n'
    shifts = "".join(f"  {name}: {{z{hit[0] + 1}: shift(2)}}\n" for name, hit in made.targets.items())
    spec = (
        f"crlspec: 1\nname: trust\nlatents:\n{equations}mixing: {{kind: linear, observed: {d}}}\n"
        f"environments:\n  {CONTROL}: {{}}\n{shifts}conceal: [targets]\nestimator: {{kind: lscale-i}}\n"
    )
    return replace(made, spec=spec)


def _twice(rng: Rng, n: int, d: int, rows: int) -> Case:
    """Latent 0 is hit by two environments, another by none."""
    targets = [(0,), (0,), *((i,) for i in range(2, n))]
    factors = [2.0, 3.0, *([2.0] * n)]
    return _linear(
        rng, d, rows, _model(rng, n), targets, lambda m, k, i: change(m, i, weights=0.0, deviation=factors[k]),
        at_fault=lambda called: tuple(called[:2]),
    )  # fmt: skip


def _two_targets(rng: Rng, n: int, d: int, rows: int) -> Case:
    guilty = int(rng.integers(n))
    also = int(rng.choice([i for i in range(n) if i != guilty]))
    targets = [(i, also) if i == guilty else (i,) for i in range(n)]
    return _linear(
        rng, d, rows, _model(rng, n), targets, lambda m, k, i: hard(rng, m, i, True),
        at_fault=lambda called: (called[guilty],),
    )  # fmt: skip


def _no_effect(rng: Rng, n: int, d: int, rows: int) -> Case:
    guilty = int(rng.integers(n))
    targets: list[tuple[int, ...]] = [() if i == guilty else (i,) for i in range(n)]
    return _linear(
        rng, d, rows, _model(rng, n), targets, lambda m, k, i: hard(rng, m, i, True),
        at_fault=lambda called: (called[guilty],),
    )  # fmt: skip


def _soft_as_hard(rng: Rng, n: int, d: int, rows: int, *, left: float = 0.4) -> Case:
    """Parents' weights times ``left``, declared hard: judged by z_i − left · Σ w z, on which it is hard."""
    model = _model(rng, n)
    made = _linear(
        rng, d, rows, model, _one_each(n),
        lambda m, k, i: change(m, i, weights=left, deviation=rng.choice([0.5, 2.0])),
    )  # fmt: skip
    kept = np.eye(n) - left * model.weights
    relative = (1 - left) * model.weights @ np.linalg.inv(kept)
    truth = {name: z @ kept.T for name, z in made.truth.items()}
    return replace(made, truth=truth, parents=np.abs(relative) > 1e-9)


def _soft_as_hard_nonlinear(rng: Rng, n: int, d: int, rows: int) -> Case:
    return _linear(
        rng, d, rows, _model(rng, n, "quadratic"), _one_each(n),
        lambda m, k, i: change(m, i, weights=0.5, deviation=rng.choice([0.5, 2.0])),
    )  # fmt: skip


def _escaped(rng: Rng, n: int, d: int, rows: int, *, share: float, everywhere: bool = False) -> Case:
    """Only a share of the rows of one environment (of all) is hit; the others follow the control's law."""
    made = single(rng, n, d, rows, strong=True, control=(n + 1) * rows)
    hit = list(made.targets)
    guilty = hit if everywhere else [str(rng.choice(hit))]
    free = {name: rng.uniform(size=(rows, 1)) >= share for name in guilty}

    def escape(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        control, *spare = np.split(given[CONTROL], n + 1)
        found = {
            name: np.where(free[name], spare[hit.index(name)], x) if name in free else x
            for name, x in given.items()
        }
        return {**found, CONTROL: control}

    return replace(
        made,
        samples=escape(made.samples),
        truth=escape(made.truth),
        at_fault=() if everywhere else tuple(guilty),
    )


def _swapped_control(rng: Rng, n: int, d: int, rows: int) -> Case:
    """The control and one environment bear each other's names."""
    made = single(rng, n, d, rows, strong=True)
    other = str(rng.choice(list(made.targets)))

    def swap(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**given, CONTROL: given[other], other: given[CONTROL]}

    return replace(made, samples=swap(made.samples), truth=swap(made.truth), at_fault=(other,), targets={})


def _mixed_control(rng: Rng, n: int, d: int, rows: int) -> Case:
    """Half of the control comes from an environment."""
    made = single(rng, n, d, rows, strong=True)
    other, half = str(rng.choice(list(made.targets))), rows // 2

    def mix(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        mixed = np.concatenate([given[CONTROL][:half], given[other][half:]])
        return {**given, CONTROL: mixed, other: given[other][:half]}

    return replace(made, samples=mix(made.samples), truth=mix(made.truth), at_fault=(CONTROL,))


def _mislabelled(rng: Rng, n: int, d: int, rows: int) -> Case:
    """A third of the rows of one environment comes from another."""
    made = single(rng, n, d, rows, strong=True)
    first, second = (str(name) for name in rng.permutation(list(made.targets))[:2])
    third = rows // 3

    def mix(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        mixed = np.concatenate([given[first][third:], given[second][:third]])
        return {**given, first: mixed, second: given[second][third:]}

    return replace(made, samples=mix(made.samples), truth=mix(made.truth), at_fault=(first,))


def _few_guides(rng: Rng, n: int, d: int, rows: int) -> Case:
    return single(rng, n, d, rows, control=4000)


def _constant(rng: Rng, n: int, d: int, rows: int) -> Case:
    """do(): one latent is 1 in every row of its environment."""
    guilty = int(rng.integers(n))

    def intervene(m: Model, k: int, i: int) -> Model:
        return change(m, i, weights=0.0, deviation=0.0, shift=1.0) if i == guilty else hard(rng, m, i, True)

    return _linear(
        rng, d, rows, _model(rng, n), _one_each(n), intervene, at_fault=lambda called: (called[guilty],)
    )


def _wrong_pairs(rng: Rng, n: int, d: int, rows: int) -> Case:
    return glm(rng, n, d, rows, turned=True)


def _assay(rng: Rng, n: int, d: int, rows: int) -> Case:
    """Like a table of drugs and proteins: as many columns as latents, skewed noise, 700 to 900 rows, weak and strong
    changes, and each drug touches a second mechanism by its side."""
    model = draw_model(rng, n, 0.6, (0.2, 1.2), "linear", "skewed")
    called = names(rng, n)
    models = {CONTROL: model}
    for i, name in enumerate(called):
        aside = int(rng.choice([k for k in range(n) if k != i]))
        models[name] = change(soft(rng, model, i), aside, deviation=rng.choice([0.8, 1.3]))
    G = linear_mixing(rng, n, d)
    counts = {name: int(rng.integers(700, 900)) for name in models}
    targets = {name: (i,) for i, name in enumerate(called)}
    return case(rng, models, targets, setting(n, kind="soft"), lambda z: z @ G.T, counts, claim="ancestors")


def _off_target(rng: Rng, n: int, d: int, rows: int) -> Case:
    """Soft interventions on latents of skewed noise, strong and well seen; one of them changes a second mechanism."""
    model = draw_model(rng, n, 1.0, (0.8, 1.5), "linear", "skewed")
    called = names(rng, n)
    guilty = int(rng.integers(n))
    aside = int(rng.choice([k for k in range(n) if k != guilty]))
    models = {CONTROL: model} | {name: soft(rng, model, i, True) for i, name in enumerate(called)}
    models[called[guilty]] = change(
        models[called[guilty]], aside, weights=0.3, deviation=rng.choice([0.6, 1.7])
    )
    targets = {name: (i,) if i != guilty else (i, aside) for i, name in enumerate(called)}
    G = linear_mixing(rng, n, d)
    return case(
        rng, models, targets, setting(n, kind="soft"), lambda z: z @ G.T, rows, claim="ancestors",
        at_fault=(called[guilty],),
    )  # fmt: skip


NOTED = "ok allowed with note"
UNKNOWABLE = (
    "identif",
    "only shift",
    "only scale",
    "shift only",
    "scale only",
    "shifts",
    "rescal",
    "weights",
)
FEW = (
    "more samples",
    "more rows",
    "too few",
    "few rows",
    "few samples",
    "margin",
    "sampling error",
    "within its error",
)
MIXTURE = ("mixture", "escaped", "untouched", "share of", "not normal", "two populations", "subpopulation")
SOFT = ("not hard", "kind: soft", "soft", "interventions are hard", "effects are relative")
TARGETS = ("target", "same mechanism", "two mechanisms", "more than one mechanism", "multi-node")
CHECKED = ("control", "observational environment", "without intervention")


def _escape(share: float, everywhere: bool = False) -> Kind:
    name = f"escaped ({share:.0%} hit" + (" everywhere)" if everywhere else ")")
    return Kind(
        name, lambda rng, n, d, rows: _escaped(rng, n, d, rows, share=share, everywhere=everywhere),
        expectation=NOTED, violated="every row is hit", words=MIXTURE,
    )  # fmt: skip


DESIGN = (
    Kind("shift only", _shift_only, violated="weights change", words=UNKNOWABLE),
    Kind("shift only declared", _shift_declared, violated="weights change", words=UNKNOWABLE),
    Kind("scale only", _scale_only, violated="weights change", words=UNKNOWABLE),
    Kind("scale only, not normal", partial(_skewed, deviation=2.0), violated="weights change",
         words=(*UNKNOWABLE, "no latent has an ancestor"), latents=(3,), rows=(5000,)),
    Kind("shift only, not normal", partial(_skewed, shift=2.0), violated="weights change",
         words=(*UNKNOWABLE, "no latent has an ancestor"), latents=(3,), rows=(5000,)),
    Kind("some scale only", _some_scale_only, expectation=NOTED, violated="weights change",
         words=(*UNKNOWABLE, "no ancestors")),
    Kind("undeclared latent", _undeclared, violated="number of latents", words=("Declare latents",)),
    Kind("one latent twice", _twice, violated="one environment a latent", words=TARGETS),
    Kind("two latents in one", _two_targets, violated="one latent an environment", words=TARGETS),
    *(
        Kind(f"few rows ({rows})", single, expectation=NOTED, violated="rows enough", words=FEW, rows=(rows,))
        for rows in (50, 60, 120, 200, 300)
    ),
    *(
        Kind(f"few rows a guide ({rows})", _few_guides, expectation=NOTED, violated="rows enough", words=FEW,
             rows=(rows,))
        for rows in (60, 120, 200)
    ),
    Kind("500 rows for five latents", single, expectation=NOTED, violated="rows enough", words=FEW, latents=(5,),
         extra=(7,), rows=(500,)),
    Kind("few rows soft", lambda rng, n, d, rows: single(rng, n, d, rows, kind="soft"), expectation=NOTED,
         violated="rows enough", words=FEW, rows=(120, 300)),
    Kind("few rows glm", glm, expectation=NOTED, violated="rows enough", words=FEW, latents=(3,), rows=(100, 300)),
    Kind("no effect", _no_effect, violated="environments have an effect", words=("effect", "like the control")),
    Kind("soft as hard linear", _soft_as_hard, expectation=NOTED, violated="hard", words=SOFT),
    Kind("noise only as hard", lambda rng, n, d, rows: _soft_as_hard(rng, n, d, rows, left=1.0),
         expectation=NOTED, violated="hard", words=SOFT),
    Kind("soft as hard quadratic", _soft_as_hard_nonlinear, violated="hard", words=SOFT, latents=(3,), rows=(5000,)),
    _escape(0.5), _escape(0.7), _escape(0.9), _escape(0.7, everywhere=True),
    Kind("swapped control", _swapped_control, violated="the control is the control", words=CHECKED),
    Kind("mixed control", _mixed_control, expectation=NOTED, violated="the control is one population",
         words=(*CHECKED, *MIXTURE)),
    Kind("mislabelled rows", _mislabelled, violated="rows bear their labels", words=(*MIXTURE, *TARGETS)),
    Kind("do() constant", _constant, expectation=NOTED, violated="interventions have a density",
         words=("constant", "density", "singular", "do()", "fixed")),
    Kind("wrong pairs glm", _wrong_pairs, violated="pairs", words=("pair",), latents=(3,), rows=(5000,)),
    Kind("assay of five drugs", _assay, violated="one latent an environment, effects strong enough",
         words=(*FEW, *TARGETS), latents=(5,), extra=(0,), rows=(800,)),
    Kind("off-target, not normal", _off_target, violated="one latent an environment", words=TARGETS, latents=(3,),
         rows=(1000, 5000)),
)  # fmt: skip
