"""A Record as one NetCDF file and back: labelled arrays that any xarray reader opens, the rest as one JSON
string.

Groups: the root (encoder, offset, mixing; names alone beside a network), ``code`` and ``eyes`` (of images),
``encoder``, ``decoder`` and ``stage_encoders/<k>`` (networks), ``graph`` (tested pairs as matrices), ``stages``,
``diagnostics``, ``latents/<environment>`` (in standard deviations) and, where rows were labelled,
``calibration/<k>``. A file is written whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from crlspec.disk.netcdf import netcdf
from crlspec.disk.seal import is_whole
from crlspec.disk.write import write_file
from crlspec.errors import DataError
from crlspec.inference.check import Check
from crlspec.inference.estimate import AbsentEdge, Edge, Estimate, LinearEncoder, Stage, Status
from crlspec.maps.codes import Eyes, PcaCode
from crlspec.maps.maps import AnyEncoder
from crlspec.results.calibration import Calibration, calibration_nodes, calibration_of
from crlspec.results.damage import damaged, reading
from crlspec.results.digest import DIGEST, digest_of
from crlspec.results.encoder import labels
from crlspec.results.stored_code import code_dataset, code_of, eyes_datasets, eyes_of
from crlspec.results.stored_networks import decoder_of, encoder_of, network_dataset
from crlspec.results.validate import require_whole

__all__ = ["FORMAT", "calibration_in", "read_tree", "tree_of", "unpack", "write_tree"]

FORMAT = 1
SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""The first bytes of every NetCDF-4 file."""
ATTRIBUTE = "crlspec"


def tree_of(
    estimate: Estimate,
    observed: tuple[str, ...],
    latents: xr.DataTree,
    facts: Mapping[str, Any],
    calibration: Calibration | None = None,
) -> xr.DataTree:
    """Everything that a Record holds, as one DataTree; ``facts`` is what JSON can say of the rest."""
    meta = {
        "format": FORMAT,
        "order": list(estimate.order),
        "environment_of": dict(estimate.environment_of),
        "graph": estimate.graph,
        "status": vars(estimate.status),
        "checks": [check.as_values() for check in estimate.checks],
        "stages": [
            {"name": s.name, "order": list(s.order), "seconds": s.seconds, "note": s.note}
            for s in estimate.stages
        ],
        "seconds": dict(estimate.seconds),
        **facts,
    }
    coords = {"latent": labels(estimate.latents), "observed": labels(observed)}
    root = xr.Dataset(coords=coords, attrs={ATTRIBUTE: json.dumps(meta, ensure_ascii=False, default=str)})
    if isinstance(estimate.encoder, LinearEncoder):
        root["encoder"] = (("latent", "observed"), estimate.encoder.matrix)
        root["offset"] = (("observed",), estimate.encoder.offset)
        root["mixing"] = (("observed", "latent"), estimate.mixing)
    nodes = {
        "/": root,
        "/graph": _graph_dataset(estimate),
        "/diagnostics": xr.Dataset(),
        **{f"/diagnostics/{key}": array.to_dataset(name=key) for key, array in estimate.diagnostics.items()},
        **{f"/latents/{name}": node.to_dataset() for name, node in latents.children.items()},
    }
    if not isinstance(estimate.encoder, LinearEncoder):
        nodes["/encoder"] = network_dataset(estimate.encoder)
    if estimate.code is not None:
        nodes["/code"] = code_dataset(estimate.code)
        if isinstance(estimate.code, PcaCode) and (eyes := estimate.code.eyes) is not None:
            nodes |= {f"/eyes/{name}": one for name, one in eyes_datasets(eyes).items()}
    if estimate.decoder is not None:
        nodes["/decoder"] = network_dataset(estimate.decoder)
    if calibration is not None:
        nodes |= calibration_nodes(calibration)
    for k, stage in enumerate(estimate.stages):
        if stage.encoder is not None and not isinstance(stage.encoder, LinearEncoder):
            nodes[f"/stage_encoders/{k}"] = network_dataset(stage.encoder)
    if estimate.stages:
        nodes["/stages"] = _stages_dataset(estimate.stages, estimate.latents, observed)
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs[DIGEST] = digest_of(tree)
    return tree


