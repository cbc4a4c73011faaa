"""Who may import whom: the order of the house, read off the code and tried in a fresh process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {"torch", "pyro", "xarray", "pandas", "pgmpy", "pydantic", "numpy", "scipy", "matplotlib", "networkx"}
TORCH = {"torch", "pyro"}

BASE = ("errors", "typing", "progress")
FACE = ("solving", "sweeping", "planning", "commands", "answering", "running", "cli")

# module prefix → the prefixes of crlspec that it may import, inside functions too; the longest match counts
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "errors": (),
    "typing": (),
    "provenance": (),
    "progress": (),
    "templates": (),
    "run_folder": ("errors",),
    "registry": (*BASE, "spec.expression", "spec.prior"),
    "spec": (*BASE, "registry", "spec"),
    "spec.vocabulary": (),
    "spec.links": (),
    "spec.expression": ("spec.vocabulary",),
    "spec.prior": ("spec.expression",),
    "handlers": ("errors", "typing", "handlers"),
    "generative": (*BASE, "handlers.changes", "numerics.forward_mode", "generative"),
    "generative.model": (*BASE, "registry", "spec", "generative", "data"),
    "generative.bayesian": (*BASE, "registry", "spec", "generative", "data"),
    "data": ("errors", "registry", "spec.setting", "data"),
    "numerics": (*BASE, "spec.links", "numerics"),
    "scores": (*BASE, "data", "numerics", "scores", "spec.setting"),
    "inference": (*BASE, "data", "numerics", "scores", "inference", "spec.setting", "spec.accepts"),
    "results": (
        *BASE,
        "data",
        "numerics.graphs",
        "inference.estimate",
        "inference.maps",
        "results",
        "provenance",
        "spec.load",
    ),
    "results.downstream": (*BASE, "results", "downstream"),
    "results.queries": (*BASE, "results", "downstream"),
    "downstream": (
        *BASE,
        "registry",
        "spec",
        "generative",
        "data",
        "numerics",
        "inference.estimate",
        "inference.maps",
        "inference.plain_maps",
        "results",
        "downstream",
    ),
    "downstream.bootstrap": (*BASE, "data", "results", "downstream", "solving", "sweeping"),
    "downstream.stability": (
        *BASE,
        "registry",
        "spec",
        "data",
        "results",
        "downstream",
        "solving",
        "sweeping",
    ),
    "testing": (
        *BASE,
        "registry",
        "spec",
        "generative",
        "data",
        "numerics",
        "scores",
        "inference",
        "results",
        "testing",
    ),
    "models": (*BASE, "registry", "spec.links", "generative.scm", "generative.mixing", "models"),
    "models.decoder": (
        "errors",
        "typing",
        "spec.links",
        "numerics.forward_mode",
        "generative.mixing",
        "inference.maps",
        "models",
    ),
    "models.decoder_declaration": (
        "registry",
        "spec.links",
        "inference.maps",
        "inference.plain_maps",
        "models",
    ),
    "models.decoder_file": (
        "errors",
        "inference.estimate",
        "inference.maps",
        "inference.plain_maps",
        "results.storage",
    ),
}

# module prefix → packages that it may never import, wherever the import stands
NEVER: dict[str, set[str]] = {
    "errors": HEAVY,
    "progress": HEAVY,
    "provenance": HEAVY,
    "templates": HEAVY,
    "run_folder": HEAVY,
    "registry": TORCH | {"xarray", "pandas", "pgmpy"},
    "spec": TORCH | {"xarray", "pandas", "pgmpy"},
    "data": TORCH | {"pgmpy"},
    "inference.estimate": TORCH | {"pgmpy"},
    "inference.maps": TORCH | {"pgmpy"},
    "inference.plain_maps": TORCH | {"xarray", "pandas", "pgmpy"},
    "handlers": HEAVY - TORCH,
    "models.declarations": TORCH | {"xarray", "pandas", "pgmpy"},
    "models.decoder_declaration": TORCH | {"xarray", "pandas", "pgmpy"},
}

# what of downstream works on numbers and graphs alone
LIGHT = (
    "adjustment", "bayesian_network", "comparison", "decoded", "design", "equivalence", "exports", "fitted",
    "flexible", "identified", "linear", "noise", "pgmpy_discrete", "pgmpy_graph", "sid",
)  # fmt: skip

# module prefix → packages that may only be imported inside functions
LATE: dict[str, set[str]] = {
    "": {"pgmpy"},
    "results": TORCH | {"pgmpy"},
    "downstream": {"pgmpy", "networkx"},
    **{f"downstream.{name}": TORCH for name in LIGHT},
    "answering": HEAVY,
    "cli": HEAVY,
    "commands": HEAVY,
    "running": HEAVY,
    "sweeping": HEAVY - {"pydantic"},
    "planning": HEAVY - {"pydantic", "numpy"},
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
    """(imported module, whether at the top level, line) of a file; those for the type checker left out."""

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
            if module == "crlspec" or module in {
                f"crlspec.{package}" for package in ("data", "spec", "results")
            }:
                yield from ((f"{module}.{alias.name}", top, node.lineno) for alias in node.names)
            else:
                yield module, top, node.lineno
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


def test_results_reach_downstream_inside_functions_alone() -> None:
    for name, path in MODULES.items():
        if under(name, "results"):
            found = imports(path, name)
            wrong = [line for module, top, line in found if top and under(module, "crlspec.downstream")]
            assert not wrong, f"{path}: lines {wrong}"


def test_every_module_has_a_place_in_the_order() -> None:
    strangers = [
        name for name in MODULES if rule(MAY_IMPORT, name) is None and name.split(".")[0] not in FACE
    ]
    assert not strangers, f"say in MAY_IMPORT what these may import: {strangers}"


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
        ("import crlspec.results.result", TORCH | {"pgmpy", "matplotlib"}),
        ("import crlspec.models.declarations", TORCH | {"xarray", "pandas", "pgmpy"}),
    ],
)
def test_a_fresh_process_loads_no_more_than_it_needs(statement: str, never: set[str]) -> None:
    assert not loaded_after(statement) & never
