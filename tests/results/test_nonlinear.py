"""A Result whose encoder and decoder are networks: convention, storage, decoding, report, command line."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread

from crlspec.cli import main
from crlspec.errors import DataError, EstimationError
from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder
from crlspec.report.traversals import traversals
from crlspec.result import Result, open_result


@pytest.fixture(scope="module")
def nonlinear(toy, model):
    """The toy's truth, one latent bent by a network that its decoder does not undo, stages kept."""
    estimate = toy.toy_estimate(model)
    n, d = estimate.encoder.matrix.shape
    rng = np.random.default_rng(1)
    bend = Network(
        np.diag([-2.0, 1.0, 3.0, 1.0]), np.full(n, 0.3), (rng.normal(size=(6, n)), rng.normal(size=(n, 6))),
        (rng.normal(size=6),),
    )  # fmt: skip
    encoder = NetworkEncoder(bend, estimate.encoder.matrix, estimate.encoder.offset)
    decoder = NetworkDecoder(replace(bend, skip=np.diag(1 / np.diag(bend.skip))), estimate.mixing, np.ones(d))
    stages = (*estimate.stages[:1], replace(estimate.stages[2], encoder=encoder))
    bent = replace(estimate, encoder=encoder, decoder=decoder, mixing=None, stages=stages)
    return Result.from_estimate(bent, model.sample(1500, seed=1), observational="obs")


def test_the_convention_holds(nonlinear, model):
    z = nonlinear.latents["obs"]["z_hat"].values
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(z.std(axis=0), 1)
    x = model.sample(1500, seed=1)["obs"]["x"].values
    slopes = np.linalg.lstsq(z, (x - x.mean(0)) / x.std(0), rcond=None)[0].T
    assert (slopes[np.abs(slopes).argmax(0), range(4)] > 0).all()
    np.testing.assert_allclose(nonlinear.stages[1].encoder(x), z, atol=1e-10)


def test_scale_and_order_of_the_latents_do_not_change_what_is_decoded(toy, model, nonlinear):
    estimate, data = nonlinear.estimate, model.sample(1500, seed=1)
    x, factor = data["obs"]["x"].values, np.array([-3.0, 0.2, -1.0, 7.0])
    rescaled = replace(
        estimate, encoder=estimate.encoder.scaled(factor, x + 1), decoder=estimate.decoder.scaled(
            factor, estimate.encoder(x + 1).mean(0)
        )
    )  # fmt: skip
    again = Result.from_estimate(rescaled, data, observational="obs")
    xr.testing.assert_allclose(again.reconstruct(data["obs"]["x"]), nonlinear.reconstruct(data["obs"]["x"]))
    xr.testing.assert_allclose(again.latents["obs"].to_dataset(), nonlinear.latents["obs"].to_dataset())


def test_saved_and_opened_it_is_the_same_to_the_last_bit(nonlinear, model, tmp_path):
    opened = open_result(nonlinear.save(tmp_path / "result.nc"))
    x = model.sample(30, seed=2)["obs"]["x"]
    xr.testing.assert_identical(opened.transform(x), nonlinear.transform(x))
    xr.testing.assert_identical(opened.reconstruct(x), nonlinear.reconstruct(x))
    assert opened.stages[0].encoder is None
    np.testing.assert_array_equal(opened.stages[1].encoder(x.values), nonlinear.stages[1].encoder(x.values))
    assert opened.edges == nonlinear.edges


def test_reconstruct_takes_latents_and_observations_by_their_labels(nonlinear, model):
    x = model.sample(20, seed=5)["obs"]["x"]
    z = nonlinear.transform(x)
    xr.testing.assert_identical(nonlinear.reconstruct(z), nonlinear.reconstruct(x))
    turned = z.isel(latent=[3, 1, 0, 2]).transpose("latent", "sample")
    xr.testing.assert_identical(nonlinear.reconstruct(turned), nonlinear.reconstruct(z))
    np.testing.assert_array_equal(nonlinear.decoder(z.values), nonlinear.decoder(z))


def test_traversing_moves_one_latent_alone(nonlinear):
    moved = nonlinear.traverse("z2", [-1.0, 0.0, 2.0])
    assert moved.dims == ("value", "observed")
    still = nonlinear.reconstruct(xr.DataArray(np.zeros((1, 4)), dims=("sample", "latent")))
    np.testing.assert_allclose(moved.sel(value=0.0), still[0])
    assert np.ptp(moved.values, axis=0).max() > 0
    with pytest.raises(DataError, match="there is no latent 'z9'"):
        nonlinear.traverse("z9", [0.0])


