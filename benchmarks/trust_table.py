"""The rows of the benchmark of trust as a table, and what ``ok`` was worth in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["COLUMNS", "OUTCOMES", "markdown", "overall", "plain", "table", "wilson"]

Row = dict[str, str]

OUTCOMES = ("refused", "undecided", "refuted", "ok right", "ok wrong", "crash", "slow")
COLUMNS = ("kind", "expected", "runs", *OUTCOMES, "names environment", "names assumption", "CPU s")


def wilson(hits: int, runs: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The score interval of a share (Wilson, JASA 1927); 95 % by default, (0, 1) of no runs."""
    if not runs:
        return 0.0, 1.0
    share = hits / runs
    centre = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * (share * (1 - share) / runs + z * z / (4 * runs * runs)) ** 0.5
    return max(centre - half, 0.0), min(centre + half, 1.0)


def table(rows: Sequence[Row], kinds: Sequence[str]) -> list[list[str]]:
    """A line per kind that has rows, in the order of ``kinds``; shares of messages are of the runs that are not ok
    right."""
    lines = []
    for kind in kinds:
        mine = [row for row in rows if row["kind"] == kind]
        if not mine:
            continue
        counts = [sum(row["outcome"] == outcome for row in mine) for outcome in OUTCOMES]
        seconds = sum(float(row["cpu_seconds"]) for row in mine) / len(mine)
        told = [_share(mine, key) for key in ("names_environment", "names_assumption")]
        cells = [kind, mine[0]["expected"], len(mine), *counts, *told, f"{seconds:.1f}"]
        lines.append([str(cell) if cell != 0 else "·" for cell in cells])
    return lines


def _share(rows: Sequence[Row], key: str) -> str:
    asked = [row[key] for row in rows if row[key] and row["outcome"] != "ok right"]
    return f"{sum(value == '1' for value in asked)}/{len(asked)}" if asked else ""


def overall(rows: Sequence[Row]) -> list[str]:
    """What ``ok`` was worth, how often sound data got it, and what broke: a sentence each."""
    ok = [row for row in rows if row["outcome"].startswith("ok")]

    def line(text: str, chosen: Sequence[Row], hit: Callable[[Row], bool]) -> str:
        hits, runs = sum(map(hit, chosen)), len(chosen)
        low, high = wilson(hits, runs)
        share = f"{hits / runs:.1%}" if runs else "none"
        return f"{text}: {hits} of {runs}, {share} (95 % interval {low:.1%} to {high:.1%})"

    sound = [row for row in rows if row["group"] == "sound"]
    never = [row for row in rows if row["expected"] == "ok never"]
    return [
        line("wrong among ok", ok, _is("ok wrong")),
        line("wrong among ok, sound", [row for row in ok if row["group"] == "sound"], _is("ok wrong")),
        line("ok on sound runs, 5,000 rows and more", [r for r in sound if int(r["rows"]) >= 5000], _ok),
        line(
            "ok on sound runs, 1,000 rows and strong effects",
            [r for r in sound if r["strong"] == "1" and int(r["rows"]) == 1000],
            _ok,
        ),
        line("ok where it never should be", never, _ok),
        line("two true links or more missed where ok is right", _of(ok, "ok right"), _missed),
        line("crashes", rows, _is("crash")),
        line("slower than the limit", rows, _is("slow")),
        f"CPU seconds: {sum(float(row['cpu_seconds']) for row in rows):.0f}",
    ]


def _ok(row: Row) -> bool:
    return row["outcome"].startswith("ok")


def _missed(row: Row) -> bool:
    return int(row["missed"] or 0) > 1


def _of(rows: Sequence[Row], outcome: str) -> list[Row]:
    return [row for row in rows if row["outcome"] == outcome]


def _is(outcome: str) -> Callable[[Row], bool]:
    return lambda row: row["outcome"] == outcome


def plain(lines: Sequence[Sequence[str]]) -> str:
    """The table in columns of equal width."""
    everything = [list(COLUMNS), *lines]
    widths = [max(len(line[k]) for line in everything) for k in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if k < 2 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in everything
    )


def markdown(lines: Sequence[Sequence[str]], sentences: Sequence[str]) -> str:
    """The table and the sentences beneath it as Markdown."""
    head = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*head, *body, "", *(f"- {sentence}" for sentence in sentences), ""])
