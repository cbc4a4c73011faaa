"""Recovery against the number of samples, by simulation from a spec; beside it the rate of the PAC bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crlspec.errors import DataError, Issue, SettingMismatch, SpecError
from crlspec.progress import Progress, silent
from crlspec.spec.choice import estimator_of, refusal_without
from crlspec.spec.load import dump
from crlspec.spec.schema import Spec
from crlspec.spec.setting import Setting
from crlspec.studies.sweep.cases import Case, cases_of
from crlspec.studies.sweep.run import RUNS, frame, run_cases
from crlspec.studies.sweep.summary import endings

if TYPE_CHECKING:
    import pandas as pd

    from crlspec.studies.cluster.client import Cluster

__all__ = ["OWN", "SEEDS", "Plan", "plan"]

SEEDS = 40
OWN = "as declared"
"""What ``samples`` says in a plan that takes each environment's own number."""

RATES = ("order_right", "graph_right", "closure_right")
DELTA = 0.05


@dataclass(frozen=True)
class Plan:
    """What simulation says.

    spec    that models were drawn from: the one given, or the stand-in for one's own data
    exact   whether the graph itself is promised (else its transitive closure)
    rates   samples → for each of order_right, graph_right, closure_right the rate and its Wilson interval at 95 %
            (``_low``, ``_high``), runs, failed, undecided, refuted, mean mcc and mcc_se, score_error (mean of
            ‖d̂ − d‖/‖d‖) and score_error_high (its 95 % quantile), false_edges a run, and ``bound``:
            C log(1/δ) N^(−1/4) at δ = 0.05, C the smallest for which it lies on or above score_error_high everywhere
    runs    a row per run, as :func:`crlspec.sweep` returns them
    edges   a row per edge, model and number of samples: samples, seed, parent, child, strength, found
    exponent  p of score_error ∝ N^(−p), NaN with one number of samples; the bound has ¼
    fixed   whether every model has the same graph
    guessed what a stand-in for one's own data takes for granted; empty for a spec that declares a model
    """

    spec: Spec
    exact: bool
    rates: pd.DataFrame
    runs: pd.DataFrame
    edges: pd.DataFrame
    exponent: float
    fixed: bool
    guessed: str = ""

    @property
    def wanted(self) -> str:
        """The rate that the theory promises to become 1: ``graph_right`` or ``closure_right``."""
        return "graph_right" if self.exact else "closure_right"

    def enough(self, rate: float = 0.8) -> Any:
        """The fewest samples tried with which the promised graph is right at that rate, by the lower end of its
        interval; None where none is."""
        good = self.rates.index[self.rates[f"{self.wanted}_low"] >= rate]
        return good[0] if len(good) else None

    def smallest_found(self, power: float = 0.8) -> dict[Any, float]:
        """samples → the edge strength from which edges are found with that power; NaN where none is."""
        from crlspec.numerics.rates import smallest_found

        known = self.edges.dropna(subset=["strength"])
        return {
            samples: smallest_found(mine["strength"].to_numpy(), mine["found"].to_numpy(), power)
            for samples, mine in known.groupby("samples", sort=False)
        }

    def error_needed(self, rate: float = 0.8) -> float:
        """The score error below which the promised graph is right at that rate, read off all runs together; NaN where
        no run is accurate enough."""
        from crlspec.numerics.rates import smallest_found

        known = self.runs.dropna(subset=["score_error", self.wanted])
        return -smallest_found(-known["score_error"].to_numpy(), known[self.wanted].to_numpy(), rate)

    def __repr__(self) -> str:
        return f"<Plan of {self.spec.name!r}: {len(self.rates)} numbers of samples, {len(self.runs)} runs>"

    def _repr_html_(self) -> str:
        from crlspec.notebook import card, grid

        right = "graph right" if self.exact else "closure right"
        table = [
            [
                str(samples),
                f"{row[self.wanted]:.2f} ({row[f'{self.wanted}_low']:.2f} to {row[f'{self.wanted}_high']:.2f})",
                f"{row['mcc']:.3f}",
            ]
            for samples, row in self.rates.iterrows()
        ]
        enough = self.enough()
        rows = [("enough for a rate of .8", "none of the numbers tried" if enough is None else str(enough))]
        rows += [("guessed", self.guessed)]
        parts = [grid(["samples", f"{right} (95 %)", "MCC"], table)]
        return card("Plan", self.spec.name, rows, parts=parts, tone="bad" if enough is None else "good")

    def __str__(self) -> str:
        from crlspec.studies.power.report import report

        return report(self)