def test_linear_results_decode_too(result, model):
    x = model.sample(20, seed=5)["obs"]["x"]
    xr.testing.assert_allclose(result.reconstruct(x).rename("x"), x)
    assert result.traverse("z1", [0.0, 1.0]).shape == (2, 7)
    assert traversals(result) == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda z: z.isel(latent=slice(3)), "named z1, z2, z3"),
        (lambda z: z.values[:, :2], "4 latents"),
        (lambda z: z.rename(latent="factor"), "no dimension 'latent'"),
    ],
)
def test_latents_that_do_not_fit_are_refused(nonlinear, model, wrong, words):
    z = nonlinear.transform(model.sample(5, seed=5)["obs"]["x"])
    with pytest.raises(DataError, match=words):
        nonlinear.decoder(wrong(z))


def test_what_is_linear_alone_is_refused_in_words(nonlinear):
    with pytest.raises(EstimationError, match="mixing is not linear"):
        _ = nonlinear.mixing
    with pytest.raises(EstimationError, match="encoder is not linear"):
        _ = nonlinear.encoder.matrix
    without = replace(nonlinear, estimate=replace(nonlinear.estimate, decoder=None))
    with pytest.raises(EstimationError, match="no decoder"):
        without.traverse("z1", [0.0])


def test_evaluation_and_report(nonlinear, model):
    found = nonlinear.evaluate(model, samples=500)
    assert np.isnan(found["mixing_error"])
    assert found["shd"] == 0
    assert found["mcc_spearman"] > 0.1
    from crlspec.report.report import render

    page = render(nonlinear, nonlinear.goodness_of_fit, model)
    assert "Moving one latent" in page
    assert render(nonlinear, nonlinear.goodness_of_fit, model) == page


def with_examples(result, x, **provenance):
    """The same with samples kept, and told what they are."""
    found = {**result.estimate.diagnostics, "examples": xr.DataArray(x, dims=("sample", "observed"))}
    estimate = replace(result.estimate, diagnostics=found)
    return replace(result, estimate=estimate, provenance={**result.provenance, **provenance})


def test_samples_are_drawn_against_what_comes_back(nonlinear, model):
    x = model.sample(50, seed=2)["obs"]["x"].values
    section = traversals(with_examples(nonlinear, x))
    assert "Reconstruction" in section
    assert section.count("% of the variance lost") == 6
    lost = [float(value) for value in re.findall(r"([\d.]+) % of the variance lost", section)]
    assert lost == sorted(lost, reverse=True)
    back = nonlinear.reconstruct(x).values
    assert lost[0] == pytest.approx(100 * (((x - back) ** 2).mean(0) / x.var(0)).max(), abs=0.06)


@pytest.mark.parametrize("linear", [True, False])
def test_images_are_shown_as_images(nonlinear, result, model, linear):
    """Of one row, two columns and three channels, beside a seventh variable that is no pixel."""
    x = np.random.default_rng(0).uniform(size=(4, 7))
    shown = with_examples(result if linear else nonlinear, x, image=[1, 2, 3])
    section = traversals(shown)
    strips = re.findall(r'<img class="strip" alt="([^"]+)" src="data:image/png;base64,([^"]+)">', section)
    assert [alt for alt, _ in strips[:-1]] == [f"Images while {name} moves." for name in shown.names]
    drawn = imread(io.BytesIO(base64.b64decode(strips[-1][1])), format="png")
    assert drawn.shape[:2] == (3, 11)  # two lines of four pictures, two wide, with gaps
    pixels = np.clip(x[:, :6], 0, 1).reshape(4, 2, 3)
    back = np.clip(shown.reconstruct(x).values[:, :6], 0, 1).reshape(4, 2, 3)
    for k in range(4):
        np.testing.assert_allclose(drawn[0, 3 * k : 3 * k + 2, :3], pixels[k], atol=1 / 255)
        np.testing.assert_allclose(drawn[2, 3 * k : 3 * k + 2, :3], back[k], atol=1 / 255)


def test_the_command_line_transforms(nonlinear, model, tmp_path, capsys):
    nonlinear.save(tmp_path / "result.nc")
    x = model.sample(6, seed=8)["obs"]["x"]
    x.to_pandas().to_csv(tmp_path / "new.csv", index=False)
    call = ["transform", str(tmp_path / "result.nc"), "--data", str(tmp_path / "new.csv")]
    assert main([*call, "--out", str(tmp_path / "z.csv")]) == 0
    found = np.loadtxt(tmp_path / "z.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(found, nonlinear.transform(x.values), atol=1e-9)
