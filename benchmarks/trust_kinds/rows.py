"""Kinds whose latents or rows are not as declared: hidden causes, cycles; dependent, repeated, selected rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .case import CONTROL, Case, Kind, case, linear_mixing, names, setting, shuffled
from .scm import NOISES, Model, draw_model, hard
from .sound import contrastive, single

__all__ = ["ROWS"]

Rng = np.random.Generator


def _noisy(rng: Rng, n: int, d: int, rows: int, draw) -> Case:  # type: ignore[no-untyped-def]
    """Hard interventions where ``draw(rng, rows, n)`` gives the noise of a whole environment at once."""
    model = draw_model(rng, n, rng.choice([0.0, 0.5]), (0.7, 1.5))
    called = names(rng, n)
    models: dict[str, Model] = {CONTROL: model} | {
        name: hard(rng, model, i, True) for i, name in enumerate(called)
    }
    G = linear_mixing(rng, n, d)
    truth = {name: models[name].latents(draw(rng, rows, n)) for name in shuffled(rng, models)}
    return _observed(truth, G, model.parents, called)


def _observed(truth: dict[str, np.ndarray], G: np.ndarray, parents: np.ndarray, called: list[str]) -> Case:
    """Latents behind a linear mixing, one environment a latent, declared hard."""
    samples = {name: z @ G.T for name, z in truth.items()}
    return Case(samples, setting(len(called)), truth, parents, {name: (i,) for i, name in enumerate(called)})


def _walk(rng: Rng, rows: int, n: int, rho: float = 0.8) -> np.ndarray:
    """Stationary first-order autoregression with variance 1."""
    noise = rng.normal(size=(rows, n))
    for t in range(1, rows):
        noise[t] = rho * noise[t - 1] + np.sqrt(1 - rho**2) * noise[t]
    return noise


def _blocks(rng: Rng, rows: int, n: int, length: int = 50) -> np.ndarray:
    """Half of the variance is common to blocks of rows."""
    common = np.repeat(rng.normal(size=(rows // length + 1, n)), length, axis=0)[:rows]
    return np.sqrt(0.5) * common + np.sqrt(0.5) * rng.normal(size=(rows, n))


def _drift(rng: Rng, rows: int, n: int) -> np.ndarray:
    """All noise moves from its mean − 1.5 to + 1.5 over the rows of an environment, either way."""
    time = np.linspace(-1.5, 1.5, rows)[:, None]
    return time * rng.choice([-1, 1], size=n) + rng.normal(size=(rows, n))


def _repeated(rng: Rng, n: int, d: int, rows: int) -> Case:
    """A hundred rows an environment, repeated."""
    made = single(rng, n, d, 100, strong=True)
    again = [
        {name: np.tile(x, (rows // 100, 1)) for name, x in given.items()}
        for given in (made.samples, made.truth)
    ]
    return replace(made, samples=again[0], truth=again[1])


def _near_duplicate(rng: Rng, n: int, d: int, rows: int) -> Case:
    """One environment is another's rows, but for 1e-9: an export that went wrong."""
    made = single(rng, n, d, rows, strong=True)
    first, second = (str(name) for name in rng.permutation(list(made.targets))[:2])
    copied = made.samples[first] + 1e-9 * rng.normal(size=made.samples[first].shape)
    return replace(
        made.with_samples({second: copied}, first, second), truth={**made.truth, second: made.truth[first]}
    )


def _hidden(rng: Rng, n: int, d: int, rows: int) -> Case:
    """A latent that is not counted causes two of those that are, which no edge joins."""
    strength = rng.choice([1.0, 1.4])
    pair = rng.choice(n, size=2, replace=False)
    model = draw_model(rng, n, 0.5, (0.7, 1.5))
    weights = model.weights.copy()
    weights[max(pair), min(pair)] = 0.0
    model = replace(model, weights=weights)
    called = names(rng, n)
    G = linear_mixing(rng, n, d)
    targets = {name: (i,) for i, name in enumerate(called)}
    models = {CONTROL: model} | {name: hard(rng, model, i, True) for i, name in enumerate(called)}
    truth = {}
    for name in shuffled(rng, models):
        noise = NOISES["normal"](rng, (rows, n))
        common = strength * rng.normal(size=rows)
        for i in pair:
            if targets.get(name) != (int(i),):
                noise[:, i] += common / model.deviations[i]
        truth[name] = models[name].latents(noise)
    return _observed(truth, G, model.parents, called)


def _cycle(rng: Rng, n: int, d: int, rows: int) -> Case:
    """Two latents cause each other, at equilibrium; a hard intervention cuts what comes in."""
    model = draw_model(rng, n, 0.6, (0.6, 1.2))
    B = model.weights.copy()
    a, b = sorted(rng.choice(n, size=2, replace=False))
    B[b, a], B[a, b] = 0.8, -0.7
    called = names(rng, n)
    G = linear_mixing(rng, n, d)
    truth = {}
    for k, name in [(-1, CONTROL), *enumerate(called)]:
        cut, deviations = B.copy(), model.deviations.copy()
        if k >= 0:
            cut[k] = 0.0
            deviations[k] *= 2.0
        noise = rng.normal(size=(rows, n)) * deviations
        truth[name] = noise @ np.linalg.inv(np.eye(n) - cut).T
    return _observed({name: truth[name] for name in shuffled(rng, truth)}, G, B != 0, called)


