"""Loading: sources, --set, names, places; and dump, its inverse."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crlspec.errors import SpecError
from crlspec.inference.declarations import LscaleI
from crlspec.spec.check import check
from crlspec.spec.json_schema import json_schema
from crlspec.spec.load import dump, load, loads, shipped

GOOD = Path(__file__).parent / "good"
LINEAR = [
    f"linear/{family}{kind}-{n}"
    for family in ("", "quadratic-", "mlp-")
    for kind in ("hard", "soft")
    for n in (5, 8)
]


@pytest.mark.parametrize("name", LINEAR)
def test_shipped_specs_are_good_and_name_their_source(name: str) -> None:
    spec = load(name)
    assert name in shipped()
    assert len(spec.latents) == int(name[-1])
    assert spec.samples == 10_000
    assert not check(spec)
    assert loads(dump(spec)) == spec
    header = (
        (Path(__file__).parents[2] / "specs" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[:6]
    )
    assert all(line.startswith("#") for line in header)
    assert "arXiv:2402.00849" in "".join(header)


@pytest.mark.parametrize("path", sorted(GOOD.glob("*.yaml")), ids=lambda path: path.stem)
def test_dump_is_the_inverse_of_load(path: Path) -> None:
    spec = load(path)
    assert spec.name == path.stem
    again = loads(dump(spec))
    assert again == spec
    assert dump(again) == dump(spec)


def test_a_file_goes_before_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "linear").mkdir()
    (tmp_path / "linear" / "hard-5").write_text((GOOD / "designed.yaml").read_text())
    assert len(load("linear/hard-5").latents) == 3


def test_unknown_names_suggest() -> None:
    with pytest.raises(SpecError, match="did you mean linear/hard-5"):
        load("linear/hrd-5")


@pytest.mark.parametrize("source", ["", ".", "/", "a\0b", "nothing" * 1000])
def test_odd_sources_are_spec_errors(source: str) -> None:
    with pytest.raises(SpecError):
        load(source)


def test_text_that_is_not_utf8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"latents: 3\nname: \xff\n")
    with pytest.raises(SpecError) as caught:
        load(path)
    assert (caught.value.issues[0].line, caught.value.issues[0].column) == (2, 7)


def test_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (GOOD / "designed.yaml").read_bytes().replace(b"\n", b"\r\n"))
    assert len(load(path).latents) == 3


def test_set_changes_values_of_any_kind() -> None:
    sets = [
        "samples=7",
        "scores.kind=exact",
        "estimator.alpha=1e-3",
        "latents=[a, b]",
        "mixing={kind: glm, observed: 4}",
    ]
    spec = load(
        "linear/hard-5", sets=[*sets, "estimator={kind: lscale-i, alpha: 1e-3}", "mixing.kind=linear"]
    )
    assert spec.samples == 7
    assert spec.scores.kind == "exact"
    assert spec.estimator == LscaleI(alpha=1e-3)
    assert spec.latents == ("a", "b")
    assert spec.mixing is not None
    assert spec.mixing.observed == 4


def test_set_reaches_into_lists() -> None:
    spec = load(GOOD / "designed.yaml", sets=["scm.graph.1=z1 -> z3"])
    assert spec.scm is not None
    assert spec.scm.graph == (("z1", "z2"), ("z1", "z3"))


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ("scores.kind=exat", "--set scores.kind", "did you mean exact"),
        ("scores.knd=exact", "--set scores.knd", "unknown key"),
        ("foo.bar=1", "--set foo.bar", "unknown key 'foo'"),
        ("samples=[", "--set samples", "not YAML"),
        ("samples=!!int 5", "--set samples", "tags"),
        ("samples", "--set samples", "key=value is needed"),
        ("samples.obs.a=1", "--set samples.obs.a", "no mapping"),
        ("latents=2000", "--set latents", "1 to 1000"),
        ("environments={obs: {}, a: {z1: 'Normal(q, 1)'}}", "--set environments", "unknown name 'q'"),
    ],
)
def test_errors_of_set_say_so(entry: str, path: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        load("linear/hard-5", sets=[entry])
    assert path in {issue.path for issue in caught.value.issues}
    assert all(issue.line is None for issue in caught.value.issues if issue.path == path)


def test_a_relative_data_path_is_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text((GOOD / "assumed.yaml").read_text())
    spec = load(tmp_path / "own.yaml")
    assert spec.data is not None
    assert spec.data.path == str(tmp_path / "folder")
    moved = load(tmp_path / "own.yaml", sets=["data.path=elsewhere"])
    assert moved.data is not None
    assert moved.data.path == "elsewhere"
    assert loads(dump(spec)) == spec


def test_errors_come_all_at_once_and_in_the_order_of_the_file() -> None:
    text = (
        (GOOD / "equations.yaml")
        .read_text()
        .replace("0.8*light", "0.8*ligth")
        .replace("Normal(0, 2)", "Normal(0, -2)")
    )
    with pytest.raises(SpecError) as caught:
        loads(text.replace("observed: 10", "observed: ten"))
    places = [(issue.line, issue.column) for issue in caught.value.issues]
    assert len(places) == 4
    assert places == sorted(places, key=lambda p: (p[0] or 0, p[1] or 0))


def test_the_error_points_into_the_equation() -> None:
    text = "latents:\n  a: Normal(0, 1)\n  b: 'Normal(a + qq, 1)'\nmixing: {kind: linear, observed: 3}\n"
    with pytest.raises(SpecError) as caught:
        loads(text)
    line, column = caught.value.issues[0].line, caught.value.issues[0].column
    assert line is not None
    assert column is not None
    assert text.splitlines()[line - 1][column - 1 :].startswith("qq")


def test_specs_compare_by_what_they_say_not_by_where_it_stood() -> None:
    text = (GOOD / "designed.yaml").read_text()
    assert loads(text) == loads("\n# moved\n" + text, origin="elsewhere")
    assert hash(loads(text)) == hash(loads(text))
    assert loads(text) != loads(text, sets=["samples=2"])


def test_specs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load("linear/hard-5").samples = 3  # type: ignore[misc]


def test_json_schema_resolves_all_its_references() -> None:
    schema = json_schema()
    text = str(schema)
    assert "x-slot" not in text
    assert set(schema["properties"]) >= {"latents", "scm", "mixing", "data", "assume"}
    assert "equations" not in schema["properties"]
    assert {branch["$ref"] for branch in schema["$defs"]["mixing"]["oneOf"]} >= {"#/$defs/LinearMixing"}

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [r for value in node.values() for r in references(value)]
        return [r for value in node for r in references(value)] if isinstance(node, list) else []

    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"], reference


def test_the_language_needs_neither_torch_nor_xarray() -> None:
    program = (
        "import sys, crlspec; s = crlspec.load('linear/soft-5')\n"
        "crlspec.identifiability(s); crlspec.check(s)\n"
        "from crlspec.spec.resolve import resolve; resolve(s, 0)\n"
        "heavy = ('torch', 'pyro', 'xarray', 'pandas', 'pgmpy', 'scipy', 'matplotlib')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("interventions", "kind"),
    [
        ("{design: single-node, kind: hard, noise: {variance: {times: 4}}}", "lscale-i"),
        ("{design: multi-node, kind: hard, noise: {variance: {times: 4}}}", "umni-crl"),
        ("{design: observational}", None),
    ],
)
def test_an_estimator_that_is_not_named_is_one_that_takes_the_setting(
    interventions: str, kind: str | None
) -> None:
    text = f"""latents: 3
scm: {{graph: [z1 -> z2], mechanism: {{kind: linear}}, noise: {{kind: normal}}}}
mixing: {{kind: linear, observed: 4}}
interventions: {interventions}
"""
    spec = loads(text)
    for one in (spec, loads(dump(spec))):
        assert (None if one.estimator is None else one.estimator.kind) == kind
