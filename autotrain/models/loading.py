"""Loading a base model and its tokenizer from a local folder: safetensors only, no code of the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autotrain.errors import ModelError

_OPTIONS = {"local_files_only": True, "trust_remote_code": False}


def load_tokenizer(model: Path) -> Any:
    """The model's tokenizer, with a padding token: language models come without one and pad with their end token.

    Raises:
        ModelError: there is no tokenizer that transformers can load.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model, **_OPTIONS)
    except MemoryError:
        raise
    except Exception as error:  # the files are somebody else's: what they raise when damaged is not a known few
        raise ModelError(
            f"The tokenizer of {model} cannot be loaded ({_first_line(error)}). "
            "Choose a model folder that holds tokenizer.json or the tokenizer's own files.",
            code="no-tokenizer",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise ModelError(
            f"The tokenizer of {model} has neither a padding token nor an end token, so texts of different length "
            "cannot share a batch. Name a pad_token in its tokenizer_config.json or choose another model.",
            code="no-tokenizer",
        )
    return tokenizer


def load_classifier(model: Path, labels: Sequence[str], tokenizer: Any) -> Any:
    """The base model with a new classification head for `labels`, in 32-bit floats.

    Raises:
        ModelError: no safetensors weights, weights of something else, or an architecture that cannot classify texts.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    try:
        loaded, gaps = AutoModelForSequenceClassification.from_pretrained(
            model,
            num_labels=len(labels),
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # a base that was a classifier before brings a head of another size
            dtype=torch.float32,
            output_loading_info=True,
            **_OPTIONS,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # as above; safetensors, for one, has an error of its own
        raise ModelError(
            f"The base model in {model} cannot be loaded for text classification ({_first_line(error)}). "
            "Choose an encoder or language model with config.json and safetensors weights.",
            code="model-load",
        ) from error
    _require_weights(model, loaded, gaps)
    if loaded.config.pad_token_id is None:
        loaded.config.pad_token_id = tokenizer.pad_token_id
    return loaded


def _require_weights(model: Path, loaded: Any, gaps: Any) -> None:
    """Raise ModelError when the body of the model, not only its head, would be left with random weights."""
    body = f"{loaded.base_model_prefix}."
    # A pooler is a head in all but name: encoders trained on masked words come without one.
    absent = {name for name in gaps["missing_keys"] if name.startswith(body) and ".pooler." not in name}
    absent |= {name for name, *_ in gaps["mismatched_keys"] if name.startswith(body)}
    if absent:
        raise ModelError(
            f"The weights in {model} do not belong to its config.json: {len(absent)} tensors are missing or of another "
            f"size, {min(absent)} for one. Download the model again or choose another.",
            code="model-load",
        )


def longest_input(model: Any, tokenizer: Any) -> int:
    """The longest input in tokens that the model has positions for."""
    positions = getattr(model.config, "max_position_embeddings", None) or 10**9
    # RoBERTa and its kin reserve the positions up to the padding token's.
    if getattr(model.config, "model_type", "") in {"roberta", "xlm-roberta", "camembert"}:
        positions -= 2
    return int(min(positions, tokenizer.model_max_length))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
