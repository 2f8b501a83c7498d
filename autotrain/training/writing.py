"""Models that write: whole or piece by piece, tuned or untouched, and never without an end."""

from __future__ import annotations

import copy
import functools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from autotrain.answers import PLAINLY, Asking, Sampling, Written
from autotrain.data.shapes.turns import fault_of, read_messages
from autotrain.encoding.template import Message, render
from autotrain.errors import DataError
from autotrain.models.loading import load_causal, longest_input
from autotrain.training.adapter import load_adapter

BATCH = 8
"""Texts that are written at once."""

Said = Callable[[str], None]
"""Hears a text piece by piece."""

ENDS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|end_of_turn|>", "<|endoftext|>", "</s>")
"""Signs with which model families end a turn. A tokenizer often names only one of those that its model uses."""


class AnyWriter(ABC):
    """A model that writes, loaded: what those that go on with a text share with those that write another one."""

    def __init__(self, model: Any, tokenizer: Any, base: Callable[[], Any] | None = None) -> None:
        """`base` loads the untouched model; needed where it is not the model without its adapter."""
        self._model, self._tokenizer, self._base = model, tokenizer, base
        self._room, self._ends = longest_input(model, tokenizer), stop_tokens(model, tokenizer)

    @abstractmethod
    def prompt(self, cell: str) -> list[int]:
        """The tokens of an input: what is read before anything is written."""

    @abstractmethod
    def continued(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, said: Said | None = None
    ) -> list[list[int]]:
        """The tokens written to each prompt, with the one that ends them; all are written at once."""

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Written]:
        """An answer to each input, tuned or untouched.

        Raises:
            DataError: an input that the model cannot be asked.
        """
        prompts = [self.prompt(next(iter(item.values()))) for item in inputs]
        if not asking.untouched:
            return self.write(prompts, asking.sampling, asking.said)
        if hasattr(self._model, "disable_adapter"):
            with self._model.disable_adapter():
                return self.write(prompts, asking.sampling, asking.said)
        return self._untouched.write(prompts, asking.sampling, asking.said)

    @functools.cached_property
    def _untouched(self) -> AnyWriter:
        """The base as a writer of its own, loaded when it is first asked for."""
        if self._base is None:
            raise DataError(
                "The base of this model, which was trained as a whole, is not on this machine any more, so its "
                "answer cannot be shown. Add it again under Models.",
                code="no-base-model",
            )
        base = copy.copy(self)
        base._model = self._base()
        return base

    def write(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        said: Said | None = None,
        progressed: Callable[[float], None] | None = None,
    ) -> list[Written]:
        """What is written to each prompt, in their order.

        Args:
            prompts: tokens, longest first written so that those of like length share a batch.
            sampling: how it is written, and how long at most.
            said: hears the text as it is written, where there is one prompt.
            progressed: called after each batch with the share that is done; what it raises ends the writing.
        """
        import torch

        order = sorted(range(len(prompts)), key=lambda place: -len(prompts[place]))
        made: dict[int, Written] = {}
        was_training = self._model.training
        self._model.eval()
        if sampling.temperature > 0:  # else nothing is drawn, and a training that goes on keeps its own chances
            torch.manual_seed(sampling.seed)
        try:
            with torch.inference_mode():
                for start in range(0, len(order), BATCH):
                    part = order[start : start + BATCH]
                    heard = said if len(prompts) == 1 else None
                    written = self.continued([prompts[place] for place in part], sampling, heard)
                    made |= {place: self.answer(tokens) for place, tokens in zip(part, written, strict=True)}
                    if progressed is not None:
                        progressed(len(made) / len(order))
        finally:
            self._model.train(was_training)
        return [made[place] for place in range(len(prompts))]

    def answer(self, tokens: Sequence[int]) -> Written:
        """What `continued` wrote, as text."""
        finished = bool(tokens) and tokens[-1] in self._ends
        own = tokens[:-1] if finished else tokens
        return Written(text=self._text(own), finished=finished, tokens=len(own))

    def _ended(self, tokens: list[int]) -> list[int]:
        """Tokens up to the first one that ends a text; what follows only fills the batch up."""
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        return tokens if end is None else tokens[: end + 1]

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True)).strip()

    def _batch(self, prompts: Sequence[Sequence[int]], side: Literal["left", "right"]) -> dict[str, Any]:
        """(prompts, longest) ids and mask, padded on one side."""
        import torch

        longest, pad = max(map(len, prompts)), self._tokenizer.pad_token_id
        ids = torch.full((len(prompts), longest), pad)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(prompts):
            place = slice(longest - len(prompt), None) if side == "left" else slice(0, len(prompt))
            ids[row, place], mask[row, place] = torch.tensor(prompt), 1
        device = next(self._model.parameters()).device
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    def _ways(self, sampling: Sampling) -> dict[str, Any]:
        """What `generate` is told of how to write, the same for every kind of model."""
        sampled = sampling.temperature > 0
        return {
            "do_sample": sampled,
            "temperature": sampling.temperature if sampled else None,
            "top_p": sampling.top_p if sampled else None,
            "top_k": 0 if sampled else None,
            "repetition_penalty": sampling.repetition_penalty,
            "eos_token_id": sorted(self._ends),
            "pad_token_id": self._tokenizer.pad_token_id,
        }


