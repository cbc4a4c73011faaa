"""The light tunnel: the torch map against its builders' simulator, and what the sensors must show."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from crlspec.errors import CrlspecError, SpecError
from crlspec.models.light_tunnel import SENSORS, SETTINGS, LightTunnel, published_simulator
from crlspec.models.light_tunnel_declaration import (
    ACTUATORS,
    LINEAR_SENSORS,
    PUBLISHED_DEVIATION,
    LightTunnelMixing,
)
from crlspec.spec.load import dump, load, loads
from crlspec.spec.resolve import resolve
from crlspec.spec.setting import Setting

SHUFFLED = ("pol_2", "blue", "red", "pol_1", "green")


needs_package = pytest.mark.skipif(
    find_spec("causalchamber") is None, reason="the extra tunnel is not installed"
)


def tunnel(sensors=SENSORS, latents=ACTUATORS, **options) -> LightTunnel:
    return LightTunnel(LightTunnelMixing(sensors=sensors, **options), latents)


def draws(samples: int, scale: float = 1.0, latents=ACTUATORS) -> torch.Tensor:
    deviation = torch.tensor([PUBLISHED_DEVIATION.get(name, 1.0) for name in latents], dtype=torch.float64)
    z = torch.randn(samples, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return scale * deviation * z


@needs_package
@pytest.mark.parametrize(
    "sensors", [LINEAR_SENSORS, SENSORS, ("angle_2", "vis_3", "ir_1", "current", "angle_1")]
)
@pytest.mark.parametrize("latents", [ACTUATORS, SHUFFLED])
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_equals_the_simulator(sensors, latents, scale):
    mixing, z = tunnel(sensors, latents), draws(500, scale, latents)
    settings = dict(zip(ACTUATORS, mixing.actuators(z).numpy().T, strict=True))
    assert all(settings[name].min() >= 0 and settings[name].max() <= 255 for name in ("red", "green", "blue"))
    assert all(np.abs(settings[name]).max() <= 90 for name in ("pol_1", "pol_2"))
    simulator = published_simulator()
    outputs = simulator._simulate(**settings, **SETTINGS, **simulator.parameters())
    readings = dict(zip(simulator.outputs_names, (np.squeeze(output) for output in outputs), strict=True))
    expected = np.stack([readings[sensor] for sensor in sensors], axis=-1)
    np.testing.assert_allclose(mixing(z).numpy(), expected, rtol=1e-12, atol=1e-9)
    assert mixing.observed == sensors


@needs_package
@pytest.mark.parametrize("sensors", [LINEAR_SENSORS, SENSORS])
def test_laws_of_a_mixing(sensors):
    mixing, z = tunnel(sensors), draws(50)
    jacobian = mixing.jacobian(z)
    assert jacobian.shape == (50, len(sensors), 5)
    by_autograd = torch.autograd.functional.jacobian(mixing, z[0])
    torch.testing.assert_close(jacobian[0], by_autograd)
    scaled = jacobian / jacobian.norm(dim=-2, keepdim=True)
    assert torch.linalg.matrix_rank(scaled).eq(5).all()
    assert mixing.has_inverse
    torch.testing.assert_close(mixing.inverse(mixing(z)), z, rtol=0, atol=1e-9)
    assert mixing(z.reshape(5, 10, 5)).shape == (5, 10, len(sensors))
    assert set(mixing.state_dict()) >= {"linear", "malus", "constant"}


@needs_package
def test_linear_sensors_are_affine_within_the_clip():
    mixing, z = tunnel(LINEAR_SENSORS), draws(200)
    torch.testing.assert_close(mixing(z), z @ mixing.matrix.T + mixing.offset)
    beyond = mixing(6 * mixing.deviation)
    torch.testing.assert_close(beyond, mixing(60 * mixing.deviation))
    assert not hasattr(tunnel(SENSORS), "matrix")


@needs_package
def test_third_sensor_hides_behind_crossed_polarisers():
    mixing = tunnel(
        ("ir_3", "vis_3", "ir_1", "angle_1", "angle_2"), ("pol_1", "pol_2", "red", "green", "blue")
    )
    assert not mixing.has_inverse
    with pytest.raises(CrlspecError, match="no inverse"):
        mixing.inverse(torch.zeros(1, 5, dtype=torch.float64))
    aligned, crossed = torch.zeros(2, 5, dtype=torch.float64)
    crossed[0] = 5 * mixing.deviation[0]  # 90 degrees
    assert (mixing(crossed)[:2] < 0.1 * mixing(aligned)[:2]).all()
    torch.testing.assert_close(mixing(crossed)[2], mixing(aligned)[2])


@needs_package
def test_other_names_and_standardisation():
    mixing = tunnel(
        LINEAR_SENSORS, ("a", "b", "c", "d", "e"), mean={"red": 2.0}, deviation={"red": 0.5}, clip=1.0
    )
    z = torch.tensor([[2.0, 0, 0, 0, 0], [2.5, 0, 0, 0, 0], [9.0, 0, 0, 0, 0]], dtype=torch.float64)
    np.testing.assert_allclose(mixing.actuators(z)[:, 0].numpy(), [127.5, 153.0, 153.0])


@pytest.mark.parametrize(
    ("sensors", "mixing_class"), [(LINEAR_SENSORS, "linear"), (SENSORS, "general"), (SENSORS[4:], "general")]
)
def test_declaration(sensors, mixing_class):
    declaration = LightTunnelMixing(sensors=sensors)
    assert declaration.mixing_class == mixing_class
    assert declaration.observed == len(sensors)
    assert declaration.observed_names() == sensors
    assert not declaration.is_resolved
    drawn = declaration.draw(np.random.default_rng(0), SHUFFLED)
    assert drawn.is_resolved
    assert drawn.actuators == SHUFFLED
    assert drawn.draw(np.random.default_rng(1), SHUFFLED) == drawn
    assert LightTunnelMixing.model_validate(drawn.model_dump()) == drawn


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[ir_1, ir_1, ir_2, angle_1, angle_2]", "once"),
        ("[ir_9, ir_1, ir_2, angle_1, angle_2]", "ir_9"),
        ("[ir_1, vis_1, ir_2, vis_2, current]", "angle_1"),
        ("[ir_1, current, angle_1, angle_2]", "at least three"),
    ],
)
def test_bad_sensors(text, words):
    with pytest.raises(SpecError, match=words):
        load("light-tunnel/sensors", sets=[f"mixing.sensors={text}"])


def test_needs_five_latents():
    with pytest.raises(SpecError, match="five actuators"):
        LightTunnelMixing().draw(None, ("a", "b"))


@pytest.mark.parametrize("name", ["light-tunnel/sensors", "light-tunnel/nine-sensors"])
def test_shipped_specs(name):
    spec = load(name)
    resolved = resolve(spec, seed=0)
    assert resolve(resolved, seed=1) == resolved
    assert loads(dump(resolved)) == resolved
    setting = Setting.of(spec)
    assert (setting.design, setting.kind, setting.noise, setting.function) == (
        "single-node",
        "hard",
        "gaussian",
        "linear",
    )
    assert setting.mixing == ("linear" if name.endswith("/sensors") else "general")
    assert setting.targets == {f"do_{latent}": (latent,) for latent in ACTUATORS}


def test_published_deviations_are_those_of_the_spec():
    scm = load("light-tunnel/sensors").scm
    weights = np.zeros((5, 5))
    for target, mechanism in scm.mechanism.items():
        for source, weight in mechanism.weight.items():
            weights[ACTUATORS.index(target), ACTUATORS.index(source)] = weight
    mixed = np.linalg.inv(np.eye(5) - weights)
    variances = np.diag([scm.noise[name].variance for name in ACTUATORS])
    deviations = np.sqrt(np.diag(mixed @ variances @ mixed.T))
    np.testing.assert_allclose(list(PUBLISHED_DEVIATION.values()), deviations, rtol=1e-12)


@needs_package
@pytest.mark.parametrize(("name", "significant"), [("sensors", 5), ("nine-sensors", 7)])
def test_spectrum_tells_linear_from_curved(name, significant):
    """The seven sensors span five dimensions exactly; the nine span seven: linear mixing is refuted."""
    from crlspec.generative.model import compile

    model = compile(load(f"light-tunnel/{name}"), seed=0)
    data = model.sample(3000, seed=1)
    x = np.concatenate([data[environment]["x"].values for environment in data.children])
    spectrum = np.linalg.eigvalsh(np.corrcoef(x.T))[::-1]
    assert (spectrum > 1e-7 * spectrum[0]).sum() == significant


def test_message_without_package(monkeypatch):
    def refuse(name):
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(CrlspecError, match=r"crlspec\[tunnel\]"):
        published_simulator()


@needs_package
def test_importing_is_quiet(capsys):
    published_simulator()
    assert capsys.readouterr().out == ""
