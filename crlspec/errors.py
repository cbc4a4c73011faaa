"""Every error and warning that crlspec raises on purpose: one class per cause, each with its exit status.

An error says what is wrong, where, what is allowed, and what would mend it (the remedy).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

INTERRUPTED = 130
"""Exit status of what was stopped by Ctrl-C."""
SHOWN = 50
"""Issues that a text or JSON lists; of the others it says how many there are."""
COUNTED = 1000
"""Issues of one part of a spec that are looked for."""


@dataclass(frozen=True)
class Issue:
    """One finding about a spec: an error stops the way, a warning or a note does not.

    ``path``, ``line`` and ``column`` (both counted from 1) say where; a value given on the command line has
    the path ``--set key`` and neither line nor column. ``field`` is the dotted key, e.g. ``scm.graph``.
    """

    severity: Literal["error", "warning", "note"]
    message: str
    remedy: str | None = None
    field: str | None = None
    path: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        text = ": ".join(part for part in (place, self.field, self.message) if part)
        return _with_remedy(text, self.remedy)


def kind_of(given: object) -> str:
    """``a DataFrame``, ``an array of shape (3, 2)``: what a thing is, for a message."""
    shape, name = getattr(given, "shape", None), type(given).__name__
    if isinstance(shape, tuple) and name in ("ndarray", "Tensor"):
        return f"an array of shape {tuple(shape)}"
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


class CrlspecError(Exception):
    """The root of all errors of crlspec; ``exit_code`` is the exit status that the command line returns.

    An error that is raised on purpose is no fault of the program: its status is never 1.
    """

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return _with_remedy(self.message, self.remedy)


def _with_remedy(message: str, remedy: str | None) -> str:
    """What is wrong, as a sentence, and what would mend it."""
    if not remedy:
        return message
    end = "" if message.endswith((".", "!", "?", ":", "…")) else "."
    return f"{message}{end} Remedy: {remedy}"


class SpecError(CrlspecError):
    """Raised when a spec is not valid; holds every issue found, not only the first."""

    exit_code = 2

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        lines = [str(issue) for issue in self.issues[:SHOWN]]
        super().__init__("\n".join([*lines, *more(len(self.issues))]))

    def __reduce__(self) -> tuple[type["SpecError"], tuple[tuple[Issue, ...]]]:
        return type(self), (self.issues,)


def more(count: int) -> list[str]:
    """The line that stands for the issues beyond those that are listed; none where all are."""
    left = count - SHOWN
    return [] if left <= 0 else [f"… and {'at least ' * (count >= COUNTED)}{left} more. Mend these first."]


class SettingMismatch(CrlspecError):  # noqa: N818
    """Raised when an estimator is given a setting it cannot take: what was got, or why not, and what is expected."""

    exit_code = 2

    def __init__(self, got: str, expected: str, remedy: str | None = None) -> None:
        super().__init__(f"{got}; expected {expected}.", remedy)
        self.got = got
        self.expected = expected

    def __reduce__(self) -> tuple[type["SettingMismatch"], tuple[str, str, str | None]]:
        return type(self), (self.got, self.expected, self.remedy)


class WrongType(CrlspecError, TypeError):  # noqa: N818
    """Raised when a function is given a thing of another kind than it takes: what was got, and what to write."""

    exit_code = 2


class OutputExists(CrlspecError):  # noqa: N818
    """Raised when writing would replace something that is already there and replacing was not asked for."""

    exit_code = 2


class WriteError(CrlspecError):
    """Raised when something cannot be written: the disk is full, or the place is not writable; names the path."""

    exit_code = 2


class DataError(CrlspecError):
    """Raised when data cannot be read or do not fit the spec; names file, environment and column."""

    exit_code = 3


class EstimationError(CrlspecError):
    """Raised when an estimation could not decide, so that no result can be given."""

    exit_code = 4


class NumericalWarning(UserWarning):
    """Warns of a number that is less exact than usual: an ill-conditioned matrix, a fit stopped early."""


class LossWarning(UserWarning):
    """Warns of something that was not used: a file that is no data, a checkpoint that is damaged."""


class DensityWarning(UserWarning):
    """Warns of data on a site that has no density: nothing is inferred from them."""


class QuestionWarning(UserWarning):
    """Warns of a question whose answer says less than it seems to: of an effect that is none, of data seen before."""
