"""What a call of Python is given: taken where it can be, and answered with the remedy where it is something else."""

from __future__ import annotations

import keyword
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crlspec.errors import DataError, WrongType, kind_of

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.spec.schema import Spec
    from crlspec.spec.setting import Setting

__all__ = ["named_by_environments", "steps_of", "taken"]

PER_LATENT = {"single-node": 1, "coupled": 2}


def taken(spec: Any, data: Any) -> tuple[Spec, xr.DataTree]:
    """A spec and its data: whatever ``read_data`` takes, read as the spec says.

    Raises WrongType for what is no spec, arguments in the wrong order, and data that are none.
    """
    import xarray as xr

    from crlspec.data.tree import PROVENANCE
    from crlspec.spec.required import require_spec
    from crlspec.spec.schema import Spec

    if isinstance(data, Spec) and not isinstance(spec, Spec):
        raise WrongType(
            f"Got {kind_of(spec)} for a spec, and the spec for the data.",
            "Turn them: crlspec.solve(spec, data).",
        )
    spec = require_spec(spec, "crlspec.solve({}, data)")
    if isinstance(data, xr.DataTree) and (PROVENANCE in data.attrs or spec.data is None):
        return spec, data
    reading = {} if spec.data is None else spec.data.reading()
    if data is None:
        raise WrongType(
            "Got no data.", "Write crlspec.solve(spec, data), or crlspec.read_data(path) for the data."
        )
    from crlspec.data import read_data

    try:
        return spec, read_data(data, **reading)
    except DataError as error:
        if error.message.startswith("Got "):
            raise WrongType(error.message, error.remedy) from None
        raise


def steps_of(spec: Spec) -> tuple[tuple[str, ...], int | None]:
    """The transforms and the number of components that a spec asks for."""
    return ((), None) if spec.data is None else (spec.data.transform, spec.data.components)


def named_by_environments(setting: Setting, spec: Spec, tree: xr.DataTree) -> Setting:
    """The setting with a latent for each environment, or pair of them, called after it, where the spec says so.

    Raises DataError where there is no environment with an intervention.
    """
    from crlspec.data import environments_of, observational_of

    if spec.latents_from is None:
        return setting
    observational = setting.observational or observational_of(tree)
    names = [name for name in environments_of(tree) if name != observational]
    if setting.pairs:
        names = [_stem(a, b) for a, b in setting.pairs]
    if not names:
        raise DataError(
            "latents: from-environments: there is no environment with an intervention.",
            remedy="Give one for each latent, or the number of latents.",
        )
    return replace(setting, latents=tuple(latent_names(names)))


def _stem(first: str, second: str) -> str:
    """What two names begin with alike; the first one where that is nothing."""
    common = ""
    for a, b in zip(first, second):
        if a != b:
            break
        common += a
    return common.rstrip(" _-.") or first


def latent_names(names: list[str]) -> list[str]:
    """Names of environments as names of latents: letters, digits and _, a letter first, each once."""
    from crlspec.spec.schema import RESERVED

    found: list[str] = []
    for name in names:
        text = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "z"
        if not text[0].isalpha() or text in RESERVED or keyword.iskeyword(text):
            text = f"z_{text}"
        text = (
            text
            if text not in found
            else next(f"{text}_{k}" for k in range(2, len(names) + 2) if f"{text}_{k}" not in found)
        )
        found.append(text)
    return found
