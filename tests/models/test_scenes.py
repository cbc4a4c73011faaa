"""Scenes: balls and arms keep the contract of a mixing, show what they should, and differ only as is declared."""

import colorsys

import numpy as np
import pytest
import torch

import crlspec
from crlspec.errors import CrlspecError, SpecError
from crlspec.models.scene_declarations import BallsMixing, Nuisance, RobotArmMixing
from crlspec.testing import MixingContract

FULL = Nuisance(light=0.3, background=0.5, jitter=2.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(declaration, dtype=torch.float64, device="cpu"):
    latents = tuple(f"z{k}" for k in range(declaration.needed))
    resolved = declaration.draw(None, latents)
    return resolved.implement()(resolved, latents, dtype, device)


def normal(samples: int, latents: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, latents, generator=generator(seed), dtype=torch.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class TestBalls(MixingContract):
    latents = ("x1", "y1", "x2", "y2")

    def declaration(self):
        return BallsMixing(count=2, size=12, mean={"y1": 0.5}, deviation={"x2": 2.0})

    def expected(self, declaration, z):
        """Pixel by pixel, the balls painted one over the other."""
        mean, deviation = (
            [table[name] for name in self.latents] for table in (declaration.mean, declaration.deviation)
        )
        places = 0.5 + 0.42 * np.tanh(0.4 * (z - mean) / deviation)
        images = np.zeros((len(z), 3, 12, 12))
        for image, place in zip(images, places, strict=True):
            for row, column in np.ndindex(12, 12):
                for ball in range(2):
                    offset = place[2 * ball : 2 * ball + 2] - [(column + 0.5) / 12, (row + 0.5) / 12]
                    disc = sigmoid((0.08 - np.sqrt(offset @ offset + 1e-8)) * 24)
                    colour = np.array(colorsys.hsv_to_rgb(ball / 2, 1, 1))
                    image[:, row, column] = disc * colour + (1 - disc) * image[:, row, column]
        return images.reshape(len(z), -1)


def rotation(axis, angle):
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


X, Y, Z = np.eye(3)


def links_of(angles, fins):
    """Ends of the links by products of rotation matrices."""
    pitch = [rotation(Y, a) for a in (angles[1], angles[2], angles[4])]
    base = rotation(Z, angles[0])
    upper = base @ pitch[0]
    forearm = upper @ pitch[1]
    rolled = forearm @ rotation(Z, angles[3])
    hand = rolled @ pitch[2]
    tool = hand @ rotation(Z, angles[5])
    shoulder = 0.4 * Z
    elbow = shoulder + upper @ (0.5 * Z)
    wrist = elbow + forearm @ (0.45 * Z)
    palm = wrist + hand @ (0.15 * Z)
    links = [(0 * Z, shoulder), (shoulder, elbow), (elbow, wrist), (wrist, palm)]
    if not fins:
        return [*links, (palm, palm + tool @ (0.2 * Z))]
    middle = (elbow + wrist) / 2
    fingers = [(palm + tool @ (s * 0.11 * X), palm + tool @ (s * 0.11 * X + 0.2 * Z)) for s in (1, -1)]
    return [*links, (middle, middle + rolled @ (0.25 * X)), *fingers]


class ArmLaws(MixingContract):
    joints, cameras, fins, size = 3, 1, True, 8
    radii = (0.09, 0.075, 0.065, 0.05, 0.04, 0.045, 0.045)

    def declaration(self):
        return RobotArmMixing(joints=self.joints, cameras=self.cameras, size=self.size, fins=self.fins)

    def expected(self, declaration, z):
        """Image by image and link by link."""
        from crlspec.models.robot_arm import CENTRE, COLOURS, WIDTH

        order = ("column", "upper arm", "forearm", "hand", "fin", "left finger", "right finger")
        views, images = [(0.35, 0.35), (1.75, 0.5)][: self.cameras], []
        square = (self.size, self.size)
        middle = (np.arange(self.size) + 0.5) / self.size
        plane = np.stack(np.meshgrid(WIDTH * (middle - 0.5), WIDTH * (0.5 - middle)), -1)
        for u in z:
            angles = np.array([0, 0.45, 1.0, 0, 0, 0])
            angles[: self.joints] += 0.35 * u
            for azimuth, elevation in views:
                turned = rotation(Y, elevation) @ rotation(
                    Z, -azimuth
                )  # the camera's x points at the arm from there
                total, share, clear = np.zeros((*square, 3)), np.zeros(square), np.ones(square)
                for name, radius, ends in zip(order, self.radii, links_of(angles, self.fins), strict=True):
                    a, b = (turned @ (end - np.array(CENTRE)) for end in ends)
                    start, along = a[1:], (b - a)[1:]
                    t = np.clip((plane - start) @ along / (along @ along + 1e-6), 0, 1)
                    off = np.sqrt(((plane - start - t[..., None] * along) ** 2).sum(-1) + 1e-8)
                    alpha = sigmoid((radius - off) / (WIDTH / (2 * self.size)))
                    weight = alpha * np.exp(8 * (a[0] + t * (b - a)[0]))
                    total += weight[..., None] * COLOURS[name]
                    share, clear = share + weight, clear * (1 - alpha)
                images.append(((1 - clear) / share)[..., None] * total)
        return (
            np.array(images)
            .reshape(len(z), self.cameras, *square, 3)
            .transpose(0, 1, 4, 2, 3)
            .reshape(len(z), -1)
        )


class TestArmOfThree(ArmLaws):
    pass


class TestArmOfSix(ArmLaws):
    latents = ("a", "b", "c", "d", "e", "f")
    joints, cameras = 6, 2


ALL = [
    BallsMixing(count=1, size=16),
    BallsMixing(count=3, size=16, setting="published"),
    RobotArmMixing(size=16),
    RobotArmMixing(joints=6, size=16, cameras=2),
]
each = pytest.mark.parametrize("declaration", ALL, ids=lambda d: f"{d.kind}-{d.needed}")


@each
def test_images_have_shape_and_cameras(declaration):
    mixing, z = built(declaration), normal(6, declaration.needed)
    channels = 3 * len(mixing.cameras)
    assert mixing.image_shape == (channels, 16, 16)
    images = mixing.render(z.reshape(2, 3, -1), generator())
    assert (images.shape, images.dtype) == ((2, 3, channels, 16, 16), torch.uint8)
    x = mixing(z)
    assert (x.shape[-1], float(x.min()) >= 0, float(x.max()) <= 1) == (channels * 256, True, True)
    assert float((images.reshape(6, -1).double() / 255 - x).abs().max()) < 0.503 / 255
    assert mixing.observed[:2] == ("front_r_0_0", "front_r_0_1")
    assert mixing.observed[256] == "front_g_0_0"


def test_two_cameras_have_six_channels():
    mixing = built(RobotArmMixing(size=16, cameras=2))
    assert (mixing.image_shape, mixing.cameras) == ((6, 16, 16), ("front", "side"))
    z = normal(3, 3)
    one = built(RobotArmMixing(size=16)).render(z, generator())
    torch.testing.assert_close(mixing.render(z, generator())[:, :3], one)


@each
def test_far_positions_differ_and_near_ones_hardly(declaration):
    mixing, n = built(declaration), declaration.needed
    z = torch.zeros(1, n, dtype=torch.float64)
    for k in range(n):
        step = torch.eye(n, dtype=torch.float64)[k]
        far, near = (float((mixing(z + size * step) - mixing(z)).abs().max()) for size in (2.0, 1e-4))
        assert far > 0.2
        assert 0 < near < 1e-3


@each
def test_the_image_is_smooth_in_the_latents(declaration):
    """Central differences agree with the derivative along a direction, to second order of the step."""
    mixing, z = built(declaration), normal(20, declaration.needed)
    direction = normal(20, declaration.needed, seed=1)
    _, derivative = torch.func.jvp(mixing, (z,), (direction,))
    step = 1e-5
    difference = (mixing(z + step * direction) - mixing(z - step * direction)) / (2 * step)
    torch.testing.assert_close(difference, derivative, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("joints", "cameras"), [(3, 1), (6, 2)])
def test_every_joint_moves_pixels(joints, cameras):
    """Root of the summed squares over pixels, a standard deviation of the joint: far above one grey level of 255."""
    moves = (
        built(RobotArmMixing(joints=joints, size=32, cameras=cameras))
        .jacobian(normal(100, joints))
        .norm(dim=-2)
    )
    assert (moves.median(0).values > 0.8).all()
    assert (moves.quantile(0.02, dim=0) > 0.4).all()


def test_without_fins_the_wrist_roll_is_invisible_and_the_forearm_roll_nearly():
    moves = (
        built(RobotArmMixing(joints=6, size=32, cameras=2, fins=False)).jacobian(normal(100, 6)).norm(dim=-2)
    )
    assert float(moves[:, 5].max()) < 1e-9
    assert (moves[:, [0, 1, 2, 4]].median(0).values > 0.8).all()
    straight = normal(20, 6)
    straight[:, 4] = 0  # the hand goes on where the forearm ends
    still = built(RobotArmMixing(joints=6, size=32, cameras=2, fins=False)).jacobian(straight).norm(dim=-2)
    assert float(still[:, 3].max()) < 1e-9


@pytest.mark.parametrize("setting", ["published", "visible"])
def test_the_centre_of_each_colour_is_the_declared_position(setting):
    """Where three balls of pure red, green and blue neither overlap nor touch the rim."""
    mixing = built(BallsMixing(count=3, size=64, setting=setting))
    z = normal(400, 6)
    places = mixing.positions(z)
    apart = torch.stack([torch.pdist(place).min() for place in places]) > 0.28
    inside = ((places - 0.5).abs() < 0.38).all(-1).all(-1)
    kept = apart & inside
    assert int(kept.sum()) > 20
    images = mixing(z[kept]).unflatten(-1, (3, 64, 64))
    middle = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    mass = images.sum((-1, -2))
    x, y = (images.sum(-2) * middle).sum(-1) / mass, (images.sum(-1) * middle).sum(-1) / mass
    torch.testing.assert_close(torch.stack([x, y], -1), places[kept], rtol=0, atol=2e-3)


def test_a_later_ball_is_before_an_earlier_one():
    image = built(BallsMixing(count=3, size=64))(torch.zeros(1, 6, dtype=torch.float64)).unflatten(
        -1, (3, 64, 64)
    )
    assert image[0, :, 32, 32] == pytest.approx([0, 0, 1], abs=0.02)


def test_positions_keep_dependence_and_are_never_cut():
    """Increasing in their own latent and blind to the others, however far out."""
    mixing = built(BallsMixing(count=2, size=8, setting="published"))
    z = torch.zeros(81, 4, dtype=torch.float64)
    z[:, 2] = torch.linspace(-8, 8, 81)
    places = mixing.positions(z).flatten(1)
    assert (places[:, 2].diff() > 0).all()
    assert (places[:, 2] > 0).all() and (places[:, 2] < 1).all()
    assert (places[:, [0, 1, 3]] == 0.5).all()


@each
def test_batches_of_any_size_give_the_same_images(declaration):
    noisy = declaration.model_copy(update={"nuisance": FULL, "noise": 0.05})
    for one in (declaration, noisy):
        mixing, z = built(one), normal(23, one.needed)
        whole = mixing.render(z, generator(3))
        for batch in (1, 7, 23, 100):
            assert torch.equal(mixing.render(z, generator(3), batch=batch), whole)
        assert torch.equal(built(one, torch.float32).render(z, generator(3)), whole)


@each
def test_nuisance_comes_from_its_generator_alone(declaration):
    still, z = built(declaration), normal(10, declaration.needed)
    assert torch.equal(still.observe(z, generator(0)), still(z))
    assert torch.equal(still.render(z, generator(0)), still.render(z, generator(1)))
    mixing = built(declaration.model_copy(update={"nuisance": FULL}))
    before = torch.get_rng_state()
    first, again, other = (mixing.render(z, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(mixing(z), still(z))
    x = mixing.observe(z, generator(0))
    assert float((first.flatten(1).double() / 255 - x).abs().max()) < 0.51 / 255


def test_each_nuisance_does_what_it_says():
    z = torch.zeros(200, 3, dtype=torch.float64)

    def seen(**given):
        mixing = built(RobotArmMixing(size=24, nuisance=Nuisance(**given)))
        return mixing.observe(z, generator()).unflatten(-1, (3, 24, 24)), mixing(z[:1]).unflatten(
            -1, (3, 24, 24)
        )

    lit, plain = seen(light=0.4)
    factor = lit.flatten(1).norm(dim=1) / plain.norm()
    assert 0.6 <= float(factor.min()) < 0.65 and 1.2 < float(factor.max()) <= 1.4
    covered, plain = seen(background=0.3)
    empty = plain[0].sum(0) < 1e-6
    assert float(covered[..., empty].max()) <= 0.3 and float(covered[..., empty].std()) > 0.03
    moved, plain = seen(jitter=3.0)
    middle = torch.arange(24, dtype=torch.float64)
    across = (moved.sum((1, 2)) * middle).sum(-1) / moved.sum((1, 2, 3))
    shift = across - (plain.sum((1, 2)) * middle).sum(-1) / plain.sum()
    assert float(shift.abs().max()) < 3.05 and float(shift.std()) == pytest.approx(3 / 3**0.5, rel=0.15)


def test_latents_are_standardised_by_a_linear_model():
    text = (
        "latents: [a, b, c]\n"
        "scm: {graph: [a -> b], mechanism: {kind: linear, weight: 2.0}, "
        "noise: {kind: normal, mean: 1.0, variance: 4.0}}\n"
        "mixing: {kind: robot-arm, size: 8, deviation: {c: 1.0}}\n"
    )
    mixing = crlspec.compile(crlspec.loads(text)).mixing
    torch.testing.assert_close(mixing.mean, torch.tensor([1.0, 3.0, 1.0], dtype=torch.float64))
    torch.testing.assert_close(mixing.deviation, torch.tensor([2.0, 20.0**0.5, 1.0], dtype=torch.float64))
    torch.testing.assert_close(
        mixing.angles(mixing.mean + mixing.deviation), torch.full((3,), 0.35, dtype=torch.float64)
    )


def test_a_model_draws_nuisance_for_each_environment():
    text = (
        "latents: 3\nscm: {graph: {kind: random, density: 0.5}, mechanism: {kind: linear}, noise: {kind: normal}}\n"
        "mixing: {kind: robot-arm, size: 8, nuisance: {light: 0.3}}\n"
        "interventions: {design: coupled, kind: hard, noise: {mean: {value: 1}}, "
        "second: {noise: {mean: {value: -1}}}}\n"
    )
    model = crlspec.compile(crlspec.loads(text), seed=0)
    data, again = model.sample(20, seed=1), model.sample({"do_z1_a": 20}, seed=1)
    np.testing.assert_array_equal(data["do_z1_a"]["image"].values, again["do_z1_a"]["image"].values)
    z = torch.tensor(data["obs"]["z"].values)
    seen = data["obs"]["image"].values.reshape(20, -1) / 255
    share = np.linalg.norm(seen, axis=1) / model.mixing(z).norm(dim=1).numpy()
    assert 0.69 < share.min() < 0.85 and 1.1 < share.max() < 1.31


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{kind: balls, count: 2, size: 8, observed: 5}", "observed must be the number of pixels"),
        ("{kind: balls, count: 2, size: 8}", "2 balls needs 4 latents, got 3.*x and y of each ball"),
        ("{kind: balls, count: 0}", "at least 1"),
        ("{kind: balls, count: 2, spread: 0}", "must be above 0"),
        ("{kind: robot-arm, joints: 4}", "3"),
        ("{kind: robot-arm, cameras: 3}", "at most 2"),
        ("{kind: robot-arm, nuisance: {lights: 1}}", "light"),
        ("{kind: robot-arm, size: 8, mean: {z9: 1}}", "no latent z9"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(SpecError, match=words):
        crlspec.compile(crlspec.loads(
            f"latents: 3\nscm: {{graph: [], mechanism: {{kind: linear}}, noise: {{kind: normal}}}}\nmixing: {text}\n"
        ))  # fmt: skip


def test_a_batch_of_none_is_refused():
    with pytest.raises(CrlspecError, match="0 images were asked for at a time"):
        built(BallsMixing(count=1, size=8)).render(torch.zeros(1, 2), generator(), batch=0)


SPECS = [
    "images/balls-2",
    "images/balls-3",
    "robot/arm-3",
    "robot/arm-3-scale",
    "robot/arm-6",
    "robot/arm-6-scale",
]


@pytest.mark.parametrize("name", SPECS)
def test_shipped_scenes_are_covered_and_sample(name):
    spec = crlspec.load(name)
    assert spec.name == name.replace("/", "-")
    verdict = crlspec.identifiability(spec)
    assert (verdict.covered, verdict.graph, verdict.estimator) == (True, "exact", "gscale-i")
    model = crlspec.compile(crlspec.load(name, sets=["mixing.size=8"]), seed=0)
    data = model.sample(5, seed=0)
    assert len(data.children) == 2 * len(spec.latents) + 1
    assert data["obs"]["image"].shape == (5, 3 * len(model.mixing.cameras), 8, 8)
    assert data["obs"]["image"].dtype == np.uint8 and "x" not in data["obs"]
    assert crlspec.loads(crlspec.dump(model.spec)) == model.spec


def test_a_pair_is_told_apart_by_position():
    """The two environments of a latent of balls-2 differ where a classifier looks: spreads of four to one."""
    model = crlspec.compile(crlspec.load("images/balls-2"), seed=0)
    sets = {name: model.environments[name].sample(4000, 0) for name in ("do_x1_a", "do_x1_b")}
    narrow, wide = (model.mixing.positions(z)[:, 0, 0].std() for z in sets.values())
    assert 2.5 < float(wide / narrow) <= 4.0