def unpack(tree: xr.DataTree, path: Path) -> tuple[Estimate, tuple[str, ...], xr.DataTree, dict[str, Any]]:
    """What :func:`tree_of` packed: estimate, observed names, latents, facts.

    Raises DataError if it is no Result, or a damaged one.
    """
    with reading(path):
        meta = json.loads(tree.attrs[ATTRIBUTE]) if ATTRIBUTE in tree.attrs else {}
    if not isinstance(meta, dict) or "format" not in meta:
        raise DataError(f"{path}: this NetCDF file holds no result of crlspec", remedy="Open a result.nc.")
    if meta["format"] != FORMAT:
        raise DataError(
            f"{path}: the result has format {meta['format']}, this version reads format {FORMAT}",
            remedy="Open it with the version of crlspec that wrote it.",
        )
    with reading(path):
        require_whole(tree, meta, path)
        return _unpacked(tree, meta)


def _unpacked(
    tree: xr.DataTree, meta: dict[str, Any]
) -> tuple[Estimate, tuple[str, ...], xr.DataTree, dict[str, Any]]:
    root = tree.to_dataset()
    names = tuple(str(name) for name in root["latent"].values)
    observed = tuple(str(name) for name in root["observed"].values)
    graph = tree.children["graph"].to_dataset(inherit=False)
    tested, edges = _edges(graph, names)
    diagnostics = tree.children["diagnostics"].children
    encoder = (
        LinearEncoder(root["encoder"].values, root["offset"].values)
        if "encoder" in root
        else encoder_of(tree.children["encoder"].to_dataset(inherit=False))
    )
    decoder, code = tree.children.get("decoder"), tree.children.get("code")
    estimate = Estimate(
        latents=names,
        environment_of=meta.pop("environment_of"),
        encoder=encoder,
        mixing=root["mixing"].values if "mixing" in root else None,
        order=tuple(meta.pop("order")),
        edges=edges,
        tested=tested,
        graph=meta.pop("graph"),
        status=Status(**meta.pop("status")),
        stages=_stages(tree, names, meta.pop("stages")),
        diagnostics={key: node.to_dataset()[key] for key, node in diagnostics.items()},
        seconds=meta.pop("seconds"),
        decoder=None if decoder is None else decoder_of(decoder.to_dataset(inherit=False)),
        checks=tuple(Check.from_values(values) for values in meta.pop("checks", [])),
        absent=_absent(graph, names),
        code=None if code is None else code_of(code.to_dataset(inherit=False), _eyes(tree)),
    )
    latents = {key: node.to_dataset()[["z_hat"]] for key, node in tree.children["latents"].children.items()}
    return estimate, observed, xr.DataTree.from_dict(latents), meta


def _eyes(tree: xr.DataTree) -> Eyes | None:
    """The eyes of a code; None where it has none."""
    stored = tree.children.get("eyes")
    if stored is None:
        return None
    return eyes_of(*(stored.children[name].to_dataset(inherit=False) for name in ("network", "added")))


def calibration_in(tree: xr.DataTree, recovered: xr.DataTree, path: Path) -> Calibration | None:
    """The calibration that :func:`tree_of` packed, of latents that :func:`unpack` gave; None where there is none.

    Raises DataError where it is damaged.
    """
    stored = tree.children.get("calibration")
    with reading(path):
        return None if stored is None else calibration_of(stored, recovered)


def write_tree(tree: xr.DataTree, path: Path, force: bool) -> None:
    """Write the tree as NetCDF, whole or not at all. Raises OutputExists and WriteError."""
    write_file(path, netcdf(tree), force)


