"""Changes to the rows that a recipe lists: each mends one thing, in the order given, without touching the file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from autotrain.data.nested import items_of, list_like
from autotrain.data.parts import part_of
from autotrain.data.tag_schemes import to_bio
from autotrain.table import ROW_COLUMN

if TYPE_CHECKING:  # a recipe is read without the weight of these
    import pyarrow as pa

Batches = Callable[[], Iterator["pa.RecordBatch"]]
"""The rows so far. Called again for each pass that a step needs, so that no step holds the table."""


class _Step(BaseModel, ABC):
    """One change. Rows keep the numbers they have in the original file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        """The changed rows."""

    @abstractmethod
    def uses(self) -> tuple[str, ...]:
        """The columns this step reads or writes."""

    @abstractmethod
    def sentence(self) -> str:
        """What was done, for people."""


class Trim(_Step):
    """Take white space from both ends of the cells."""

    step: Literal["trim"] = "trim"
    columns: tuple[str, ...] = Field(min_length=1)

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow.compute as pc

        for batch in batches():
            for name in self.columns:
                batch = _with(batch, name, pc.utf8_trim_whitespace(batch.column(name)))
            yield batch

    def uses(self) -> tuple[str, ...]:
        return self.columns

    def sentence(self) -> str:
        return f"White space around the cells of {_listed(self.columns)} was removed."


class DropEmpty(_Step):
    """Leave out rows in which one of the columns is empty."""

    step: Literal["drop_empty"] = "drop_empty"
    columns: tuple[str, ...] = Field(min_length=1)

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow.compute as pc

        for batch in batches():
            for name in self.columns:
                length = pc.utf8_length(pc.utf8_trim_whitespace(batch.column(name)))
                batch = batch.filter(pc.greater(length, 0))
            yield batch

    def uses(self) -> tuple[str, ...]:
        return self.columns

    def sentence(self) -> str:
        return f"Rows without a value in {_listed(self.columns)} were left out."


class MergeLabels(_Step):
    """Write labels alike that mean the same. `into` says for each spelling what is written instead."""

    step: Literal["merge_labels"] = "merge_labels"
    column: str
    into: dict[str, str] = Field(min_length=1)

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches():
            yield _with(batch, self.column, _replaced(batch.column(self.column), self.into))

    def uses(self) -> tuple[str, ...]:
        return (self.column,)

    def sentence(self) -> str:
        pairs = ", ".join(f'"{old}" as "{new}"' for old, new in list(self.into.items())[:5])
        rest = len(self.into) - 5
        return f'In "{self.column}" is written {pairs}{f", and {rest} more" if rest > 0 else ""}.'


class FoldSmallClasses(_Step):
    """Put labels with few rows into one class."""

    step: Literal["fold_small_classes"] = "fold_small_classes"
    column: str
    fewer_than: int = Field(5, ge=2)
    into: str = Field("other", min_length=1)

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow.compute as pc

        counts: Counter[str] = Counter()
        for batch in batches():
            for pair in pc.value_counts(batch.column(self.column)):
                counts[pair["values"].as_py()] += pair["counts"].as_py()
        small = {value: self.into for value, times in counts.items() if times < self.fewer_than and value.strip()}
        for batch in batches():
            yield _with(batch, self.column, _replaced(batch.column(self.column), small))

    def uses(self) -> tuple[str, ...]:
        return (self.column,)

    def sentence(self) -> str:
        return f'Labels of "{self.column}" with fewer than {self.fewer_than} rows became "{self.into}".'


