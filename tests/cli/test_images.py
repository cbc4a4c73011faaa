"""Images from folder to result on the command line: check, run, transform; and sampled images written and told."""

import re

import numpy as np
import pytest

from crlspec.data import write_data
from crlspec.errors import DataError
from crlspec.spec.load import load
from crlspec.studies.power.plan import _simulated
from tests.inference.blobs import latents, rendered, tree
from tests.inference.short import short_edges

SPEC = """\
crlspec: 1
name: blobs
latents: [a, b]
data: {path: images, observational: obs}
assume:
  mixing: MIXING
  interventions: {design: coupled, kind: hard, pairs: [[a1, a2], [b1, b2]]}
estimator: {kind: gscale-i, steps: 20, restarts: 1, encoder: {code: 8}}
"""


@pytest.fixture
def spec(tmp_path):
    write_data(tree(150), tmp_path / "images")
    path = tmp_path / "blobs.yaml"
    path.write_text(SPEC.replace("MIXING", "general"), encoding="utf-8")
    return path


def test_from_a_folder_of_arrays_to_latents_of_new_images(call, spec, tmp_path, monkeypatch):
    short_edges(monkeypatch)
    checked = call("check", spec)
    assert checked.status == 0, checked.err
    ran = call("run", spec, "--out", "run")
    assert ran.status in (0, 4), ran.err  # so few steps may leave it undecided
    assert "images in five environments" in ran.out
    page = (tmp_path / "run" / "report.html").read_text()
    assert "data:image/png" in page and "data:image/gif" in page and '<section id="sheet">' in page
    assert {path.name for path in (tmp_path / "run").glob("*.gif")} == {"traversal_a.gif", "traversal_b.gif"}
    np.save(tmp_path / "new.npy", rendered(latents("obs", 20, seed=7)))
    told = call("transform", "run", "--data", "new.npy", "--out", "z.csv")
    assert told.status == 0, told.err
    assert "z.csv is written: 20 rows, columns a, b." in told.out
    (tmp_path / "fresh").mkdir()
    (tmp_path / "new.npy").rename(tmp_path / "fresh" / "new.npy")
    again = call("transform", "run", "--data", "fresh", "--out", "again.csv")
    assert again.status == 0, again.err
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "z.csv").read_text()


def test_studies_of_columns_refuse_images(call, spec):
    assert "Stability draws rows of columns, and images are observed." in call("stability", spec).err
    with pytest.raises(DataError, match="A plan simulates columns, and images are observed"):
        _simulated(load(spec))


def test_images_behind_a_linear_mixing_are_refused(call, spec):
    spec.write_text(
        spec.read_text()
        .replace("mixing: general", "mixing: linear")
        .replace("design: coupled", "design: multi-node")
        .split(", pairs")[0]
        + "}\n"
    )
    ran = call("run", spec, "--out", "run")
    assert ran.status != 0
    assert "Images are observed, and the mixing is said to be linear" in ran.err
    assert "Say mixing: general." in ran.err


def test_other_estimators_say_what_to_use(call, spec):
    text = spec.read_text().split("estimator")[0]
    text = re.sub(r"interventions: .*", "interventions: {design: single-node, kind: hard}", text)
    spec.write_text(
        text.replace("path: images", "path: two").replace("assume:", "assume:\n  beyond_theory: true")
        + "estimator: {kind: contrastive}\n"
    )
    data = tree(60)
    for name in ("a2", "b2"):
        del data[name]
    write_data(data, spec.parent / "two")
    ran = call("run", spec, "--out", "run")
    assert ran.status != 0
    assert "contrastive cannot take this: it reads columns of numbers, and images are observed" in ran.err
