"""What a run under a profile will make, said before it starts: environments, samples, images and their size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crlspec.spec.schema import Spec

__all__ = ["cost", "counted"]

UNITS = ("kB", "MB", "GB", "TB")


def cost(spec: Spec, runs: int = 1, read: bool = False) -> str | None:
    """One line about a spec under a profile; None where the file was taken as it stands.

    runs  how many runs are meant, each with samples of its own
    read  whether the samples are read, so that nothing is known of them
    """
    if spec.profile is None:
        return None
    many = "" if runs == 1 else f", {runs} runs"
    if read or spec.data is not None:
        return f"profile {spec.profile}: of estimation alone, the data are read{many}."
    return f"profile {spec.profile}: {counted(spec)}{many}."


def counted(spec: Spec) -> str:
    """What one run samples: ``28,000 images of 3 × 32 × 32 (7 environments × 4,000), 86.0 MB in memory``."""
    from crlspec.data.images import IN_MEMORY
    from crlspec.spec.setting import environment_targets

    names = environment_targets(spec)
    if isinstance(spec.samples, int):
        total, each = len(names) * spec.samples, f"{len(names)} environments × {spec.samples:,}"
        most = spec.samples
    else:
        total, each = sum(spec.samples.values()), f"{len(names)} environments"
        most = max(spec.samples.values())
    mixing = spec.mixing
    shape = getattr(mixing, "pixels", None)
    if shape is not None:
        where = "on disk" if most * math.prod(shape) > IN_MEMORY else "in memory"
        size = in_bytes(total * math.prod(shape))
        return f"{total:,} images of {' × '.join(map(str, shape))} ({each}), {size} {where}"
    width = len(spec.latents) if mixing is None else len(mixing.observed_names())
    return f"{total:,} samples of {width} variables ({each}), {in_bytes(8 * total * width)} in memory"


def in_bytes(count: int) -> str:
    """``3.2 GB`` for a number of bytes, in powers of a thousand."""
    number, unit = count / 1000, 0
    while number >= 1000 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.1f} {UNITS[unit]}"
