"""Folders of experiments: tables beside images, as the data sets of the causal chambers lie on disk."""

from importlib.util import find_spec

import numpy as np
import pytest

from crlspec.data import Problem, environments_of, observational_of, read_data
from crlspec.errors import DataError, SpecError
from crlspec.spec.load import loads
from crlspec.spec.setting import Setting

SPEC = """
crlspec: 1
name: bench
latents: [red, green, blue]
data:
  path: {path}
  experiments: [obs_1, red_1, green_1, blue_1]
  images: {{size: 8}}
  variables: [angle_1]
  truth: [red, green, blue]
assume:
  mixing: linear
  interventions:
    design: single-node
    kind: hard
    targets: {{red_1: [red], green_1: [green], blue_1: [blue]}}
"""


@pytest.fixture
def bench(tmp_path):
    """Four experiments of six rows each in the shape of lt_crl_benchmark_v1: images of 16 × 16 pixels."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("obs_1", "red_1", "green_1", "blue_1"):
        images = tmp_path / name / "images_16"
        images.mkdir(parents=True)
        lines = ["timestamp,config,red,green,blue,angle_1,image_file"]
        for k in range(6):
            red, green, blue = rng.integers(0, 256, 3)
            pixels = np.zeros((16, 16, 3), dtype=np.uint8)
            pixels[4:12, 4:12] = red, green, blue
            Image.fromarray(pixels).save(images / f"image_{k}.png")
            lines.append(f"17{k}.5,camera,{red},{green},{blue},{rng.normal():.3f},image_{k}.png")
        (tmp_path / name / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def wanted(**options):
    return {
        "names": ("obs_1", "red_1", "green_1", "blue_1"), "images": ("16", 8), "variables": ("angle_1",),
        "truth": ("red", "green", "blue"), **options,
    }  # fmt: skip


def test_pixels_readings_and_truth(bench):
    data = read_data(bench, experiments=wanted())
    assert environments_of(data) == ("obs_1", "red_1", "green_1", "blue_1")
    assert observational_of(data) == "obs_1"
    x, z = data["red_1"]["x"], data["red_1"]["z"]
    assert x.shape == (6, 8 * 8 * 3 + 1)
    assert [*x["observed"].values[[0, 1, 2, 3, -1]]] == ["p0_0_r", "p0_0_g", "p0_0_b", "p0_1_r", "angle_1"]
    assert [*z["latent"].values] == ["red", "green", "blue"]
    inside = x.sel(observed=["p4_4_r", "p4_4_g", "p4_4_b"]).values
    np.testing.assert_allclose(inside * 255, z.values)
    assert not x.sel(observed="p0_0_r").values.any()


def test_images_as_they_are_and_tables_alone(bench):
    whole = read_data(bench, experiments=wanted(images=("16", None), variables=()))
    assert whole["obs_1"]["x"].shape == (6, 16 * 16 * 3)
    table = read_data(bench, experiments=wanted(images=None, variables=("angle_1", "blue")))
    assert [*table["obs_1"]["x"]["observed"].values] == ["angle_1", "blue"]


def test_dark_and_many_pixels_are_no_fault(bench):
    spec = loads(SPEC.format(path=bench), sets=["data.images.folder='16'"])
    data = read_data(spec.data.path, **spec.data.reading())
    problem = Problem.from_data(data, Setting.of(spec))
    assert len(problem.observed) == 193
    without = read_data(bench, experiments=wanted())
    without.attrs["crlspec"] = '{"observational": "obs_1"}'
    with pytest.raises(DataError, match="every sample is 0"):
        Problem.from_data(without, Setting.of(spec))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"names": ("obs_1", "red_2")},
            r"red_2\.csv: there is no such table; experiments in .*: blue_1, green_1",
        ),
        (
            {"variables": ("angle_3",)},
            r"obs_1\.csv:1: there is no column angle_3; there are timestamp, config",
        ),
        ({"variables": ("config",)}, r"obs_1\.csv:2: column 'config': 'camera' is not a number"),
        (
            {"images": ("64", None)},
            r"image_0\.png: there is no such image, which .*obs_1\.csv:2 names.*images_16",
        ),
    ],
)
def test_faults_are_named(bench, options, words):
    with pytest.raises(DataError, match=words):
        read_data(bench, experiments=wanted(**options))


def test_an_image_of_another_size_is_named(bench):
    from PIL import Image

    Image.new("RGB", (16, 12)).save(bench / "red_1" / "images_16" / "image_3.png")
    with pytest.raises(DataError, match=r"image_3\.png: 16 × 12 pixels where the first image has 16 × 16"):
        read_data(bench, experiments=wanted(images=("16", None)))
    (bench / "red_1" / "images_16" / "image_3.png").write_text("no image")
    with pytest.raises(DataError, match="this is no image that can be read"):
        read_data(bench, experiments=wanted())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  experiments: [obs_1, red_1, green_1, blue_1]\n", "", "for folders of experiments"),
        ("  images: {size: 8}\n  variables: [angle_1]\n", "", "nothing of the experiments is observed"),
    ],
)
def test_what_does_not_belong_together(old, new, words):
    with pytest.raises(SpecError, match=words):
        loads(SPEC.format(path="x").replace(old, new))


@pytest.mark.skipif(find_spec("causalchamber") is None, reason="the extra tunnel is not installed")
def test_a_folder_made_by_the_simulator_goes_the_whole_way(tmp_path):
    """Images of the simulator as 8-bit PNG files, read and solved as one's own data."""
    from PIL import Image

    from crlspec.generative.model import compile
    from crlspec.solving import solve
    from crlspec.spec.load import load

    data = compile(load("light-tunnel/images-colours", sets=["mixing.camera.size=16"]), seed=0).sample(
        600, seed=1
    )
    for name in environments_of(data):
        images = tmp_path / name / "images_16"
        images.mkdir(parents=True)
        z, lines = data[name]["z"].values, ["red,green,blue,image_file"]
        for k, pixels in enumerate(data[name]["x"].values.reshape(-1, 16, 16, 3)):
            Image.fromarray(np.round(255 * pixels).astype(np.uint8)).save(images / f"{k}.png")
            lines.append(f"{z[k, 0]},{z[k, 1]},{z[k, 2]},{k}.png")
        (tmp_path / name / f"{name}.csv").write_text("\n".join(lines))
    text = SPEC.format(path=tmp_path).replace("_1", "").replace("  variables: [angle]\n", "")
    text = text.replace("{size: 8}", "{folder: '16'}").replace(
        "[obs, red, green, blue]", "[obs, do_red, do_green, do_blue]"
    )
    text = text.replace(
        "{red: [red], green: [green], blue: [blue]}", "{do_red: [red], do_green: [green], do_blue: [blue]}"
    )
    spec = loads(text.replace("mixing: linear", "mixing: linear\n  observation_noise: isotropic"))
    read = read_data(spec.data.path, **spec.data.reading())
    result = solve(spec, read, seed=2)
    z = np.concatenate([read[name]["z"].values for name in environments_of(read)])
    found = np.concatenate([result.encoder(read[name]["x"]).values for name in environments_of(read)])
    assert np.abs(np.corrcoef(z.T, found.T)[:3, 3:]).diagonal().min() > 0.98


def test_a_row_that_is_cut_short_is_named(bench):
    table = bench / "red_1" / "red_1.csv"
    lines = table.read_text().splitlines()
    lines[3] = lines[3].rpartition(",")[0]
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError) as short:
        read_data(bench, experiments=wanted())
    assert short.value.message == f"{table}:4: the row has fewer cells than the header."
    lines[3] += ",image_2.png,more"
    table.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"red_1\.csv:4: the row has more cells than the header"):
        read_data(bench, experiments=wanted())


def test_an_image_of_too_many_pixels_is_named(bench, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError) as bomb:
        read_data(bench, experiments=wanted())
    assert bomb.value.message.startswith(
        f"{bench}/obs_1/images_16/image_0.png: this is no image that can be read (Image size (256 pixels) exceeds"
    )
