"""What a model with a head answers to texts, before it means anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.task import Attempt
from autotrain.training.classification import Text, batches
from autotrain.training.wishes import stop_if_wished


def outputs_of(model: Any, tokenizer: Any, texts: Sequence[Text], max_length: int) -> NDArray[np.float64]:
    """(texts, outputs) of the head, in the order of the texts."""
    import torch

    answers = np.zeros((len(texts), model.config.num_labels), dtype=np.float64)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for part, batch in batches(tokenizer, texts, max_length, next(model.parameters()).device):
            answers[part] = model(**batch).logits.double().cpu().numpy()
    model.train(was_training)
    return answers


def batches_for(attempt: Attempt, model: Any, tokenizer: Any, max_length: int) -> Any:
    """What gives batches of texts for a head to be started, as long as no stop is wished."""

    def encoded(texts: Sequence[Text]) -> Iterator[tuple[list[int], Any]]:
        for part in batches(tokenizer, texts, max_length, model.device):
            stop_if_wished(attempt.wishes)
            yield part

    return encoded


def asked_texts(inputs: Sequence[Mapping[str, str]], pair: bool) -> list[Text]:
    """What is read of each input: its `text`, and where the adapter learned from pairs its `text_pair`, if empty."""
    if not pair:
        return [item.get("text", "") for item in inputs]
    return [(item.get("text", ""), item.get("text_pair", "")) for item in inputs]
