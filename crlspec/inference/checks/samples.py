"""Whether there are samples enough for what is fitted to every environment by itself."""

from __future__ import annotations

from collections.abc import Mapping

from crlspec.inference.check import Check

__all__ = ["check_samples"]


def check_samples(sizes: Mapping[str, float], bound: int, use: str) -> Check:
    """Whether the smallest environment has samples enough.

    sizes  environment → samples, effective ones where rows depend on each other
    use    what they are needed for, after "to"
    """
    name = min(sizes, key=lambda one: sizes[one])
    figure = float(sizes[name])
    if figure >= bound:
        text = f"The smallest environment, '{name}', has {figure:.0f} samples, enough to {use}."
        return Check("samples", "passed", figure, bound, text, None, (name,))
    return Check(
        "samples", "undecided", figure, bound,
        f"Environment '{name}' has {figure:.0f} samples, too few to {use}.",
        f"Give {bound} samples or more in every environment.", (name,),
    )  # fmt: skip
