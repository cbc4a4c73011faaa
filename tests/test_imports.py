"""Who may import whom: the order of the house, read off the code and tried in a fresh process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {"torch", "pyro", "xarray", "pandas", "pgmpy", "pydantic", "numpy", "scipy", "matplotlib", "networkx"}
TORCH = {"torch", "pyro"}

BASE = ("errors", "typing", "progress")
SPEC = ("closed", "notebook", "quantities", "registry", "spec")

# The order of the house: package → the packages of crlspec that it may import, inside functions too; the longest
# match counts. Read from the top: nothing imports what stands below it.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "errors": (),
    "typing": (),
    "notebook": (),
    "progress": (),
    "provenance": (),
    "disk": ("errors", "disk"),
    "spec.vocabulary": (),
    "spec.links": (),
    "spec.expression": ("spec.vocabulary",),
    "spec.prior": ("spec.expression",),
    "closed": ("errors",),
    "quantities": ("spec.expression", "spec.prior", "spec.vocabulary"),
    "registry": (*BASE, "closed", "quantities", "spec.prior"),
    "spec": (*BASE, *SPEC),
    "numerics": (*BASE, "spec.links", "numerics"),
    "numerics.checkpoints": (*BASE, "disk", "numerics"),
    "maps": (*BASE, "spec.links", "numerics", "maps"),
    "handlers": ("errors", "typing", "handlers"),
    "data": (
        "errors", "disk", "registry", "spec.setting", "numerics.batches", "numerics.kept", "numerics.linalg",
        "numerics.rows", "data",
    ),
    "generative": (*BASE, "handlers.changes", "handlers.computed", "numerics.forward_mode", "generative"),
    "generative.model": (*BASE, *SPEC, "numerics.forward_mode", "generative", "data"),
    "generative.in_parts": (*BASE, *SPEC, "generative"),
    "generative.placed": (*BASE, *SPEC, "generative.scm"),
    "generative.bayesian": (*BASE, *SPEC, "generative", "data"),
    "scores": (*BASE, "data", "numerics", "scores", "spec.setting"),
    "scores.declarations": ("registry",),
    "inference": (*BASE, "registry", "data", "numerics", "maps", "scores", "inference", "spec.setting"),
    "inference.declarations": (
        "registry", "inference.encoders.autoencoder_declaration", "inference.encoders.image_declaration",
        "inference.refusals", "spec.citations",
    ),
    "inference.encoders.autoencoder_declaration": ("registry",),
    "inference.encoders.image_declaration": ("registry",),
    "inference.refusals": ("registry",),
    "results": (
        *BASE, "disk", "data", "numerics.axes", "numerics.graphs", "numerics.kept", "numerics.linalg",
        "numerics.ranks", "numerics.rows", "maps", "inference.estimate", "inference.check", "results", "provenance",
        "spec.load", "spec.setting",
    ),
    "report": (
        *BASE, "disk", "data", "notebook", "numerics", "maps", "inference.estimate", "inference.check", "results",
        "report", "provenance",
    ),
    "downstream": (
        *BASE, "disk", *SPEC, "generative", "data", "numerics", "maps", "inference.estimate", "results", "downstream",
    ),
    "downstream.proposals": (
        *BASE, "data", "numerics", "inference", "scores", "results", "spec.setting", "downstream.proposals",
    ),
    "downstream.exports": ("errors", "disk", "downstream", "report.graph_picture", "results"),
    "given": ("errors", "data", "spec.required", "spec.schema", "spec.setting"),
    "result": (*BASE, "disk", "data", "results", "report", "downstream"),
    "solving": (
        *BASE, *SPEC, "given", "provenance", "data", "numerics", "maps", "scores", "inference",
        "generative.model", "results",
        "result",
    ),
    "sklearn": (*BASE, *SPEC, "data", "results", "result", "solving"),
    "studies": (),
    "studies.workers": (),
    "studies.cluster": ("errors", "provenance", "studies.cluster"),
    "studies.sweep": (
        *BASE, "disk", *SPEC, "generative", "data", "numerics", "results", "solving", "result", "studies.sweep",
        "studies.cluster", "studies.workers",
    ),
    "studies.power": (
        *BASE, "disk", *SPEC, "given", "generative", "data", "numerics", "results", "solving", "result",
        "studies.cluster", "studies.sweep", "studies.power",
    ),
    "studies.stability": (
        *BASE, "disk", *SPEC, "given", "generative", "data", "numerics", "results", "downstream", "solving", "result",
        "studies.cluster", "studies.sweep", "studies.stability",
    ),
    "cli.templates": (),
    "cli.proposal": ("data.look",),
    "cli.run_folder": ("errors", "disk"),
    "cli.stopping": ("errors",),
    "cli": (
        *BASE, "disk", *SPEC, "given", "provenance", "generative", "data", "downstream", "results",
        "result", "solving", "studies", "cli",
    ),
    "__main__": ("cli",),
    "testing": (
        *BASE, *SPEC, "generative", "data", "numerics", "maps", "scores", "inference", "results", "result", "testing",
    ),
    "models": (
        *BASE, "registry", "spec.links", "numerics.forward_mode", "generative.mechanism", "generative.scm",
        "generative.mixing", "models",
    ),
    "models.decoder": (
        "errors", "typing", "spec.links", "numerics.forward_mode", "generative.mixing", "maps", "models",
    ),
    "models.decoder_declaration": ("registry", "spec.links", "maps", "models"),
    "models.decoder_file": ("errors", "inference.estimate", "maps", "results.storage"),
}  # fmt: skip

# module prefix → packages that it may never import, wherever the import stands
NEVER: dict[str, set[str]] = {
    "errors": HEAVY,
    "notebook": HEAVY,
    "progress": HEAVY,
    "disk": HEAVY - {"numpy", "xarray"},
    "provenance": HEAVY,
    "cli.templates": HEAVY,
    "cli.run_folder": HEAVY,
    "registry": TORCH | {"xarray", "pandas", "pgmpy"},
    "spec": TORCH | {"xarray", "pandas", "pgmpy"},
    "data": TORCH | {"pgmpy"},
    "inference.estimate": TORCH | {"pgmpy"},
    "inference.base": TORCH | {"xarray", "pandas", "pgmpy"},
    "inference.declarations": TORCH | {"xarray", "pandas", "pgmpy"},
    "inference.refusals": TORCH | {"xarray", "pandas", "pgmpy"},
    "scores.declarations": TORCH | {"xarray", "pandas", "pgmpy"},
    "maps.maps": TORCH | {"pgmpy"},
    "maps.plain": TORCH | {"xarray", "pandas", "pgmpy"},
    "handlers": HEAVY - TORCH,
    "models.declarations": TORCH | {"xarray", "pandas", "pgmpy"},
    "models.decoder_declaration": TORCH | {"xarray", "pandas", "pgmpy"},
}

# what of downstream works on numbers and graphs alone
LIGHT = (
    "adjustment", "bayesian_network", "ceiling", "comparison", "decoded", "design", "equivalence", "exports",
    "fitted", "flexible", "identified", "labelled", "linear", "noise", "pgmpy_discrete", "pgmpy_graph", "sid",
)  # fmt: skip

# module prefix → packages that may only be imported inside functions
LATE: dict[str, set[str]] = {
    "": {"pgmpy"},
    "results": TORCH | {"pgmpy"},
    "downstream": {"pgmpy", "networkx"},
    **{f"downstream.{name}": TORCH for name in LIGHT},
    "report": TORCH | {"pgmpy"},
    "result": TORCH | {"pgmpy"},
    "cli": HEAVY,
    "disk": {"numpy", "xarray", "h5netcdf", "h5py"},
    "studies.cluster": HEAVY,
    "studies.sweep": HEAVY - {"pydantic"},
    "studies.power": HEAVY - {"pydantic", "numpy"},
}


def modules() -> dict[str, Path]:
    """Name within crlspec → file, plug-in models included; the package's own face left out."""
    found = {}
    for prefix, folder in (("", ROOT / "crlspec"), ("models.", ROOT / "models")):
        for path in sorted(folder.rglob("*.py")):
            name = prefix + ".".join(path.relative_to(folder).with_suffix("").parts)
            name = name.removesuffix("__init__").rstrip(".")
            if name:
                found[name] = path
    return found


