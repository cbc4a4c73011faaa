"""A result that is damaged is told from one that is whole, whatever is wrong with it, and says what can be saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from crlspec.errors import DataError
from crlspec.result import open_result
from tests.cli.conftest import SPEC

REMEDY = "Run its spec again, or take a copy of the file."


@pytest.fixture(scope="module")
def saved(result, tmp_path_factory) -> Path:
    return result.save(tmp_path_factory.mktemp("saved") / "result.nc")


@pytest.fixture(scope="module")
def content(saved: Path) -> xr.DataTree:
    with xr.open_datatree(saved, engine="h5netcdf") as opened:
        return opened.load()


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(saved, tmp_path / "result.nc"))


def edited(path: Path, change: Callable[[xr.DataTree], None], seal: bool = False) -> None:
    """Written again after a change, without its seal; its digest is taken anew where ``seal`` says so."""
    with xr.open_datatree(path, engine="h5netcdf") as opened:
        written(path, opened.load(), change, seal)


def written(path: Path, tree: xr.DataTree, change: Callable[[xr.DataTree], None], seal: bool) -> None:
    """The file of a tree after a change."""
    from crlspec.results.digest import DIGEST, digest_of

    change(tree)
    if seal:
        tree.attrs[DIGEST] = digest_of(tree)
    path.unlink()
    tree.to_netcdf(path, engine="h5netcdf")


def meta(key: str, value: object) -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        tree.attrs["crlspec"] = json.dumps({**json.loads(tree.attrs["crlspec"]), key: value})

    return change


def without(key: str) -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        found = json.loads(tree.attrs["crlspec"])
        del found[key]
        tree.attrs["crlspec"] = json.dumps(found)

    return change


def group(name: str) -> Callable[[xr.DataTree], None]:
    return lambda tree: tree.__delitem__(name)


def number(node: str, name: str, value: float, at: int = 0) -> Callable[[xr.DataTree], None]:
    return lambda tree: tree[node][name].values.reshape(-1).__setitem__(at, value)


def cyclic(tree: xr.DataTree) -> None:
    state = tree["graph"]["state"].values
    state[:] = 0
    state[0, 1] = state[1, 2] = state[2, 0] = 2


def dropped(node: str, name: str) -> Callable[[xr.DataTree], None]:
    def change(tree: xr.DataTree) -> None:
        tree[node].dataset = tree[node].to_dataset(inherit=False).drop_vars(name)

    return change


def renamed(tree: xr.DataTree) -> None:
    tree["graph"] = tree["graph"].to_dataset().isel(source=slice(2))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (group("graph"), "the group 'graph' is missing"),
        (group("latents"), "the group 'latents' is missing"),
        (group("diagnostics"), "the group 'diagnostics' is missing"),
        (number("/", "encoder", np.nan), "1 of the 28 numbers of 'encoder' are not finite"),
        (number("/", "offset", np.inf), "1 of the 7 numbers of 'offset' are not finite"),
        (number("/", "mixing", np.nan), "1 of the 28 numbers of 'mixing' are not finite"),
        (cyclic, "its graph has a cycle"),
        (number("graph", "state", 3, 1), "its graph has states of edges that there are none of"),
        (number("graph", "state", 2, 0), "its graph has states of edges that there are none of"),
        (number("graph", "p_value", -1.0, 1), "a strength of its graph is infinite, or a p-value is none"),
        (dropped("graph", "strength"), "'strength' of its graph is missing"),
        (dropped("/", "encoder"), "the encoder is missing"),
        (dropped("/", "offset"), "'offset' is missing"),
        (renamed, "'state' of its graph has the shape (2, 4), not (4, 4)"),
        (without("order"), "'order' is missing"),
        (without("environment_of"), "'environment_of' is missing"),
        (without("observational"), "'observational' is missing"),
        (meta("order", ["z1", "z1", "z2", "z3"]), "its causal order is ['z1', 'z1', 'z2', 'z3'], its latents are"),
        (meta("order", "z1"), "'order' is 'z1'"),
        (meta("status", {"code": "fine"}), "the status is 'fine', none of ok, undecided, refuted"),
        (meta("status", {"code": "ok", "message": "", "colour": 1}), "it cannot be read (Status.__init__()"),
        (meta("graph", 5), "'graph' is 5"),
        (meta("environment_of", {"q": "e"}), "'q', which an environment shows, is no latent"),
        (meta("environment_of", {"z1": 3}), "the environments of its latents are {'z1': 3}"),
        (meta("assumed", {"targets": {"e": [3]}}), "the targets that it assumed are {'e': [3]}"),
        (meta("assumed", {"pairs": 5}), "the pairs that it assumed are 5"),
        (meta("observational", "q"), "the latents of 'q' are missing"),
        (meta("provenance", {"seeds": {"solve": "x"}}), "its seeds are {'solve': 'x'}"),
        (meta("provenance", {"spec": 3}), "'spec' of its provenance is 3"),
        (meta("checks", [3]), "a check is 3"),
        (meta("stages", [{}, {}, {}, {}, {}, {}, {}]), "a stage is {}"),
        (lambda tree: tree.attrs.update(crlspec="[" * 5000), "it cannot be read ("),
        (lambda tree: tree.attrs.update(crlspec="{"), "it cannot be read ("),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    copy: Path, content: xr.DataTree, change: Callable[[xr.DataTree], None], what: str
) -> None:
    written(copy, content.copy(deep=True), change, seal=True)
    with pytest.raises(DataError) as damaged:
        open_result(copy)
    assert damaged.value.message.startswith(f"{copy}: the result is damaged: {what}"), damaged.value.message
    assert damaged.value.remedy == REMEDY
    assert damaged.value.exit_code == 3


def test_a_number_that_changed_is_noticed_though_it_could_be_one(copy: Path) -> None:
    edited(copy, number("/", "encoder", 0.5))
    with pytest.raises(DataError) as damaged:
        open_result(copy)
    assert damaged.value.message == f"{copy}: the result is damaged: its content is not what was written."
    edited(copy, lambda tree: tree.attrs.clear())
    with pytest.raises(DataError, match="holds no result of crlspec"):
        open_result(copy)


def test_a_file_that_another_program_wrote_again_is_the_same_result(copy: Path) -> None:
    before = open_result(copy)
    edited(copy, lambda tree: None)
    again = open_result(copy)
    assert again.edges == before.edges
    np.testing.assert_array_equal(again.encoder.matrix, before.encoder.matrix)


def test_bytes_that_changed_are_noticed_before_hdf5_sees_them(copy: Path, monkeypatch) -> None:
    content = copy.read_bytes()
    monkeypatch.setattr(xr, "open_datatree", lambda *_, **__: pytest.fail("HDF5 was asked"))
    rng = np.random.default_rng(0)
    for k in (0, 8, *rng.integers(len(content) - 60, size=40)):
        copy.write_bytes(content[:k] + bytes([content[k] ^ 0xFF]) + content[k + 1 :])
        with pytest.raises(DataError) as damaged:
            open_result(copy)
        assert (
            damaged.value.message
            == f"{copy}: the result is damaged: its bytes are not those that were written."
        )


@pytest.mark.parametrize("length", [9, 100, 5000, -200])
def test_a_file_that_was_cut_off_is_damaged(copy: Path, length: int) -> None:
    copy.write_bytes(copy.read_bytes()[:length])
    with pytest.raises(DataError) as damaged:
        open_result(copy)
    assert damaged.value.message.startswith(f"{copy}: the result is damaged: it cannot be read (")


def test_what_lies_beside_it_can_be_saved(copy: Path, tmp_path: Path) -> None:
    with h5py.File(copy, "r+") as file:
        del file["graph"]
    (tmp_path / "spec.yaml").write_text(f"# The spec of a run: crlspec 1, seed 3.\n{SPEC}", encoding="utf-8")
    (tmp_path / "dag.json").write_text("{}", encoding="utf-8")
    (tmp_path / "status.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError) as damaged:
        open_result(tmp_path)
    assert damaged.value.remedy == (
        f"dag.json beside it is whole. crlspec run {tmp_path}/spec.yaml --seed 3 --out NEW makes it again."
    )
