"""What a run measures beside its result where the truth is known: ``--ceiling`` and ``--yardsticks``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from crlspec.cli.call import CallError
from crlspec.cli.ceiling import CEILING
from crlspec.progress import Progress
from crlspec.results import unseen, yardsticks

if TYPE_CHECKING:
    import xarray as xr

    from crlspec.generative.model import Model
    from crlspec.result import Result

__all__ = ["as_before", "lines", "measured", "refuse_unmeasurable", "refuse_useless", "save"]

YARDSTICKS = "yardsticks.json"


def refuse_useless(arguments: Namespace) -> None:
    """Raises CallError for labels that nothing asks for."""
    if arguments.labels and not (arguments.ceiling or arguments.yardsticks):
        raise CallError("--labels says what --ceiling tries, which is not there.", remedy="Add --ceiling.")


def refuse_unmeasurable(data: xr.DataTree, arguments: Namespace) -> None:
    """Raises what measuring would raise for these data, before the long work."""
    if arguments.ceiling or arguments.yardsticks:
        from crlspec.downstream.ceiling import require_truth

        require_truth(data, arguments.labels or ())


def as_before(former: Result, arguments: Namespace) -> None:
    """Ask for what a former run measured."""
    kept = former.ceiling() if unseen.KEY in former.provenance else None
    arguments.ceiling = kept is not None
    arguments.yardsticks = yardsticks.KEY in former.provenance
    arguments.labels = None if kept is None else tuple(one.labels for one in kept.fewer)


def measured(
    result: Result, data: xr.DataTree, model: Model | None, arguments: Namespace, progress: Progress
) -> Result:
    """The result with what the call asks to measure on the data of the run."""
    truth = data if model is None else model
    seed, device = arguments.seed, arguments.device
    if arguments.yardsticks:
        from crlspec.downstream.yardsticks import yardsticks as beside

        labels = arguments.labels
        return result.with_yardsticks(
            beside(
                truth, result=result, data=data, seed=seed, labels=labels, device=device, progress=progress
            )
        )
    if arguments.ceiling:
        from crlspec.downstream.ceiling import ceiling

        labels = arguments.labels or ()
        return result.with_ceiling(
            ceiling(
                truth, result=result, data=data, seed=seed, labels=labels, device=device, progress=progress
            )
        )
    return result


def save(result: Result, folder: Path) -> None:
    """What was measured, each in its file."""
    if unseen.KEY in result.provenance:
        result.ceiling().save(folder / CEILING)
    if yardsticks.KEY in result.provenance:
        result.yardsticks().save(folder / YARDSTICKS)


def lines(result: Result) -> list[str]:
    """What was measured, as it is printed."""
    told = []
    if unseen.KEY in result.provenance:
        told += ["", *str(result.ceiling()).splitlines()]
    if yardsticks.KEY in result.provenance:
        told += ["", *str(result.yardsticks()).splitlines()]
    return told