def plan(
    spec: str | PathLike[str] | Spec,
    samples: Sequence[int] | None = None,
    *,
    seeds: int = SEEDS,
    first: int = 0,
    jobs: int = 1,
    device: str = "cpu",
    scheduler: str | Cluster | None = None,
    out: str | PathLike[str] | None = None,
    progress: Progress | None = None,
    sets: Sequence[str] = (),
    plugins: tuple[str, ...] = (),
    profile: str | None = None,
) -> Plan:
    """How well a spec's graph and latents are recovered with each of several numbers of samples an environment.

    spec     declares a model, or reads data: then a stand-in of the assumed class is simulated (``Plan.spec``)
    samples  numbers to try, each ≥ 1; None: the spec's own, or those of the data
    seeds    models drawn from the spec; the same ones for each number of samples
    first    the first seed
    jobs     runs at a time, each in a process of its own; −1 takes every core
    device   where models are evaluated and networks trained, as torch names it
    scheduler address of a Dask scheduler, or a Cluster, whose workers do the runs, instead of ``jobs`` here
    out      folder for ``runs.csv``; a plan that was stopped goes on where it was
    progress called as ``progress("runs", done, total)``
    sets     changes of the spec, as on the command line; no alternatives
    plugins  modules whose families the spec may name
    profile  which profile of the file to take, as for :func:`crlspec.load`

    Failed runs count as not recovered. Raises SpecError for a number of samples below 1 or alternatives in
    ``sets``, SettingMismatch where there is no stand-in for the class that ``assume:`` names or the estimator
    cannot take the setting, DataError where the data cannot be read, and what :func:`crlspec.sweep` raises.
    """
    from crlspec.studies.power.stand_in import in_words

    counts = _counts(samples)
    base = _only(cases_of(spec, sets, plugins, profile))
    whole, guessed = base.spec(), ""
    if whole.data is not None:
        whole = _simulated(whole)
        guessed = in_words(whole)
        base = replace(base, text=dump(whole))
    _refuse(whole)
    if counts is None and isinstance(whole.samples, int):
        counts = [whole.samples]
    cases = _cases(base, whole, counts)
    span = range(first, first + seeds)
    path = None if out is None else Path(out) / RUNS
    rows = run_cases(cases, span, path, jobs, device, scheduler, progress or silent)
    return replace(_plan(whole, cases, frame(rows, cases, span), span, counts), guessed=guessed)


def _refuse(spec: Spec) -> None:
    """Raises SettingMismatch where the estimator cannot take what the spec declares: every run would fail."""
    setting, declared = Setting.of(spec), estimator_of(spec)
    refused = refusal_without(setting) if declared is None else declared.refused(setting)
    if refused is not None:
        raise SettingMismatch(refused[0], "a setting that its estimator can take", refused[1])


def _counts(samples: Sequence[int] | None) -> list[int] | None:
    if samples is None:
        return None
    counts = list(dict.fromkeys(samples))
    if not counts or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in counts):
        remedy = "give whole numbers of 1 or more, such as [1000, 3000, 10000]."
        raise SpecError([Issue("error", f"got {samples!r} for the numbers of samples.", remedy, "samples")])
    return sorted(counts)


def _only(cases: list[Case]) -> Case:
    """The one case of a spec; raises SpecError where ``sets`` hold alternatives."""
    if len(cases) > 1:
        what = f"got {len(cases)} alternatives ({', '.join(case.name for case in cases)}); a plan is of one spec."
        raise SpecError(
            [Issue("error", what, "give each key one value, and the samples on their own.", path="--set")]
        )
    return cases[0]


def _simulated(spec: Spec) -> Spec:
    from crlspec.data import Problem, read_data
    from crlspec.data.prepare import prepared
    from crlspec.given import named_by_environments, steps_of
    from crlspec.studies.power.stand_in import stand_in

    assert spec.data is not None
    tree = read_data(spec.data.path, **spec.data.reading())
    ready = prepared(tree, *steps_of(spec)).tree
    problem = Problem.from_data(ready, named_by_environments(Setting.of(spec), spec, ready))
    if spec.latents_from is not None:
        spec = spec.model_copy(update={"latents": problem.setting.latents, "latents_from": None})
    if problem.images:
        raise DataError(
            "A plan simulates columns, and images are observed.",
            remedy="Plan with a spec that declares the model behind the images.",
        )
    return stand_in(spec, len(problem.observed), {name: len(x) for name, x in problem.samples.items()})


