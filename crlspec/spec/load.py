"""load → check → Spec: from a path, a shipped name or a text; and back to YAML by ``dump``."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike, fspath
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from crlspec.errors import Issue, SpecError
from crlspec.registry import Registry
from crlspec.spec import profiles as profiles_of
from crlspec.spec.check import check, formula_issues
from crlspec.spec.choice import estimator_of
from crlspec.spec.edge_list import plain_edges
from crlspec.spec.explain import explain, place
from crlspec.spec.overrides import Override, below, given_by_set
from crlspec.spec.required import require_text
from crlspec.spec.schema import FROM_ENVIRONMENTS, Spec
from crlspec.spec.slots import plain
from crlspec.spec.yaml12 import Source, copied, read, refuse_size, write

SHIPPED = "crlspec.specs"
TABLES = "tables"
"""The folder of shipped tables, which hold no specs but name them."""
FILES = (("data", "path"), ("mixing", "file"), ("calibrate", "labels"))
"""Where a spec names files: a relative path is taken from its folder, one given by --set from the working folder."""


def load(
    source: str | PathLike[str],
    *,
    profile: str | None = None,
    sets: Sequence[str] = (),
    registry: Registry | None = None,
    device: str | None = None,
) -> Spec:
    """The checked spec of a file, or of a shipped name such as ``linear/hard-5``.

    source    a path; a path that is there goes before a shipped name
    profile   which of the file's ``profiles:`` to take; left out, or ``none``, the file as it stands
    sets      changes ``key.key=value``, values in YAML: ``["samples=500", "scores.kind=exact"]``; they win over the
              profile
    registry  the families to choose from; those installed, where left out
    device    given without ``profile``, it chooses as the command line does: ``quick`` for ``cpu``, ``full`` for any
              other, where the file has such a profile

    A relative ``data.path``, ``mixing.file`` or ``calibrate.labels`` is taken from the folder of the file. Raises
    SpecError with every issue found.
    """
    text, origin, folder, name = _find(fspath(source))
    return _build(text, origin, sets, registry, profile, device, folder=folder, name=name)


def loads(
    text: str,
    *,
    profile: str | None = None,
    sets: Sequence[str] = (),
    registry: Registry | None = None,
    origin: str = "text",
) -> Spec:
    """The checked spec of a YAML text, under one of its profiles or as it stands; ``origin`` stands for the path in
    errors. Raises SpecError, and WrongType for what is no text."""
    return _build(require_text(text), origin, sets, registry, profile)


def dump(spec: Spec) -> str:
    """The spec as YAML: ``loads(dump(spec)) == spec``. What a profile changed is in it, the block itself is not."""
    tree = plain(spec)
    if spec.equations is not None:
        tree["latents"] = tree.pop("equations")
    elif spec.latents_from is not None:
        tree["latents"] = FROM_ENVIRONMENTS
    elif not spec.latents:
        tree["latents"] = "auto"
    tree.pop("latents_from", None)
    if isinstance(tree.get("scm"), dict) and isinstance(tree["scm"]["graph"], list):
        tree["scm"]["graph"] = plain_edges(tree["scm"]["graph"])
    known = tree.get("assume", {}).get("known", {})
    known |= {key: plain_edges(known[key]) for key in ("edges", "absent") if key in known}
    return write(tree)


def shipped() -> tuple[str, ...]:
    """The names of all shipped specs, sorted."""
    return tuple(name for name in sorted(_walk(files(SHIPPED), "")) if not name.startswith(f"{TABLES}/"))


def shipped_tables() -> tuple[str, ...]:
    """The names of all shipped tables (``tables/…``), sorted."""
    return tuple(name for name in sorted(_walk(files(SHIPPED), "")) if name.startswith(f"{TABLES}/"))


def _find(source: str) -> tuple[str, str, FilePath | None, str | None]:
    """Text, origin, folder and default name of a path or shipped name."""
    path = FilePath(source)
    try:
        if path.is_file():
            refuse_size(path.stat().st_size, source)
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
    if source in shipped_tables():
        raise SpecError(
            [Issue("error", "this is a table of specs.", f"crlspec sweep {source} runs it.", path=source)]
        )
    what = "is a folder" if is_folder else "is neither a file nor a shipped spec"
    near = _nearest(path, source, names)
    hint = (
        f"did you mean {near}?" if near else "name a YAML file, or a shipped spec; crlspec show lists those."
    )
    raise SpecError([Issue("error", f"{what}.", hint, path=source)])


def _nearest(path: FilePath, source: str, names: Sequence[str]) -> str | None:
    """The spec that is meant, perhaps: a file beside the path, or a shipped one."""
    folder = path if path.is_dir() else path.parent
    try:
        files = [
            str(entry) for entry in sorted(folder.iterdir()) if entry.suffix.lower() in (".yaml", ".yml")
        ]
    except OSError:
        files = []
    if path.is_dir():
        return files[0] if len(files) == 1 else None
    beside = {FilePath(one).stem: one for one in files}
    if near := get_close_matches(path.stem, beside, 1, 0.7):
        return beside[near[0]]
    near = get_close_matches(source.removesuffix(".yaml"), names, 1, 0.7)
    return near[0] if near else None


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
    profile: str | None,
    device: str | None = None,
    *,
    folder: FilePath | None = None,
    name: str | None = None,
) -> Spec:
    tree, source = read(text, origin)
    if not isinstance(tree, dict):
        remedy = "write key: value lines, e.g. latents: 5; see `crlspec new`."
        raise SpecError([place(source, (), "a spec must be a mapping of keys", remedy)])
    profiles = profiles_of.take(tree, source)
    profiles_of.refuse_many(profiles, source)
    chosen = profiles_of.choose(profiles, profile, device, origin)
    if "name" not in tree and name is not None:
        tree["name"] = name
    families = registry or Registry.installed()

    def built(under: Sequence[Override], given: Sequence[Override] = ()) -> tuple[Spec | None, list[Issue]]:
        spec, issues = _changed(copied(tree), source.copy(), under, given, families, folder)
        return spec, [issue for issue in issues if issue.severity == "error"]

    plain = built(())[1] if profiles else []
    if profiles and not (plain and sets):  # --set may mend the file, and what follows from its faults
        wrong = profiles_of.faults(profiles, source, plain, lambda under: built(under)[1])
        if wrong:
            raise SpecError(_in_order([*plain, *wrong]))
    spec, errors = built(profiles.get(chosen or "", ()), [given_by_set(entry) for entry in sets])
    if spec is None or errors:
        raise SpecError(_in_order(errors))
    spec._profile = chosen
    return spec


def _changed(
    tree: dict[str, Any],
    source: Source,
    under: Sequence[Override],
    given: Sequence[Override],
    registry: Registry,
    folder: FilePath | None,
) -> tuple[Spec | None, list[Issue]]:
    """The spec of a tree and all issues, after the overrides of a profile and then those of --set."""
    for override in (*under, *given):
        override.put(tree, source)
    for part, key in FILES:
        if folder is not None and key not in below(given, part):
            _anchor(tree.get(part), key, folder)
    _fill_in_estimator(tree, source, (*under, *given), registry)
    return _validate(tree, source, registry)


def _in_order(issues: Sequence[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda i: (i.line is None, i.line or 0, i.column or 0))


def _validate(tree: dict[str, Any], source: Source, registry: Registry) -> tuple[Spec | None, list[Issue]]:
    """The spec, if it is one, and all issues: what pydantic finds, equations, then the rules of ``check``."""
    issues: list[Issue] = []
    tree = dict(tree)
    for key, remedy in (
        ("equations", "write them under latents:."),
        ("latents_from", "write latents: from-environments."),
    ):
        if key in tree:
            issues.append(place(source, (key,), f"unknown key {key!r}", remedy, key=True))
            del tree[key]
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


def _fill_in_estimator(
    tree: dict[str, Any], source: Source, given: Sequence[Override], registry: Registry
) -> None:
    """Options of an estimator, given where the file itself names none, are those of the one that the verdict names;
    ``--set estimator=null`` leaves out the one that the file names."""
    options = tree.get("estimator")
    if options is None and any(override.steps == ["estimator"] for override in given):
        tree.pop("estimator", None)
    if not isinstance(options, dict) or "kind" in options or set(options) - below(given, "estimator"):
        return
    spec, _, _ = _schema({key: value for key, value in tree.items() if key != "estimator"}, source, registry)
    if spec is None or any(issue.severity == "error" for issue in check(spec)):
        return
    method = estimator_of(spec, registry)
    if method is not None:
        options["kind"] = method.kind


def _anchor(part: Any, key: str, folder: FilePath) -> None:
    if isinstance(part, dict) and isinstance(part.get(key), str) and part[key]:
        try:
            part[key] = str(folder / FilePath(part[key]).expanduser())
        except (RuntimeError, ValueError):
            return
