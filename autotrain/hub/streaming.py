"""The child that reads datasets of the Hub with the `datasets` library: it streams, and runs no code of theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotrain.asking import Progress, answer_with
from autotrain.data.parts import part_of
from autotrain.data.read import size_text
from autotrain.data.reading import cell_text
from autotrain.errors import AutotrainError, DataError
from autotrain.hub.client import connect, endpoint
from autotrain.hub.failures import explain, gated, translated
from autotrain.hub.features import has_files, named, with_names

if TYPE_CHECKING:
    from datasets import Features, IterableDataset

ROWS = 10
LONGEST_CELL = 400
BATCH_ROWS = 1000
_MEDIA = {"Image": ".jpg", "Audio": ".wav"}
"""Features whose files are kept, and the suffix for those without a name."""


@dataclass(frozen=True)
class Asked:
    """What the question names, with the revision as a commit."""

    name: str
    revision: str
    config: str | None
    split: str | None
    token: str | bool


def choices(asked: Asked, _: dict[str, Any], __: Progress) -> dict[str, Any]:
    """Configurations, and the splits and columns of one."""
    from datasets import get_dataset_config_names

    with readable(asked.name):
        configs = get_dataset_config_names(asked.name, revision=asked.revision, token=asked.token)
    chosen = _config(asked, configs)
    splits = _splits(asked, chosen)
    with readable(asked.name):
        columns = list(_rows(asked, chosen, splits[0]["name"]).column_names or [])
    return {
        "name": asked.name,
        "revision": asked.revision,
        "configs": configs,
        "config": chosen,
        "splits": splits,
        "columns": columns,
    }


def first_rows(asked: Asked, _: dict[str, Any], __: Progress) -> dict[str, Any]:
    """The first rows of a split, as texts."""
    found = choices(asked, {}, __)
    split = _split(asked, found["splits"]) or found["splits"][0]["name"]
    with readable(asked.name):
        rows = _rows(asked, found["config"], split)
        listed = [_named(row, rows.features) for row in rows.take(ROWS)]
    columns = list(listed[0]) if listed else found["columns"]
    return {"columns": columns, "rows": [[_shown(row[name]) for name in columns] for row in listed]}


def fetch(asked: Asked, question: dict[str, Any], tell: Progress) -> dict[str, Any]:
    """Write the rows to files in the folder of the question: Parquet, or the media with their metadata."""
    found = choices(asked, question, tell)
    split = _split(asked, found["splits"])
    wanted = [each for each in found["splits"] if split in (None, each["name"])]
    if split is None:  # beside the parts of a split there may be others, such as rows without labels
        wanted = [each for each in wanted if part_of(each["name"]) is not None] or wanted
    total = sum(each["rows"] or 0 for each in wanted) if all(each["rows"] for each in wanted) else 0
    writer = _Writer(asked.name, Path(question["folder"]), question["limit"], total, tell)
    for each in wanted:
        with readable(asked.name):
            rows = _rows(asked, found["config"], each["name"])
            media = [name for name, feature in (rows.features or {}).items() if type(feature).__name__ in _MEDIA]
            if media:
                writer.write_media(each["name"], rows, media)
            else:
                writer.write_table(each["name"], rows)
    return {"revision": asked.revision, "config": found["config"], "files": writer.files}


class _Writer:
    """Rows of splits as files, within the limit on bytes."""

    def __init__(self, name: str, folder: Path, limit: int, total: int, tell: Progress) -> None:
        self._name, self._folder, self._limit, self._total, self._tell = name, folder, limit, total, tell
        self._rows = self._bytes = 0
        self.files: list[str] = []

    def write_table(self, split: str, rows: IterableDataset) -> None:
        """A Parquet file, batch by batch."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        writer: Any = None
        path, features = self._folder / f"{split}.parquet", rows.features
        try:
            for batch in rows.with_format("arrow").iter(batch_size=BATCH_ROWS):
                columns = zip(batch.schema.names, batch.columns, strict=True)
                table = pa.table({name: named(column, features[name]) for name, column in columns})
                writer = writer or pq.ParquetWriter(path, table.schema)
                writer.write_table(table.cast(writer.schema) if table.schema != writer.schema else table)
                self._count(len(table), table.nbytes)
        finally:
            if writer is not None:
                writer.close()
        if writer is None:
            raise DataError(f'The split "{split}" of {self._name} has no rows. Choose another one.', code="no-rows")
        self.files.append(path.name)

    def write_media(self, split: str, rows: IterableDataset, media: list[str]) -> None:
        """Files of images or sounds, and a metadata.jsonl that says the rest of each row."""
        if len(media) > 1:
            raise DataError(
                f"{self._name} has several columns of files ({', '.join(media)}), which cannot be read together. "
                "Download it, and drop a ZIP with one image or sound for each row and a metadata.csv.",
                code="several-media",
            )
        column, features = media[0], rows.features
        suffix = _MEDIA[type(rows.features[column]).__name__]
        folder = self._folder / split
        folder.mkdir()
        with (folder / "metadata.jsonl").open("w", encoding="utf-8") as metadata:
            for row in rows:
                content, path = _content(row.pop(column), self._name)
                name = f"{self._rows:07d}{Path(path or '').suffix or suffix}"
                (folder / name).write_bytes(content)
                told = {key: cell_text(_plain(value)) for key, value in _named(row, features).items()}
                metadata.write(json.dumps({**told, "file_name": name}) + "\n")
                self.files.append(f"{split}/{name}")
                self._count(1, len(content))
        self.files.append(f"{split}/metadata.jsonl")

    def _count(self, rows: int, size: int) -> None:
        self._rows, self._bytes = self._rows + rows, self._bytes + size
        if self._bytes > self._limit:
            raise DataError(
                f"{self._name} has more than {size_text(self._limit)}, the most that is accepted. Choose one split or "
                "a smaller configuration, or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
                code="too-large",
            )
        self._tell(self._rows, self._total)


