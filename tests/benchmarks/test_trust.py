"""The judge on answers that are known, the interval on published numbers, and rows that go on where they stopped."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trust
import trust_table
from trust_judge import Judgement, judge, names_fault, names_one_of
from trust_kinds import CONTROL, KINDS, Case

from crlspec.errors import DataError

NAMES = ("a", "b", "c")


def chain(claim: str = "scaling") -> Case:
    """z1 → z2 → z3, observed as they are."""
    rng = np.random.default_rng(0)
    truth = {}
    for environment in (CONTROL, "elm", "fir", "yew"):
        z = rng.normal(size=(300, 3))
        z[:, 1] += z[:, 0]
        z[:, 2] += z[:, 1]
        truth[environment] = z
    parents = np.zeros((3, 3), dtype=bool)
    parents[1, 0] = parents[2, 1] = True
    targets = {"elm": (0,), "fir": (1,), "yew": (2,)}
    return Case(truth, "", truth, parents, targets, claim=claim)  # type: ignore[arg-type]


def said(
    case: Case, edges: list[str], columns: tuple[int, ...] = (0, 1, 2), exact: bool = True, **further: object
) -> Judgement:
    """The judgement of the true latents in other columns, under names of their own."""
    latents = {name: -2 * z[:, list(columns)] for name, z in case.truth.items()}
    names = NAMES[: len(columns)]
    return judge(case, latents, names, [(e[0], e[1]) for e in edges], exact, **further)  # type: ignore[arg-type]


def test_the_truth_is_right() -> None:
    found = said(chain(), ["ab", "bc"])
    assert not found.wrong
    assert (found.reversed, found.false_edges, found.false_ancestors) == (0, 0, 0)
    assert found.mcc == pytest.approx(1)


def test_names_of_latents_do_not_matter() -> None:
    assert not said(chain(), ["ca", "ab"], columns=(1, 2, 0)).wrong
    assert said(chain(), ["ab", "bc"], columns=(1, 2, 0)).reversed == 2  # z3 → z1, and z2 before it


def test_a_missing_edge_is_no_false_claim() -> None:
    found = said(chain(), [])
    assert (found.wrong, found.missed) == (False, 2)
    assert said(chain(), ["ab"], exact=False).missed == 2  # z3 from both others


def test_one_false_edge_is_borne_and_two_are_not() -> None:
    case = replace(chain(), parents=np.zeros((3, 3), dtype=bool))
    assert not said(case, ["ab"]).wrong
    found = said(case, ["ab", "ac"])
    assert (found.wrong, found.false_edges, found.reversed) == (True, 2, 0)


def test_an_edge_to_an_ancestor_is_false_only_where_the_graph_itself_is_claimed() -> None:
    assert said(chain(), ["ab", "bc", "ac"]).false_edges == 1
    assert said(chain(), ["ab", "bc", "ac"], exact=False).false_ancestors == 0


def test_one_pair_turned_round_is_wrong_also_along_a_path() -> None:
    assert said(chain(), ["ba"]).reversed == 1
    assert said(chain(), ["ba"]).wrong
    far = said(chain(), ["ca"])  # c is a descendant of a, though no edge joins them
    assert (far.wrong, far.reversed) == (True, 1)


def test_in_a_cycle_no_pair_is_turned_round() -> None:
    parents = np.zeros((3, 3), dtype=bool)
    parents[1, 0] = parents[0, 1] = True
    case = replace(chain(), parents=parents)
    assert said(case, ["ab"]).reversed == said(case, ["ba"]).reversed == 0


def test_mixed_latents_are_wrong_where_each_is_claimed_by_itself_alone() -> None:
    for claim, wrong in (("scaling", True), ("map", True), ("ancestors", False)):
        case = chain(claim)
        mixed = {
            name: z @ np.array([[1, 0, 0], [-0.9, 1, 0], [0, -1, 1]]).T for name, z in case.truth.items()
        }
        shown = dict(zip(NAMES, (["elm"], ["fir"], ["yew"]), strict=True))
        found = judge(case, mixed, NAMES, [("a", "b")], claim != "ancestors", shown)
        assert (found.wrong, found.mcc < 0.95) == (wrong, True)


def test_a_bent_latent_is_right_where_a_map_of_each_is_claimed() -> None:
    for claim, wrong in (("scaling", True), ("map", False)):
        case = chain(claim)
        bent = {name: np.exp(2 * z) for name, z in case.truth.items()}
        assert judge(case, bent, NAMES, [], True).wrong == wrong


def test_the_environment_tells_which_latent_is_which_where_correlations_do_not() -> None:
    case = chain("ancestors")
    swapped = {name: z[:, [1, 0, 2]] for name, z in case.truth.items()}
    shown = dict(zip(NAMES, (["elm"], ["fir"], ["yew"]), strict=True))
    assert not judge(case, swapped, NAMES, [("a", "b")], False, shown).wrong
    assert judge(case, swapped, NAMES, [("a", "b")], False).reversed == 1
    several = replace(case, targets={"elm": (0,), "fir": (0, 1), "yew": (1, 2)})
    shown = dict(zip(NAMES, (["elm", "fir"], ["fir", "yew"], ["yew"]), strict=True))
    assert not judge(several, swapped, NAMES, [("a", "b")], False, shown).wrong
    assert judge(several, swapped, NAMES, [("b", "a")], False, shown).reversed == 1


def test_a_latent_too_many_is_wrong_and_its_edges_are_false() -> None:
    case = chain()
    more = {name: np.column_stack([z, z[:, 0] ** 2]) for name, z in case.truth.items()}
    found = judge(case, more, ("a", "b", "c", "d"), [("d", "a"), ("d", "b")], True)
    assert (found.wrong, found.false_edges, round(found.mcc, 2)) == (True, 2, 0.75)
    assert not said(case, ["ab"], columns=(0, 1)).wrong


def test_a_latent_that_never_varies_matches_none() -> None:
    case = chain()
    still = {name: np.where(np.arange(3) == 2, 1.0, z) for name, z in case.truth.items()}
    assert judge(case, still, NAMES, [], True).mcc == pytest.approx(2 / 3, abs=0.01)


def test_a_message_names_what_is_at_fault_and_not_everything() -> None:
    case = replace(chain(), at_fault=("elm",))
    assert names_fault(case, "the environment 'elm' has no effect")
    assert not names_fault(case, "hazel, elm, fir and yew differ too little")
    assert not names_fault(case, "helmet")
    assert names_fault(chain(), "elm") is None
    assert names_one_of(("no effect",), "It has No Effect.") and not names_one_of(("shift",), "")


@pytest.mark.parametrize(
    ("hits", "runs", "low", "high"),  # Newcombe, Statistics in Medicine 1998, table I, method 3
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_the_published_one(hits: int, runs: int, low: float, high: float) -> None:
    np.testing.assert_allclose(trust_table.wilson(hits, runs), (low, high), atol=6e-5)


def row(kind: str, seed: int, outcome: str, **further: object) -> dict[str, object]:
    known = KINDS[kind]
    given = {"kind": kind, "group": known.group, "expected": known.expectation, "seed": seed, "text": ""}
    return {
        **given,
        "rows": 5000,
        "strong": 0,
        "outcome": outcome,
        "cpu_seconds": 1.5,
        "text": "",
        "missed": 0,
        **further,
    }


def test_rows_come_back_and_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.csv"
    trust.append(path, row("hard Gaussian", 7, "ok right", text='a "word", and more'))
    trust.append(path, row("no effect", 7, "undecided"))
    done = trust.read(path)
    assert [(r["kind"], r["outcome"]) for r in done] == [
        ("hard Gaussian", "ok right"),
        ("no effect", "undecided"),
    ]
    assert done[0]["text"] == 'a "word", and more'
    kinds = [KINDS["hard Gaussian"], KINDS["no effect"]]
    left = trust.missing(done, kinds, (7, 8), 9.0)
    assert left == [("hard Gaussian", 8, 9.0), ("no effect", 8, 9.0)]


def test_a_row_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    trust.append(path, row("hard Gaussian", 1, "ok right"))
    whole = path.read_text(encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write("hard Gaussian,sound,ok exp")
    assert [r["seed"] for r in trust.read(path)] == ["1"]
    assert path.read_text(encoding="utf-8") == whole


def test_rows_of_another_version_are_not_mixed_with_those_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("kind,seed\nhard Gaussian,1\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="other columns"):
        trust.read(path)


def test_table_and_sentences_count_every_outcome() -> None:
    found = [
        row("hard Gaussian", 1, "ok right"), row("hard Gaussian", 2, "undecided"),
        row("hard Gaussian (1000 rows)", 1, "ok wrong", rows=1000, strong=1),
        row("no effect", 1, "ok wrong", names_environment=0, names_assumption=1), row("no effect", 2, "crash",
        names_environment=1, names_assumption=0),
    ]  # fmt: skip
    rows = [{key: str(value) for key, value in one.items()} for one in found]
    rows = [{"names_environment": "", "names_assumption": "", **one} for one in rows]
    lines = trust_table.table(rows, list(KINDS))
    assert [line[0] for line in lines] == ["hard Gaussian", "hard Gaussian (1000 rows)", "no effect"]
    assert lines[0][2:] == ["2", "·", "1", "·", "1", "·", "·", "·", "", "", "1.5"]
    assert lines[2][2:] == ["2", "·", "·", "·", "·", "1", "1", "·", "1/2", "1/2", "1.5"]
    sentences = trust_table.overall(rows)
    assert sentences[0].startswith("wrong among ok: 2 of 3, 66.7% (95 % interval 20.8% to 93.9%)")
    assert sentences[2].startswith("ok on sound runs, 5,000 rows and more: 1 of 2")
    assert sentences[3].startswith("ok on sound runs, 1,000 rows and strong effects: 1 of 1")
    assert sentences[6].startswith("crashes: 1 of 5")
    text = trust_table.markdown(lines, sentences)
    assert text.startswith("| kind | expected | runs |") and "- wrong among ok: 2 of 3" in text
    assert trust_table.plain(lines).splitlines()[1].startswith("hard Gaussian ")


def test_a_run_that_spends_too_much_is_stopped_and_its_neighbours_are_not() -> None:
    def spend(seconds: float) -> None:
        until = time.process_time() + seconds
        while time.process_time() < until:
            continue

    with pytest.raises(trust.TooSlowError), trust.limited(0.05):
        spend(10)
    with trust.limited(0.05):
        time.sleep(0.1)  # waiting spends nothing
    spend(0.15)


def test_a_real_run_gives_a_whole_row() -> None:
    found = trust.run(("few rows (300)", 1, 60.0))
    assert set(found) <= {*trust.FIELDS, "wrong"}
    assert found["outcome"] in trust_table.OUTCOMES
    assert found["rows"] == 300 and found["expected"] == "ok allowed with note"
    assert found["text"] and "\n" not in found["text"]


def test_errors_of_crlspec_are_refusals_and_others_crashes(monkeypatch: pytest.MonkeyPatch) -> None:
    import crlspec

    case = trust.draw(KINDS["few rows (60)"], 0)

    def refuse(*_: object, **__: object) -> None:
        raise DataError("the environment 'elm' is empty", "Fill it.")

    def fail(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(crlspec, "solve", refuse, raising=False)
    told = trust.answered(case, 0)
    assert (told["outcome"], told["stage"]) == ("refused", "solve")
    assert told["text"] == "the environment 'elm' is empty. Remedy: Fill it."
    monkeypatch.setattr(crlspec, "solve", fail, raising=False)
    told = trust.answered(case, 0)
    assert (told["outcome"], told["text"]) == ("crash", "LinAlgError: Singular matrix")
    told = trust.answered(replace(case, spec="latents: -1"), 0)
    assert (told["outcome"], told["stage"]) == ("refused", "load")


def test_kinds_are_chosen_by_parts_of_names_and_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {kind.name for kind in trust.chosen("few rows a guide")} == {
        f"few rows a guide ({n})" for n in (60, 120, 200)
    }
    assert {kind.group for kind in trust.chosen("sound")} == {"sound"}
    assert len(trust.chosen(None)) == len(KINDS)
    monkeypatch.setattr(sys, "argv", ["trust.py", "--kinds", "nothing of the kind"])
    with pytest.raises(SystemExit):
        trust.main()
