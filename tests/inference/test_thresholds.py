"""The numbers that decide: each estimator's are told in every provenance, and each of them decides."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import crlspec
from crlspec.data import Problem
from crlspec.errors import DataError
from crlspec.inference import contrastive, gscale, lscale, thresholds
from crlspec.inference.baselines import Ica, Pca
from crlspec.inference.checks.observation_noise import check_noisy_rank
from crlspec.inference.checks.rank import check_injective, check_rank
from crlspec.inference.contrastive import Contrastive
from crlspec.inference.edges.leave_one_out import effects
from crlspec.inference.encoders.answer import checks_of, status_of
from crlspec.inference.encoders.gaussianise import Gaussianised
from crlspec.inference.encoders.linear_starts import bent_row
from crlspec.inference.encoders.pairing import Pairing, find_pairs
from crlspec.inference.gscale import GScaleI
from crlspec.inference.lscale import LScaleI
from crlspec.inference.order import signature_search
from crlspec.inference.ropes import Ropes
from crlspec.inference.thresholds import DesignThresholds, GscaleThresholds, LscaleThresholds, Thresholds
from crlspec.inference.umni import UmniCrl
from crlspec.maps.maps import Network
from crlspec.progress import silent
from crlspec.scores.base import Coordinates
from crlspec.scores.gaussian import GaussianScores
from crlspec.testing import LinearGaussianToy, PairsToy
from tests.inference.short import short_edges

TOY = LinearGaussianToy(2000).problem
NOISY = replace(
    TOY,
    setting=replace(TOY.setting, observation_noise="isotropic"),
    samples={
        name: x + np.random.default_rng(k).normal(0, 0.05, x.shape)
        for k, (name, x) in enumerate(TOY.samples.items())
    },
)
ESTIMATORS = {
    "lscale-i": LScaleI(),
    "umni-crl": UmniCrl(),
    "gscale-i": GScaleI(),
    "ropes": Ropes(),
    "contrastive": Contrastive(),
    "ica": Ica(),
    "pca": Pca(),
}
SPECS = {
    "lscale-i": ("linear/hard-5", []),
    "umni-crl": ("linear/umni-hard-5", []),
    "gscale-i": ("general/glm-5", []),
    "ropes": (
        "general/leaky-3",
        ["estimator.kind=ropes", "estimator.steps=10", "estimator.restarts=1", "scores.kind=gaussian"],
    ),
    "contrastive": ("linear/hard-5", ["estimator.kind=contrastive"]),
    "ica": ("linear/hard-5", ["estimator.kind=ica"]),
    "pca": ("linear/hard-5", ["estimator.kind=pca"]),
}
CLASSES = [
    one
    for one in vars(thresholds).values()
    if isinstance(one, type) and issubclass(one, Thresholds | DesignThresholds)
]


@pytest.mark.parametrize("cls", CLASSES)
def test_every_threshold_says_where_it_comes_from(cls: type[Thresholds | DesignThresholds]) -> None:
    text = " ".join(str(one.__doc__) for one in cls.__mro__ if one is not object)
    for field in fields(cls):
        assert re.search(rf"\n    {field.name} +[\w.]", text), field.name
    with pytest.raises(FrozenInstanceError):
        setattr(cls(), fields(cls)[0].name, 1.0)


@pytest.mark.parametrize("kind", SPECS)
def test_a_result_keeps_the_thresholds_of_its_estimator(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_edges(monkeypatch)
    name, sets = SPECS[kind]
    spec = crlspec.load(name, sets=["latents=2", "samples=400", *sets])
    model = crlspec.compile(spec, seed=0)
    found = crlspec.solve(spec, model.sample(seed=0), model=model)
    kept = found.provenance["thresholds"]
    assert kept == asdict(ESTIMATORS[kind].thresholds)
    assert kept["design"] == asdict(DesignThresholds())
    assert crlspec.open_result(found.save(tmp_path / "result.nc")).provenance["thresholds"] == kept


def solved(estimator: Any, problem: Problem = TOY, **changed: float) -> str:
    changed_one = replace(estimator, thresholds=replace(estimator.thresholds, **changed))
    return str(changed_one.solve(problem, GaussianScores(), 0, silent).status.code)


PCA, ICA = Pca(), Ica()


@pytest.mark.parametrize(
    ("estimator", "problem", "changed", "before", "after"),
    [
        (LScaleI(), TOY, {"agreement": 1.1}, "ok", "undecided"),
        (LScaleI(), TOY, {"heteroscedastic": 0.0}, "ok", "undecided"),
        (LScaleI(), NOISY, {"noise_share": 0.0}, "ok", "undecided"),
        (UmniCrl(), TOY, {"agreement": 1.1}, "ok", "undecided"),
        (UmniCrl(), TOY, {"heteroscedastic": 0.0}, "ok", "undecided"),
        (UmniCrl(), TOY, {"clear": 1e9, "close": 1e9}, "ok", "undecided"),
        (UmniCrl(), NOISY, {"noise_share": 0.0}, "ok", "undecided"),
        (PCA, NOISY, {"noise_share": 0.0}, "ok", "undecided"),
        (ICA, TOY, {"dependent": 0.0}, "refuted", "ok"),
    ],
)
def test_a_threshold_decides_the_status(
    estimator: Any, problem: Problem, changed: dict[str, float], before: str, after: str
) -> None:
    assert (solved(estimator, problem), solved(estimator, problem, **changed)) == (before, after)


def test_independent_components_are_judged_at_the_level() -> None:
    rng = np.random.default_rng(0)
    x = {name: rng.laplace(size=(2000, 3)) @ LinearGaussianToy().mixing.T for name in TOY.samples}
    problem = replace(TOY, samples=x)
    assert solved(ICA, problem) == "ok" and solved(ICA, problem, dependent=1.1) == "refuted"


class Called(Exception):  # noqa: N818
    """What a fit was replaced by was called."""


def called(*_: Any, **__: Any) -> None:
    raise Called


@pytest.mark.parametrize(
    ("estimator", "module", "name"),
    [(LScaleI(), lscale, "refine_flexible"), (Contrastive(), contrastive, "gaussianise")],
)
def test_the_level_of_gaussianity_decides_which_likelihood_is_taken(
    estimator: Any, module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, called)
    assert solved(estimator) == "ok"
    with pytest.raises(Called):
        solved(estimator, gaussian=1.1)


def test_the_level_of_gaussianity_decides_how_signatures_are_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signature_search, "ScoreSinks", called)
    with pytest.raises(Called):
        solved(UmniCrl(), gaussian=1.1)


@pytest.mark.parametrize(
    ("noise", "changed", "refused"),
    [
        (0.0, {}, False),
        (0.0, {"injective": 1.0}, True),
        (0.01, {}, False),
        (0.01, {"sizeable": 1e-9}, True),
        (0.01, {"sizeable": 1e-9, "rounding": 1.0}, False),
        (0.01, {"curved": 1.1}, True),
    ],
)
def test_a_threshold_decides_whether_a_linear_mixing_is_refuted(
    noise: float, changed: dict[str, float], refused: bool
) -> None:
    rng = np.random.default_rng(0)
    x = {name: values + rng.normal(0, noise, values.shape) for name, values in TOY.samples.items()}
    problem = replace(TOY, samples=x)
    coordinates = Coordinates.of(problem, problem.environments)
    limits = replace(LscaleThresholds(), **changed)
    if not refused:
        check_rank(problem, coordinates, limits)
        return
    with pytest.raises(DataError):
        check_rank(problem, coordinates, limits)


def test_the_level_of_dimensions_decides_how_many_there_are() -> None:
    coordinates = Coordinates.of(NOISY, NOISY.environments)
    check_noisy_rank(NOISY, coordinates, Thresholds())
    with pytest.raises(DataError, match="more than the 3 latents"):
        check_noisy_rank(NOISY, coordinates, Thresholds(dimension=1 - 1e-9))
    with pytest.raises(DataError, match="2 linear dimensions"):
        check_injective(np.array([1.0, 1.0, 1e-3]), 3, 1e-2)


AGREED, FAR, CLEAR = np.full(3, 0.98), np.full(3, 100.0), Pairing((), np.zeros((0, 0)), 5.0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "ok: Restarts agree .* allow for small smooth errors"),
        ({"contrast": 101.0}, "undecided: The two environments of 3 of 3 latents hardly differ"),
        ({"agreement": 0.99}, "undecided: No two restarts .* 0.99 is needed"),
        ({"excess": 1.5}, "note: Dependences that the causal order excludes are 2.0 times larger"),
    ],
)
def test_a_threshold_decides_what_gscale_says_of_its_answer(changed: dict[str, float], words: str) -> None:
    limits = replace(GscaleThresholds(), **changed)
    checks = checks_of(CLEAR, FAR, AGREED, limits, 2.0)
    said = [str(status_of(checks, AGREED, 2.0)), *(str(check) for check in checks)]
    assert any(re.match(words, text) for text in said)


def test_a_margin_is_clear_from_the_threshold_on() -> None:
    for clear, code in ((4.0, "ok"), (6.0, "undecided")):
        checks = checks_of(replace(CLEAR, clear=clear), FAR, AGREED, GscaleThresholds(), 1.0)
        assert status_of(checks, AGREED, 1.0).code == code
    samples = [np.random.default_rng(k).normal(size=(200, 2)) for k in range(2)]
    assert find_pairs(samples, silent, clear=0.123).clear == 0.123


def test_thresholds_of_gscale_decide_components_starts_and_order() -> None:
    pairs = PairsToy(500)
    problem = replace(pairs.problem, setting=replace(pairs.problem.setting, mixing="general", link=None))
    order = ("obs", *pairs.environments)

    def components(**changed: float) -> list[np.ndarray]:
        return gscale._components(problem, order, replace(GscaleThresholds(), **changed))[1]

    assert components()[0].shape[1] == 4
    with pytest.raises(DataError, match="The observations span 1 dimension,"):
        components(smallest=0.999)
    deviations = [np.concatenate(components(floor=floor)).std(0) for floor in (1e-3, 1.0)]
    assert deviations[0] == pytest.approx(1.0) and deviations[1][-1] < 0.9
    y = components()
    never, always = (bent_row(y[1], y[2], share).row for share in (np.inf, 0.0))
    assert np.abs(never - always).max() > 1e-3
    z = [pairs.z(name) for name in order]
    known = [(1, 2), (3, 4), (5, 6)]
    assert effects(z, known, 0.01).sum() < effects(z, known, 0.5).sum()


@pytest.mark.slow
def test_thresholds_of_gscale_decide_where_restarts_begin() -> None:
    pairs = PairsToy(500)
    problem = replace(pairs.problem, setting=replace(pairs.problem.setting, mixing="general", link=None))

    def halved(**changed: float) -> int:
        stages = set()
        limits = replace(GscaleThresholds(), **changed)
        GScaleI(steps=10, thresholds=limits).solve(
            problem, GaussianScores(), 0, lambda stage, *_, **__: stages.add(stage)
        )
        return sum(stage.startswith("environments of half") for stage in stages)

    assert halved(turns=0.0, two_sided=0.0) == 0
    assert halved(turns=0.0, two_sided=1.1) > 0


def test_agreement_of_two_networks_decides_the_status_of_contrastive() -> None:
    network = Network(np.eye(2), np.zeros(2))
    for least, words in (
        (0.9, "are not calibrated, since they leave out its error"),
        (0.99, "Two restarts of the network found different latents (correlation 0.95 after a linear map)"),
    ):
        trained = Gaussianised(network, "likelihood", 0.5, 0.95)
        status = contrastive._status(1e-9, trained, 1.0, least)
        assert status.code == "undecided" and words in status.message


def test_full_rank_edges_depend_on_how_far_images_may_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[LscaleThresholds] = []

    def kept(estimate: Any, closure: Any, alpha: float, limits: LscaleThresholds) -> Any:
        seen.append(limits)
        return closure

    monkeypatch.setattr(lscale, "full_rank_graph", kept)
    soft = replace(TOY, setting=replace(TOY.setting, kind="soft"))
    solved(LScaleI("full-rank"), soft, image=1e-3)
    assert seen[0].image == 1e-3
