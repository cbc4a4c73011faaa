"""Do queries of recovered models agree with the truth? Effects, counterfactuals, unseen double interventions.

    python benchmarks/queries.py [linear] [quadratic] [--runs 40] [--first 5000] [--samples N] [--out FILE]

Every run compiles a shipped spec of five latents with hard interventions, samples it, recovers latents and graph with
all labels shuffled, and asks the recovered model, every latent of it in turn: do(z = 1), a stochastic intervention
Normal(1, 2), and the soft shift(1) and scale(0.5). The truth is asked the same after the scale convention alone:
numbers are in observational standard deviations, signs those of the result. Reported are

- linear: effects on means (do, stochastic, shift) and standard deviations (stochastic, scale) of all latents and
  observed variables, against the analytic truth, in standard errors; also where the graph is wrong; one by one, and
  all of a seed at once: within three standard errors each, beside what is expected of so many errors that are as
  large as claimed, and within simultaneous bands;
- quadratic: effects on means, against 200,000 true samples with the same noise with and without: the norm of the
  error over the norm of the true effect;
- counterfactuals: of 2000 true samples had a latent been 1, R² in x against the simulator with the same noise, and
  R² of the change alone;
- double interventions: x under two environments' interventions at once, which no data showed: energy distance of 1000
  samples to the truth, over that of two true samples, the mean of twenty each.

A row per run goes to the CSV file at once: a run that is there is not done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from resumed import append, rows_of

SPECS = {"linear": ("linear/hard-5", 50_000), "quadratic": ("linear/quadratic-hard-5", 10_000)}
FIELDS = ("family", "samples", "seed", "status", "graph", "answers", "cpu_seconds")
QUERIES = {"do": 1.0, "stochastic": "Normal(1, 2)", "shift": "shift(1)", "scale": "scale(0.5)"}
MOMENTS = {
    "do": ("mean",),
    "stochastic": ("mean", "deviation"),
    "shift": ("mean",),
    "scale": ("deviation",),
}
TRUE_SAMPLES = 200_000
UNITS = 2000
ENERGY = 1000
PAIRS = 20


def run(family: str, samples: int, seed: int) -> dict[str, object]:
    """One recovered model against its truth."""
    import torch

    import crlspec
    from crlspec.errors import CrlspecError

    torch.set_num_threads(1)
    row: dict[str, object] = {"family": family, "samples": samples, "seed": seed}
    truth = crlspec.compile(crlspec.load(SPECS[family][0], sets=[f"samples={samples}"]), seed=seed)
    data = truth.sample(seed=seed)
    began = time.process_time()
    try:
        result = crlspec.solve(truth.spec, data, seed=seed)
        model = result.model()
    except CrlspecError as error:
        return {**row, "status": f"failed: {error}", "graph": "", "answers": "{}", "cpu_seconds": 0}
    right = {edge.pair for edge in result.edges} == set(truth.graph.edges)
    scaled = Truth(truth, result, seed)
    answers = {
        **effects(family, model, scaled),
        "counterfactual": [counterfactual(model, scaled, latent) for latent in truth.latents],
        "double": double(model, truth, seed),
    }
    seconds = round(time.process_time() - began, 1)
    facts = {"status": result.status.code, "graph": "right" if right else "wrong"}
    return {**row, **facts, "answers": json.dumps(answers), "cpu_seconds": seconds}


class Truth:
    """The true model in the units of the result: observational standard deviations, its signs."""

    def __init__(self, truth: Any, result: Any, seed: int) -> None:
        self.model, self.seed = truth, seed
        if (closed := moments(truth)) is not None:
            self.mean, self.deviation = np.zeros(len(closed)), np.sqrt(np.diag(closed))
        else:
            self.baseline = truth.scm.sample(TRUE_SAMPLES, seed + 1_000_000)
            self.mean, self.deviation = self.baseline.mean(0).numpy(), self.baseline.std(0).numpy()
        self.sign = np.sign(np.diag(result.encoder.matrix.values @ truth.mixing.matrix.numpy()))

    def change(self, latent: str, query: Any) -> Any:
        """The same intervention on the true latent, in its own units."""
        i = self.model.latents.index(latent)
        scale, mean = self.sign[i] * self.deviation[i], self.mean[i]
        if query == "shift(1)":
            return f"shift({scale})"
        if query == "Normal(1, 2)":
            return f"Normal({mean + scale}, {2 * abs(scale)})"
        return query if isinstance(query, str) else float(mean + scale * query)


def moments(truth: Any) -> np.ndarray | None:
    """The observational covariance of linear latents, in closed form; None for others."""
    if any(m.kind != "linear" for m in truth.spec.scm.mechanism.values()):
        return None
    place = {name: i for i, name in enumerate(truth.latents)}
    weights = np.zeros((len(place), len(place)))
    for name, mechanism in truth.spec.scm.mechanism.items():
        for parent, weight in mechanism.weight.items():
            weights[place[name], place[parent]] = weight
    root = np.linalg.inv(np.eye(len(place)) - weights)
    return np.asarray(root @ np.diag([truth.spec.scm.noise[z].variance for z in truth.latents]) @ root.T)


def effects(family: str, model: Any, scaled: Truth) -> dict[str, Any]:
    """Query → for linear latents, of every effect its error in standard errors; else relative errors.

    For linear latents also ``joint``, whether simultaneous bands hold all effects of a query, and ``single``, the
    error of one effect that was named in advance: of the first latent on the mean of the first observed variable
    (under scale on its deviation)."""
    import torch

    from crlspec.downstream.expectation import statistic
    from crlspec.downstream.interventions import changes_of, intervened
    from crlspec.downstream.uncertainty import Answer, joint

    answers: dict[str, list[Any]] = {name: [] for name in QUERIES}
    alone = dataclasses.replace(
        model, alternatives=()
    )  # no standard errors, which would cost a simulation each
    truth, mixing = scaled.model, scaled.model.mixing
    obs = truth.environments[truth.observational]
    found: dict[str, list[Answer]] = {name: [] for name in QUERIES}
    exact: dict[str, list[np.ndarray]] = {name: [] for name in QUERIES}
    for latent in truth.latents:
        for name, query in QUERIES.items():
            changed = intervened(truth, changes_of(truth, {latent: scaled.change(latent, query)}))
            if family == "linear":
                for moment in MOMENTS[name]:
                    true = statistic(moment, changed, mixing, obs, 1, 0)
                    unit = scaled.deviation if moment == "deviation" else scaled.sign * scaled.deviation
                    exact[name].append(np.concatenate([true.z / unit, true.x]))
                    found[name].append(model.do({latent: query}).answer(moment, True))
            elif name != "scale":
                with torch.no_grad():
                    many = changed.scm.sample(TRUE_SAMPLES, scaled.seed + 1_000_000)
                    true_z = (many - scaled.baseline).mean(0).numpy() / (scaled.sign * scaled.deviation)
                    true_x = mixing(many - scaled.baseline).mean(0).numpy()
                found = alone.do({latent: query}).effect(samples=TRUE_SAMPLES)
                pairs = ((found["z"].values, true_z), (found["x"].values, true_x))
                answers[name].append([float(np.linalg.norm(a - b) / np.linalg.norm(b)) for a, b in pairs])
    if family == "linear":
        at_once = {name: together(joint(found[name]), np.concatenate(exact[name])) for name in QUERIES}
        return {
            **{name: off.tolist() for name, (off, _) in at_once.items()},
            "joint": {name: facts for name, (_, facts) in at_once.items()},
            "single": {name: float(off[len(truth.latents)]) for name, (off, _) in at_once.items()},
        }
    return answers


def together(found: Any, exact: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Errors in standard errors, 0 where nothing moves; whether bands hold all of them, and how likely it is that all
    are within three if errors are as claimed."""
    gap = np.abs(found.value - exact)
    off = np.where(gap < 1e-9, 0.0, gap / np.maximum(found.error, 1e-12))
    covered = {
        f"{level}": bool((gap <= found.width(found.critical(level)) + 1e-9).all()) for level in (0.95, 0.997)
    }
    return off, {**covered, "expected": float(np.mean(found.largest_error() <= 3))}


