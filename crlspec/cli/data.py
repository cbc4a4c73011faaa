"""What a command says of data: the environments, their sizes, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crlspec.errors import CrlspecError

if TYPE_CHECKING:
    from crlspec.spec.schema import Spec
    from crlspec.spec.setting import Setting

__all__ = ["Found", "found_in"]

SHOWN = 30


@dataclass(frozen=True)
class Found:
    """What was found of the data of a spec.

    path       where they are
    sizes      environment → rows; empty where they could not be read
    variables  how many are observed; 0 for images alone
    control    the environment without intervention
    reading    sentences about what was guessed, left out or renamed
    fault      why they cannot be used; None where they can
    setting    of the spec, with what the data add to it; None where they cannot be used
    """

    path: str
    sizes: dict[str, int]
    variables: int
    control: str | None
    reading: tuple[str, ...]
    fault: CrlspecError | None
    setting: Setting | None = None

    def as_values(self) -> dict[str, Any]:
        """All of it as plain values that fit into JSON."""
        return {
            "path": self.path,
            "environments": self.sizes,
            "variables": self.variables,
            "observational": self.control,
            "reading": list(self.reading),
            "fault": None
            if self.fault is None
            else {"message": self.fault.message, "remedy": self.fault.remedy},
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        lines = []
        if self.sizes:
            least = min(self.sizes.values())
            per = f", {least / self.variables:.3g} rows a variable in the smallest" if self.variables else ""
            what = f"{self.variables} variables" if self.variables else "images"
            lines.append(f"data     {self.path}: {len(self.sizes)} environments of {what}{per}")
            width = max(map(len, self.sizes))
            for name, rows in list(self.sizes.items())[:SHOWN]:
                mark = "  without intervention" if name == self.control else ""
                lines.append(f"         {name:<{width}}  {rows:>7,} rows{mark}")
            if len(self.sizes) > SHOWN:
                lines.append(f"         … and {len(self.sizes) - SHOWN} more")
        lines += [f"note: {text}" for text in self.reading]
        if self.fault is not None:
            lines.append(f"error: {self.fault}")
        elif self.sizes:
            lines.append("         The data fit the spec.")
        return lines


def found_in(spec: Spec) -> Found:
    """The data of a spec, opened and held against it."""
    from crlspec.data import Problem, environments_of, observational_of, provenance_of, read_data
    from crlspec.data.prepare import prepared
    from crlspec.data.tree import READING
    from crlspec.given import named_by_environments, steps_of
    from crlspec.spec.setting import Setting

    assert spec.data is not None
    sizes: dict[str, int] = {}
    reading: tuple[str, ...] = ()
    variables, control, fault, settled = 0, None, None, None
    try:
        tree = read_data(spec.data.path, **spec.data.reading())
        nodes = {name: tree.children[name].to_dataset(inherit=True) for name in environments_of(tree)}
        sizes = {name: int(node.sizes["sample"]) for name, node in nodes.items()}
        variables = max(int(node.sizes.get("observed", 0)) for node in nodes.values())
        control = observational_of(tree)
        reading = tuple(provenance_of(tree).get(READING, ()))
        ready = prepared(tree, *steps_of(spec))
        if ready.components is not None:
            share = 100 * ready.components.share
            count = len(ready.components.directions)
            text = (
                f"{count} principal components hold {share:.3g} % of the variance of {variables} variables."
            )
            reading = (*reading, text)
        settled = Problem.from_data(
            ready.tree, named_by_environments(Setting.of(spec), spec, ready.tree)
        ).setting
    except CrlspecError as error:
        fault = error
    return Found(spec.data.path, sizes, variables, control, reading, fault, settled)
