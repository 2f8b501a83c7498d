"""The first encoded batch of images or sounds as the page shows it, made by a child process."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from autotrain.asking import Progress, answer_with, ask
from autotrain.data.findings import Rows
from autotrain.data.shapes import SHAPES
from autotrain.errors import DataError
from autotrain.events import Finding
from autotrain.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEDIA_SHAPES = frozenset({"image-classification", "object-detection", "audio-classification"})
SAMPLE_ROWS = 2_000
"""Rows whose classes are gathered and whose files are looked for."""
SHOWN_ROWS = 4
SECONDS = 60
_WIDEST = 320
_LINE, _EDGE = (91, 124, 250), (255, 122, 0)


class SeenMedia(BaseModel):
    """One row: its file's own measure, what is learned, and a picture (data URI) of what the model sees or hears."""

    row: int
    original: str
    target: str
    picture: str


class MediaBatch(BaseModel):
    """What the model will get. `tensors` names each with its shape; the values are those of the inputs."""

    rows: list[SeenMedia]
    tensors: dict[str, list[int]]
    minimum: float
    maximum: float
    mean: float
    classes: list[str]
    explanation: str
    findings: tuple[Finding, ...] = ()


def media_preview(table: Table, shape: str, columns: Mapping[str, str], folder: Path, model: Path | None) -> MediaBatch:
    """What a model will see of a table of images or sounds.

    Args:
        table: the table.
        shape: a name in `MEDIA_SHAPES`.
        columns: which column plays which role.
        folder: where the table's files lie.
        model: the folder of the base model; one for something else counts as none.

    Raises:
        DataError: no row has the shape, or none of the files is here or can be read.
    """
    rows = list(islice(SHAPES[shape].rows(table, columns), SAMPLE_ROWS))
    if not rows:
        raise DataError("No row can be encoded. Fix what is marked first.", code="no-rows")
    asked = {"shape": shape, "rows": rows, "folder": str(folder), "model": str(model) if model else None}
    answer = ask("autotrain.encoding.media", asked, seconds=SECONDS, what="The files could not be encoded")
    return MediaBatch.model_validate(answer)


def encode(asked: dict[str, Any], _: Progress) -> dict[str, Any]:
    """The child: the first rows whose files can be read, as a batch."""
    shape, folder = asked["shape"], Path(asked["folder"])
    model = Path(asked["model"]) if asked["model"] else None
    role = "audio" if shape == "audio-classification" else "image"
    unread = Rows()
    readable = [(number, row) for number, row in _readable(asked["rows"], role, folder, unread)]
    if not readable:
        raise DataError(
            f"None of the {role} files is here. Drop a ZIP that holds them beside the table, called metadata.csv with "
            "a column file_name.",
            code="no-files",
        )
    made = _images if role == "image" else _sounds
    batch = made(shape, readable, folder, model)
    return batch.model_copy(update={"findings": _findings(unread, role)}).model_dump(mode="json")


def _readable(rows: Sequence[Sequence[Any]], role: str, folder: Path, unread: Rows) -> Iterator[tuple[int, Any]]:
    """Rows whose file lies in the folder; those that are shown are opened too."""
    from autotrain.encoding.pictures import open_image
    from autotrain.encoding.sounds import open_sound

    opened = 0
    for number, row in rows:
        path = (folder / row[role]).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            unread.add(number)
            continue
        if opened < SHOWN_ROWS:
            try:
                (open_image if role == "image" else open_sound)(path)
            except DataError:
                unread.add(number)
                continue
            opened += 1
        yield number, row


def _images(shape: str, rows: Sequence[tuple[int, Any]], folder: Path, model: Path | None) -> MediaBatch:
    from autotrain.encoding.pictures import classified, detected, image_processor, open_image

    boxes = shape == "object-detection"
    processor = image_processor(model, boxes=boxes)
    classes = sorted({name for _, row in rows for name in (row["categories"] if boxes else [row["label"]])})
    shown = [row for _, row in rows[:SHOWN_ROWS]]
    batch = (detected if boxes else classified)(processor.made, shown, folder, classes)
    seen = []
    for place, (number, row) in enumerate(rows[:SHOWN_ROWS]):
        width, height = open_image(folder / row["image"], upright=not boxes).size
        target = ", ".join(row["categories"]) or "nothing" if boxes else row["label"]
        labels = batch["labels"][place]["boxes"] if boxes else None
        mask = batch["pixel_mask"][place] if "pixel_mask" in batch else None
        picture = _drawn(batch["pixel_values"][place], processor.made, labels, mask)
        seen.append(SeenMedia(row=number, original=f"{width:,} by {height:,} pixels", target=target, picture=picture))
    learned = "where the boxes are and what is in them" if boxes else "to answer with the label"
    said = f"Each image is prepared {processor.said}, and the model learns {learned}."
    return _batch(batch, "pixel_values", seen, classes, said)


