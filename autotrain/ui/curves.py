"""Curves for pages: points grouped by name, thinned without losing a peak, and a sparkline for lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autotrain.runs.store import MetricRow

Point = tuple[int, float, float, float]
"""Step, epoch, time (seconds since the epoch), value."""

MOST_POINTS = 4000
"""Points of one curve sent at once: twice the pixels of a wide screen."""

SPARKLINE_POINTS = 48


def by_name(rows: Iterable[MetricRow]) -> dict[str, list[Point]]:
    """Points grouped by metric, in order."""
    curves: dict[str, list[Point]] = {}
    for row in rows:
        curves.setdefault(row.name, []).append((row.step, round(row.epoch, 4), round(row.at, 2), row.value))
    return curves


def thin(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: of each stretch the lowest and the highest, so that no spike is lost."""
    if len(points) <= most:
        return list(points)
    kept: list[Point] = []
    stretches = most // 2
    for index in range(stretches):
        stretch = points[index * len(points) // stretches : (index + 1) * len(points) // stretches]
        ends = {min(stretch, key=lambda point: point[3]), max(stretch, key=lambda point: point[3])}
        kept += sorted(ends)
    return kept


def sparkline(points: Sequence[Point]) -> list[float]:
    """Values of one curve, averaged into a few."""
    values = [point[3] for point in points]
    if len(values) <= SPARKLINE_POINTS:
        return [round(value, 5) for value in values]
    cuts = [index * len(values) // SPARKLINE_POINTS for index in range(SPARKLINE_POINTS + 1)]
    return [round(sum(values[a:b]) / (b - a), 5) for a, b in zip(cuts, cuts[1:], strict=False)]
