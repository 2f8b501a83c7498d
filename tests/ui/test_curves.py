"""Curves for pages: grouped, thinned without losing a spike, and short enough for a list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from autotrain.runs.store import MetricRow
from autotrain.ui.curves import SPARKLINE_POINTS, Point, by_name, sparkline, thin

curves = st.lists(st.floats(-1e6, 1e6), max_size=300).map(
    lambda values: [(step, step / 10, float(step), value) for step, value in enumerate(values)]
)


@given(curves, st.integers(2, 60))
def test_thinning_keeps_order_ends_and_extremes(points: list[Point], most: int) -> None:
    kept = thin(points, most)
    assert len(kept) <= max(most, min(len(points), most))
    assert kept == sorted(kept)
    assert set(kept) <= set(points)
    if points:
        assert min(p[3] for p in kept) == min(p[3] for p in points)
        assert max(p[3] for p in kept) == max(p[3] for p in points)


@given(curves)
def test_a_sparkline_is_short_and_stays_within_its_curve(points: list[Point]) -> None:
    values = sparkline(points)
    assert len(values) == min(len(points), SPARKLINE_POINTS)
    if points:
        low, high = min(p[3] for p in points), max(p[3] for p in points)
        assert all(low - 1e-3 <= value <= high + 1e-3 for value in values)


def test_points_are_grouped_by_metric_in_order() -> None:
    rows = [MetricRow(1, 1, 0.1, "loss", 2.0, 5.0), MetricRow(1, 1, 0.1, "learning_rate", 0.1, 5.0)]
    rows.append(MetricRow(2, 2, 0.2, "loss", 1.0, 6.0))
    assert by_name(rows) == {"loss": [(1, 0.1, 5.0, 2.0), (2, 0.2, 6.0, 1.0)], "learning_rate": [(1, 0.1, 5.0, 0.1)]}
