"""Numbers that cannot be: found when the file is read where constants tell, else named by equation and place."""

from __future__ import annotations

from pathlib import Path

import pytest

import crlspec
from crlspec.data import memory
from crlspec.errors import CrlspecError, SpecError
from crlspec.generative.scm import DrawError

MIXING = "mixing: {kind: linear, observed: 9}\n"
CHAIN = "scm: {graph: {kind: chain}, mechanism: {kind: linear%s}, noise: {kind: normal%s}}\n"
UNIT = "change the unit of the latent."
LOW = "1:23: latents.a: low of Uniform must be below high. Remedy: write Uniform(0.5, 1.5)."

IN_THE_FILE = [
    ('latents: {a: "Uniform(1, 0)"}', LOW),
    ('latents: {a: "Uniform(1, 1)"}', LOW),
    (
        'latents: {a: "Normal(0, -1)"}',
        "1:25: latents.a: scale of Normal must be above 0, got -1. Remedy: the parameters are Normal(loc, scale).",
    ),
    (
        'latents: {a: "Normal(0, 1e-200)"}',
        f"1:25: latents.a: scale of Normal must be from 1e-30 to 1e+30, got 1e-200. Remedy: {UNIT}",
    ),
    (
        'latents: {a: "Normal(0, exp(80))"}',
        f"1:25: latents.a: scale of Normal must be from 1e-30 to 1e+30, got 5.54062e+34. Remedy: {UNIT}",
    ),
    (
        'latents: {a: "LogNormal(800, 1)"}',
        "1:25: latents.a: draws of LogNormal reach exp(810), which is no number. Remedy: use a smaller loc "
        "and scale.",
    ),
    (
        'latents: {a: "StudentT(1e-9, 0, 1)"}',
        "1:24: latents.a: df of StudentT must be from 0.01 to 1e+06, got 1e-09. Remedy: choose one in between.",
    ),
    (
        'latents: {a: "Normal(1e40, 1)"}',
        "1:22: latents.a: the number is too large. Remedy: use numbers up to 1e+30.",
    ),
    (
        "latents: 8\n" + CHAIN % (", weight: 1e100", ""),
        f"2:63: scm.mechanism.weight: got 1e+100; numbers up to 1e+30 are allowed. Remedy: {UNIT}",
    ),
    (
        "latents: 8\n" + CHAIN % ("", ", variance: 1e-31"),
        f"2:88: scm.noise.variance: got 1e-31; numbers from 1e-30 on are allowed. Remedy: {UNIT}",
    ),
    (
        "latents: 2\n" + CHAIN % (', weight: "LogNormal(800, 1)"', ""),
        "2:74: scm.mechanism.weight: draws of LogNormal reach exp(810), which is no number. Remedy: use a smaller "
        "loc and scale, or a number.",
    ),
    (
        "latents: 9\n" + CHAIN % (", weight: 1e30", "") + "mixing: {kind: linear, observed: 9, length: 1e31}\n",
        "3:45: mixing.length: got 1e+31; the number must be at most 1e+30. Remedy: choose a number at most 1e+30.",
    ),
    (
        'latents: {a: "Normal(0, 1)"}\nenvironments: {obs: {}, e: {a: scale(1e-40)}}',
        f"2:38: environments.e.a: scale() takes a number from 1e-30 up to 1e+30, got 1e-40. Remedy: {UNIT}",
    ),
    (
        "latents: 5\n" + CHAIN % ("", "") + "mixing: {kind: linear, observed: 300000}\n",
        "3:9: mixing: the mixing would hold 1500000 numbers; at most 1000000 can be written. Remedy: observe fewer "
        "variables.",
    ),
    (
        "latents: 60\nscm: {graph: {kind: complete}, mechanism: {kind: mlp, hidden: 10000}, noise: {kind: normal}}",
        "2:43: scm.mechanism: the mechanisms would hold about 18900000 numbers; at most 1000000 can be written. "
        "Remedy: declare fewer latents or edges, or smaller networks.",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), IN_THE_FILE)
def test_constants_that_cannot_be_are_found_in_the_file(text: str, said: str) -> None:
    whole = text.rstrip() + "\n" + ("" if "mixing:" in text else MIXING.replace("9", "60"))
    with pytest.raises(SpecError) as caught:
        crlspec.loads(whole)
    assert f"text:{said}" in str(caught.value).splitlines()


def test_weights_that_multiply_beyond_any_number_are_named() -> None:
    with pytest.raises(SpecError) as caught:
        crlspec.loads("latents: 20\n" + CHAIN % (", weight: 1e30", "") + MIXING.replace("9", "30"))
    assert str(caught.value) == (
        "text:2:40: scm.mechanism: the weights let latents grow beyond any number: they are multiplied along the "
        "graph. Remedy: use smaller weights."
    )


