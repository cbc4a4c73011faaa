"""Do the data contradict what is known already? Every statement with its own test, and one check of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crlspec.inference.check import Check, chance, listed
from crlspec.inference.order.knowledge import GivenEdges, Knowledge

__all__ = [
    "Statement",
    "absence",
    "check_known",
    "check_known_targets",
    "check_unseen",
    "precedence",
    "presence",
    "reached",
    "targeting",
]

REMEDY = "Take it out of assume.known, or look whether each environment targets what is said."


@dataclass(frozen=True)
class Statement:
    """Something known, and how unlikely the data are if it is true.

    saying   the statement in words, latents and environments in single quotes
    latents  those that it names
    p_value  of data that speak at least as strongly against it
    told     what was measured
    environments  those that it names
    """

    saying: str
    latents: tuple[str, ...]
    p_value: float
    told: str
    environments: tuple[str, ...] = ()


def precedence(knowledge: Knowledge, first: int, second: int, p_value: float, told: str) -> Statement:
    """That a latent comes before another, from an edge or a list."""
    names = (knowledge.latents[first], knowledge.latents[second])
    return Statement(
        knowledge.saying(first, second), names, p_value, f"The best order without it fits better by {told}"
    )


def reached(knowledge: Knowledge, first: int, second: int, p_value: float, way: Sequence[int]) -> Statement:
    """The same, against which a way of edges speaks, from ``second`` to ``first`` (indices)."""
    names = tuple(knowledge.latents[k] for k in way)
    arrows = " → ".join(f"'{name}'" for name in names)
    what = "edge" if len(way) == 2 else "path"
    told = f"The data show the {what} {arrows}"
    return Statement(knowledge.saying(first, second), names, p_value, told)


def absence(knowledge: Knowledge, cause: int, effect: int, p_value: float, strength: float) -> Statement:
    """That an edge is not there; ``strength`` is what it has if it may be."""
    a, b = knowledge.latents[cause], knowledge.latents[effect]
    return Statement(
        f"that there is no edge '{a}' → '{b}'",
        (a, b),
        p_value,
        f"Left free, that edge has strength {strength:.2g}",
    )


def presence(
    knowledge: Knowledge, cause: int, effect: int, p_value: float, strength: float, bound: float
) -> Statement:
    """That an edge is there, of a strength above ``bound``."""
    a, b = knowledge.latents[cause], knowledge.latents[effect]
    told = f"It has strength {strength:.2g}, and surely less than the {bound:.2g} from which an edge counts"
    return Statement(f"that there is an edge '{a}' → '{b}'", (a, b), p_value, told)


def targeting(
    environment: str, latents: Sequence[str], p_value: float, told: str, further: Sequence[str] = ()
) -> Statement:
    """That an environment targets some latents and no others.

    told     what fits better
    further  latents that ``told`` names
    """
    names = tuple(dict.fromkeys([*latents, *further]))
    return Statement(f"that '{environment}' targets {listed(latents)}", names, p_value, told, (environment,))


def check_known(statements: Sequence[Statement], level: float) -> Check:
    """The check ``known``: refuted by name where the data contradict a statement, level for all of them together
    (Bonferroni)."""
    worst = min(statements, key=lambda one: one.p_value)
    p_value = min(1.0, len(statements) * worst.p_value)
    wrong = sorted((s for s in statements if len(statements) * s.p_value < level), key=lambda s: s.p_value)
    if not wrong:
        text = f"The data contradict nothing that is known already. What they doubt most is {worst.saying} "
        return Check(
            "known",
            "passed",
            p_value,
            level,
            f"{text}({chance(p_value)}).",
            None,
            worst.environments,
            worst.latents,
        )
    others = list(dict.fromkeys(s.saying for s in wrong if s.saying != worst.saying))
    more = f" They contradict {', '.join(others)} as well." if others else ""
    named = tuple(dict.fromkeys(name for s in wrong for name in s.latents))
    environments = tuple(dict.fromkeys(name for s in wrong for name in s.environments))
    return Check(
        "known", "refuted", p_value, level,
        f"The data contradict {worst.saying}, which is said to be known. {worst.told} ({chance(p_value)}).{more}",
        REMEDY, environments, named,
    )  # fmt: skip


def check_known_targets(
    sayings: Sequence[tuple[str, tuple[str, ...], tuple[str, ...], float]],
    shown: Sequence[tuple[str, str]],
    clear: float,
) -> Check:
    """The check ``known-targets`` of environments that share a latent, or do not: refuted by name where the best
    pairing that keeps a statement costs clearly more than the best of all.

    sayings  statement in words, its environments and latents in single quotes; both by name; the further cost
    shown    the best pairing of all, by name
    clear    the further cost from which on a pairing is ruled out
    """
    worst = max(sayings, key=lambda one: one[3])
    wrong = sorted((one for one in sayings if one[3] >= clear), key=lambda one: -one[3])
    if not wrong:
        text = "The data contradict none of the targets that are known already. What they doubt most is"
        told = f"{text} {worst[0]} (another pairing gains {worst[3]:.1f}, {clear:g} would refute it)."
        return Check("known-targets", "passed", worst[3], clear, told, None, worst[1], worst[2])
    others = [one[0] for one in wrong[1:]]
    more = f" They contradict {', '.join(others)} as well." if others else ""
    said = [pair for pair in shown if set(pair) & set(worst[1])]
    pairs = " and ".join(f"'{a}' with '{b}'" for a, b in said)
    named = dict.fromkeys(
        [*(name for one in wrong for name in one[1]), *(name for pair in said for name in pair)]
    )
    return Check(
        "known-targets", "refuted", worst[3], clear,
        f"The data contradict {worst[0]}, which is said to be known. They pair {pairs} "
        f"(margin {worst[3]:.1f}).{more}",
        REMEDY, tuple(named), tuple(dict.fromkeys(name for one in wrong for name in one[2])),
    )  # fmt: skip


def check_unseen(
    names: Sequence[str], given: GivenEdges, p_values: np.ndarray, alpha: float
) -> tuple[Check, ...]:
    """A note on the known edge that the data show least, where some are not seen at level alpha by themselves.

    names     of the latents by position
    p_values  (position, position) of the edges, ``[i, j]`` for j → i
    """
    unseen = given.present & ~(p_values < alpha)
    if not unseen.any():
        return ()
    i, j = np.unravel_index(int(np.where(unseen, p_values, 0.0).argmax()), unseen.shape)
    one, two, p_value = names[int(j)], names[int(i)], float(p_values[i, j])
    more = f", nor do they {int(unseen.sum()) - 1} other known edges" * bool(unseen.sum() > 1)
    return (
        Check(
            "known-unseen", "note", p_value, alpha,
            f"The edge '{one}' → '{two}' stands because it is known. The data do not show it by themselves "
            f"({chance(p_value)}){more}.",
            "Take it as known, not as found.", (), (one, two),
        ),
    )  # fmt: skip
