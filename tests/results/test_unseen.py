"""A result that keeps a ceiling: the check by name, the status, what is claimed no longer, and the file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crlspec.errors import DataError
from crlspec.inference.estimate import AbsentEdge, Status
from crlspec.report import report
from crlspec.result import open_result
from crlspec.results.ceiling import Ceiling, Own, Reached
from crlspec.results.verdict import verdict

NAMES = ("z1", "z2", "z3", "z4")


def measured(*r2: float, recovered: tuple[str | None, ...] = NAMES, fewer: bool = False) -> Ceiling:
    """A ceiling of these R², a result beside it."""

    def reached(labels: int, share: float) -> Reached:
        roots = tuple(share * max(0.0, one) ** 0.5 for one in r2)
        return Reached(labels, r2, roots, roots, tuple(1 - one for one in roots))

    own = Own(recovered, (0.9,) * len(r2), (0.95,) * len(r2))
    few = (reached(10, 0.5), reached(200, 0.97)) if fewer else ()
    return Ceiling(
        NAMES, (1.0, 2.0, 1.0, 1.0), "convolutional", "obs", 200, reached(1000, 1.0), few, own, 3, 1.5
    )


def check_of(result):
    return next(check for check in result.checks if check.name == "ceiling")


def test_where_all_are_seen_nothing_changes_but_the_check(result):
    found = result.with_ceiling(measured(0.99, 0.95, 0.93, 0.9))
    assert found.status == result.status
    check = check_of(found)
    assert (check.consequence, check.figure, check.bound) == ("passed", 0.9, 0.9)
    assert check.message == "A supervised network reaches R² 0.900 or more for every latent."
    assert "claimed" not in verdict(found)


def test_a_hidden_latent_is_a_note_and_left_out_of_the_claims(result):
    found = result.with_ceiling(measured(0.99, 0.2, 0.95, 0.97))
    check = check_of(found)
    assert (check.consequence, check.latents) == ("note", ("z2",))
    assert check.message == (
        "Even a supervised network, which is given the true latents, does not see all: z2 R² 0.200. Nothing is "
        "claimed of 'z2'."
    )
    assert found.status.code == "ok"
    assert found.status.message == (
        f"{result.status.message} Nothing is claimed of 'z2' and its edges, since the observations do not show it."
    )
    assert verdict(found).endswith("; nothing is claimed of 'z2'.")


def test_the_recovered_name_is_told_where_it_is_another(result):
    found = result.with_ceiling(measured(0.99, 0.2, 0.1, 0.97, recovered=("z1", "z3", None, "z4")))
    assert check_of(found).latents == ("z3",)
    assert "z2 R² 0.200, z3 R² 0.100. Nothing is claimed of 'z3'." in check_of(found).message


def test_all_hidden_leaves_it_undecided(result):
    found = result.with_ceiling(measured(0.3, 0.2, 0.5, -0.1))
    assert check_of(found).consequence == "undecided"
    assert found.status.code == "undecided"
    assert found.status.message.startswith(
        "Even a supervised network, which is given the true latents, sees none of them: z1 R² 0.300"
    )
    assert (
        found.status.remedy
        == "Observe what the latents change: other sensors, more pixels, or another camera."
    )


@pytest.mark.parametrize("code", ["undecided", "refuted"])
def test_a_worse_status_stays(result, code):
    worse = replace(result, estimate=replace(result.estimate, status=Status(code, "No.", "Mend it.")))
    found = worse.with_ceiling(measured(0.99, 0.2, 0.95, 0.97)).status
    assert (found.code, found.remedy) == (code, "Mend it.")
    assert found.message.startswith("No.")
    assert worse.with_ceiling(measured(0.3, 0.2, 0.5, -0.1)).status.code == code


def test_absent_edges_of_a_hidden_latent_are_claimed_no_longer(result):
    pairs = [edge.pair for edge in result.absent_edges]
    absent = tuple(AbsentEdge(*pair, 0.1, True) for pair in pairs)
    claiming = replace(result, estimate=replace(result.estimate, absent=absent))
    found = claiming.with_ceiling(measured(0.99, 0.95, 0.95, 0.2))
    for edge in found.absent_edges:
        assert edge.claimed == ("z4" not in edge.pair)
    assert {edge.claimed for edge in claiming.absent_edges} == {True}


def test_a_result_keeps_its_ceiling_in_the_file(result, tmp_path):
    ceiling = measured(0.99, 0.2, 0.95, 0.97, fewer=True)
    found = open_result(result.with_ceiling(ceiling).save(tmp_path / "result.nc"))
    assert found.ceiling() == ceiling
    assert check_of(found).latents == ("z2",)
    with pytest.raises(DataError, match="this result keeps a ceiling already"):
        found.with_ceiling(ceiling)
    with pytest.raises(DataError, match="this result keeps no ceiling") as no:
        result.ceiling()
    assert "run with --ceiling" in str(no.value.remedy)


def test_when_labels_overtake_is_told_of_what_is_seen():
    found = measured(0.99, 0.2, 0.95, 0.97, fewer=True)
    assert found.overtaken == 200
    assert found.ratio is not None and found.ratio[0] == pytest.approx(0.9 / 0.99**0.5)
    assert found.own_mcc == pytest.approx(0.9)
    assert "The network is better than the result from 200 labels on." in str(found)
    assert "over the latents that are seen" in str(found)


def test_the_report_has_a_table_of_it(result):
    kept = result.with_ceiling(
        measured(0.99, 0.2, 0.95, 0.97, recovered=("z1", "z3", "z2", "z4"), fewer=True)
    )
    page = report.render(kept, kept.goodness_of_fit)
    section = page.split('<section id="ceiling">')[1].split("</section>")[0]
    assert "The ceiling" in section
    assert "z2 (z3)" in section
    assert section.count("✗ hidden") == 1
    assert "The same network with few labels" in section
    assert "convolutional" not in page.split('id="provenance"')[1].split("</section>")[0]
    assert '<section id="ceiling">' not in report.render(result, result.goodness_of_fit)