def counterfactual(model: Any, scaled: Truth, latent: str) -> list[float]:
    """R² in x of 2000 units had the latent been 1, and of the change alone."""
    import pyro
    import torch

    from crlspec.downstream.interventions import changes_of, intervened
    from crlspec.generative.program import program

    truth = scaled.model
    z = truth.environments[truth.observational].sample(UNITS, scaled.seed + 2_000_000)
    x = truth.mixing(z).numpy()
    changed = intervened(truth, changes_of(truth, {latent: scaled.change(latent, 1.0)}))
    run = program(changed.scm, truth.mixing, torch.empty(0, dtype=truth.dtype), "explicit")
    true = pyro.condition(run, data=dict(truth.abduct(z, truth.observational)))(UNITS)[1].numpy()
    found = model.counterfactual(x, {latent: 1.0})["x"].values
    wrong = ((found - true) ** 2).sum()
    return [float(1 - wrong / ((a - a.mean(0)) ** 2).sum()) for a in (true, true - x)]


def double(model: Any, truth: Any, seed: int) -> float:
    """Energy distance to the truth under two interventions at once, over that of two true samples."""
    from crlspec.downstream.interventions import changes_of, intervened

    targets = np.random.default_rng(seed).choice(list(truth.latents), 2, replace=False)
    names = [
        name for name, e in truth.environments.items() if len(e.targets) == 1 and e.targets[0] in targets
    ]
    both = intervened(truth, changes_of(truth, names))
    query = model.do(names)
    first = [truth.mixing(both.sample(ENERGY, seed + k)) for k in range(PAIRS)]
    second = [truth.mixing(both.sample(ENERGY, seed + PAIRS + k)) for k in range(PAIRS)]
    found = [model.mixing(query.environment.sample(ENERGY, seed + k)) for k in range(PAIRS)]
    return float(np.mean([*map(energy, found, first)]) / np.mean([*map(energy, second, first)]))


