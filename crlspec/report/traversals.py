"""The part of the report that shows the decoder at work: what is observed while one latent moves alone, and samples
beside what comes back of them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from crlspec.maps.convolutional_code import AnyCode
from crlspec.numerics.batches import unit_interval
from crlspec.report import page
from crlspec.report.animations import moving
from crlspec.report.drawing import Dots, Drawing, Path, Shape, Text, axis
from crlspec.report.images import as_images, by_camera, image_shape, strip
from crlspec.report.palette import LIGHT, THEMED, Palette
from crlspec.report.pictures import shortened, small
from crlspec.report.svg import svg

if TYPE_CHECKING:
    from crlspec.results.record import Record

__all__ = ["picture", "traversals"]

REACH = np.linspace(-2.5, 2.5, 41)
MOST = 6
"""Observed variables drawn for each latent: those that it moves most."""
PICTURES = 9
"""Images in a strip."""


def traversals(result: Record) -> str:
    """A picture for each latent, and samples reconstructed; empty where there is no decoder, and where the mixing is
    linear, unless images are observed."""
    if result.estimate.code is not None:
        return "" if result.estimate.decoder is None else _of_code(result, result.estimate.code)
    shape = image_shape(result)
    if shape is not None and (result.estimate.mixing is not None or result.estimate.decoder is not None):
        return _of_images(result, shape)
    if result.estimate.mixing is not None or result.estimate.decoder is None:
        return ""
    x = result.decoder(result.latents.children[result.observational].to_dataset()["z_hat"])
    scale = x.std("sample").where(lambda s: s > 0, 1.0)
    middle = x.mean("sample")
    panels = []
    for k, name in enumerate(result.names):
        moved = ((result.traverse(name, REACH) - middle) / scale).transpose("value", "observed")
        reach = moved.max("value") - moved.min("value")
        most = np.argsort(-reach.values, kind="stable")[:MOST]
        variables = [str(v) for v in moved["observed"].values[most]]
        figure = picture(REACH, moved.values[:, most], variables, name, THEMED)
        alt = f"Observed variables that {name} moves most: {', '.join(variables)}."
        panels.append(page.figure(svg(figure, f"traversal{k}", alt), f"<b>{escape(name)}</b>"))
    note = (
        "What the decoder gives while one latent moves and all others stay at their mean. Shown are the observed "
        f"variables that move most (up to {MOST}), in standard deviations. A linear mixing gives straight lines."
    )
    many = f'<div class="many">{"".join(panels)}</div>'
    return page.section("traversals", "Moving one latent", note, many, _reconstructed(result))


def _of_images(result: Record, shape: tuple[int, int, int]) -> str:
    """A strip of images for each latent, and one of samples above what comes back of them."""
    panels = []
    values = REACH[:: (len(REACH) - 1) // (PICTURES - 1)]
    for name in result.names:
        moved = result.traverse(name, values).transpose("value", "observed").values
        panels.append(
            page.figure(
                moving(result, name) + strip([as_images(moved, shape)], f"Images while {name} moves."),
                f"<b>{escape(name)}</b>",
            )
        )
    examples = result.diagnostics.get("examples")
    if examples is not None:
        x = examples.values[:PICTURES]
        back = result.reconstruct(x).values
        both = strip(
            [as_images(x, shape), as_images(back, shape)], "Images above, their reconstruction below."
        )
        panels.append(page.figure(both, "<b>Reconstruction</b>: samples above, their reconstruction below"))
    return _strips(panels)


def _of_code(result: Record, code: AnyCode) -> str:
    """The same where images were observed as such: a line of each strip for each camera."""
    panels = []
    cameras = result.provenance.get("cameras") or ["camera"]
    values = REACH[:: (len(REACH) - 1) // (PICTURES - 1)]
    for name in result.names:
        moved = result.traverse(name, values).values
        shown = strip(by_camera(moved, len(cameras)), f"Images while {name} moves.")
        panels.append(page.figure(moving(result, name) + shown, f"<b>{escape(name)}</b>"))
    examples = result.diagnostics.get("example_images")
    if examples is not None:
        seen = unit_interval(examples.values)
        coded, back = code.decoded(code(examples.values)), result.reconstruct(examples).values
        lines = [line for one in (seen, coded, back) for line in by_camera(one, len(cameras))]
        caption = "<b>Reconstruction</b>: samples, what comes back of their code, and what of their latents"
        panels.append(page.figure(strip(lines, "Images, and what comes back of them."), caption))
    return _strips(panels)


def _strips(panels: list[str]) -> str:
    note = (
        f"What the decoder gives while one latent moves from {REACH[0]:g} to {REACH[-1]:g} standard deviations "
        "and all others stay at their mean."
    )
    return page.section(
        "traversals", "Moving one latent", note, f'<div class="curves">{"".join(panels)}</div>'
    )


def _reconstructed(result: Record) -> str:
    """Observed samples against what comes back of them, for the variables that come back worst."""
    examples = result.diagnostics.get("examples")
    if examples is None:
        return ""
    x = examples.values
    back = result.reconstruct(x).values
    spread = x.std(0)
    lost = ((x - back) ** 2).mean(0) / np.where(spread > 0, spread, 1.0) ** 2
    panels = []
    for k in np.argsort(-lost, kind="stable")[:MOST]:
        name = result.observed[k]
        alt = f"{name}: observed against reconstructed."
        caption = f"<b>{escape(name)}</b>: {100 * lost[k]:.1f} % of the variance lost"
        panels.append(page.figure(svg(_against(x[:, k], back[:, k]), f"back{k}", alt), caption))
    told = f"Observed values (across) and reconstructed ones (up), for up to {MOST} variables reconstructed worst."
    return f'<h3>Reconstruction</h3><p class="note">{told}</p><div class="many">{"".join(panels)}</div>'


def _against(x: np.ndarray, back: np.ndarray, palette: Palette = THEMED) -> Drawing:
    ends = np.array([min(x.min(), back.min()), max(x.max(), back.max())])
    line = Path(np.stack([ends, ends], axis=1), palette.muted, 0.8)
    dots = Dots(np.stack([x, back], axis=1), 2, palette.accent, opacity=0.6)
    return small(axis([ends]), axis([ends]), [line, dots], palette)


def picture(
    values: np.ndarray, x: np.ndarray, variables: list[str], latent: str, palette: Palette = LIGHT
) -> Drawing:
    """Observed variables x (value, variable) against the values (value,) of one latent; names at the lines' ends."""
    shapes: list[Shape] = []
    for k, variable in enumerate(variables):
        shade = 1.0 - 0.7 * k / max(len(variables), 2)
        shapes.append(Path(np.stack([values, x[:, k]], axis=1), palette.accent, 1.2, opacity=shade))
        place = (float(values[-1]), float(x[-1, k]))
        shapes.append(Text(place, shortened(variable, 6), 6, palette.muted, start=True, shift=(2, 0)))
    return small(axis([values], shortened(latent, 18)), axis([x]), shapes, palette)