def test_a_change_beyond_what_a_spec_holds_is_refused() -> None:
    text = "latents: 2\n" + CHAIN % ("", ", variance: 1e20") + MIXING
    text += "interventions: {design: single-node, kind: hard, noise: {variance: {times: 1e20}}}\n"
    with pytest.raises(SpecError) as caught:
        crlspec.loads(text)
    assert str(caught.value) == (
        "text:4:16: interventions: the noise variance of z1 in do_z1 is 1e+40; from 1e-30 to 1e+30 are allowed. "
        "Remedy: change it by less."
    )


def test_a_prior_whose_draw_is_beyond_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        crlspec.loads("latents: 2\n" + CHAIN % (', weight: "LogNormal(500, 1)"', "") + MIXING)
    assert "the draw of weight_z1_z2 from the prior LogNormal(500, 1) is " in str(caught.value)
    assert ", and at most 1e+30 is allowed. Remedy: give a prior of smaller numbers." in str(caught.value)


NOT_FINITE = (
    "are not all finite, or its distribution is not valid for some of its parents, in the environment %s: %s. "
    "Remedy: write arguments that are valid everywhere, and functions that grow less."
)


@pytest.mark.parametrize(
    ("b", "e", "said"),
    [
        ("StudentT(log(0*a), 1)", None,
         "1:33: latents.b: the draws of b " + NOT_FINITE % ("obs", "b = StudentT(log(0 * a), 1, 1.0)")),
        ("Normal(exp(exp(10 + a)), 1)", None,
         "1:33: latents.b: the draws of b " + NOT_FINITE % ("obs", "b = Normal(exp(exp(10 + a)), 1)")),
        ("Normal(0, a)", None,
         "1:33: latents.b: the scale of b is -0.453219 at some value of its parents, which is not allowed there, "
         "in the environment obs: b = Normal(0, a). Remedy: write a scale that is valid everywhere, e.g. by exp(…) "
         "or softplus(…)."),
        ("Normal(a, 1)", "Normal(log(a), 1)",
         "3:32: environments.e.b: the loc of b is nan at some value of its parents, which is not allowed there, in "
         "the environment e: b = Normal(log(a), 1). Remedy: write a loc that is valid everywhere, e.g. by exp(…) "
         "or softplus(…)."),
    ],
)  # fmt: skip
def test_draws_that_are_not_finite_name_equation_and_place(b: str, e: str | None, said: str) -> None:
    text = f'latents: {{a: "Normal(0, 1)", b: "{b}"}}\n' + MIXING
    text += "" if e is None else f'environments: {{obs: {{}}, e: {{b: "{e}"}}}}\n'
    model = crlspec.compile(crlspec.loads(text), seed=0)
    with pytest.raises(SpecError) as caught:
        model.sample(200, seed=0)
    assert str(caught.value) == f"text:{said}"
    assert caught.value.exit_code == 2
    with pytest.raises(DrawError, match="of b "):
        model.environments["obs" if e is None else "e"].sample(200, 0)


def test_sizes_that_cannot_fit_are_said_before_they_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "_of_machine", lambda: 10**10)
    model = crlspec.compile(crlspec.loads("latents: 2\n" + CHAIN % ("", "") + MIXING), seed=0)
    with pytest.raises(CrlspecError) as caught:
        model.sample(10**9)
    assert str(caught.value).startswith(
        "1000000000 samples of 11 numbers each need about 264.0 GB of memory, and "
    )
    assert str(caught.value).endswith(
        " are free. Remedy: Ask for fewer samples, or use a machine with more memory."
    )
    assert caught.value.exit_code == 2


def test_free_memory_is_that_of_machine_and_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, text in (
        ("info", "MemTotal: 9 kB\nMemAvailable: 7000 kB\n"),
        ("limit", "900"),
        ("used", "400"),
    ):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "info")
    monkeypatch.setattr(memory, "LIMITS", ())
    assert memory.free_bytes() == 7000 * 1024
    monkeypatch.setattr(memory, "LIMITS", ((tmp_path / "limit", tmp_path / "used"),))
    assert memory.free_bytes() == 500
    monkeypatch.setattr(memory, "LIMITS", ((tmp_path / "absent", tmp_path / "used"),))
    assert memory.free_bytes() == 7000 * 1024


def test_no_error_raised_on_purpose_is_a_fault_of_the_program() -> None:
    seen = [CrlspecError]
    while seen:
        one = seen.pop()
        assert one.exit_code in (2, 3, 4), one
        seen += one.__subclasses__()
