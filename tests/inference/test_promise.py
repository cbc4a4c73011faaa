"""What theory does not give is not reported: runs on linear latents that are only shifted, and on hard ones."""

from __future__ import annotations

import numpy as np
import pytest

import crlspec

SHIFTED = """latents: {{a: "Normal(0, 1)", b: "Normal(1.1*a, 1)", c: "Normal(-0.9*b + 0.7*a, 1)"}}
mixing: {{kind: linear, observed: 6}}
samples: 2000
environments: {{obs: {{}}, sa: {{a: {0}}}, sb: {{b: {1}}}, sc: {{c: {2}}}}}
"""


def solved(text: str) -> crlspec.Result:
    spec = crlspec.loads(text)
    model = crlspec.compile(spec, seed=1)
    return crlspec.solve(spec, model.sample(seed=1), seed=1, model=model)


@pytest.mark.parametrize("change", ["shift(2)", "scale(2)"])
def test_a_run_on_shifted_linear_latents_is_undecided_not_refused(change: str) -> None:
    result = solved(SHIFTED.format(change, change, change))
    assert result.status.code == "undecided"
    assert result.status.message.startswith(
        "The environments are declared to shift or rescale their targets only. With linear latents that cannot show "
        "the graph: a model without edges fits as well."
    )
    assert result.checks[0].name == "theory"
    assert (result.identified["covered"], result.identified["graph"]) == (False, "nothing")
    assert result.status.remedy == (
        "Use interventions that change how a latent depends on its parents, or hard ones."
    )
    mended = solved(SHIFTED.format(change, '"Normal(0.3*a, 1)"', '"Normal(-0.2*b + 0.2*a, 1)"'))
    assert mended.identified["covered"] and mended.status.code == "ok"
    assert {edge.pair for edge in mended.edges} == {("a", "b"), ("a", "c"), ("b", "c")}


@pytest.mark.parametrize(("changes", "first"), [("mechanism", "mechanism-changed"), ("shift", "theory")])
def test_own_data_that_are_only_shifted_are_undecided_whatever_is_declared(changes: str, first: str) -> None:
    spec = crlspec.loads(f"""latents: [z1, z2, z3]
data: {{path: nowhere, observational: obs}}
assume: {{mixing: linear, interventions: {{design: single-node, kind: soft, changes: {changes}}}}}
""")
    shifted = crlspec.loads(SHIFTED.format("shift(2)", "shift(2)", "shift(2)"))
    drawn = crlspec.compile(shifted, seed=1).sample(seed=1)
    data = {name: np.asarray(drawn[name]["x"]) for name in ("obs", "sa", "sb", "sc")}
    result = crlspec.solve(spec, crlspec.from_arrays(data), seed=1)
    assert result.status.code == "undecided"
    assert next(check.name for check in result.checks if check.objects) == first


def test_hard_runs_note_what_hardness_rests_on() -> None:
    result = solved(SHIFTED.format(*['"Normal(0, 2)"'] * 3))
    (check,) = [check for check in result.checks if check.name == "hard"]
    assert check.consequence == "note"
    assert check.message == (
        "The latents are linear functions of their parents, so no data can show that interventions are hard. "
        "They are taken as hard, and latents and effects are relative to that."
    )
    assert not check.objects