def _config(asked: Asked, configs: list[str]) -> str:
    if asked.config is None:
        return "default" if "default" in configs else configs[0]
    if asked.config not in configs:
        known = ", ".join(f'"{each}"' for each in configs[:20])
        raise DataError(f'{asked.name} has no configuration "{asked.config}". It has {known}.', code="no-such-config")
    return asked.config


def _splits(asked: Asked, config: str) -> list[dict[str, Any]]:
    """The splits of a configuration, with their rows where its card counts them."""
    from datasets import get_dataset_split_names, load_dataset_builder

    with readable(asked.name):
        names = get_dataset_split_names(asked.name, config, revision=asked.revision, token=asked.token)
        counted = load_dataset_builder(asked.name, config, revision=asked.revision, token=asked.token).info.splits or {}
    return [
        {"name": str(name), "rows": (counted[name].num_examples or None) if name in counted else None} for name in names
    ]


def _split(asked: Asked, splits: list[dict[str, Any]]) -> str | None:
    names = [each["name"] for each in splits]
    if asked.split is not None and asked.split not in names:
        known = ", ".join(f'"{name}"' for name in names)
        raise DataError(f'{asked.name} has no split "{asked.split}". It has {known}.', code="no-such-split")
    return asked.split


def _rows(asked: Asked, config: str, split: str) -> IterableDataset:
    """The rows of a split, streamed; images and sounds stay the bytes they are."""
    from datasets import Audio, Image, load_dataset

    rows = load_dataset(asked.name, config, split=split, revision=asked.revision, token=asked.token, streaming=True)
    if rows.features is None:
        rows = rows._resolve_features()
    for name, feature in rows.features.items():
        if has_files(feature) and type(feature).__name__ not in _MEDIA:
            raise DataError(
                f'The column "{name}" of {asked.name} holds files within lists, or videos or documents, which cannot '
                "be read. Choose another configuration.",
                code="files-inside",
            )
    for name, feature in rows.features.items():
        if isinstance(feature, Image | Audio):
            rows = rows.cast_column(name, type(feature)(decode=False))
    return rows


def _named(row: dict[str, Any], features: Features) -> dict[str, Any]:
    return {name: with_names(value, features[name]) for name, value in row.items()}


def _content(value: Any, name: str) -> tuple[bytes, str | None]:
    """The bytes of an image or a sound, and its name, if it has one.

    Rows may name any place as that of their file; only those that lie in this dataset are opened.
    """
    if value and value.get("bytes"):
        return value["bytes"], value.get("path")
    path = str((value or {}).get("path") or "")
    if not path.startswith(f"hf://datasets/{name}@"):
        raise DataError(
            f"{name} has a row whose file does not lie in it ({path[:100] or 'none is named'}), which is not opened. "
            "Choose another dataset.",
            code="elsewhere",
        )
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb") as file:
        return file.read(), path


def _shown(value: Any) -> str:
    return cell_text(_plain(value))[:LONGEST_CELL]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


@contextmanager
def readable(name: str) -> Iterator[None]:
    """What the library raises about a dataset, as a sentence. Its exceptions are of every kind."""
    try:
        yield
    except AutotrainError:
        raise
    except Exception as error:
        meaning = explain(error, f"datasets/{name}")
        if "is a gated dataset" in str(error):  # the library keeps the status of the answer to itself
            meaning = gated(f"datasets/{name}")
        if meaning is not None and meaning.code != "files":
            raise meaning from error
        said = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise DataError(
            f"{name} cannot be read ({said}). Choose another configuration, or download its files from "
            f"{endpoint()}/datasets/{name} and drop them.",
            code="hub-dataset",
        ) from error


def resolved(question: dict[str, Any]) -> Asked:
    """The question with its revision as a commit; what can never be read is refused at once."""
    from datasets.utils.logging import disable_progress_bar, set_verbosity_error

    disable_progress_bar()
    set_verbosity_error()
    name, token = question["name"], question["token"]
    with translated(f"datasets/{name}"):
        info = connect(token).dataset_info(name, revision=question["revision"])
    card: dict[str, Any] = vars(info.card_data) if info.card_data else {}
    if any(_leads_away(place) for place in _texts(card.get("configs"))):
        raise DataError(
            f"{name} names files outside of the Hub as its data, which are not read for it. Choose another dataset.",
            code="elsewhere",
        )
    if f"{name.rpartition('/')[2]}.py" in {each.rfilename for each in info.siblings or ()}:
        raise DataError(
            f"{name} comes as Python code, which is never run here. Look for a copy of it in Parquet or CSV.",
            code="dataset-code",
        )
    return Asked(name, info.sha or "main", question["config"], question["split"], token or False)


def _leads_away(place: str) -> bool:
    """Whether a card's path is none of the dataset or of the Hub."""
    scheme = re.match(r"(\w+):", place)
    return scheme[1] != "hf" if scheme else place.startswith(("/", "~")) or "\\" in place or ".." in place.split("/")


def _texts(value: object) -> Iterator[str]:
    """Every text in a part of a card: paths stand at several depths."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in ("path", "data_dir", "data_files", "split") or not isinstance(each, str):
                yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def answer(question: dict[str, Any], tell: Progress) -> dict[str, Any]:
    """What the question asks for."""
    actions = {"choices": choices, "first_rows": first_rows, "fetch": fetch}
    return actions[question["what"]](resolved(question), question, tell)


if __name__ == "__main__":
    answer_with(answer)