class Deduplicate(_Step):
    """Keep the first of the rows that are equal, or with `near` almost equal, in these columns.

    Cells are equal when they differ only in capitals and white space.
    """

    step: Literal["deduplicate"] = "deduplicate"
    columns: tuple[str, ...] = Field(min_length=1)
    near: bool = False

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        if self.near:
            yield from self._far_apart(batches)
            return
        seen: set[bytes] = set()
        for batch in batches():
            keep: list[bool] = []
            for cells in _cells(batch, self.columns):
                key = _key(cells)
                keep.append(key not in seen)
                seen.add(key)
            yield _kept(batch, keep)

    def _far_apart(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        from autotrain.data.similar import near_groups

        texts = ["\n".join(cells) for batch in batches() for cells in _cells(batch, self.columns)]
        groups = iter(near_groups(texts).tolist())
        seen: set[bytes | int] = set()
        rest = iter(texts)
        for batch in batches():
            keep: list[bool] = []
            for _ in range(len(batch)):
                names = {_key((next(rest),)), group} if (group := next(groups)) >= 0 else {_key((next(rest),))}
                keep.append(not names & seen)
                seen |= names
            yield _kept(batch, keep)

    def uses(self) -> tuple[str, ...]:
        return self.columns

    def sentence(self) -> str:
        return f"Of rows with {'nearly ' if self.near else ''}the same {_listed(self.columns)} the first was kept."


class DropContradictions(_Step):
    """Leave out every row of a text that occurs with different labels, because nobody knows which one is right."""

    step: Literal["drop_contradictions"] = "drop_contradictions"
    column: str
    label: str

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        first: dict[bytes, str] = {}
        doubtful: set[bytes] = set()
        for batch in batches():
            for text, label in _cells(batch, (self.column, self.label)):
                key = _key((text,))
                if label.strip() and first.setdefault(key, label) != label:
                    doubtful.add(key)
        for batch in batches():
            keys = (_key(cells) for cells in _cells(batch, (self.column,)))
            yield _kept(batch, [key not in doubtful for key in keys])

    def uses(self) -> tuple[str, ...]:
        return (self.column, self.label)

    def sentence(self) -> str:
        return f'Rows whose "{self.column}" occurs with more than one "{self.label}" were left out.'


class DropRows(_Step):
    """Leave out rows by their numbers in the original file."""

    step: Literal["drop_rows"] = "drop_rows"
    rows: tuple[int, ...] = Field(min_length=1, max_length=10_000)

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc

        gone = pa.array(self.rows, pa.int64())
        for batch in batches():
            yield batch.filter(pc.invert(pc.is_in(batch.column(ROW_COLUMN), value_set=gone)))

    def uses(self) -> tuple[str, ...]:
        return ()

    def sentence(self) -> str:
        listed = ", ".join(str(row) for row in self.rows[:5]) + (" and others" if len(self.rows) > 5 else "")
        return f"{len(self.rows):,} {'row was' if len(self.rows) == 1 else 'rows were'} left out by hand ({listed})."


class Relabel(_Step):
    """Write other labels into single rows, which are named by their numbers in the original file."""

    step: Literal["relabel"] = "relabel"
    column: str
    labels: dict[int, str] = Field(min_length=1, max_length=10_000)

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc

        rows, new = pa.array(list(self.labels), pa.int64()), pa.array(list(self.labels.values()), pa.string())
        for batch in batches():
            found = pc.index_in(batch.column(ROW_COLUMN), value_set=rows)
            yield _with(batch, self.column, pc.coalesce(new.take(found), batch.column(self.column)))

    def uses(self) -> tuple[str, ...]:
        return (self.column,)

    def sentence(self) -> str:
        pairs = ", ".join(f'row {row} as "{new}"' for row, new in list(self.labels.items())[:3])
        rest = len(self.labels) - 3
        return f'In "{self.column}" is written by hand {pairs}{f", and {rest:,} more" if rest > 0 else ""}.'


class DropLeaks(_Step):
    """Leave out training and validation rows whose text the test holds too, and training rows that validation holds."""

    step: Literal["drop_leaks"] = "drop_leaks"
    columns: tuple[str, ...] = Field(min_length=1)
    split: str

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        held: dict[bytes, int] = {}
        for batch in batches():
            for *cells, said in _cells(batch, (*self.columns, self.split)):
                part = part_of(said) or 0
                if part:
                    key = _key(cells)
                    held[key] = max(part, held.get(key, 0))
        for batch in batches():
            rows = _cells(batch, (*self.columns, self.split))
            yield _kept(batch, [(part_of(said) or 0) >= held.get(_key(cells), 0) for *cells, said in rows])

    def uses(self) -> tuple[str, ...]:
        return (*self.columns, self.split)

    def sentence(self) -> str:
        return f'Rows whose {_listed(self.columns)} a later part of "{self.split}" has too were left out.'


class ConvertTags(_Step):
    """Write tags of another scheme in BIO, which begins each name with B- and goes on with I-."""

    step: Literal["convert_tags"] = "convert_tags"
    column: str
    scheme: Literal["IOB1", "BIOES", "BILOU"]

    def apply(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        for batch in batches():
            cells = batch.column(self.column).to_pylist()
            written = [list_like(cell, to_bio(items_of(cell))) if cell.strip() else cell for cell in cells]
            yield _with(batch, self.column, pa.array(written, pa.string()))

    def uses(self) -> tuple[str, ...]:
        return (self.column,)

    def sentence(self) -> str:
        return f'The {self.scheme} tags of "{self.column}" were written in BIO.'


Step = Annotated[
    Trim
    | DropEmpty
    | MergeLabels
    | FoldSmallClasses
    | Deduplicate
    | DropContradictions
    | DropLeaks
    | DropRows
    | Relabel
    | ConvertTags,
    Field(discriminator="step"),
]
STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Step, ...])


def apply_steps(rows: pa.Table, steps: Sequence[Step]) -> Iterator[pa.RecordBatch]:
    """The rows after all steps, batch by batch, in memory that does not grow with the table.

    Args:
        rows: columns of text and the hidden row number.
        steps: in the order in which they are applied; every column they use exists.
    """
    if not steps:
        yield from rows.to_batches()
        return
    *earlier, last = steps
    for batch in last.apply(lambda: apply_steps(rows, earlier)):
        if len(batch):
            yield batch


def steps_key(steps: Sequence[Step]) -> str:
    """Eight hex digits that name what the steps do."""
    return blake2b(STEPS.dump_json(tuple(steps)), digest_size=4).hexdigest()


def _with(batch: pa.RecordBatch, name: str, values: pa.Array) -> pa.RecordBatch:
    return batch.set_column(batch.schema.get_field_index(name), name, values)


def _replaced(values: pa.Array, into: Mapping[str, str]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    old, new = pa.array(list(into), pa.string()), pa.array(list(into.values()), pa.string())
    found = pc.index_in(values, value_set=old)
    return pc.coalesce(new.take(found), values)


def _kept(batch: pa.RecordBatch, keep: list[bool]) -> pa.RecordBatch:
    import pyarrow as pa

    return batch.filter(pa.array(keep, pa.bool_()))


def _cells(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def _key(cells: Sequence[str]) -> bytes:
    plain = "\x1f".join(" ".join(cell.split()).casefold() for cell in cells)
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _listed(columns: Sequence[str]) -> str:
    return " and ".join(f'"{column}"' for column in columns)
