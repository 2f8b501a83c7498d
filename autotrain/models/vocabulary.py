"""Tokens that a tokenizer knows and its model does not: the embedding is widened, and their rows are learned."""

from __future__ import annotations

from typing import Any


def widen(model: Any, tokenizer: Any) -> Any:
    """The model with a row in its embeddings for every token; new rows are the mean of those that were there.

    A tokenizer may have been given a padding token, or the signs of a conversation, that its model was never told of.
    The mean is what a language model finds least surprising: Hewitt, 2021,
    https://nlp.stanford.edu/~johnhew/vocab-expansion.html
    """
    import torch

    before = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) <= before:
        return model
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.tokens_before = before
    with torch.no_grad():
        for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
            if layer is not None and layer.weight.shape[0] > before:
                layer.weight[before:] = layer.weight[:before].mean(0)
                if getattr(layer, "bias", None) is not None:
                    layer.bias[before:] = layer.bias[:before].mean()
    return model


def new_tokens(model: Any) -> dict[str, list[int]] | None:
    """The rows of each embedding that peft trains and saves; None for a model that was not widened.

    Where input and output share their weights, the one row serves both.
    """
    before = getattr(model, "tokens_before", None)
    if before is None:
        return None
    first, last = model.get_input_embeddings(), model.get_output_embeddings()
    layers = [first] if last is None or last.weight is first.weight else [first, last]
    rows = list(range(before, first.weight.shape[0]))
    names = {id(part): name for name, part in model.named_modules()}
    return {names[id(layer)].rsplit(".", 1)[-1]: rows for layer in layers}
