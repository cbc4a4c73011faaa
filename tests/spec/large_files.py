"""Files as large as the bounds let them be, and larger: every way found to make ``check`` work for long."""

from __future__ import annotations

MODEL = "scm: {graph: %s, mechanism: {kind: linear}, noise: {kind: normal}}\n"
HARD = "interventions: {design: single-node, kind: hard, noise: {variance: {times: 4}}}\n"
OWN = "assume: {mixing: linear, interventions: {design: single-node, kind: hard, targets: %s}}\n"


def listed(entry: str, count: int) -> str:
    """``[a0, a1, …]`` of a pattern with {k}."""
    return "[" + ", ".join(entry.format(k=k) for k in range(count)) + "]"


def mapped(entry: str, count: int, indent: str = "  ") -> str:
    """Lines of a mapping, of a pattern with {k}."""
    return "".join(f"{indent}{entry.format(k=k)}\n" for k in range(1, count + 1))


def linear(observed: int) -> str:
    return f"mixing: {{kind: linear, observed: {observed}}}\n"


CHAIN = (
    "latents:\n  z1: Normal(0, 1)\n"
    + "".join(f"  z{k}: Normal(0.5*z{k - 1}, 1)\n" for k in range(2, 1001))
    + linear(1000)
)
SUMS = "latents:\n" + "".join(
    f"  z{k}: Normal({' + '.join(f'0.1*z{j}' for j in range(max(1, k - 12), k)) or 0}, 1)\n"
    for k in range(1, 1001)
) + linear(1000)  # fmt: skip
CONSTANTS = "latents:\n" + mapped(f"z{{k}}: Normal({'+'.join(['1'] * 90)}, 1)", 1000) + linear(1000)
ROW = "[" + ", ".join(["0.123456789012345"] * 100) + "]"

FILES = {
    "equations in a chain": CHAIN,
    "equations in a chain, an environment each": CHAIN
    + "environments:\n  obs: {}\n"
    + mapped('e{k}: {{z{k}: "Normal(0, 2)"}}', 1000),
    "equations of many parents": SUMS,
    "equations of constants": CONSTANTS,
    "equations longer than the bound": SUMS.replace("0.1*", "0.1000000000*"),
    "faulty equations": "latents:\n" + mapped("z{k}: Normal(zz{k}, 1)", 1000) + linear(1000),
    "complete graph": "latents: 1000\n" + MODEL % "{kind: complete}" + linear(1000) + HARD,
    "complete graph of networks": "latents: 100\n"
    + (MODEL % "{kind: complete}").replace("linear", "mlp, hidden: 10000")
    + linear(100)
    + HARD,
    "network of many variables": "latents: 5\n"
    + MODEL % "{kind: chain}"
    + "mixing: {kind: mlp, observed: 1000}\n"
    + HARD,
    "network of many layers": "latents: 5\n"
    + MODEL % "{kind: chain}"
    + "mixing: {kind: mlp, observed: 44, layers: 50}\n"
    + HARD,
    "many edges": "latents: 1000\n" + MODEL % listed("z1 -> z{k}", 90_000) + linear(1000),
    "many unknown edges": "latents: 1000\n" + MODEL % listed("a{k} -> b{k}", 45_000) + linear(1000),
    "no edges": "latents: 3\n" + MODEL % listed("{k}", 90_000) + linear(3),
    "signature of low rank": "latents: 70\n"
    + MODEL % "[]"
    + linear(70)
    + HARD.replace("single-node", "multi-node, environments: 70, density: 0.06"),
    "many environments of a design": "latents: 100\n"
    + MODEL % "[]"
    + linear(100)
    + HARD.replace("single-node", "multi-node, environments: 200"),
    "many environments": "latents: 10\n"
    + MODEL % "[]"
    + linear(10)
    + "environments:\n  obs: {}\n"
    + mapped("e{k}: {{" + ", ".join(f'z{j}: "Normal({{k}}, 2)"' for j in range(1, 7)) + "}}", 1999),
    "many replaced families": "latents: 10\n"
    + MODEL % "[]"
    + linear(10)
    + "environments:\n  obs: {}\n"
    + mapped(
        "e{k}: {{"
        + ", ".join(f"z{j}: {{{{kind: hard, noise: {{{{kind: normal}}}}}}}}" for j in range(1, 10))
        + "}}",
        1999,
    ),
    "many unknown latents in environments": "latents: 3\n"
    + MODEL % "[]"
    + linear(3)
    + "environments:\n  obs: {}\n"
    + mapped("e{k}: {{" + ", ".join(f"y{j}: do(1)" for j in range(10)) + "}}", 1999),
    "too many environments": "latents: 3\nenvironments:\n" + mapped("e{k}: {{}}", 30_000),
    "families for each latent": "latents: 1000\nscm:\n  graph: []\n  mechanism:\n"
    + mapped("z{k}: {{kind: linear, wait: 1, weight: a}}", 1000, "    ")
    + "  noise:\n"
    + mapped("z{k}: {{kind: student-t, df: 1, variance: -1}}", 1000, "    ")
    + linear(1000),
    "unknown keys": mapped("k{k}: 1", 90_000, ""),
    "unknown keys below": "latents: 2\nmixing:\n  kind: linear\n  observed: 2\n" + mapped("k{k}: 1", 90_000),
    "names that are none": "latents: 2\nmixing: {kind: linear, observed: 90000, names: "
    + listed("{k}", 90_000)
    + "}\n",
    "matrix of words": "latents: 2\nmixing: {kind: linear, observed: 90000, matrix: "
    + listed("a", 90_000)
    + "}\n",
    "matrix of ragged rows": "latents: 2\nmixing: {kind: linear, observed: 9000, matrix:\n  "
    + listed(ROW, 9000)
    + "}\n",
    "matrix of whole numbers and words": "latents: 2\nmixing: {kind: linear, observed: 9, matrix:\n  "
    + listed(ROW.replace("0.123456789012345", "1.2.3"), 900)
    + "}\n",
    "targets that are concealed from none": "latents: 2\ndata: {path: a.nc}\n"
    + OWN % ("{" + ", ".join(f"e{k}: [y{k}]" for k in range(45_000)) + "}"),
    "samples of many environments": "latents: 2\n"
    + MODEL % "[]"
    + linear(2)
    + "samples:\n"
    + mapped("e{k}: 1", 45_000),
    "concealed words": "latents: 2\nconceal: " + listed("word{k}", 90_000) + "\n",
    "a thousand profiles": "latents: 2\nprofiles:\n" + mapped("p{k}: {{samples: {k}}}", 1000),
    "profiles of a large file": CHAIN + "profiles:\n" + mapped("p{k}: {{samples: {k}}}", 19),
    "one word": "latents: 2\nname: " + "x" * 39_000_000 + "\n",
    "one key": "latents: 2\n" + "x" * 1000 + ": 1\n",
    "twice the same key": "a: 1\n" * 99_000,
    "anchors": "a: " + listed("&b{k} 1", 99_000),
    "deep": "a: " + "[" * 100_000,
    "too many values": "a: " + listed("w{k}", 200_000),
    "too large": "a: " + "x" * 41_000_000,
}
