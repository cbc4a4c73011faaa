"""The reference of the file as pages of Markdown, from its JSON Schema.

``python -m crlspec.spec.reference docs/reference`` writes them; modules named after the folder are taken as plug-ins.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crlspec.registry import Registry
from crlspec.spec.json_schema import json_schema
from crlspec.spec.takes import takes
from crlspec.spec.theory_table import theory_page

__all__ = ["pages"]

MADE = "<!-- Made from the declarations: python -m crlspec.spec.reference docs/reference -->\n"
LONGEST, MOST = 90, 12
"""Characters of an example beside a property (longer ones stand in the block of their model alone), and entries of a
list that are shown."""

PAGES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "latents": ("The latents: scm", "What causes what, and how.", ("Scm", "graph", "mechanism", "noise")),
    "mixing": ("The mixing", "How latents become what is observed.", ("mixing",)),
    "interventions": (
        "Interventions and environments",
        "A design makes the environments, or they are written out one by one.",
        ("interventions", "ReplacedMechanism"),
    ),
    "data": (
        "Your own data",
        "Where they are, and what is assumed of them.",
        ("Data", "Assume", "Calibrate"),
    ),
    "methods": ("Scores and estimators", "How an answer is found.", ("scores", "estimator")),
}
"""File → title, one sentence, and the models and slots that it describes, with those inside them."""

TITLES = {name: f"`{name.lower()}:`" for name in ("Scm", "Data", "Assume", "Calibrate")}
SLOTS = ("graph", "mechanism", "noise", "mixing", "interventions", "scores", "estimator")


def pages(schema: Mapping[str, Any]) -> dict[str, str]:
    """File name → Markdown of every page."""
    places, texts = dict[str, str](), dict[str, str]()
    for name, (title, what, members) in PAGES.items():
        lines = [MADE, f"# {title}\n", what + "\n"]
        for member in members:
            level, models = 2, [member]
            if member in SLOTS:
                places[member] = f"{name}.md#{member}"
                lines.append(f"## `{member}:`\n")
                level, models = 3, [_name(branch) for branch in _branches(schema["$defs"][member])]
            for model in models:
                lines += _model(schema, model, level, f"{name}.md", places)
        texts[f"{name}.md"] = "\n".join(lines).rstrip() + "\n"
    texts["index.md"] = _index(schema)
    texts["theory.md"] = f"{MADE}\n{theory_page()}"
    return {name: _linked(text, places) for name, text in texts.items()}


def _linked(text: str, places: Mapping[str, str]) -> str:
    """Names of models between brackets become links to where they are described."""
    return re.sub(r"\[\[(\w+)\]\]", lambda found: f"[{found[1]}]({places[found[1]]})", text)


def _index(schema: Mapping[str, Any]) -> str:
    lines = [
        MADE,
        "# The file, key by key\n",
        "Every key that a file may hold, what it takes, and an example. The examples are read whenever the tests "
        "run.\n`crlspec schema` gives the same as JSON Schema, so that an editor shows it where you write.\n",
        "```{toctree}\n:maxdepth: 2\n",
        *PAGES,
        "```\n",
        "## Keys at the top\n",
        *_properties(schema),
        "## Whole files\n",
    ]
    for example in schema["examples"]:
        lines.append(f"```yaml\n{_block(example)}```\n")
    return "\n".join(lines).rstrip() + "\n"


def _model(
    schema: Mapping[str, Any], name: str, level: int, page: str, places: dict[str, str]
) -> Iterator[str]:
    """Heading, words, properties and examples of a model, and below it those of the models inside it.

    places  model → where it is described, to which this one is added
    """
    model = schema["$defs"][name]
    known = model["properties"]
    tag = next((key for key in ("kind", "design") if "const" in known.get(key, {})), None)
    title = f"`{known[tag]['const']}`" if tag is not None else TITLES.get(name, name)
    places[name] = f"{page}#{title.strip('`:').lower()}"
    yield f"{'#' * level} {title}\n"
    if "description" in model:
        yield _words(model["description"]) + "\n"
    yield from _properties(model, tag)
    if "examples" in model:
        blocks = "\n".join(_flow(example) for example in model["examples"])
        yield f"```yaml\n{blocks}\n```\n"
    for inner in _inside(schema, model):
        if inner not in places:
            yield from _model(schema, inner, level + 1, page, places)


def _properties(model: Mapping[str, Any], tag: str | None = None) -> Iterator[str]:
    needed = model.get("required", ())
    lines = []
    for key, entry in model["properties"].items():
        if key == tag:
            continue
        default = entry.get("default")
        asked = (
            "needed" if key in needed else "" if default in (None, {}, []) else f"default `{_flow(default)}`"
        )
        told = "; ".join(part for part in (_marked(takes(entry)), asked) if part)
        shown = [f"`{key}: {_flow(one)}`" for one in entry.get("examples", ()) if len(_flow(one)) <= LONGEST]
        example = f"\n  Example: {' or '.join(shown)}." if shown else ""
        lines.append(f"- **`{key}`** ({told}). {_words(entry.get('description', ''))}{example}")
    if lines:
        yield "\n".join(lines) + "\n"


def _marked(words: str) -> str:
    """What a property takes, with the names of models and slots marked for links."""
    return re.sub(rf"\b([A-Z]\w+|{'|'.join(SLOTS)})\b(?!`)", r"[[\1]]", words)


def _inside(schema: Mapping[str, Any], model: Mapping[str, Any]) -> list[str]:
    """The models that stand in properties of this one, without pages or sections of their own."""
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            name = _name(node) if isinstance(node.get("$ref"), str) else None
            if name is not None and name not in SLOTS and not _own(schema, name) and name not in found:
                found.append(name)
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk({key: {**entry, "examples": ()} for key, entry in model["properties"].items()})
    return found


def _own(schema: Mapping[str, Any], name: str) -> bool:
    """Whether a model has a section of its own: it is listed, or a member of a slot."""
    members = [_name(branch) for slot in SLOTS for branch in _branches(schema["$defs"][slot])]
    return name in members or any(name in listed for _, _, listed in PAGES.values())


def _branches(slot: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = slot.get("oneOf", ())
    return found


def _name(node: Mapping[str, Any]) -> str:
    return str(node["$ref"]).rpartition("/")[2]


def _words(text: str) -> str:
    """A docstring as Markdown: roles become code, and lines are joined."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return "\n\n".join(paragraphs)


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        more = ["…"] if len(value) > MOST else []
        return "[" + ", ".join([*(_flow(entry) for entry in value[: MOST - 9 * len(more)]), *more]) + "]"
    if (
        isinstance(value, str)
        and re.fullmatch(r"[A-Za-z_][\w .>/-]*", value)
        and value not in ("true", "false")
    ):
        return value
    return json.dumps(value, ensure_ascii=False)


def _block(value: Mapping[str, Any]) -> str:
    """A mapping in lines: one for each key, and one for each key inside it where it would be long."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, dict) and (len(_flow(entry)) > 60 or key == "latents"):
            lines.append(f"{key}:")
            lines += [f"  {inner}: {_flow(one)}" for inner, one in entry.items()]
        else:
            lines.append(f"{key}: {_flow(entry)}")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the pages into the folder that is named first, with the families of the modules named after it."""
    folder = Path(arguments[0]) if arguments else Path("docs/reference")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages(json_schema(Registry.with_plugins(arguments[1:]))).items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