def read_tree(path: Path) -> xr.DataTree:
    """The file, loaded whole and closed again.

    Raises DataError if there is none, if it is no NetCDF file, or a damaged one.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file", remedy="Give the path of a result.nc.")
    with reading(path):
        whole = is_whole(path)
        with path.open("rb") as file:
            signed = file.read(len(SIGNATURE)) == SIGNATURE
    if whole is False:
        raise damaged(path, "its bytes are not those that were written")
    if not signed:
        raise DataError(f"{path}: the file cannot be read as NetCDF", remedy="Give the path of a result.nc.")
    with reading(path), xr.open_datatree(path, engine="h5netcdf", phony_dims="sort") as tree:
        return tree.load()


def _matrices(
    tested: tuple[Edge, ...], found: tuple[Edge, ...], latents: tuple[str, ...]
) -> dict[str, np.ndarray]:
    place = {name: i for i, name in enumerate(latents)}
    n = len(latents)
    strength, p_value = np.full((n, n), np.nan), np.full((n, n), np.nan)
    state = np.zeros((n, n), dtype=np.int8)
    for mark, edges in ((1, tested), (2, found)):
        for edge in edges:
            at = place[edge.source], place[edge.target]
            strength[at], p_value[at], state[at] = edge.strength, edge.p_value, mark
    return {"state": state, "strength": strength, "p_value": p_value}


def _graph_dataset(estimate: Estimate) -> xr.Dataset:
    latents = estimate.latents
    place = {name: i for i, name in enumerate(latents)}
    matrices = _matrices(estimate.tested, estimate.edges, latents)
    detectable, claimed = np.full(matrices["state"].shape, np.nan), np.zeros_like(matrices["state"])
    for edge in estimate.absent:
        at = place[edge.source], place[edge.target]
        detectable[at] = np.nan if edge.detectable is None else edge.detectable
        claimed[at] = edge.claimed
    matrices.update(detectable=detectable, claimed_absent=claimed)
    arrays = {key: (("source", "target"), value) for key, value in matrices.items()}
    graph = xr.Dataset(arrays, coords={"source": labels(latents), "target": labels(latents)})
    graph["state"].attrs["meaning"] = "0 not tested, 1 tested and not found, 2 found"
    graph["detectable"].attrs["meaning"] = "strength of an edge that would have been seen with power .8"
    graph["claimed_absent"].attrs["meaning"] = "1 where an edge is claimed absent above that strength"
    return graph


def _absent(graph: xr.Dataset, latents: tuple[str, ...]) -> tuple[AbsentEdge, ...]:
    """What is said of pairs that were not found; nothing in files that were written before anything was."""
    if "detectable" not in graph:
        return ()
    detectable, claimed = (
        graph[key].transpose("source", "target").values for key in ("detectable", "claimed_absent")
    )
    return tuple(
        AbsentEdge(latents[i], latents[j], float(detectable[i, j]), bool(claimed[i, j]))
        for i, j in np.argwhere(np.isfinite(detectable))
    )


def _edges(graph: xr.Dataset, latents: tuple[str, ...]) -> tuple[tuple[Edge, ...], tuple[Edge, ...]]:
    state = graph["state"].transpose("source", "target").values
    strength = graph["strength"].transpose("source", "target").values
    p_value = graph["p_value"].transpose("source", "target").values
    edges = {
        (i, j): Edge(latents[i], latents[j], float(strength[i, j]), float(p_value[i, j]))
        for i, j in np.argwhere(state > 0)
    }
    return tuple(edges.values()), tuple(edge for at, edge in edges.items() if state[at] == 2)


def _stages_dataset(
    stages: tuple[Stage, ...], latents: tuple[str, ...], observed: tuple[str, ...]
) -> xr.Dataset:
    n, d = len(latents), len(observed)
    matrix, offset = np.full((len(stages), n, d), np.nan), np.full((len(stages), d), np.nan)
    graphs = [_matrices((), stage.edges, latents) for stage in stages]
    for i, stage in enumerate(stages):
        if isinstance(stage.encoder, LinearEncoder):
            matrix[i], offset[i] = stage.encoder.matrix, stage.encoder.offset
    pairs = ("stage", "source", "target")
    return xr.Dataset(
        {
            "encoder": (("stage", "latent", "observed"), matrix),
            "offset": (("stage", "observed"), offset),
            **{key: (pairs, np.stack([graph[key] for graph in graphs])) for key in graphs[0]},
        },
        coords={"source": labels(latents), "target": labels(latents)},
    )


def _stages(tree: xr.DataTree, latents: tuple[str, ...], told: list[dict[str, Any]]) -> tuple[Stage, ...]:
    if not told:
        return ()
    arrays = tree.children["stages"].to_dataset(inherit=False)
    networks = tree.children["stage_encoders"].children if "stage_encoders" in tree.children else {}
    stages = []
    for i, fact in enumerate(told):
        one = arrays.isel(stage=i)
        _, edges = _edges(one, latents)
        matrix = one["encoder"].values
        encoder: AnyEncoder | None = None
        if str(i) in networks:
            encoder = encoder_of(networks[str(i)].to_dataset(inherit=False))
        elif not np.isnan(matrix).all():
            encoder = LinearEncoder(matrix, one["offset"].values)
        order = tuple(fact["order"])
        stages.append(Stage(fact["name"], order, edges, encoder, fact["seconds"], fact["note"]))
    return tuple(stages)
