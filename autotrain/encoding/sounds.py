"""Sounds as a model reads them: one channel at the rate it was trained with, through its own feature extractor."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.encoding.pictures import Processor
from autotrain.errors import DataError

Samples = NDArray[np.float32]
LONGEST_SECONDS = 30.0
"""What is longer is cut: memory grows with the length, and with its square inside of some models."""


def feature_extractor(model: Path | None) -> Processor:
    """The feature extractor of the model in a folder; without one, that of wav2vec 2.0 at 16,000 Hz."""
    from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor

    if model is not None and _is_for_sounds(model):
        made = AutoFeatureExtractor.from_pretrained(model, local_files_only=True, trust_remote_code=False)
        return Processor(made, f"as {model.name} hears sounds")
    made = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    return Processor(made, "as wav2vec 2.0 does: 16,000 Hz, one channel, even loudness")


def open_sound(path: Path) -> tuple[Samples, int]:
    """The samples (n,) of a sound from -1 to 1, channels mixed to one, and how many are a second.

    Raises:
        DataError: the file is missing, damaged or no sound.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            wanted = int(LONGEST_SECONDS * file.samplerate)
            samples = file.read(wanted, dtype="float32", always_2d=True)
            rate = int(file.samplerate)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as a sound. Replace it.", code="damaged-sound") from error
    return samples.mean(axis=1), rate


def at_rate(samples: Samples, rate: int, wanted: int) -> Samples:
    """The same sound with `wanted` samples a second, by a polyphase filter that lets no new tones in."""
    from scipy.signal import resample_poly

    if rate == wanted:
        return samples
    shared = gcd(rate, wanted)
    made: Samples = resample_poly(samples, wanted // shared, rate // shared).astype(np.float32)
    return made


def heard(extractor: Any, rows: Sequence[Mapping[str, Any]], folder: Path, labels: Sequence[str]) -> dict[str, Any]:
    """A batch of rows of `audio-classification`, filled up to the longest sound.

    Returns:
        `input_values` (rows, samples), or `input_features` of models that read spectrograms; `attention_mask` where
        the extractor makes one; and `labels` (rows,) as places in `labels`.

    Raises:
        DataError: a sound cannot be read.
    """
    sounds = [at_rate(*open_sound(folder / row["audio"]), extractor.sampling_rate) for row in rows]
    made = dict(extractor(sounds, sampling_rate=extractor.sampling_rate, padding=True, return_tensors="np"))
    return made | {"labels": np.array([labels.index(row["label"]) for row in rows], np.int64)}


def _is_for_sounds(model: Path) -> bool:
    try:
        told = json.loads((model / "preprocessor_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and "feature_extractor_type" in told and "sampling_rate" in told
