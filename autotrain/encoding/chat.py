"""Conversations as tokens, by the model's own template, with a mask of what is learned: what the assistant says."""

from __future__ import annotations

import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autotrain.encoding.template import Message, Tools, accepted, applied, template_of

_MARKED = re.compile(r"{%-?\s*generation\b")
"""A template that marks what the assistant says by itself."""


@dataclass(frozen=True)
class Encoded:
    """Token ids and, for each, whether it is learned from. `whole` is the length before the cut."""

    input_ids: tuple[int, ...]
    learned: tuple[bool, ...]
    whole: int

    @property
    def teaches(self) -> bool:
        """Whether anything is learned; a row with nothing has no loss and belongs in no batch."""
        return any(self.learned)


def encode_chat(
    tokenizer: Any, messages: Sequence[Message], max_length: int, tools: Tools = (), *, first: int = 0
) -> Encoded:
    """A conversation as tokens, cut off on the right; `first` is the first turn that may be learned.

    Learned from are the tokens of the assistant's turns with the sign that ends each, and nothing else: what is before
    a turn is rendered with the prompt for it, and must be how the whole begins. Where a template rewrites earlier
    turns, only the last one can be told apart, and only it is learned. A call that the template does not show is not
    learned either: nothing would be left of it but the sign of its end. A template with `{% generation %}` says itself
    what is learned, and is believed.

    The end is cut and not the oldest turns: every answer that stays has all that it answers to before it, while an
    answer without the turns it refers to would teach the model to make things up. Trainers of the field do the same and
    leave out rows in which no answer is left; see `Encoded.teaches`.

    Raises:
        DataError: the template refuses the conversation.
    """
    turns = accepted(tokenizer, messages)
    first -= len(messages) - len(turns) if first else 0
    template, _ = template_of(tokenizer)
    if _MARKED.search(template):
        made = applied(tokenizer, turns, tools, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
        ids = made["input_ids"]
        given = len(_tokens(tokenizer, applied(tokenizer, turns[:first], tools))["input_ids"]) if first else 0
        learned = [bool(said) and place >= given for place, said in enumerate(made["assistant_masks"])]
        return Encoded(tuple(ids[:max_length]), tuple(learned[:max_length]), len(ids))
    text = applied(tokenizer, turns, tools)
    spans = [
        span
        for place, turn in enumerate(turns)
        if place >= first
        and turn["role"] == "assistant"
        and (span := _span(tokenizer, turns, tools, place, text)) is not None
    ]
    encoded = _tokens(tokenizer, text)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    # A token may begin with the space that ends the prompt: the word in it is the answer's.
    learned = [any((start <= begin or start < stop) and begin < end for start, end in spans) for begin, stop in offsets]
    return Encoded(tuple(ids[:max_length]), tuple(learned[:max_length]), len(ids))


def _tokens(tokenizer: Any, text: str) -> Any:
    """A rendered text's tokens: the template has written the special ones."""
    return tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)


def _span(tokenizer: Any, turns: Sequence[Message], tools: Tools, place: int, text: str) -> tuple[int, int] | None:
    """Where the turn at `place` stands in the rendered text; None where the template rewrote what is before it."""
    before = applied(tokenizer, turns[:place], tools, add_generation_prompt=True)
    after = text if place == len(turns) - 1 else applied(tokenizer, turns[: place + 1], tools)
    after = _without_close(tokenizer, turns[: place + 1], tools, after, text)
    if not text.startswith(after):
        return None
    if not after.startswith(before):
        # The prompt may hold more than a finished turn does, such as the sign to think: learned is what follows both.
        if not after.startswith(applied(tokenizer, turns[:place], tools)):
            return None
        before = os.path.commonprefix([before, after])
    start, end = len(before), len(after.rstrip())
    return (start, end) if _shows(turns[place], text[start:end]) else None


def _without_close(tokenizer: Any, turns: Sequence[Message], tools: Tools, after: str, text: str) -> str:
    """The rendered turns without the sign that some templates, such as Phi-3's, close a finished conversation with.

    Where the last turn has no other sign of its end, that one is kept: without it the model would not learn to stop.
    """
    close = tokenizer.eos_token or ""
    if not close or not after.endswith(close) or (after != text and text.startswith(after)):
        return after
    body, asked = after.removesuffix(close), applied(tokenizer, turns, tools, add_generation_prompt=True)
    if asked.startswith(after) or not asked.startswith(body):
        return after  # it belongs to the turn
    bare = body.rstrip().endswith(turns[-1]["content"].strip())
    return after if bare and after == text else body


def _shows(turn: Message, said: str) -> bool:
    """Whether the rendered turn holds its words or one of its calls."""
    names = [call["function"]["name"] for call in turn.get("tool_calls", ())]
    return bool(turn["content"].strip()) or not names or any(name in said for name in names)


def encode_prompt(tokenizer: Any, messages: Sequence[Message], max_length: int) -> Encoded:
    """A conversation up to the beginning of the assistant's next turn, of which nothing is learned.

    Raises:
        DataError: the template refuses the conversation.
    """
    text = applied(tokenizer, accepted(tokenizer, messages), add_generation_prompt=True)
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    return Encoded(ids[:max_length], (False,) * len(ids[:max_length]), len(ids))


def encode_plain(tokenizer: Any, text: str, max_length: int) -> Encoded:
    """A plain text of which every token is learned, with the sign of its end."""
    ids = tokenizer(text)["input_ids"]
    if tokenizer.eos_token_id is not None and ids[-1:] != [tokenizer.eos_token_id]:
        ids = [*ids, tokenizer.eos_token_id]
    kept = tuple(ids[:max_length])
    return Encoded(kept, (True,) * len(kept), len(ids))


def encode_preference(
    tokenizer: Any,
    prompt: Sequence[Message],
    chosen: Sequence[Message],
    rejected: Sequence[Message],
    max_length: int,
    tools: Tools = (),
) -> tuple[Encoded, Encoded]:
    """The better and the worse conversation, each with what follows the prompt as what is learned.

    Raises:
        DataError: the template refuses one of them.
    """
    better, worse = (encode_feedback(tokenizer, prompt, answer, max_length, tools) for answer in (chosen, rejected))
    return better, worse


def encode_feedback(
    tokenizer: Any, prompt: Sequence[Message], answer: Sequence[Message], max_length: int, tools: Tools = ()
) -> Encoded:
    """A prompt with one answer to it, which is what is learned or judged.

    An encoder, whose tokenizer knows no conversation, gets the signs that it expects around a text.

    Raises:
        DataError: the template refuses them.
    """
    framed = not tokenizer.chat_template and None not in (tokenizer.cls_token_id, tokenizer.sep_token_id)
    room = max_length - 2 if framed else max_length
    made = encode_chat(tokenizer, [*prompt, *answer], room, tools, first=len(prompt))
    if not framed:
        return made
    ids = (tokenizer.cls_token_id, *made.input_ids, tokenizer.sep_token_id)
    return Encoded(ids, (False, *made.learned, False), made.whole + 2)
