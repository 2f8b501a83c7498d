"""Images as a model reads them: its own processor's pixels, and boxes as shares of an image, as detectors learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotrain.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

_CONFIGURATION = "preprocessor_config.json"
DETECTOR_SIZE = {"shortest_edge": 480, "longest_edge": 640}
"""Of images for a detector when no model says: half of what DETR reads, which a machine without GPU can afford."""


@dataclass(frozen=True)
class Processor:
    """What prepares inputs for a model, and where its numbers are from, for people."""

    made: Any
    said: str


def image_processor(model: Path | None, *, boxes: bool = False) -> Processor:
    """The image processor of the model in a folder; without one, what most image models use.

    It works with Pillow and numpy, as no build of torchvision is needed.

    Args:
        model: a model's folder; one that is for no images counts as none.
        boxes: whether boxes are to be prepared with the images.
    """
    from transformers import AutoImageProcessor, DetrImageProcessorPil, ViTImageProcessorPil

    if model is not None and _is_for_images(model):
        made = AutoImageProcessor.from_pretrained(model, backend="pil", local_files_only=True, trust_remote_code=False)
        return Processor(made, f"as {model.name} reads images")
    if boxes:
        return Processor(DetrImageProcessorPil(size=DETECTOR_SIZE), "as DETR does, at half its size")
    return Processor(ViTImageProcessorPil(), "as ViT does: 224 by 224 pixels, values from -1 to 1")


def open_image(path: Path, *, upright: bool = True) -> Image:
    """An image in RGB.

    Args:
        path: its file.
        upright: whether it is turned as its camera says. Boxes are drawn on images as they lie in the file.

    Raises:
        DataError: the file is missing, damaged or no image.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            return ((ImageOps.exif_transpose(image) if upright else image) or image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path.name} cannot be read as an image. Replace it.", code="damaged-image") from error


def classified(
    processor: Any, rows: Sequence[Mapping[str, Any]], folder: Path, labels: Sequence[str]
) -> dict[str, Any]:
    """A batch of rows of `image-classification`.

    Returns:
        `pixel_values` (rows, 3, height, width) in float32 and `labels` (rows,) as places in `labels`.

    Raises:
        DataError: an image cannot be read.
    """
    import numpy as np

    images = [open_image(folder / row["image"]) for row in rows]
    pixels = processor(images, return_tensors="np")["pixel_values"]
    return {"pixel_values": pixels, "labels": np.array([labels.index(row["label"]) for row in rows], np.int64)}


def detected(
    processor: Any, rows: Sequence[Mapping[str, Any]], folder: Path, categories: Sequence[str]
) -> dict[str, Any]:
    """A batch of rows of `object-detection`, filled up to the largest image.

    Returns:
        `pixel_values` (rows, 3, height, width), `pixel_mask` (rows, height, width), and `labels`: for each row
        `class_labels` (boxes,) and `boxes` (boxes, 4) as centre x, centre y, width, height in shares of the image.

    Raises:
        DataError: an image cannot be read.
    """
    images = [open_image(folder / row["image"], upright=False) for row in rows]
    annotations = [
        {
            "image_id": number,
            "annotations": [
                {"bbox": box, "category_id": categories.index(name), "area": box[2] * box[3], "iscrowd": 0}
                for box, name in zip(row["boxes"], row["categories"], strict=True)
            ],
        }
        for number, row in enumerate(rows)
    ]
    return dict(processor(images, annotations=annotations, return_tensors="np"))


def _is_for_images(model: Path) -> bool:
    import json

    try:
        told = json.loads((model / _CONFIGURATION).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and ("image_processor_type" in told or "image_mean" in told)