class Writer(AnyWriter):
    """A causal language model, loaded. Answers conversations, or goes on with a text where it is no chat model.

    An input is a question, a conversation as JSON, or the beginning of a text. A prompt that leaves no room in the
    model is read from its end.
    """

    def __init__(self, model: Any, tokenizer: Any, *, chat: bool = True, base: Callable[[], Any] | None = None) -> None:
        super().__init__(model, tokenizer, base)
        self._chat = chat

    def prompt(self, cell: str) -> list[int]:
        """The tokens after which the answer begins.

        Raises:
            DataError: a conversation that is none, or that the model's template refuses.
        """
        if not self._chat:
            return list(self._tokenizer(cell)["input_ids"])
        return self.asked(conversation(cell))

    def asked(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> list[int]:
        """The tokens of a conversation up to the beginning of the assistant's next turn."""
        text = render(self._tokenizer, messages, tools, asking=True)
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def continued(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, said: Said | None = None
    ) -> list[list[int]]:
        """The tokens that follow each prompt, with the one that ends them; all are written at once."""
        most = max(1, min(sampling.max_new_tokens, self._room - 1))
        batch = self._batch([list(prompt)[-(self._room - most) :] for prompt in prompts], "left")
        streamer = streamer_of(self._tokenizer, said) if said is not None else None
        made = self._model.generate(**batch, max_new_tokens=most, streamer=streamer, **self._ways(sampling))
        return [self._ended(row.tolist()) for row in made[:, batch["input_ids"].shape[1] :]]

    def _text(self, tokens: Sequence[int]) -> str:
        text = str(self._tokenizer.decode(tokens, skip_special_tokens=True))
        return text.strip() if self._chat else text


def conversation(cell: str) -> list[Message]:
    """The turns of an input: a JSON list of messages, or one question.

    Raises:
        DataError: it is a list of messages that is no conversation.
    """
    try:
        listed = json.loads(cell)
    except ValueError:
        listed = None
    if not (isinstance(listed, list) and listed and all(isinstance(turn, dict) for turn in listed)):
        return [{"role": "user", "content": cell}]
    messages = read_messages(cell)
    if messages is None or any(not isinstance(turn.get("content"), str) for turn in messages):
        raise DataError(
            "The conversation is no list of turns with a role and a content. Ask with a text, or with such a list.",
            code="no-conversation",
        )
    fault = fault_of([*messages, {"role": "assistant", "content": "."}])
    if fault is not None:
        raise DataError(
            f"The conversation cannot be answered ({fault.replace('-', ' ')}). Let it end with a turn of the user.",
            code=fault,
        )
    return list(messages)


def stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: what tokenizer and model name, what the chat template writes after one, and the
    signs of its family that the tokenizer knows."""
    found = {tokenizer.eos_token_id, end_of_turn(tokenizer)}
    for named in (getattr(model, "generation_config", None), model.config):
        ids = getattr(named, "eos_token_id", None)
        found |= set(ids) if isinstance(ids, (list, tuple)) else {ids}
    known = tokenizer.get_vocab()
    special = set(tokenizer.all_special_tokens) | {str(token) for token in tokenizer.added_tokens_decoder.values()}
    found |= {known[sign] for sign in ENDS if sign in known and sign in special}
    return frozenset(token for token in found if isinstance(token, int))


def end_of_turn(tokenizer: Any) -> int | None:
    """The special token that the chat template writes behind an answer; None where it writes none."""
    said = "said"
    turns = [{"role": "user", "content": "asked"}, {"role": "assistant", "content": said}]
    try:
        text = render(tokenizer, turns)
    except DataError:
        return None
    _, found, behind = text.rpartition(said)
    tokens = tokenizer(behind.strip(), add_special_tokens=False)["input_ids"] if found and behind.strip() else []
    return tokens[0] if tokens and tokens[0] in signs(tokenizer) else None


def signs(tokenizer: Any) -> frozenset[int]:
    """The tokens that are no text: special ones and those that were added."""
    return frozenset(tokenizer.all_special_ids) | frozenset(tokenizer.added_tokens_decoder)


def load_writer(artifact: Path, model: Path, *, chat: bool = True) -> Writer:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, _ = load_adapter(artifact, model, lambda tokenizer, _: load_causal(model, tokenizer))
    here = model.resolve() != artifact.resolve()
    return Writer(loaded, tokenizer, chat=chat, base=(lambda: load_causal(model, tokenizer)) if here else None)


def streamer_of(tokenizer: Any, said: Said) -> Any:
    """Passes pieces of whole words on as they are written, without the prompt and special tokens."""
    from transformers import TextStreamer

    class Pieces(TextStreamer):  # type: ignore[misc]
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if text:
                said(text)

    return Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)