def imports(path: Path, name: str) -> Iterator[tuple[str, bool, int]]:
    """(imported module, whether at the top level, line) of a file; those for the type checker left out.

    ``from package import name`` counts as ``package.name`` where that is a module.
    """

    def visit(node: ast.AST, top: bool) -> Iterator[tuple[str, bool, int]]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                yield from visit(child, top)
            return
        if isinstance(node, ast.Import):
            yield from ((alias.name, top, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield (inner if inner.removeprefix("crlspec.") in MODULES else module), top, node.lineno
        inside = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(ast.parse(path.read_text(encoding="utf-8"), str(path)), True)


def under(name: str, prefix: str) -> bool:
    return not prefix or f"{name}.".startswith(f"{prefix}.")


def rule(table: dict[str, tuple[str, ...]], name: str) -> tuple[str, ...] | None:
    matching = [prefix for prefix in table if under(name, prefix)]
    return table[max(matching, key=len)] if matching else None


MODULES = modules()


def test_every_module_has_a_place_in_the_order() -> None:
    strangers = [name for name in MODULES if rule(MAY_IMPORT, name) is None]
    assert not strangers, f"say in MAY_IMPORT what these may import: {strangers}"


def test_no_module_imports_itself_in_a_ring() -> None:
    graph = nx.DiGraph()
    for name, path in MODULES.items():
        if path.name != "__init__.py":  # a package's face hands names on
            found = {module.removeprefix("crlspec.") for module, _, _ in imports(path, name)}
            graph.add_edges_from((name, other) for other in found if other in MODULES and other != name)
    rings = [sorted(ring) for ring in nx.strongly_connected_components(graph) if len(ring) > 1]
    assert not rings, f"these import each other: {rings}"


@pytest.mark.parametrize("name", MODULES)
def test_imports_keep_the_order(name: str) -> None:
    allowed = rule(MAY_IMPORT, name)
    wrong = []
    for module, top, line in imports(MODULES[name], name):
        package = module.split(".")[0]
        if package == "crlspec" and module != "crlspec" and allowed is not None:
            inner = module.removeprefix("crlspec.")
            if not any(under(inner, prefix) for prefix in allowed) and not inner.startswith("__"):
                wrong.append(f"line {line}: {module} is not among {allowed}")
        if package == "crlspec" and not under(name, "models") and under(module, "crlspec.models"):
            wrong.append(f"line {line}: the engine never names models")
        if any(under(name, prefix) and package in packages for prefix, packages in NEVER.items()):
            wrong.append(f"line {line}: {package} may never be imported here")
        if top and any(under(name, prefix) and package in packages for prefix, packages in LATE.items()):
            wrong.append(f"line {line}: {package} may only be imported inside a function")
    assert not wrong, "\n".join(wrong)


def loaded_after(statement: str) -> set[str]:
    """The packages that a fresh process holds after a statement."""
    tell = "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    code = f"import sys, json\n{statement}\nprint()\n{tell}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("statement", "never"),
    [
        ("import crlspec", HEAVY | {"yaml"}),
        (
            "from crlspec.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
            HEAVY | {"yaml"},
        ),
        ("import crlspec.spec.load, crlspec.spec.identifiability", TORCH | {"xarray", "pandas", "pgmpy"}),
        (
            "from crlspec.cli import main\nmain(['check', 'linear/hard-5'])",
            TORCH | {"xarray", "pandas", "pgmpy"},
        ),
        ("import crlspec.data", TORCH | {"pgmpy"}),
        ("import crlspec.inference.estimate", TORCH | {"pgmpy"}),
        ("import crlspec.result", TORCH | {"pgmpy", "matplotlib"}),
        ("import crlspec.models.declarations", TORCH | {"xarray", "pandas", "pgmpy"}),
    ],
)
def test_a_fresh_process_loads_no_more_than_it_needs(statement: str, never: set[str]) -> None:
    assert not loaded_after(statement) & never


@pytest.mark.slow
def test_a_linear_run_does_without_the_compiler_of_torch() -> None:
    run = "from crlspec.cli import main\nmain(['run', 'linear/hard-5', '--samples', '2000', '--out', {!r}])"
    with tempfile.TemporaryDirectory() as folder:
        loaded_after(run.format(f"{folder}/out") + "\nassert 'torch._dynamo' not in sys.modules")