def energy(a: Any, b: Any) -> float:
    """Energy distance of two samples: 2 E|A − B| − E|A − A'| − E|B − B'| (Székely & Rizzo 2013)."""
    import torch

    return float(2 * torch.cdist(a, b).mean() - torch.cdist(a, a).mean() - torch.cdist(b, b).mean())


def table(rows: list[dict[str, str]]) -> str:
    """What was asked, and how many answers were right, as Markdown."""
    lines: list[str] = []
    for family in SPECS:
        mine = [row for row in rows if row["family"] == family and not row["status"].startswith("failed")]
        if not mine:
            continue
        answers = [json.loads(row["answers"]) for row in mine]
        right = sum(row["graph"] == "right" for row in mine)
        failed = sum(row["family"] == family for row in rows) - len(mine)
        seconds = np.mean([float(row["cpu_seconds"]) for row in mine])
        lines += [
            f"{family}, {SPECS[family][0]}, N = {mine[0]['samples']}: {len(mine)} seeds from "
            f"{min(int(row['seed']) for row in mine)}, {failed} failed, graph right in {right}, "
            f"{seconds:.0f} CPU s a run",
            "",
            *(linear_table(answers) if family == "linear" else relative_table(answers)),
            "",
        ]
        units = np.array([answer["counterfactual"] for answer in answers])
        ratios = np.array([answer["double"] for answer in answers])
        lines += [
            f"Counterfactuals: R² in x, least over latents: median {np.median(units[..., 0].min(1)):.5f}, worst "
            f"{units[..., 0].min():.5f}, seeds at .98 or more {int((units[..., 0].min(1) >= 0.98).sum())}; of the "
            f"change alone: median {np.median(units[..., 1].min(1)):.5f}, worst {units[..., 1].min():.5f}.",
            "",
            f"Double interventions, energy distance over that of two true samples: mean {ratios.mean():.2f}, worst "
            f"{ratios.max():.2f}, at most 1.5 in {int((ratios <= 1.5).sum())} of {ratios.size}.",
            "",
        ]
    return "\n".join(lines)


