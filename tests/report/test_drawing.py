"""Drawings: ticks at round numbers, and the same places on a page as on axes of matplotlib."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from crlspec.report.drawing import Axis, Box, Dots, Drawing, Path, Text, axis, decades, ticks
from crlspec.report.on_axes import of_its_own, on_axes
from crlspec.report.svg import svg


def value(word: str) -> float:
    return float(word.replace("−", "-"))


@pytest.mark.parametrize("whole", [False, True])
def test_ticks_are_few_round_numbers_between_the_ends_and_say_what_they_are(whole: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        low = float(rng.normal() * 10 ** rng.uniform(-3, 4))
        high = low + 10 ** float(rng.uniform(1 if whole else -3, 5))
        found = ticks((low, high), 6, whole=whole)
        at = np.array([one for one, _ in found])
        assert 2 <= len(found) <= 6
        assert low - 1e-9 * abs(low) <= at[0] and at[-1] <= high + 1e-9 * abs(high)
        np.testing.assert_allclose([value(word) for _, word in found], at, rtol=1e-3, atol=1e-9)
        assert not whole or (at == at.round()).all()


def test_an_axis_holds_its_values_even_where_they_are_all_the_same() -> None:
    for values in (np.array([3.0, 3.0]), np.zeros(2), np.array([-1e9, 1e9])):
        low, high = axis([values]).ends
        assert low < values.min() and values.max() < high


def test_powers_of_ten_stand_at_most_so_many_on_a_logarithmic_axis() -> None:
    found = decades(np.array([3e-17, 2.0, 40.0]), most=5)
    assert [word for _, word in found.ticks] == ["10⁻¹⁶", "10⁻¹²", "10⁻⁸", "10⁻⁴", "10⁰"]
    assert [word for _, word in decades(np.array([2.0, 3.0])).ticks] == ["10⁰", "10¹"]


def drawn() -> Drawing:
    points = np.array([[1.0, 0.1], [2.0, 10.0], [3.0, 1000.0]])
    shapes = [
        Dots(points, 2, "red"),
        Path(points, "blue", 1.5, (3, 2)),
        Box((1.5, 1.0), (1.0, 99.0), "green", opacity=0.5),
        Text((2.0, 1.0), "a < b & $c^{", 8, "black"),
    ]
    x, y = Axis((4.0, 0.5), ((1.0, "one"),), "across"), Axis((0.01, 1e4), ((1.0, "10⁰"),), "up", log=True)
    return Drawing((3.0, 2.0), (0.2, 0.3, 0.7, 0.6), x, y, shapes, ("grey", "black", "black"))


def test_a_page_and_matplotlib_put_things_in_the_same_places() -> None:
    drawing = drawn()
    text = svg(drawing, "one", "a title", "what it shows")
    assert 'viewBox="0 0 216 144"' in text
    way = next(re.finditer(r'd="(M[^"]*)" style="fill: none; stroke-dasharray: 4.5,3; stroke: blue', text))[1]
    placed = np.array([[float(one) for one in pair.split()] for pair in way[1:].split("L")])
    axes = of_its_own(drawing, lambda **given: Figure(dpi=72, **given))
    wanted = axes.transData.transform(drawing.shapes[0].points)
    np.testing.assert_allclose(placed, np.array([0, 144]) + wanted * [1, -1], atol=0.01)
    assert "a &lt; b &amp; $c^{" in text
    for word in ("one", "10⁰", "across", "up", "a title", "what it shows"):
        assert f">{word}<" in text
    axes.figure.canvas.draw()
    assert on_axes(drawing, Figure().subplots()).get_xlabel() == "across"
