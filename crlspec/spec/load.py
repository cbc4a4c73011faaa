"""load → check → Spec: from a path, a shipped name or a text; and back to YAML by ``dump``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike, fspath
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from crlspec.errors import Issue, SpecError
from crlspec.registry import Registry
from crlspec.spec.check import check, formula_issues
from crlspec.spec.choice import estimator_of
from crlspec.spec.explain import explain, place
from crlspec.spec.schema import SLOTS, ReplacedMechanism, Spec
from crlspec.spec.slots import SLOT_MARK, plain, suggest
from crlspec.spec.yaml12 import Mark, Source, paths, read, write

SHIPPED = "crlspec.specs"
TABLES = "tables"
"""The folder of shipped tables, which hold no specs but name them."""
FILES = (("data", "path"), ("mixing", "file"), ("calibrate", "labels"))
"""Where a spec names files: a relative path is taken from its folder, one given by --set from the working folder."""


def load(source: str | PathLike[str], *, sets: Sequence[str] = (), registry: Registry | None = None) -> Spec:
    """The checked spec of a file, or of a shipped name such as ``linear/hard-5``.

    source    a path; a path that is there goes before a shipped name
    sets      changes ``key.key=value``, values in YAML: ``["samples=500", "scores.kind=exact"]``
    registry  the families to choose from; those installed, where left out

    A relative ``data.path``, ``mixing.file`` or ``calibrate.labels`` is taken from the folder of the file. Raises
    SpecError with every issue found.
    """
    text, origin, folder, name = _find(fspath(source))
    return _build(text, origin, sets, registry, folder=folder, name=name)


def loads(
    text: str, *, sets: Sequence[str] = (), registry: Registry | None = None, origin: str = "text"
) -> Spec:
    """The checked spec of a YAML text; ``origin`` stands for the path in errors. Raises SpecError."""
    return _build(text, origin, sets, registry)


def dump(spec: Spec) -> str:
    """The spec as YAML: ``loads(dump(spec)) == spec``."""
    tree = plain(spec)
    if spec.equations is not None:
        tree["latents"] = tree.pop("equations")
    elif not spec.latents:
        tree["latents"] = "auto"
    if isinstance(tree.get("scm"), dict) and isinstance(tree["scm"]["graph"], list):
        tree["scm"]["graph"] = [" -> ".join(edge) for edge in tree["scm"]["graph"]]
    return write(tree)


def shipped() -> tuple[str, ...]:
    """The names of all shipped specs, sorted."""
    return tuple(name for name in sorted(_walk(files(SHIPPED), "")) if not name.startswith(f"{TABLES}/"))


def shipped_tables() -> tuple[str, ...]:
    """The names of all shipped tables (``tables/…``), sorted."""
    return tuple(name for name in sorted(_walk(files(SHIPPED), "")) if name.startswith(f"{TABLES}/"))


def json_schema(registry: Registry | None = None) -> dict[str, Any]:
    """The JSON Schema of spec files, for editors; the kinds are those of the registry."""
    registry = registry or Registry.installed()
    schema = Spec.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.setdefault("$defs", {})
    for slot in SLOTS:
        union = slot.json_schema(registry)
        definitions |= union.pop("$defs", {})
        definitions[slot.name] = union
    properties = schema["properties"]
    del properties["equations"]
    definitions["ReplacedMechanism"] = ReplacedMechanism.model_json_schema()
    names = {"type": "array", "items": {"type": "string"}}
    equations = {"type": "object", "additionalProperties": {"type": "string"}}
    properties["latents"] = {
        "anyOf": [{"type": "integer", "minimum": 1}, names, equations, {"const": "auto"}]
    }
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "crlspec"}
    referred = _refer(whole)
    assert isinstance(referred, dict)
    return referred


def _refer(node: Any) -> Any:
    """Put references to the unions where the slots are marked."""
    if isinstance(node, dict):
        slot = node.get(SLOT_MARK)
        rest = {key: _refer(value) for key, value in node.items() if key != SLOT_MARK}
        return {**rest, "$ref": f"#/$defs/{slot}"} if isinstance(slot, str) else rest
    return [_refer(value) for value in node] if isinstance(node, list) else node


def _find(source: str) -> tuple[str, str, FilePath | None, str | None]:
    """Text, origin, folder and default name of a path or shipped name."""
    path = FilePath(source)
    try:
        if path.is_file():
            return _decode(path.read_bytes(), source), source, path.resolve().parent, path.stem
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:
        raise SpecError(
            [Issue("error", f"cannot be read: {error}.", "name a YAML file.", path=source)]
        ) from None
    names = shipped()
    if source in names:
        resource = files(SHIPPED).joinpath(*f"{source}.yaml".split("/"))
        return resource.read_text(encoding="utf-8"), f"{source}.yaml", None, source.replace("/", "-")
    what = "is a folder" if is_folder else "is neither a file nor a shipped spec"
    hint = suggest(source, names).replace("allowed:", "shipped are:")
    raise SpecError([Issue("error", f"{what}.", f"name a YAML file or a shipped spec; {hint}", path=source)])


def _decode(content: bytes, origin: str) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        issue = Issue("error", "the file is not UTF-8 text.", "save it as UTF-8.", None, origin, line, column)
        raise SpecError([issue]) from None


def _walk(folder: Traversable, prefix: str) -> list[str]:
    found: list[str] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".yaml"):
            found.append(prefix + entry.name.removesuffix(".yaml"))
    return found


def _build(
    text: str,
    origin: str,
    sets: Sequence[str],
    registry: Registry | None,
    *,
    folder: FilePath | None = None,
    name: str | None = None,
) -> Spec:
    tree, source = read(text, origin)
    if not isinstance(tree, dict):
        remedy = "write key: value lines, e.g. latents: 5; see `crlspec new`."
        raise SpecError([place(source, (), "a spec must be a mapping of keys", remedy)])
    for entry in sets:
        _apply(tree, source, entry)
    if "name" not in tree and name is not None:
        tree["name"] = name
    for part, key in FILES:
        if folder is not None and key not in _set_below(source, part):
            _anchor(tree.get(part), key, folder)
    _fill_in_estimator(tree, source, registry or Registry.installed())
    spec, issues = _validate(tree, source, registry or Registry.installed())
    errors = [issue for issue in issues if issue.severity == "error"]
    if spec is None or errors:
        raise SpecError(sorted(errors, key=lambda i: (i.line is None, i.line or 0, i.column or 0)))
    return spec


def _validate(tree: dict[str, Any], source: Source, registry: Registry) -> tuple[Spec | None, list[Issue]]:
    """The spec, if it is one, and all issues: what pydantic finds, equations, then the rules of ``check``."""
    issues: list[Issue] = []
    tree = dict(tree)
    if "equations" in tree:
        issues.append(
            place(source, ("equations",), "unknown key 'equations'", "write them under latents:.", key=True)
        )
        del tree["equations"]
    spec, found, broken = _schema(tree, source, registry)
    issues += found
    if broken:
        issues += formula_issues(tree.get("latents"), tree.get("environments"), source)
        sound = {key: value for key, value in tree.items() if key not in broken}
        partial, _, still_broken = _schema(sound, source, registry)
        if partial is not None and not still_broken:
            issues += [i for i in check(partial, frozenset(broken)) if i not in issues]
        return None, issues
    issues += check(spec) if spec is not None else ()
    if spec is not None and not any(issue.severity == "error" for issue in issues):
        spec = spec.model_copy(update={"estimator": estimator_of(spec, registry)})
    return spec, issues


def _schema(
    tree: dict[str, Any], source: Source, registry: Registry
) -> tuple[Spec | None, list[Issue], set[str]]:
    try:
        spec = Spec.model_validate(tree, context={"registry": registry})
    except ValidationError as error:
        top = {str(line["loc"][0]) if line["loc"] else "" for line in error.errors(include_url=False)}
        return None, list(explain(error, source)), {"latents" if key == "equations" else key for key in top}
    spec._source = source
    return spec, [], set()


def _apply(tree: dict[str, Any], source: Source, entry: str) -> None:
    """Put ``a.b=value`` into the tree; its marks say ``--set a.b``."""
    key, equals, text = entry.partition("=")
    origin = f"--set {key}"
    steps = key.strip().split(".")
    if not equals or not all(steps):
        message = f"got {entry!r}; key=value is needed."
        raise SpecError([Issue("error", message, "write --set samples=500.", path=origin)])
    try:
        value, _ = read(text, origin)
    except SpecError as error:
        issues = [Issue("error", i.message, i.remedy, key, origin) for i in error.issues]
        raise SpecError(issues) from None
    node: Any = tree
    for depth, step in enumerate(steps[:-1]):
        node = _enter(node, step, steps[: depth + 1], origin)
    path: list[str | int] = [
        int(s) if s.isdecimal() and _is_list(tree, steps[:k]) else s for k, s in enumerate(steps)
    ]
    if isinstance(node, list):
        if not isinstance(path[-1], int) or path[-1] >= len(node):
            raise _no_way(steps, origin)
        node[path[-1]] = value
    elif isinstance(node, dict):
        node[steps[-1]] = value
    else:
        raise _no_way(steps[:-1], origin)
    for depth in range(1, len(path)):
        source.keys.setdefault(tuple(path[:depth]), Mark(origin))
    for below in paths(value):
        full = (*path, *below)
        source.values[full] = source.keys[full] = Mark(origin)


def _fill_in_estimator(tree: dict[str, Any], source: Source, registry: Registry) -> None:
    """Options of an estimator, given by --set where the file names none, are those of the one that the verdict names;
    ``--set estimator=null`` leaves out the one that the file names."""
    options = tree.get("estimator")
    if options is None and source.values.get(("estimator",), Mark(source.origin)).origin != source.origin:
        tree.pop("estimator", None)
    if not isinstance(options, dict) or "kind" in options or set(options) - _set_below(source, "estimator"):
        return
    spec, _, _ = _schema({key: value for key, value in tree.items() if key != "estimator"}, source, registry)
    if spec is None or any(issue.severity == "error" for issue in check(spec)):
        return
    method = estimator_of(spec, registry)
    if method is not None:
        options["kind"] = method.kind


def _is_list(tree: Any, steps: Sequence[str]) -> bool:
    for step in steps:
        tree = (
            tree[int(step)] if isinstance(tree, list) else tree.get(step) if isinstance(tree, dict) else None
        )
    return isinstance(tree, list)


def _enter(node: Any, step: str, walked: Sequence[str], origin: str) -> Any:
    if isinstance(node, dict):
        if node.get(step) is None:
            node[step] = {}
        return node[step]
    if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
        return node[int(step)]
    raise _no_way(walked, origin)


def _no_way(walked: Sequence[str], origin: str) -> SpecError:
    message = f"{'.'.join(walked)} is no mapping or list with such an entry."
    return SpecError([Issue("error", message, "give the whole value instead.", path=origin)])


def _set_below(source: Source, key: str) -> set[str]:
    """The keys below ``key`` that were given by --set."""
    marks = ((path, mark) for path, mark in source.values.items() if len(path) == 2 and path[0] == key)
    return {str(path[1]) for path, mark in marks if mark.origin != source.origin}


def _anchor(part: Any, key: str, folder: FilePath) -> None:
    if isinstance(part, dict) and isinstance(part.get(key), str) and part[key]:
        try:
            part[key] = str(folder / FilePath(part[key]).expanduser())
        except (RuntimeError, ValueError):
            return
