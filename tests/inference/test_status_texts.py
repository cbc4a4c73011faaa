"""Every text of a check and of a status is produced by a test, which quotes it.

The texts are listed off the code; a new one fails here until a test that makes it happen is named in ``PRODUCED``.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import pytest

import crlspec

CODE, TESTS = Path(crlspec.__file__).parent, Path(__file__).parent

QUOTED = 20
"""Characters in a row of a text that its test quotes, at least."""

ENDS = {"passed", "note", "undecided", "refuted", "ok"}

CALLS: Mapping[str, tuple[int | None, int | None, int]] = {
    "Check": (0, 1, 4),
    "Status": (None, 0, 1),
    "status_of_checks": (None, None, 1),
}
"""Where each call has its name, its consequence and its text; ``replace(…, message=…)`` is one too."""

PRODUCED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "test_known": {
        "test_what_is_true_is_kept_and_passes": ("checks/known known passed",),
        "test_what_the_data_contradict_is_refuted_by_name_and_nothing_else_is": (
            "checks/known known refuted",
        ),
        "test_an_edge_that_few_samples_do_not_show_stands_with_a_note": ("checks/known known-unseen note",),
        "test_a_soft_closure_whose_whole_order_is_known_claims_no_reversal": ("soft/gaussian status any",),
    },
    "test_known_pairs": {
        "test_known_targets_name_the_pairs_that_are_found": ("checks/known known-targets passed",),
        "test_targets_that_the_pairs_contradict_are_refuted_by_name_and_kept": (
            "checks/known known-targets refuted",
        ),
    },
    "test_baselines": {
        "test_principal_components_are_sorted_and_uncorrelated": ("baselines status ok",),
        "test_independent_non_gaussian_latents_are_recovered_by_ica": ("baselines status ok 2",),
        "test_components_of_gaussian_latents_mean_nothing": ("baselines status undecided",),
        "test_dependent_latents_refute_ica_and_the_status_says_so": ("baselines status refuted",),
    },
    "test_contrastive": {
        "test_a_curved_mixing_with_a_linear_inverse_needs_no_network_to_invert": ("contrastive status ok",),
    },
    "test_thresholds": {
        "test_agreement_of_two_networks_decides_the_status_of_contrastive": (
            "contrastive status undecided",
            "contrastive status undecided 2",
        ),
    },
    "test_umni": {
        "test_too_few_samples_to_tell_the_targets_are_called_undecided": (
            "order/signature_search status undecided",
        ),
        "test_a_latent_that_changes_in_two_ways_is_told_and_one_that_changes_alike_is_not": (
            "checks/one_mechanism one-mechanism passed",
            "checks/one_mechanism one-mechanism undecided",
        ),
    },
    "test_promise": {
        "test_a_run_on_shifted_linear_latents_is_undecided_not_refused": ("status theory undecided",),
    },
    "test_status": {
        "test_scores_that_are_mostly_noise_leave_it_undecided": (
            "status status ok",
            "status status undecided",
        ),
        "test_the_worst_check_is_the_status_and_the_others_are_named": ("status status any",),
        "test_an_estimator_without_a_theorem_is_undecided_at_best": ("status theory undecided 2",),
        "test_hardness_is_taken_on_trust": ("status hard note",),
        "test_several_roots_are_taken_on_trust_where_interventions_are_soft": ("status roots note",),
        "test_no_ancestors_at_all_say_nothing_where_interventions_are_soft": ("status roots undecided",),
        "test_noise_whose_size_varies_leaves_it_undecided": ("status status undecided 2",),
        "test_p_values_that_are_not_calibrated_are_said_to_be_so": ("status status any 2",),
        "test_a_status_is_a_check_too": ("status status passed", "status status ok 2"),
    },
    "checks/test_table": {
        "test_rounded_values_without_spare_variables_leave_it_undecided": (
            "checks/cells rounded note",
            "checks/cells rounded undecided",
        ),
        "test_a_cell_out_of_range_is_named": ("checks/cells huge-values refuted",),
        "test_an_outlier_is_named_by_row_and_column": ("checks/cells outlier refuted",),
        "test_an_index_column_is_named_and_a_sorted_one_too": ("checks/cells index-column refuted",),
        "test_a_copy_with_noise_of_no_size_is_named": ("checks/duplicates copied-environments refuted",),
        "test_repeated_rows_are_counted": ("checks/duplicates duplicate-rows refuted",),
        "test_few_repeated_rows_are_a_note": ("checks/duplicates duplicate-rows note",),
        "test_rows_in_two_environments_are_named": ("checks/duplicates shared-rows refuted",),
        "test_few_rows_in_two_environments_are_a_note": ("checks/duplicates shared-rows note",),
    },
    "checks/test_targets": {
        "test_a_swapped_control_is_told_and_the_right_one_named": ("checks/control control refuted",),
        "test_two_targets_in_one_environment_are_refuted": ("checks/one_target one-target refuted",),
        "test_pure_shifts_of_one_latent_are_the_same_target": ("checks/same_target same-target refuted",),
        "test_equal_targets_among_enough_others_are_a_note": ("checks/same_target same-targets note",),
        "test_equal_targets_of_several_are_told": ("checks/same_target same-targets undecided",),
    },
    "checks/test_singular": {
        "test_an_environment_without_an_effect_is_named": ("checks/effect effect undecided",),
        "test_tails_without_a_variance_are_named_and_finite_ones_are_not": (
            "checks/heavy_tails heavy-tails undecided",
        ),
        "test_a_latent_that_is_a_function_of_another_is_told": ("checks/singular dependent-latents refuted",),
        "test_a_latent_fixed_in_one_environment_is_named": ("checks/singular fixed-latent refuted",),
    },
    "checks/test_factor_model": {
        "test_without_noise_nothing_is_amiss": ("checks/factor_model observation-noise passed",),
        "test_latents_and_the_noise_of_each_variable_are_recovered": (
            "checks/factor_model observation-noise passed 2",
            "checks/observation_noise status any",
        ),
        "test_a_variable_without_noise_is_named": ("checks/factor_model heywood-case undecided",),
        "test_so_few_variables_do_not_identify_noise_of_their_own": (
            "checks/factor_model observation-noise note",
        ),
        "test_the_level_of_the_check_and_its_power": ("checks/factor_model observation-noise refuted",),
        "test_a_misfit_that_many_samples_alone_see_is_undecided": (
            "checks/factor_model observation-noise undecided",
        ),
    },
    "checks/test_components": {
        "test_the_share_of_noise_is_that_of_the_latents_and_much_of_it_leaves_them_undecided": (
            "checks/components components undecided",
            "checks/components components passed 2",
        ),
        "test_where_nobody_can_take_noise_out_the_bound_is_a_standard_error_of_all_rows": (
            "checks/components components passed",
        ),
        "test_an_edge_that_noise_makes_is_not_seen_without_it": (
            "checks/components components undecided 2",
            "checks/observation_noise noise undecided",
        ),
        "test_noise_that_is_told_makes_no_edge": ("checks/observation_noise noise passed",),
    },
    "checks/test_goodness": {
        "test_a_sound_fit_is_told_and_so_is_what_would_mend_another": (
            "checks/goodness goodness-of-fit passed",
            "checks/goodness goodness-of-fit refuted",
        ),
        "test_a_fit_that_may_have_missed_its_optimum_is_undecided": (
            "checks/goodness goodness-of-fit undecided",
        ),
    },
    "checks/test_invariance": {
        "test_sound_designs_pass_whatever_the_noise": ("checks/invariance invariance passed",),
        "test_a_drug_that_hits_a_second_latent_leaves_it_undecided": (
            "checks/invariance invariance undecided",
        ),
        "test_two_mechanisms_of_a_latent_are_shared_whatever_the_noise": (
            "checks/invariance shared-mechanisms passed",
        ),
        "test_a_third_mechanism_of_a_latent_leaves_it_undecided": (
            "checks/invariance shared-mechanisms undecided",
        ),
    },
    "checks/test_hard": {
        "test_where_no_target_has_a_latent_before_it_nothing_is_tested": ("checks/hard hard passed",),
        "test_a_hard_intervention_passes": ("checks/hard hard passed 2",),
        "test_the_target_and_its_environment_are_named": (
            "checks/hard hard refuted",
            "checks/hard hard undecided",
        ),
    },
    "checks/test_latent_count": {
        "test_a_model_whose_number_of_latents_is_concealed_is_recovered": ("checks/latent_count status any",),
    },
    "checks/test_mechanism_changed": {
        "test_the_environments_are_named_and_the_remedy_is_a_change_of_the_file": (
            "checks/mechanism_changed mechanism-changed undecided",
        ),
    },
    "checks/test_mixture": {
        "test_untouched_rows_refute_a_hard_intervention": ("checks/mixture hard-mixture refuted",),
        "test_rows_of_another_environment_are_named": ("checks/mixture mislabelled-rows refuted",),
    },
    "checks/test_observation_noise": {
        "test_much_noise_leaves_the_result_undecided": ("checks/observation_noise status undecided",),
    },
    "checks/test_rows": {
        "test_a_time_series_is_a_note_with_the_effective_number": ("checks/rows rows-independent note",),
        "test_one_dependent_environment_is_named_and_too_few_effective_rows_leave_it_undecided": (
            "checks/rows rows-independent undecided",
        ),
    },
    "checks/test_sensors": {
        "test_what_changed_is_named": ("checks/sensors sensors refuted", "checks/sensors sensors refuted 2"),
    },
    "checks/test_samples": {
        "test_the_smallest_environment_is_named": (
            "checks/samples samples passed",
            "checks/samples samples undecided",
        ),
    },
    "checks/test_saturation": {
        "test_clipped_cells_are_left_out_with_a_note": ("checks/saturation saturation note",),
        "test_many_clipped_rows_leave_it_undecided_with_the_environments_named": (
            "checks/saturation saturation undecided",
        ),
        "test_continuous_and_rounded_values_have_no_limits": ("checks/saturation saturation passed",),
    },
    "encoders/test_score_changes": {
        "test_the_check_names_what_is_mixed": (
            "encoders/score_changes scattered passed",
            "encoders/score_changes scattered undecided",
        ),
    },
    "encoders/test_answer": {
        "test_a_sound_answer_passes": (
            "encoders/answer contrast passed",
            "encoders/answer pairing passed",
            "encoders/answer agreement passed",
            "encoders/answer residual-mixing passed",
        ),
        "test_latents_whose_environments_hardly_differ_are_counted": ("encoders/answer contrast undecided",),
        "test_another_pairing_that_explains_as_much_leaves_it_undecided": (
            "encoders/answer pairing undecided",
        ),
        "test_restarts_that_disagree_leave_it_undecided": ("encoders/answer agreement undecided",),
        "test_latents_that_are_still_mixed_are_a_note": ("encoders/answer residual-mixing note",),
        "test_pairs_that_the_data_refute_are_named_with_those_that_they_show": (
            "encoders/answer pairs passed",
            "encoders/answer pairs refuted",
        ),
        "test_where_nothing_objects_it_is_said_how_far_edges_are_to_be_trusted": (
            "encoders/answer status any",
        ),
    },
    "likelihood/test_decided": {
        "test_an_optimum_that_was_not_reached_leaves_it_undecided": (
            "likelihood/decided settled passed",
            "likelihood/decided settled undecided",
        ),
        "test_orders_of_smooth_mechanisms_are_held_against_their_rivals": (
            "likelihood/decided order passed",
            "likelihood/decided order passed 2",
        ),
        "test_without_edges_no_order_is_claimed": ("likelihood/decided order passed 3",),
        "test_a_clear_order_passes_by_its_lead_over_the_nearest": ("likelihood/decided order passed 4",),
        "test_few_samples_do_not_decide_the_order": ("checks/order_margin order undecided",),
        "test_latents_are_separated_up_to_the_errors_of_the_unmixing": (
            "likelihood/decided latents passed",
            "likelihood/decided latents passed 2",
            "likelihood/decided latents undecided",
        ),
        "test_absent_edges_are_known_up_to_what_would_have_been_seen": (
            "power edges passed",
            "power edges passed 2",
            "power edges undecided",
        ),
    },
    "likelihood/test_keep_start": {
        "test_a_worse_refinement_keeps_the_start_and_says_so": (
            "likelihood/keep_start refinement undecided",
        ),
    },
    "likelihood/test_signature_rivals": {
        "test_a_target_that_explains_nothing_is_not_decided": (
            "likelihood/signature_rivals signature undecided",
        ),
        "test_environments_that_share_their_targets_lose_rank": (
            "likelihood/signature_rivals signature undecided 2",
        ),
        "test_environments_that_clearly_share_their_targets_are_refuted": (
            "likelihood/signature_rivals signature refuted",
        ),
        "test_more_targets_that_explain_as_much_are_a_note": ("likelihood/signature_rivals signature note",),
        "test_a_signature_without_a_rival_passes": ("likelihood/signature_rivals signature passed",),
    },
    "soft/test_power": {
        "test_where_every_pair_is_claimed_none_is_absent": ("soft/decided edges passed",),
        "test_a_closure_claims_absence_above_what_it_sees": (
            "soft/decided edges passed 2",
            "soft/decided edges note",
        ),
    },
    "soft/test_decided": {
        "test_an_order_by_standard_errors_counts_all_claimed_pairs": (
            "soft/decided order passed",
            "soft/decided order passed 3",
        ),
        "test_an_order_by_p_values_stands_by_itself_first": (
            "soft/decided order passed 2",
            "soft/decided order undecided",
            "soft/decided order undecided 2",
        ),
    },
}
"""Test file → test → the texts that it makes happen, as ``texts`` lists them."""

MAKERS = [
    (file, test, text) for file, tests in PRODUCED.items() for test, made in tests.items() for text in made
]


def within(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below one, those of functions and classes in it left out."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield child
            yield from within(child)


def words(node: ast.AST | None, *scopes: ast.AST) -> set[str]:
    """The string constants of an expression, and of what these scopes, the inner first, assign to its names."""
    if node is None:
        return set()
    below = list(ast.walk(node))
    names = {one.id for one in below if isinstance(one, ast.Name)}
    found = {one.value for one in below if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    for k, scope in enumerate(scopes):
        for one in within(scope):
            if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign):
                targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                if names & {t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name)}:
                    found |= words(one.value, *scopes[k + 1 :])
    return found


def parts(call: ast.Call) -> list[ast.expr | None]:
    """Name, consequence and text of a call that makes a check or a status; no text where it makes none."""
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    if called == "replace":
        return [None, None, next((one.value for one in call.keywords if one.arg == "message"), None)]
    places = CALLS.get(called, (None, None, None))
    return [None if k is None or k >= len(call.args) else call.args[k] for k in places]


@cache
def texts() -> Mapping[str, set[str]]:
    """``file name consequence`` of every check and status that has words of its own → those words.

    Where a file has several alike they are numbered from the second on.
    """
    found: dict[str, set[str]] = {}
    for path in [*sorted((CODE / "inference").rglob("*.py")), CODE / "solving.py"]:
        place = path.relative_to(CODE).with_suffix("").as_posix().removeprefix("inference/")
        module, seen = ast.parse(path.read_text(encoding="utf-8")), Counter[str]()
        functions = [one for one in ast.walk(module) if isinstance(one, ast.FunctionDef)]
        for scope in [*functions, module]:
            for call in (one for one in within(scope) if isinstance(one, ast.Call)):
                name, end, text = (words(part, scope, module) for part in parts(call))
                said = {one for one in text if one.strip(" .")}
                for one in sorted(end & ENDS) or ["any"] if said else ():
                    key = f"{place} {' '.join(sorted(name)) or 'status'} {one}"
                    seen[key] += 1
                    found[key if seen[key] == 1 else f"{key} {seen[key]}"] = said
    return found


def test_every_text_is_produced_and_none_is_listed_that_is_gone() -> None:
    listed = Counter(text for _, _, text in MAKERS)
    assert set(listed) == set(texts())
    assert max(listed.values()) == 1


@pytest.mark.parametrize(("file", "test", "text"), MAKERS, ids=[text for _, _, text in MAKERS])
def test_the_test_that_produces_a_text_quotes_it(file: str, test: str, text: str) -> None:
    module = ast.parse((TESTS / f"{file}.py").read_text(encoding="utf-8"))
    (found,) = [one for one in module.body if isinstance(one, ast.FunctionDef) and one.name == test]
    longest = max(
        SequenceMatcher(None, mine, said, autojunk=False).find_longest_match().size
        for mine in words(found, module)
        for said in texts()[text]
    )
    assert longest >= QUOTED, f"{test} quotes {longest} characters of {sorted(texts()[text])}"