def linear_table(answers: list[dict[str, Any]]) -> list[str]:
    """Effects one by one, and all of a seed at once: within three errors each, and within simultaneous bands."""
    lines = [
        "| query | effects | within 3 standard errors | root mean square | largest |",
        "|---|---|---|---|---|",
    ]
    bands = [
        "| query | one named in advance within 3 | all within the 95 % band | the 99.7 % band | all within 3 each | "
        "expected of the latter |",
        "|---|---|---|---|---|---|",
    ]
    for name in QUERIES:
        off = [np.array(answer[name]) for answer in answers]
        facts = [answer["joint"][name] for answer in answers]
        every = np.concatenate(off)
        moved = every[every > 0]
        cells = [name, len(moved), f"{np.mean(moved <= 3):.4f}", f"{np.sqrt(np.mean(moved**2)):.2f}"]
        lines.append("| " + " | ".join(map(str, [*cells, f"{moved.max():.1f}"])) + " |")
        shares = [
            np.mean([answer["single"][name] <= 3 for answer in answers]),
            *(np.mean([one[key] for one in facts]) for key in ("0.95", "0.997")),
            np.mean([one.max() <= 3 for one in off]),
            np.mean([one["expected"] for one in facts]),
        ]
        bands.append("| " + " | ".join([name, *(f"{share:.3f}" for share in shares)]) + " |")
    share = [np.mean(np.concatenate([np.array(a[n]) for n in QUERIES]) <= 3) for a in answers]
    return [
        *lines,
        "",
        f"Seeds with at least 99 % of their effects within 3: {sum(s >= 0.99 for s in share)} of {len(share)}.",
        "",
        "Shares of seeds:",
        "",
        *bands,
    ]


def relative_table(answers: list[dict[str, Any]]) -> list[str]:
    lines = ["| query | in | median error | 90 % | largest | within 5 % |", "|---|---|---|---|---|---|"]
    for name in ("do", "stochastic", "shift"):
        for k, space in enumerate(("z", "x")):
            off = np.array([answer[name] for answer in answers])[..., k].ravel()
            cells = [name, space, f"{np.median(off):.3f}", f"{np.quantile(off, 0.9):.3f}", f"{off.max():.3f}"]
            lines.append("| " + " | ".join([*cells, f"{np.mean(off <= 0.05):.2f}"]) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "families", nargs="*", metavar="family", help=f"of {', '.join(SPECS)}; all by default"
    )
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--first", type=int, default=5000, help="the first seed")
    parser.add_argument(
        "--samples", type=int, help="in each environment; by default 50000 linear, 10000 quadratic"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/queries.csv"))
    options = parser.parse_args()
    if unknown := set(options.families) - set(SPECS):
        parser.error(f"unknown families {', '.join(sorted(unknown))}; there are {', '.join(SPECS)}")
    done = rows_of(options.out)
    known = {(row["family"], row["samples"], row["seed"]) for row in done}
    tasks = [
        (family, options.samples or SPECS[family][1], seed)
        for family in options.families or SPECS
        for seed in range(options.first, options.first + options.runs)
    ]
    missing = (task for task in tasks if tuple(map(str, task)) not in known)
    append(options.out, FIELDS, (run(*task) for task in missing))
    print(table(rows_of(options.out)))


if __name__ == "__main__":
    main()
