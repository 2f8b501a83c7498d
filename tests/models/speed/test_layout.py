"""A layout holds every row whole, computes a shared beginning once, and lets each token see its own row alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.models.speed.layout import laid_out

ROWS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=8)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.booleans())
def test_every_row_is_found_in_it_and_sees_what_is_before_it_and_nothing_else(
    rows: list[list[int]], shared: bool
) -> None:
    layout = laid_out(rows, shared=shared)
    assert [[layout.input_ids[place] for place in places] for places in layout.rows] == rows
    assert all([layout.position_ids[place] for place in own] == list(range(len(own))) for own in layout.rows)
    seen = {place: each.places(place + 1) for each in layout.segments for place in range(each.start, each.end)}
    assert seen.keys() == set(range(len(layout.input_ids)))
    for places in layout.rows:
        for number, place in enumerate(places):
            assert seen[place] == places[: number + 1]


@settings(max_examples=100, deadline=None)
@given(ROWS, st.randoms())
def test_each_beginning_is_there_once_in_whatever_order_the_rows_come(rows: list[list[int]], chance: object) -> None:
    layout = laid_out(rows)
    assert len(layout.input_ids) == len({tuple(row[:end]) for row in rows for end in range(1, len(row) + 1)})
    chance.shuffle(mixed := list(rows))  # type: ignore[attr-defined]
    assert laid_out(mixed).input_ids == layout.input_ids


def test_rows_are_apart_where_nothing_is_to_be_shared() -> None:
    layout = laid_out([[1, 2, 3], [1, 2, 4]], shared=False)
    assert layout.input_ids == [1, 2, 3, 1, 2, 4] and all(not each.before for each in layout.segments)