def _sounds(_: str, rows: Sequence[tuple[int, Any]], folder: Path, model: Path | None) -> MediaBatch:
    from autotrain.encoding.sounds import feature_extractor, heard, open_sound

    extractor = feature_extractor(model)
    classes = sorted({row["label"] for _, row in rows})
    batch = heard(extractor.made, [row for _, row in rows[:SHOWN_ROWS]], folder, classes)
    name = next(each for each in ("input_values", "input_features") if each in batch)
    seen = []
    for place, (number, row) in enumerate(rows[:SHOWN_ROWS]):
        samples, rate = open_sound(folder / row["audio"])
        original = f"{len(samples) / rate:.1f} s at {rate:,} Hz"
        values = batch[name][place]
        picture = _wave(values) if values.ndim == 1 else _spectrogram(values)
        seen.append(SeenMedia(row=number, original=original, target=row["label"], picture=picture))
    said = f"Each sound is prepared {extractor.said}, and the model learns to answer with the label."
    return _batch(batch, name, seen, classes, said)


def _batch(batch: Mapping[str, Any], name: str, seen: list[SeenMedia], classes: list[str], said: str) -> MediaBatch:
    values = batch[name]
    tensors = {key: list(value.shape) for key, value in batch.items() if hasattr(value, "shape")}
    return MediaBatch(
        rows=seen,
        tensors=tensors,
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=float(values.mean()),
        classes=classes,
        explanation=said,
    )


def _findings(unread: Rows, role: str) -> tuple[Finding, ...]:
    if not unread.count:
        return ()
    finding = Finding(
        severity="warning",
        code="unreadable-files",
        message=f"{unread.named()} {'names' if unread.count == 1 else 'name'} an {role} file that is not here or "
        "cannot be read.",
        remedy="Put the files into the archive, or leave these rows out.",
        count=unread.count,
        rows=tuple(unread.first),
        fix=unread.dropping(),
    )
    return (finding,)


def _drawn(pixels: NDArray[np.float32], processor: Any, boxes: Any, mask: Any) -> str:
    """The pixels with the preparation undone, and the boxes as the model gets them."""
    import numpy as np
    from PIL import Image, ImageDraw

    values = pixels.transpose(1, 2, 0)
    if getattr(processor, "do_normalize", False):
        values = values * np.array(processor.image_std) + np.array(processor.image_mean)
    if getattr(processor, "do_rescale", True):
        values = values * 255
    image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    if mask is not None:
        height, width = int(mask.any(axis=1).sum()), int(mask.any(axis=0).sum())
        image = image.crop((0, 0, width, height))
    if boxes is not None:
        width, height = image.size
        draw = ImageDraw.Draw(image)
        for x, y, w, h in boxes.tolist():
            corners = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
            draw.rectangle(corners, outline=_EDGE, width=max(2, width // 160))
    image.thumbnail((_WIDEST, _WIDEST))
    return _as_uri(image)


def _wave(samples: NDArray[np.float32], width: int = 600, height: int = 96) -> str:
    """The loudness over time."""
    import numpy as np
    from PIL import Image, ImageDraw

    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    loudest = float(np.abs(samples).max()) or 1.0
    for place, part in enumerate(np.array_split(samples, width)):
        low, high = (float(part.min()), float(part.max())) if len(part) else (0.0, 0.0)
        middle = height / 2
        draw.line(
            (place, middle - high / loudest * (middle - 2), place, middle - low / loudest * (middle - 2)), fill=_LINE
        )
    return _as_uri(image)


def _spectrogram(values: NDArray[np.float32]) -> str:
    """Tones over time, the deepest below; the longer side is time."""
    import numpy as np
    from PIL import Image

    shown = values if values.shape[0] <= values.shape[1] else values.T
    scaled = (shown - shown.min()) / max(float(np.ptp(shown)), 1e-9)
    image = Image.fromarray((scaled[::-1] * 255).astype(np.uint8)).resize((600, 128))
    return _as_uri(image)


def _as_uri(image: Any) -> str:
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(sink.getvalue()).decode()}"


if __name__ == "__main__":
    answer_with(encode)
