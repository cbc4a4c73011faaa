"""A simulated robot: what its cameras see, what is shared with other scenes, and what is refused."""

import importlib
import os
import pickle
from importlib.util import find_spec

import pytest
import torch

from crlspec.errors import CrlspecError, SpecError
from crlspec.models.mujoco_declaration import MujocoMixing
from crlspec.models.scene_declarations import Nuisance

SIX = ("base_yaw", "shoulder_pitch", "elbow_pitch", "forearm_roll", "wrist_pitch", "wrist_roll")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(declaration, dtype=torch.float64):
    resolved = declaration.draw(None, declaration.joints)
    return resolved.implement()(resolved, declaration.joints, dtype, "cpu")


@pytest.fixture(scope="module")
def _rendering():
    """MuJoCo, with software EGL unless MUJOCO_GL says otherwise; skipped where either is missing, with the reason."""
    if find_spec("mujoco") is None:
        pytest.skip("the extra robot is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUJOCO_GL", os.environ.get("MUJOCO_GL", "egl"))  # read once, when mujoco is imported
        try:
            built(MujocoMixing(size=8))(torch.zeros(1, 3, dtype=torch.float64))
        except CrlspecError as error:
            if "cannot render here" not in str(error):
                raise
            pytest.skip(str(error))
        yield


@pytest.mark.usefixtures("_rendering")
class TestRendering:
    def test_every_joint_moves_pixels_and_two_cameras_have_six_channels(self):
        mixing = built(MujocoMixing(joints=SIX, cameras=("front", "side"), size=32))
        assert (mixing.image_shape, mixing.cameras) == ((6, 32, 32), ("front", "side"))
        moves = mixing.jacobian(torch.zeros(2, 6, dtype=torch.float64)).norm(dim=-2)
        assert moves.shape == (2, 6)
        assert (moves > 0.3).all()

    def test_images_are_those_of_forward(self):
        mixing = built(MujocoMixing(size=16), torch.float32)
        z = torch.randn(5, 3, generator=generator())
        images = mixing.render(z, generator(), batch=2)
        assert (images.shape, images.dtype) == ((5, 3, 16, 16), torch.uint8)
        assert torch.equal(images, mixing.render(z, generator()))
        torch.testing.assert_close(images.flatten(1).float() / 255, mixing(z))
        again = pickle.loads(pickle.dumps(mixing))
        assert torch.equal(again.render(z, generator()), images)

    def test_nuisance_leaves_the_arm_and_changes_the_rest(self):
        z = torch.zeros(40, 3, dtype=torch.float64)
        plain = built(MujocoMixing(size=24)).observe(z[:1], generator()).unflatten(-1, (3, 24, 24))
        seen = built(MujocoMixing(size=24, nuisance=Nuisance(background=0.4))).observe(z, generator())
        spread = seen.unflatten(-1, (3, 24, 24)).std(0).amax(0)
        empty = plain[0].sum(0) == 0
        assert float(spread[empty].min()) > 0.02
        assert int((spread == 0).sum()) > 10
        moved = built(MujocoMixing(size=24, nuisance=Nuisance(jitter=3))).observe(z, generator())
        assert float(moved.sum(1).std() / moved.sum(1).mean()) < 0.02
        assert float((moved[0] - moved[1]).abs().max()) > 0.2

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"joints": ("elbow", "base_yaw")}, "no joint elbow"),
            ({"cameras": ("above",)}, "no camera above"),
            ({"model": "nowhere.xml"}, "no file nowhere.xml"),
        ],
    )
    def test_what_the_model_lacks_is_named(self, given, words):
        with pytest.raises(CrlspecError, match=words):
            built(MujocoMixing(size=8, **given))

    def test_a_file_that_is_no_model_is_refused(self, tmp_path):
        (tmp_path / "own.xml").write_text("<mujoco><worldbody><geom/></mujoco>")
        with pytest.raises(CrlspecError, match="cannot read"):
            built(MujocoMixing(size=8, model=str(tmp_path / "own.xml")))


def test_without_the_package_the_remedy_is_said(monkeypatch):
    whole = importlib.import_module
    from crlspec.models import mujoco_scene

    def refuse(name):
        if name == "mujoco":
            raise ImportError("No module named 'mujoco'")
        return whole(name)

    monkeypatch.setattr(mujoco_scene, "import_module", refuse)
    with pytest.raises(CrlspecError, match=r"crlspec\[robot\]"):
        built(MujocoMixing(size=8))


def test_without_opengl_the_remedy_is_said(monkeypatch):
    whole = importlib.import_module
    from crlspec.models import mujoco_scene

    def broken(name):
        if name == "mujoco":
            raise AttributeError("'NoneType' object has no attribute 'eglQueryString'")
        return whole(name)

    monkeypatch.setattr(mujoco_scene, "import_module", broken)
    with pytest.raises(CrlspecError, match=r"cannot render here: .*eglQueryString.*MUJOCO_GL=egl"):
        built(MujocoMixing(size=8))


def test_the_declaration_counts_and_refuses():
    declaration = MujocoMixing(joints=SIX, cameras=("front", "side"), size=16)
    assert (declaration.observed, declaration.pixels, declaration.needed) == (6 * 256, (6, 16, 16), 6)
    with pytest.raises(ValueError, match="each once"):
        MujocoMixing(joints=("a", "a"))
    with pytest.raises(SpecError, match="needs 3 latents, got 1"):
        MujocoMixing().draw(None, ("a",))