def _selected(rng: Rng, n: int, d: int, rows: int) -> Case:
    """Only rows whose latents sum above their median are kept, in every environment: selection on a common effect."""
    made = single(rng, n, d, 2 * rows, strong=True)
    kept = {name: z.sum(1) > np.median(z.sum(1)) for name, z in made.truth.items()}
    return replace(
        made, samples={name: x[kept[name]] for name, x in made.samples.items()},
        truth={name: z[kept[name]] for name, z in made.truth.items()},
    )  # fmt: skip


def _copy(rng: Rng, n: int, d: int, rows: int) -> Case:
    """One latent is another times a constant in every environment but its own: no noise of its own."""
    model = draw_model(rng, n, 0.6, (0.7, 1.5))
    weights, deviations = model.weights.copy(), model.deviations.copy()
    weights[1], deviations[1] = 0.0, 0.0
    weights[1, 0] = 1.3
    model = replace(model, weights=weights, deviations=deviations)
    called = names(rng, n)
    models = {CONTROL: model}
    for i, name in enumerate(called):
        models[name] = hard(rng, model, i, True)
    free = models[called[1]].deviations.copy()
    free[1] = 1.0
    models[called[1]] = replace(models[called[1]], deviations=free)
    G = linear_mixing(rng, n, d)
    targets = {name: (i,) for i, name in enumerate(called)}
    return case(rng, models, targets, setting(n), lambda z: z @ G.T, rows)


def _too_few(rng: Rng, n: int, d: int, rows: int) -> Case:
    """A latent is not counted, and the environment that hits it is not there."""
    made = single(rng, n, d, rows, strong=True)
    gone = str(rng.choice(list(made.targets)))
    kept = {name: x for name, x in made.samples.items() if name != gone}
    return replace(made, samples=kept, spec=setting(n - 1), targets={})


def _too_many(rng: Rng, n: int, d: int, rows: int) -> Case:
    """A latent that is not there is counted, and an environment is cut into two."""
    made = single(rng, n, d, rows, strong=True)
    cut = str(rng.choice(list(made.targets)))
    new = next(name for name in names(rng, n + 1) if name not in made.samples)
    samples, truth = (
        {**given, cut: given[cut][: rows // 2], new: given[cut][rows // 2 :]}
        for given in (made.samples, made.truth)
    )
    return replace(made, samples=samples, truth=truth, spec=setting(n + 1), targets={})


def _contrastive_quadratic(rng: Rng, n: int, d: int, rows: int) -> Case:
    return contrastive(rng, n, d, rows, function="quadratic")


def _tails(noise: str, violated: str) -> Kind:
    return Kind(
        f"heavy tails ({noise})", lambda rng, n, d, rows: single(rng, n, d, rows, noise=noise),
        expectation=NOTED, violated=violated, words=("tail", "outlier", "moment", "extreme", "kurtosis"),
        latents=(3,), rows=(2000,),
    )  # fmt: skip


NOTED = "ok allowed with note"
DEPENDENT = ("autocorrel", "dependent", "independent", "effective", "order of rows", "rows in file order")
REPEATED = ("duplicate", "repeated", "same rows", "identical", "copies", "copy")
NUMBER = ("component", "dimension", "number of latents", "more latents", "fewer latents")
CAUSE = ("hidden", "confound", "residual depend", "common cause", "dependence")

ROWS = (
    Kind("rows AR(.8)", lambda rng, n, d, rows: _noisy(rng, n, d, rows, _walk), expectation=NOTED,
         violated="independent rows", words=DEPENDENT, rows=(2000,)),
    Kind("rows in batches", lambda rng, n, d, rows: _noisy(rng, n, d, rows, _blocks), expectation=NOTED,
         violated="independent rows", words=(*DEPENDENT, "batch"), rows=(2000,)),
    Kind("drift within environments", lambda rng, n, d, rows: _noisy(rng, n, d, rows, _drift),
         violated="one law an environment", words=(*DEPENDENT, "drift", "time", "trend"), rows=(2000,)),
    Kind("repeated rows", _repeated, violated="independent rows", words=REPEATED, rows=(4000,)),
    Kind("near-duplicate environments", _near_duplicate, violated="environments differ", words=REPEATED),
    Kind("hidden cause", _hidden, violated="no hidden causes", words=CAUSE),
    Kind("selected rows", _selected, violated="no selection", words=(*CAUSE, "selection", "selected", "truncat")),
    Kind("feedback cycle", _cycle, violated="no cycles", words=("cycle", "cyclic", "feedback", "acyclic")),
    Kind("latent copies a latent", _copy, violated="every latent has noise",
         words=("singular", "noise of its own", "deterministic", "dimension", "constant")),
    Kind("one latent too few", _too_few,
         violated="number of latents", words=NUMBER),
    Kind("one latent too many", _too_many,
         violated="number of latents", words=NUMBER),
    _tails("t2", "finite moments"), _tails("cauchy", "finite moments"),
    Kind("contrastive quadratic latents", _contrastive_quadratic, violated="linear-Gaussian latents",
         words=("gaussian", "normal", "linear-gaussian"), latents=(3,), extra=(3,), rows=(5000,)),
)  # fmt: skip
