"""Interventional causal representation learning: a YAML file to latents, a DAG and a Pyro model again.

Names are loaded on first use (PEP 562), so that ``import crlspec`` costs nothing heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crlspec import handlers
    from crlspec.data import from_arrays, read_data, write_data
    from crlspec.downstream.ceiling import ceiling
    from crlspec.downstream.comparison import compare
    from crlspec.generative.bayesian import BayesianModel, bayesian
    from crlspec.generative.model import Model, compile
    from crlspec.result import Result, open_result
    from crlspec.solving import solve
    from crlspec.spec.check import check
    from crlspec.spec.identifiability import identifiability
    from crlspec.spec.load import dump, load, loads
    from crlspec.spec.resolve import resolve
    from crlspec.spec.schema import Spec
    from crlspec.spec.setting import Setting
    from crlspec.studies.power.plan import plan
    from crlspec.studies.stability.stability import stability
    from crlspec.studies.sweep.run import sweep
    from crlspec.studies.sweep.summary import summary

__version__ = "0.2.0"

_HOMES = {
    "BayesianModel": "crlspec.generative.bayesian",
    "Model": "crlspec.generative.model",
    "Result": "crlspec.result",
    "Setting": "crlspec.spec.setting",
    "Spec": "crlspec.spec.schema",
    "bayesian": "crlspec.generative.bayesian",
    "ceiling": "crlspec.downstream.ceiling",
    "check": "crlspec.spec.check",
    "compare": "crlspec.downstream.comparison",
    "compile": "crlspec.generative.model",
    "dump": "crlspec.spec.load",
    "from_arrays": "crlspec.data",
    "identifiability": "crlspec.spec.identifiability",
    "load": "crlspec.spec.load",
    "loads": "crlspec.spec.load",
    "open_result": "crlspec.result",
    "plan": "crlspec.studies.power.plan",
    "read_data": "crlspec.data",
    "resolve": "crlspec.spec.resolve",
    "solve": "crlspec.solving",
    "stability": "crlspec.studies.stability.stability",
    "summary": "crlspec.studies.sweep.summary",
    "sweep": "crlspec.studies.sweep.run",
    "write_data": "crlspec.data",
}

_MODULES = ("handlers",)

__all__ = [
    "BayesianModel", "Model", "Result", "Setting", "Spec", "bayesian", "ceiling", "check", "compare", "compile",
    "dump", "from_arrays", "handlers", "identifiability", "load", "loads", "open_result", "plan", "read_data",
    "resolve", "solve", "stability", "summary", "sweep", "write_data",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"crlspec.{name}")
    raise AttributeError(f"module 'crlspec' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