def _cases(base: Case, spec: Spec, counts: list[int] | None) -> list[Case]:
    """One case for each number of samples, called after it."""
    if counts is None:
        return [replace(base, name=OWN, varied={"samples": OWN})]
    texts = {n: dump(spec.model_copy(update={"samples": n})) for n in counts}
    return [replace(base, name=f"samples={n}", text=texts[n], varied={"samples": str(n)}) for n in counts]


def _plan(spec: Spec, cases: list[Case], rows: pd.DataFrame, seeds: range, counts: list[int] | None) -> Plan:
    import pandas as pd

    from crlspec.generative.model import compile as compile_model
    from crlspec.spec.identifiability import identifiability
    from crlspec.studies.power.strengths import edge_strengths

    exact = identifiability(spec).graph == "exact"
    models = {seed: compile_model(spec, seed=seed) for seed in seeds}
    closures = {seed: _closure(model) for seed, model in models.items()}
    labels: Mapping[str, Any] = {
        case.name: OWN if counts is None else int(case.varied["samples"]) for case in cases
    }
    edges: list[dict[str, Any]] = []
    for seed, model in models.items():
        strengths = edge_strengths(model, seed)
        for row in rows[rows["seed"] == seed].itertuples():
            found = set(str(row.edges_found).split())
            edges += [
                {"samples": labels[row.setting], "seed": seed, "parent": a, "child": b, "strength": strength,
                 "found": f"{a}>{b}" in found}
                for (a, b), strength in strengths.items()
            ]  # fmt: skip
    rates = pd.DataFrame(
        [_rates(labels[name], mine, closures, exact) for name, mine in rows.groupby("setting", sort=False)]
    ).set_index("samples")
    graphs = {tuple(model.graph.edges) for model in models.values()}
    columns = ["samples", "seed", "parent", "child", "strength", "found"]
    exponent = _bound(rates, spec, counts)
    return Plan(spec, exact, rates, rows, pd.DataFrame(edges, columns=columns), exponent, len(graphs) == 1)


def _closure(model: Any) -> tuple[set[str], set[str]]:
    """The edges and the ancestor pairs of a model's graph, as ``runs.csv`` writes them."""
    import networkx as nx

    edges, closure = model.graph.edges, nx.transitive_closure(model.graph).edges
    return {f"{a}>{b}" for a, b in edges}, {f"{a}>{b}" for a, b in closure}


def _rates(
    samples: Any, rows: pd.DataFrame, truths: Mapping[int, tuple[set[str], set[str]]], exact: bool
) -> dict[str, Any]:
    from crlspec.numerics.rates import wilson

    good = rows[rows["status"] != "failed"]
    line: dict[str, Any] = {"samples": samples, **endings(rows)}
    for key in RATES:
        hits = int(good[key].sum())
        low, high = wilson(hits, len(rows))
        line |= {key: hits / len(rows), f"{key}_low": low, f"{key}_high": high}
    false = [
        len(set(str(row.edges_found).split()) - truths[row.seed][0 if exact else 1])
        for row in good.itertuples()
    ]
    errors = good["score_error"].dropna()
    return {
        **line,
        "mcc": good["mcc"].mean(),
        "mcc_se": good["mcc"].std(ddof=1) / max(len(good), 1) ** 0.5,
        "false_edges": sum(false) / len(false) if false else float("nan"),
        "score_error": errors.mean(),
        "score_error_high": errors.quantile(1 - DELTA),
    }


def _bound(rates: pd.DataFrame, spec: Spec, counts: list[int] | None) -> float:
    """Put the bound's error beside the simulated ones; the exponent of these."""
    from crlspec.studies.power import sample_complexity as theory

    sizes = [float(_own(spec)) if counts is None else float(n) for n in rates.index]
    errors = rates["score_error_high"].tolist()
    rates["bound"] = float("nan")
    if not all(error > 0 for error in errors):
        return float("nan")
    constant = theory.calibrated_constant(sizes, errors, DELTA)
    rates["bound"] = [theory.score_error(size, DELTA, constant) for size in sizes]
    if len(set(sizes)) < 2:
        return float("nan")
    return theory.empirical_exponent(sizes, rates["score_error"].tolist())


def _own(spec: Spec) -> int:
    return min(spec.samples.values()) if isinstance(spec.samples, dict) else spec.samples
