"""The light tunnel's camera: the torch map against its builders' simulators, and what images can show."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from crlspec.errors import CrlspecError, SpecError
from crlspec.models.light_tunnel import LightTunnel
from crlspec.models.light_tunnel_camera import published_camera
from crlspec.models.light_tunnel_declaration import ACTUATORS, PUBLISHED_DEVIATION, Camera, LightTunnelMixing
from crlspec.spec.load import dump, load, loads
from crlspec.spec.resolve import resolve

needs_package = pytest.mark.skipif(
    find_spec("causalchamber") is None, reason="the extra tunnel is not installed"
)
HELD = {"pol_1": 20.0, "pol_2": -15.0}
ANGLES = ("angle_1", "angle_2")


def draws(samples: int, latents=ACTUATORS, scale: float = 1.0) -> torch.Tensor:
    deviation = torch.tensor([PUBLISHED_DEVIATION[name] for name in latents], dtype=torch.float64)
    z = torch.randn(samples, len(latents), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return scale * deviation * z


@needs_package
@pytest.mark.parametrize("model", ["f1", "f2", "f3"])
@pytest.mark.parametrize(("exposure", "scale"), [(None, 1.0), (2.5, 4.0)])
def test_equals_the_simulator(model, exposure, scale):
    camera = Camera(model=model, size=16, exposure=exposure)
    mixing = LightTunnel(LightTunnelMixing(camera=camera), ACTUATORS)
    z = draws(40, scale=scale)
    settings = dict(zip(ACTUATORS, mixing.actuators(z).numpy().T, strict=True))
    simulator = published_camera(camera)
    expected = simulator._simulate(**settings, **simulator.parameters())
    assert expected.shape == (40, 16, 16, 3)
    np.testing.assert_allclose(mixing(z).numpy().reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)
    assert (expected.reshape(40, -1).max(1) > 0).all()
    if exposure is None:
        assert expected.max() < 1


@needs_package
def test_held_polarisers_leave_a_linear_map_of_three_colours():
    declaration = LightTunnelMixing(camera=Camera(size=8), polarisers=HELD, sensors=("ir_3", "current"))
    assert declaration.mixing_class == "linear"
    mixing, z = LightTunnel(declaration, ("blue", "red", "green")), draws(100, ("blue", "red", "green"))
    torch.testing.assert_close(mixing(z), z @ mixing.matrix.T + mixing.offset)
    torch.testing.assert_close(mixing.inverse(mixing(z)), z, rtol=0, atol=1e-9)
    assert mixing.observed[:4] == ("p0_0_r", "p0_0_g", "p0_0_b", "p0_1_r")
    assert mixing.observed[-2:] == ("ir_3", "current")
    bright = LightTunnelMixing(camera=Camera(size=8, exposure=2.5), polarisers=HELD)
    assert bright.mixing_class == "general"
    assert not LightTunnel(bright, ACTUATORS[:3]).has_inverse
    without = LightTunnel(LightTunnelMixing(polarisers=HELD), ACTUATORS[:3])
    assert without.observed == ("ir_1", "vis_1", "ir_2", "vis_2", "current")
    torch.testing.assert_close(without.inverse(without(z)), z, rtol=0, atol=1e-9)


@needs_package
def test_images_determine_five_latents_with_both_angles_alone():
    z = draws(100)
    both = LightTunnel(LightTunnelMixing(camera=Camera(size=8), sensors=ANGLES), ACTUATORS)
    assert both.has_inverse
    torch.testing.assert_close(both.inverse(both(z)), z, rtol=0, atol=1e-8)
    ranks = torch.linalg.matrix_rank(both.jacobian(z[:20]))
    assert ranks.eq(5).all()
    alone = LightTunnel(LightTunnelMixing(camera=Camera(size=8)), ACTUATORS)
    assert not alone.has_inverse
    with pytest.raises(CrlspecError, match="no inverse"):
        alone.inverse(alone(z))
    assert torch.linalg.matrix_rank(alone(z) - alone(z).mean(0)) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{kind: light-tunnel, camera: {size: 16}, polarisers: {pol_1: 0}}", "both"),
        ("{kind: light-tunnel, camera: {}, sensors: [angle_1], polarisers: {pol_1: 0, pol_2: 1}}", "do not vary"),
        ("{kind: light-tunnel, camera: {size: 2}}", "must be at least 4"),
        ("{kind: light-tunnel, camera: {model: f4}}", "f3"),
        ("{kind: light-tunnel, camera: {size: 16}, observed: 3}", "leave it out"),
        ("{kind: light-tunnel, sensors: [ir_1], polarisers: {pol_1: 0, pol_2: 0}}", "at least three"),
        ("{kind: light-tunnel, camera: {size: 16}, sensors: [angle_1, angle_1]}", "once"),
    ],
)  # fmt: skip
def test_bad_cameras(text, words):
    with pytest.raises(SpecError, match=words):
        load("light-tunnel/sensors", sets=[f"mixing={text}"])


def test_held_polarisers_need_three_latents():
    with pytest.raises(SpecError, match="three actuators where the polarisers are held"):
        LightTunnelMixing(polarisers=HELD).draw(None, ACTUATORS)


def test_the_bench_is_standardised_for_the_latents_that_were_drawn():
    text = dump(load("light-tunnel/sensors")).replace("1.95646855", "4.0")
    resolved = resolve(loads(text), seed=0).mixing
    assert resolved.deviation["pol_1"] == pytest.approx(2.0)
    variance = PUBLISHED_DEVIATION["red"] ** 2 + 0.84868401**2 * (4.0 - 1.95646855)
    assert resolved.deviation["red"] == pytest.approx(variance**0.5)
    assert resolved.deviation["blue"] == pytest.approx(PUBLISHED_DEVIATION["blue"])
    own = resolve(
        loads(text.replace("kind: light-tunnel\n", "kind: light-tunnel\n  deviation: {pol_1: 3.0}\n")), seed=0
    )
    assert own.mixing.deviation["pol_1"] == 3.0


@needs_package
def test_images_from_file_to_graph():
    from crlspec.generative.model import compile
    from crlspec.solving import solve

    spec = load("light-tunnel/images-colours", sets=["samples=2000", "mixing.camera.size=10"])
    model = compile(spec, seed=0)
    data = model.sample(seed=1)
    assert data["obs"]["x"].shape == (2000, 300)
    result = solve(spec, data, seed=2)
    assert result.status.ok
    assert {edge.pair for edge in result.edges} == {("blue", "green"), ("green", "red")}
    z, found = data["obs"]["z"].values, result.encoder(data["obs"]["x"]).values
    assert np.abs(np.corrcoef(z.T, found.T)[:3, 3:]).diagonal().min() > 0.99
