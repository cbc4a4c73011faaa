"""Some hundred made texts: whatever stands in a file, loading gives a Spec or a SpecError, and nothing else."""

import json
import random
from importlib.resources import files
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crlspec.errors import SpecError
from crlspec.spec.check import check
from crlspec.spec.identifiability import identifiability
from crlspec.spec.load import dump, loads
from crlspec.spec.schema import Spec
from crlspec.spec.yaml12 import write

SHIPPED = [
    files("crlspec.specs").joinpath("linear", name).read_text(encoding="utf-8")
    for name in ("soft-5.yaml", "quadratic-hard-5.yaml")
]
OWN = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "good").glob("*.yaml"))]
GOOD = [*OWN, *SHIPPED]
PIECES = [
    "", " ", "\n", "  ", ":", "- ", "{", "}", "[", "]", '"', "'", "#", "&a", "*a", "!!int ", "---\n",
    "...\n", "|", ">",
    "null", "true", "1e999", "-1", "0", "0x_", "1" * 500, ".nan", "no", "z1", "z9", "obs", "kind", "hard",
    "soft",
    "coupled", "multi-node", "uncoupled", "observational", "Normal(0, 1)", "Normal(z1, z2)", "do(1)",
    "shift(1)",
    "Normal(9**9**9, 1)", "(" * 80, "\t", "\x00", "\ufeff", "\ud800", "é", "\u2028", "%YAML 3.0\n", "? ",
    "<<: ",
    "interventions: {design: coupled, kind: soft}\n", "environments: {obs: {}, e: {z1: do(0)}}\n",
    "conceal: [pairs]\n",
]  # fmt: skip
FAST = settings(
    max_examples=120,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def spec_or_error(text: str, sets: tuple[str, ...] = ()) -> None:
    try:
        spec = loads(text, sets=sets)
    except SpecError as error:
        issues = error.issues
    else:
        issues = ()
        right_spec(spec)
    assert all(issue.severity == "error" and issue.message for issue in issues)


def right_spec(spec: Spec) -> None:
    assert isinstance(spec, Spec)
    assert not any(issue.severity == "error" for issue in check(spec))
    assert loads(dump(spec)) == spec
    assert str(identifiability(spec))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good spec after a few cuts, doublings, moves and insertions."""
    text = draw(st.sampled_from(GOOD))
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 4))):
        start = rng.randrange(len(text) + 1)
        stop = min(len(text), start + rng.randrange(12))
        choice = rng.randrange(5)
        if choice == 0:
            text = text[:start] + text[stop:]
        elif choice == 1:
            text = text[:start] + rng.choice(PIECES) + text[stop:]
        elif choice == 2:
            lines = text.splitlines(keepends=True)
            rng.shuffle(lines)
            text = "".join(lines[: rng.randrange(1, len(lines) + 1)]) if rng.random() < 0.3 else text
            text += "".join(lines[:1])
        else:
            words = text.split(" ")
            words[rng.randrange(len(words))] = rng.choice(PIECES)
            text = " ".join(words)
    return text


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(PIECES),
    st.text(max_size=8),
)
KEYS = st.sampled_from([
    "latents", "scm", "graph", "mechanism", "noise", "kind", "mixing", "observed", "interventions",
    "design", "targets",
    "environments", "obs", "z1", "samples", "scores", "estimator", "data", "assume", "path", "pairs",
    "name", "weight",
])  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=12,
)


@FAST
@given(mutated())
def test_mutations_of_good_specs(text: str) -> None:
    spec_or_error(text)


@FAST
@given(
    st.dictionaries(KEYS, TREES, max_size=6), st.sampled_from([{}, {"latents": 2}, {"latents": ["z1", "b"]}])
)
def test_random_trees(tree: dict[str, object], base: dict[str, object]) -> None:
    try:
        text = write({**base, **tree})
    except UnicodeEncodeError:
        text = json.dumps({**base, **tree}, ensure_ascii=False)
    spec_or_error(text)


@settings(FAST, max_examples=60)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
def test_random_text(text: str) -> None:
    spec_or_error(text)


@settings(FAST, max_examples=60)
@given(
    st.sampled_from(GOOD),
    st.lists(st.text(max_size=20) | st.builds("{}={}".format, KEYS, SCALARS), max_size=3),
)
def test_random_sets(text: str, sets: list[str]) -> None:
    spec_or_error(text, tuple(sets))
