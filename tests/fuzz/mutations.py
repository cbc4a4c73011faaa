"""Ways to break texts, bytes and trees, and the values that break most."""

# ruff: noqa: E501

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    2,
    1e30,
    -1e30,
    1e31,
    1e300,
    1e308,
    1e-30,
    1e-31,
    5e-324,
    10**18,
    2**63,
    -(2**63),
    0.5,
    1e-9,
]
WORDS = [
    "", " ", "obs", "z1", "z9", "kind", "auto", "concealed", "~", "null", "yes", "0x1f", "1e999", "é", "ｚ", "a" * 200,
    "Normal(0, 1)", "Normal(z1, z2)", "Uniform(1, 0)", "do(1)", "shift(1)", "scale(0.5)", "LogNormal(9, 9)",
    "__import__('os').system('true')", "().__class__.__bases__[0].__subclasses__()", "{x.__init__.__globals__}", "%s%n",
    "../../etc/passwd", "/dev/zero", "\x00", "\x1b[2J", "\u202e", "\ud800", "🜁", "z1 -> z1", "z1 -> z2 -> z1", "$(true)", "`true`",
]  # fmt: skip
PIECES = [
    "\n", "  ", ":", ": ", "- ", "{", "}", "[", "]", '"', "'", "#", "&a ", "*a", "!!int ", "\n---\n", "...\n", "|\n", ">",
    "!!python/object/apply:os.system [true]", "!!python/name:os.system", "<<: *a", "? ", "\t", "%YAML 3.0\n", "\x07", "\ufeff",
    "\u2028", "1" * 401, ".nan", ".inf", "[" * 30, "(" * 120, "[1, 2, 3, 4, 5, 6, 7]",
]  # fmt: skip


def any_value(rng: random.Random) -> Any:
    """A value that some reader does not expect."""
    choice = rng.randrange(6)
    if choice == 0:
        return rng.choice([None, True, False, [], {}, [[]], [None], {"": None}])
    if choice in (1, 2):
        return rng.choice(NUMBERS)
    return rng.choice(WORDS)


def text(rng: random.Random, base: str, pieces: Sequence[str] = ()) -> str:
    """A text after a few cuts, doublings and insertions."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(base) + 1)
        stop = min(len(base), start + rng.randrange(12))
        choice = rng.randrange(5)
        if choice == 0:
            base = base[:start] + base[stop:]
        elif choice == 1:
            base = base[:start] + rng.choice([*pieces, *PIECES, *WORDS]) + base[stop:]
        elif choice == 2:
            base = base[:start] + base[start:stop] + base[start:]
        elif choice == 3:
            lines = base.splitlines(keepends=True)
            rng.shuffle(lines)
            base = "".join(lines) if rng.random() < 0.2 else base + "".join(lines[:1])
        else:
            base = base[:start] + str(any_value(rng)) + base[stop:]
    return base


def tree(rng: random.Random, base: Any, places: int = 2) -> Any:
    """A tree of mappings and lists in which some places hold something else."""
    base = deepcopy(base)
    for _ in range(places):
        spots = list(_spots(base))
        if not spots:
            return any_value(rng)
        container, key = rng.choice(spots)
        choice = rng.randrange(4)
        if choice == 0:
            del container[key]
        elif choice == 1:
            other, at = rng.choice(spots)
            container[key] = deepcopy(other[at]) if _has(other, at) else None
        elif choice == 2 and isinstance(container, dict):
            container[str(rng.choice(WORDS))] = any_value(rng)
        else:
            container[key] = any_value(rng)
    return base


def _has(container: Any, key: Any) -> bool:
    return key in container if isinstance(container, dict) else key < len(container)


def _spots(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from _spots(value)


def data(rng: random.Random, base: bytes) -> bytes:
    """Bytes with a few flipped, cut or set, as a disk or a transfer does."""
    changed = bytearray(base)
    choice = rng.randrange(4)
    if choice == 0:
        return bytes(changed[: rng.randrange(len(changed) + 1)])
    for _ in range(rng.choice([1, 2, 8, 64])):
        if changed:
            at = rng.randrange(len(changed))
            changed[at] = rng.choice([0, 255, changed[at] ^ (1 << rng.randrange(8)), rng.randrange(256)])
    if choice == 1:
        at = rng.randrange(len(changed) + 1)
        changed[at : at + rng.randrange(40)] = rng.randbytes(rng.randrange(40))
    return bytes(changed)


def jsons(rng: random.Random, base: Any) -> str:
    """JSON with something else in it, or what is none."""
    choice = rng.randrange(4)
    if choice == 0:
        return text(rng, json.dumps(base))
    if choice == 1:
        return rng.choice(
            ["[" * 100_000, "", "null", "[]", "{", '"', "1e999", "NaN", '{"a": NaN}', "\ud800", "{}" * 2]
        )
    return json.dumps(tree(rng, base))
