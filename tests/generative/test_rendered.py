"""Models whose mixing renders images: what is sampled are images in uint8, the same whatever the batch and device."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crlspec.data import Problem, provenance_of
from crlspec.generative.mixing import Mixing
from crlspec.generative.model import RENDERED, compile
from crlspec.spec.load import loads

SPEC = """
crlspec: 1
name: spots
latents: {a: "Normal(0, 1)", b: "Normal(0.8 * a, 1)"}
mixing: {kind: mlp, observed: 4}
interventions:
  design: coupled
  kind: hard
  noise: {variance: {times: 0.25}}
  second: {noise: {variance: {times: 4}}}
samples: 30
"""


class Spots(Mixing):
    """A square that two latents shift, in the images of two cameras, on a ground of random grey."""

    image_shape = (2, 16, 16)
    cameras = ("left", "right")

    def __init__(self) -> None:
        super().__init__(("x1",))

    def forward(self, z):
        raise AssertionError("images are rendered")

    def render(self, z, generator):
        ground = torch.randint(0, 40, (len(z), 1, 1, 1), generator=generator, dtype=torch.uint8)
        images = ground.expand(-1, *self.image_shape).clone()
        for k, row in enumerate(torch.clamp((z * 2 + 8).long(), 0, 12)):
            images[k, 0, row[0] : row[0] + 4, row[1] : row[1] + 4] = 255
            images[k, 1, row[1] : row[1] + 4, row[0] : row[0] + 4] = 200
        return images


@pytest.fixture
def model():
    return replace(compile(loads(SPEC), 0), mixing=Spots())


def test_images_take_the_place_of_x(model):
    tree = model.sample(seed=1)
    assert provenance_of(tree)["cameras"] == ["left", "right"]
    for node in tree.children.values():
        assert set(node.data_vars) == {"image", "z"}
        assert node["image"].dtype == np.uint8
        assert node["image"].shape == (30, 2, 16, 16)
        assert node["z"].dtype == np.float64
    problem = Problem.from_data(tree, replace(model.setting, observed=("x1",)))
    assert problem.observed == ()
    assert problem.images["obs"].shape == (30, 2, 16, 16)


def test_seeds_and_environments_have_streams_of_their_own(model):
    whole = model.sample(40, seed=1)
    one = model.sample({"do_b_a": 40}, seed=1)
    np.testing.assert_array_equal(one["do_b_a"]["image"], whole["do_b_a"]["image"])
    assert not np.array_equal(model.sample(40, seed=2)["obs"]["image"], whole["obs"]["image"])
    ground = {name: node["image"].values[:, 0, 0, 0] for name, node in whole.children.items()}
    assert len({bytes(one) for one in ground.values()}) == len(ground)


def test_the_latents_are_those_of_the_same_model_with_columns(model):
    columns = compile(loads(SPEC), 0).sample(seed=1)
    np.testing.assert_array_equal(columns["do_a_b"]["z"], model.sample(seed=1)["do_a_b"]["z"])


def test_many_images_are_rendered_in_batches(model, monkeypatch):
    asked = []
    render = Spots.render
    monkeypatch.setattr(Spots, "render", lambda self, z, g: asked.append(len(z)) or render(self, z, g))
    count = RENDERED // 512 + 5
    images = model.sample({"obs": count}, seed=0)["obs"]["image"]
    assert asked == [RENDERED // 512, 5]
    assert len(images) == count
