"""The registry: installed families, plug-ins, and what is wrong with them."""

import sys
from types import ModuleType
from typing import ClassVar, Literal, Self

import numpy as np
import pytest
from pydantic import ValidationError

from crlspec.errors import Issue, SpecError
from crlspec.registry import Amount, MechanismDeclaration, NoiseDeclaration, Registry, draw_amount
from crlspec.spec.json_schema import json_schema
from crlspec.spec.load import dump, loads
from crlspec.spec.plugins import lacking_plugins, packages_of, plugins_of

TEXT = """latents: 2
scm: {graph: [z1 -> z2], mechanism: {kind: cubic, weight: 2}, noise: {kind: box}}
mixing: {kind: linear, observed: 3}
"""


class CubicMechanism(MechanismDeclaration):
    kind: Literal["cubic"] = "cubic"
    implementation: ClassVar[str] = "collections:OrderedDict"
    function: ClassVar[Literal["linear", "nonlinear"]] = "nonlinear"
    weight: Amount = 1.0

    def draw(self, rng: np.random.Generator, node: str, parents: tuple[str, ...]) -> Self:
        return self.model_copy(update={"weight": draw_amount(rng, self.weight)})

    def scaled(self, factor: float) -> Self:
        return self


class BoxNoise(NoiseDeclaration):
    kind: Literal["box"] = "box"
    implementation: ClassVar[str] = "collections:OrderedDict"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> str:
    module = ModuleType("my_families")
    module.CubicMechanism, module.BoxNoise = CubicMechanism, BoxNoise  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_families", module)
    return "my_families"


def test_installed_families_are_found() -> None:
    registry = Registry.installed()
    assert set(registry.kinds("mechanism")) >= {"linear", "quadratic", "mlp", "sine", "location-scale"}
    assert set(registry.kinds("noise")) >= {"normal", "laplace", "student-t", "uniform", "gumbel", "logistic"}
    assert set(registry.kinds("mixing")) >= {"linear", "glm", "mlp"}


def test_a_plugin_adds_kinds_and_leaves_the_installed_registry_alone(plugin: str) -> None:
    registry = Registry.installed().with_plugin(plugin)
    spec = loads(TEXT, registry=registry)
    assert spec.scm is not None
    assert isinstance(spec.scm.mechanism, CubicMechanism)
    assert loads(dump(spec), registry=registry) == spec
    assert "CubicMechanism" in json_schema(registry)["$defs"]
    with pytest.raises(SpecError, match="unknown mechanism kind 'cubic'"):
        loads(TEXT)


def test_implement_imports_the_class() -> None:
    from collections import OrderedDict

    assert CubicMechanism.implement() is OrderedDict


@pytest.mark.parametrize("name", ["no_such_module_here", "json", "", "os.nothing"])
def test_faulty_plugins_are_spec_errors(name: str) -> None:
    with pytest.raises(SpecError, match="plug-in") as caught:
        Registry.installed().with_plugin(name)
    assert caught.value.issues[0].path == f"--plugin {name}"


def test_a_broken_family_says_why() -> None:
    registry = Registry(Registry.installed().families, {("mechanism", "cubic"): "ImportError: no cubes"})
    with pytest.raises(SpecError, match="installed but cannot be loaded: ImportError: no cubes"):
        loads(TEXT, registry=registry)


def test_unknown_keys_of_a_family_name_the_known_ones() -> None:
    with pytest.raises(ValidationError) as caught:
        CubicMechanism.model_validate({"wight": 1})
    assert caught.value.errors()[0]["ctx"]["allowed"] == "kind, weight"


@pytest.mark.parametrize(
    "value", ["1", True, None, [1], [2, 1], [1, 2, 3], float("nan"), float("inf"), 10**400, {}]
)
def test_amounts_are_finite_numbers_or_intervals(value: object) -> None:
    with pytest.raises(ValidationError):
        BoxNoise.model_validate({"mean": value})


def test_draws_take_the_place_of_intervals() -> None:
    noise = BoxNoise(mean=(0, 1), variance=(1, 2))
    drawn = noise.draw(np.random.default_rng(0), "z1")
    assert not noise.is_resolved
    assert drawn.is_resolved
    assert isinstance(drawn.variance, float)
    assert 1 <= drawn.variance <= 2
    assert drawn.draw(np.random.default_rng(1), "z1") == drawn


class _Foreign(CubicMechanism):
    implementation: ClassVar[str] = "collections:Counter"


class _Absent(CubicMechanism):
    implementation: ClassVar[str] = "no_such_module_here:Cubic"


class _NoClass(CubicMechanism):
    implementation: ClassVar[str] = "os:sep"


class _Taking(CubicMechanism):
    implementation: ClassVar[str] = "crlspec.errors:Issue"


REMEDY = f" Remedy: mend the package of {__name__}, which declares it, or choose another kind."


@pytest.mark.parametrize(
    ("declaration", "what"),
    [
        (_Foreign, "the class collections:Counter of mechanism 'cubic' is no dataclass that inherits "
                   "crlspec.errors.Issue."),
        (_Absent, "the class no_such_module_here:Cubic of mechanism 'cubic' cannot be loaded: ModuleNotFoundError: "
                  "No module named 'no_such_module_here'."),
        (_NoClass, "the class os:sep of mechanism 'cubic' is no class."),
        (_Taking, "the class crlspec.errors:Issue of mechanism 'cubic' cannot be built: Issue.__init__() missing 2 "
                  "required positional arguments: 'severity' and 'message'."),
    ],
)  # fmt: skip
def test_a_class_that_does_not_fit_is_a_spec_error(declaration: type[CubicMechanism], what: str) -> None:
    with pytest.raises(SpecError) as caught:
        declaration().built(Issue)
    assert str(caught.value) == f"mechanism: {what}{REMEDY}"


def test_plugins_are_lacking_where_none_of_their_families_is_known(plugin: str) -> None:
    registry = Registry.installed().with_plugin(plugin)
    made_with = {"plugins": list(plugins_of(loads(TEXT, registry=registry)))}
    assert made_with["plugins"] == [CubicMechanism.__module__]
    assert lacking_plugins(made_with) == (CubicMechanism.__module__,)
    assert lacking_plugins(made_with, registry) == ()
    assert lacking_plugins({}) == ()


def test_packages_are_those_of_others() -> None:
    assert Registry.installed().packages[Registry.installed().kinds("mixing")["linear"]][0] == "crlspec"
    assert packages_of(loads(TEXT.replace("cubic", "linear").replace("box", "normal"))) == {}
