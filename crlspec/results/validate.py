"""Is a stored result whole? Structure, types, shapes, numbers and graph, before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import xarray as xr

from crlspec.inference.check import Consequence
from crlspec.inference.estimate import GraphKind, StatusCode
from crlspec.numerics.graphs import is_acyclic
from crlspec.results.damage import damaged
from crlspec.results.digest import DIGEST, digest_of

__all__ = ["require_facts", "require_whole"]

FACTS: Mapping[str, type | tuple[type, ...]] = {
    "format": int, "order": list, "environment_of": dict, "graph": str, "status": dict, "checks": list,
    "stages": list, "seconds": dict, "observational": str, "identified": dict, "assumed": dict, "provenance": dict,
}  # fmt: skip
LATER = ("checks", "assumed")
"""Facts that results of earlier versions do not hold."""


def require_facts(meta: Mapping[str, Any], path: Path) -> None:
    """Raises DataError where a fact is missing, or is of another type than was written."""
    for key, kind in FACTS.items():
        if key not in meta and key in LATER:
            continue
        if key not in meta:
            raise damaged(path, f"'{key}' is missing")
        if not isinstance(meta[key], kind) or isinstance(meta[key], bool):
            raise damaged(path, f"'{key}' is {meta[key]!r:.60}")
    _one_of(path, "graph", meta["graph"], get_args(GraphKind))
    _one_of(path, "status", meta["status"].get("code"), get_args(StatusCode))
    if not isinstance(meta["status"].get("message"), str):
        raise damaged(path, f"the message of its status is {meta['status'].get('message')!r:.60}")
    if not all(map(_is_number, meta["seconds"].values())):
        raise damaged(path, f"its seconds are {meta['seconds']!r:.60}")
    for check in meta.get("checks", ()):
        if not isinstance(check, dict) or not isinstance(check.get("message"), str):
            raise damaged(path, f"a check is {check!r:.60}")
        _one_of(path, f"check '{check.get('name')}'", check.get("consequence"), get_args(Consequence))
    _targets(meta, path)
    seeds = meta["provenance"].get("seeds", {})
    if not isinstance(seeds, dict) or any(type(one) is not int or one < 0 for one in seeds.values()):
        raise damaged(path, f"its seeds are {seeds!r:.60}")
    for key in ("spec", "name", "data"):
        if not isinstance(meta["provenance"].get(key), str | None):
            raise damaged(path, f"'{key}' of its provenance is {meta['provenance'][key]!r:.60}")


def _targets(meta: Mapping[str, Any], path: Path) -> None:
    """The environments of each latent, and targets and pairs that were assumed, are names."""
    if not _are_texts(meta["environment_of"].values()):
        raise damaged(path, f"the environments of its latents are {meta['environment_of']!r:.60}")
    for key in ("targets", "pairs"):
        told = meta.get("assumed", {}).get(key) or ()
        lists = told.values() if isinstance(told, dict) else told
        if not isinstance(told, dict | list | tuple) or not all(
            isinstance(one, list | tuple) and _are_texts(one) for one in lists
        ):
            raise damaged(path, f"the {key} that it assumed are {told!r:.60}")


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(one, str) for one in values)


def require_whole(tree: xr.DataTree, meta: Mapping[str, Any], path: Path) -> None:
    """Raises DataError, which says what is wrong, where the tree is not one that was written with these facts."""
    require_facts(meta, path)
    root = tree.to_dataset()
    names = _labels(root, "latent", path)
    observed = _labels(root, "observed", path)
    for group in ("graph", "diagnostics", "latents", *(["stages"] if meta["stages"] else [])):
        if group not in tree.children:
            raise damaged(path, f"the group '{group}' is missing")
    if "encoder" in root:
        sizes = {"encoder": (len(names), len(observed)), "offset": (len(observed),)}
        if "mixing" in root:
            sizes["mixing"] = (len(observed), len(names))
        _finite(root, sizes, "", path)
    elif "encoder" not in tree.children:
        raise damaged(path, "the encoder is missing")
    for group in ("encoder", "decoder", "code", "stage_encoders", "calibration"):
        if group in tree.children:
            for node in tree.children[group].subtree:
                dataset = node.to_dataset(inherit=False)
                _finite(dataset, {str(key): None for key in dataset.data_vars}, f" of '{group}'", path)
    _graph(tree.children["graph"].to_dataset(inherit=False), names, path)
    _names(meta, names, path)
    _latents(tree.children["latents"], names, meta["observational"], path)
    if tree.attrs.get(DIGEST, None) not in (None, digest_of(tree)):
        raise damaged(path, "its content is not what was written")


def _labels(root: xr.Dataset, dim: str, path: Path) -> tuple[str, ...]:
    if dim not in root.coords or root[dim].dims != (dim,):
        raise damaged(path, f"the names of its {dim} variables are missing")
    names = tuple(str(name) for name in root[dim].values)
    if len(set(names)) != len(names) or not all(names):
        raise damaged(path, f"two of its {dim} variables have one name, or one has none")
    return names


def _finite(dataset: xr.Dataset, sizes: Mapping[str, tuple[int, ...] | None], of: str, path: Path) -> None:
    """Every array is there, of its shape (None: any), and every number finite."""
    for name, shape in sizes.items():
        if name not in dataset:
            raise damaged(path, f"'{name}'{of} is missing")
        values = dataset[name].values
        if values.dtype.kind not in "fiub":
            raise damaged(path, f"'{name}'{of} holds {values.dtype}, not numbers")
        if shape is not None and values.shape != shape:
            raise damaged(path, f"'{name}'{of} has the shape {values.shape}, not {shape}")
        if count := int((~np.isfinite(values)).sum()):
            raise damaged(path, f"{count} of the {values.size} numbers of '{name}'{of} are not finite")


def _graph(graph: xr.Dataset, names: tuple[str, ...], path: Path) -> None:
    shape = (len(names), len(names))
    for key in ("state", "strength", "p_value"):
        if key not in graph:
            raise damaged(path, f"'{key}' of its graph is missing")
        if set(graph[key].dims) != {"source", "target"} or graph[key].shape != shape:
            raise damaged(path, f"'{key}' of its graph has the shape {graph[key].shape}, not {shape}")
    state, strength, p_value = (
        graph[key].transpose("source", "target").values for key in ("state", "strength", "p_value")
    )
    if not np.isin(state, (0, 1, 2)).all() or np.diag(state).any():
        raise damaged(path, "its graph has states of edges that there are none of")
    if not is_acyclic(state == 2):
        raise damaged(path, "its graph has a cycle")
    told = p_value[np.isfinite(p_value)]
    if np.isinf(strength).any() or np.isinf(p_value).any() or (told < 0).any() or (told > 1).any():
        raise damaged(path, "a strength of its graph is infinite, or a p-value is none")


def _names(meta: Mapping[str, Any], names: tuple[str, ...], path: Path) -> None:
    """What speaks of latents speaks of those that there are."""
    if sorted(map(str, meta["order"])) != sorted(names):
        raise damaged(path, f"its causal order is {meta['order']!r:.60}, its latents are {', '.join(names)}")
    if strangers := set(meta["environment_of"]) - set(names):
        raise damaged(path, f"'{min(strangers)}', which an environment shows, is no latent")
    for stage in meta["stages"]:
        if not isinstance(stage, dict) or {"name", "order", "seconds", "note"} - set(stage):
            raise damaged(path, f"a stage is {stage!r:.60}")
        if not isinstance(stage["order"], list) or set(map(str, stage["order"])) - set(names):
            raise damaged(path, f"a stage is {stage!r:.60}")
        if not (
            isinstance(stage["name"], str) and isinstance(stage["note"], str) and _is_number(stage["seconds"])
        ):
            raise damaged(path, f"a stage is {stage!r:.60}")


def _latents(latents: xr.DataTree, names: tuple[str, ...], observational: str, path: Path) -> None:
    if observational not in latents.children:
        raise damaged(path, f"the latents of '{observational}' are missing")
    for name, node in latents.children.items():
        dataset = node.to_dataset()
        if "z_hat" not in dataset or set(dataset["z_hat"].dims) != {"sample", "latent"}:
            raise damaged(path, f"the latents of '{name}' are missing")
        z = dataset["z_hat"]
        if z.dtype.kind != "f" or z.sizes["latent"] != len(names):
            raise damaged(path, f"the latents of '{name}' are {z.sizes['latent']} columns of {z.dtype}")
        if "latent" not in z.coords or set(_texts(z["latent"].values)) != set(names):
            raise damaged(path, f"the latents of '{name}' have other names")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(one) for one in values)


def _one_of(path: Path, what: str, got: Any, known: tuple[str, ...]) -> None:
    if got not in known:
        raise damaged(path, f"the {what} is {got!r:.60}, none of {', '.join(known)}")
