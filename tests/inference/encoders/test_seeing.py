"""From images to latents: which estimators take them, by what code, and that what comes of it is right."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import crlspec
from crlspec import solving
from crlspec.data import Problem, from_arrays
from crlspec.errors import SettingMismatch, SpecError
from crlspec.generative.mixing import Mixing
from crlspec.inference.declarations import Contrastive, GscaleI
from crlspec.inference.edges import classifier, classifier_model
from crlspec.inference.encoders.image_declaration import ImageCode
from crlspec.inference.encoders.seeing import seen
from crlspec.spec.load import dump, loads
from tests.inference.blobs import NAMES, SETTING, latents, rendered, tree
from tests.inference.short import short_edges

SPEC = """
crlspec: 1
name: blobs
latents: [a, b]
data: {path: images}
assume:
  mixing: general
  interventions: {design: coupled, kind: hard, pairs: [[a1, a2], [b1, b2]]}
estimator: {kind: gscale-i, STEPS, encoder: {kind: mlp, code: 12}}
"""
QUICK = SPEC.replace("STEPS", "steps: 20, restarts: 1")


@pytest.fixture(scope="module")
def quick_edges():
    with pytest.MonkeyPatch.context() as patch:
        short_edges(patch)
        yield


@pytest.fixture(scope="module")
def result(quick_edges):
    return crlspec.solve(loads(QUICK), tree(300), 0)


def test_the_slot_is_kept_in_the_spec():
    spec = loads(QUICK)
    assert spec.estimator.encoder == ImageCode(kind="mlp", code=12)
    assert loads(dump(spec)) == spec
    assert GscaleI().encoder == ImageCode(kind="auto", code=64, blur="auto")
    with pytest.raises(SpecError) as caught:
        loads(QUICK.replace("kind: mlp", "kind: unet"))
    assert "estimator.encoder.kind" in str(caught.value)
    assert "got 'unet'; one of the allowed values is needed. Remedy: allowed: auto, mlp, conv." in str(
        caught.value
    )


def test_a_problem_without_images_stays_itself():
    tables = {name: latents(name, 50) for name in NAMES}
    problem = Problem.from_data(from_arrays(tables), SETTING)
    assert seen(problem, GscaleI(), 0) == (problem, None)


def test_other_estimators_are_refused_with_a_remedy():
    problem = Problem.from_data(tree(20), SETTING)
    with pytest.raises(SettingMismatch) as caught:
        seen(problem, Contrastive(), 0)
    text = str(caught.value)
    assert "contrastive cannot take this: it reads columns of numbers, and images are observed" in text
    assert "Use estimator: {kind: gscale-i}, with two hard interventions on each latent" in text


def test_a_convolution_refuses_columns_with_a_remedy():
    tables = {name: np.random.default_rng(k).normal(size=(40, 1)) for k, name in enumerate(NAMES)}
    images = {name: tree(40)[name]["image"].values for name in NAMES}
    problem = Problem.from_data(from_arrays(tables, ["u"], images=images), SETTING)
    with pytest.raises(SettingMismatch) as caught:
        seen(problem, GscaleI(encoder=ImageCode(kind="conv")), 0)
    text = str(caught.value)
    assert "encoder: {kind: conv}, which looks at images alone, and 1 column beside them" in text
    assert "Say encoder: {kind: mlp}, or leave the columns out." in text


def test_the_code_is_in_front_of_the_columns():
    data = tree(40)
    tables = {name: np.random.default_rng(k).normal(size=(40, 1)) for k, name in enumerate(NAMES)}
    images = {name: data[name]["image"].values for name in NAMES}
    problem, code = seen(
        Problem.from_data(from_arrays(tables, ["u"], images=images), SETTING),
        GscaleI(encoder=ImageCode(code=3)),
        0,
    )
    assert problem.observed == ("code1", "code2", "code3", "u")
    np.testing.assert_array_equal(problem.samples["b2"], np.hstack([code(images["b2"]), tables["b2"]]))


def test_a_run_from_images_to_images(result, tmp_path):
    new = rendered(latents("obs", 30, seed=5))
    z = result.transform(new)
    assert z.dims == ("sample", "latent") and z.shape == (30, 2)
    assert list(result.observed) == [f"code{k + 1}" for k in range(12)]
    assert result.reconstruct(new).shape == new.shape
    assert result.provenance["cameras"] == ["left", "right"]
    np.testing.assert_array_equal(result.diagnostics["example_images"], tree(300)["obs"]["image"][:9])
    again = crlspec.open_result(result.save(tmp_path / "result.nc"))
    np.testing.assert_array_equal(again.transform(new), z)
    assert "data:image/png" in result.report(tmp_path / "report.html").read_text()


@pytest.fixture(scope="module")
def convolved(quick_edges):
    return crlspec.solve(loads(QUICK.replace("kind: mlp", "kind: conv")), tree(200), 0)


def test_what_a_convolution_sees_is_kept(convolved, tmp_path):
    new = rendered(latents("obs", 30, seed=5))
    z = convolved.transform(new)
    assert convolved.observed[-2:] == ("seen1", "seen2") and len(convolved.observed) == 14
    columns = convolved.estimate.code(new)[:, 12:]  # the latents, up to order, sign, scale and mean
    slopes = np.linalg.lstsq(np.column_stack([columns, np.ones(30)]), z.values, rcond=None)[0]
    assert (np.abs(slopes[:2]) > 1e-9).sum() == 2
    np.testing.assert_allclose(np.column_stack([columns, np.ones(30)]) @ slopes, z, atol=1e-9)
    back = convolved.decoder.columns(z)
    np.testing.assert_allclose(convolved.encoder(back), z, atol=1e-9)
    assert convolved.reconstruct(new).shape == new.shape
    assert convolved.traverse("a", [-1.0, 1.0]).shape == (2, *new.shape[1:])
    again = crlspec.open_result(convolved.save(tmp_path / "result.nc"))
    np.testing.assert_array_equal(again.transform(new), z)
    np.testing.assert_array_equal(again.reconstruct(new), convolved.reconstruct(new))
    assert "data:image/png" in convolved.report(tmp_path / "report.html").read_text()


class KilledError(Exception):
    """Raised in the middle of a run."""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "at"), [("mlp", "encoder"), ("conv", "start")])
def test_a_run_that_is_killed_between_stages_goes_on_to_the_same_result(kind, at, tmp_path):
    spec = loads(SPEC.replace("STEPS", "steps: 10, restarts: 2").replace("kind: mlp", f"kind: {kind}"))
    data, new = tree(120), rendered(latents("obs", 30, seed=5))
    whole = crlspec.solve(spec, data, 0).transform(new)

    def kill(stage, *done):
        if stage == at:
            raise KilledError

    with pytest.raises(KilledError):
        crlspec.solve(spec, data, 0, progress=kill, checkpoints=tmp_path)
    stages = []
    again = crlspec.solve(
        spec, data, 0, progress=lambda stage, *done: stages.append(stage), checkpoints=tmp_path
    )
    assert "environments of images, half 2: going on after step 10" in stages
    np.testing.assert_array_equal(again.transform(new), whole)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(result):
    again = crlspec.solve(loads(QUICK), tree(300), 0)
    new = rendered(latents("obs", 30, seed=5))
    np.testing.assert_array_equal(again.transform(new), result.transform(new))


def test_the_digest_knows_every_image():
    data = tree(30)
    problem = Problem.from_data(data, SETTING)
    first = solving._digest(loads(QUICK), 0, "cpu", 1, problem)
    assert first == solving._digest(loads(QUICK), 0, "cpu", 1, Problem.from_data(tree(30), SETTING))
    images = {name: one.copy() for name, one in problem.images.items()}
    images["b1"][-1, 1, 3, 3] ^= 1
    assert solving._digest(loads(QUICK), 0, "cpu", 1, replace(problem, images=images)) != first


@pytest.mark.slow
def test_latents_and_graph_are_recovered(monkeypatch):
    """Fresh seeds: the mean over them, and the worst."""
    monkeypatch.setattr(classifier, "fit_contrasts", classifier_model.fit_contrasts)  # of their whole length
    found, edges = [], []
    for seed in (101, 102):
        data = tree(1500, seed=seed)
        result = crlspec.solve(loads(SPEC.replace("STEPS", "steps: 1000")), data, seed)
        z = np.concatenate([data[name]["z"].values for name in NAMES])
        z_hat = np.concatenate([result.encoder(data[name].to_dataset())["z_hat"].values for name in NAMES])
        found.append(np.abs(np.corrcoef(z.T, z_hat.T)[[0, 1], [2, 3]]).min())
        edges.append([edge.pair for edge in result.edges])
    assert min(found) > 0.97
    assert edges == [[("a", "b")]] * 2


MODEL = """
crlspec: 1
name: blobs
latents: {a: "Normal(0, 1)", b: "Normal(0.8 * a, 0.6)"}
mixing: {kind: mlp, observed: 4}
interventions:
  design: coupled
  kind: hard
  noise: {variance: {times: 0.2}}
  second: {noise: {variance: {times: 3}}}
samples: 200
estimator: {kind: gscale-i, steps: 60, restarts: 1, encoder: {kind: mlp, code: 8}}
"""


class Blobs(Mixing):
    """The images of ``rendered`` as a mixing."""

    image_shape = (2, 16, 16)
    cameras = ("left", "right")

    def forward(self, z):
        raise AssertionError("images are rendered")

    def render(self, z, generator):
        return torch.as_tensor(rendered(z.numpy()))


def test_a_model_that_renders_is_the_truth_that_a_result_is_judged_by(quick_edges, tmp_path):
    model = replace(crlspec.compile(loads(MODEL), 0), mixing=Blobs(("x1",)))
    result = crlspec.solve(loads(MODEL), model.sample(seed=0), 0, model=model)
    found = result.evaluate(model, seed=1)
    assert found.attrs["samples"] == 1000
    assert 0.5 < float(found["mcc"]) <= 1
    assert np.isnan(float(found["mixing_error"]))
    page = result.report(tmp_path / "report.html", model=model).read_text()
    assert "in images of 16 × 16 pixels, 2 channels" in page
