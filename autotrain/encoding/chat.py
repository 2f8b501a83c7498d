"""Conversations as tokens, by the model's own template, with a mask of what is learned: what the assistant says."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from autotrain.errors import DataError

Message = Mapping[str, str]

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""What a base model without a template is taught: ChatML, the form most open models use."""


_MARKED = re.compile(r"{%-?\s*generation\b")
"""A template that marks what the assistant says by itself."""


@dataclass(frozen=True)
class Encoded:
    """Token ids and, for each, whether it is learned from. `whole` is the length before the cut."""

    input_ids: tuple[int, ...]
    learned: tuple[bool, ...]
    whole: int


def template_of(tokenizer: Any) -> tuple[str, str]:
    """The chat template and where it comes from: the model, or the default for one that has none."""
    own = tokenizer.chat_template
    if isinstance(own, Mapping):
        own = own.get("default") or next(iter(own.values()))
    return (own, "the model's own template") if own else (CHATML, "ChatML, because the model has no template")


def render(tokenizer: Any, messages: Sequence[Message], *, asking: bool = False) -> str:
    """A conversation as the text that is trained on; `asking` adds the beginning of the assistant's turn.

    Raises:
        DataError: the template refuses it, such as a system turn that the model does not know.
    """
    template, _ = template_of(tokenizer)
    try:
        return str(
            tokenizer.apply_chat_template(
                [dict(message) for message in messages],
                chat_template=template,
                tokenize=False,
                add_generation_prompt=asking,
            )
        )
    except Exception as error:  # a template is somebody else's program: it raises what it likes
        raise DataError(
            f"The model's chat template refuses a conversation: {str(error).splitlines()[0][:200]}. Leave out turns "
            "that it does not know, or choose another model.",
            code="template-refuses",
        ) from error


def encode_chat(tokenizer: Any, messages: Sequence[Message], max_length: int) -> Encoded:
    """A conversation as tokens, cut off on the right.

    Learned from are the tokens of the assistant's turns with the sign that ends each, and nothing else: what is before
    a turn is rendered with the prompt for it, and must be how the whole begins. Where a template rewrites earlier
    turns, only the last one can be told apart, and only it is learned. A template with `{% generation %}` says itself
    what is learned, and is believed.

    Raises:
        DataError: the template refuses the conversation.
    """
    text = render(tokenizer, messages)
    template, _ = template_of(tokenizer)
    if _MARKED.search(template):
        made = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            chat_template=template,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        marked, mask = made["input_ids"], made["assistant_masks"]
        return Encoded(tuple(marked[:max_length]), tuple(map(bool, mask[:max_length])), len(marked))
    spans = [
        span
        for place, message in enumerate(messages)
        if message["role"] == "assistant" and (span := _span(tokenizer, messages, place, text)) is not None
    ]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    learned = [any(start <= begin and begin < end for start, end in spans) for begin, _ in offsets]
    return Encoded(tuple(ids[:max_length]), tuple(learned[:max_length]), len(ids))


def _span(tokenizer: Any, messages: Sequence[Message], place: int, text: str) -> tuple[int, int] | None:
    """Where the turn at `place` stands in the rendered text; None where the template rewrote what is before it."""
    before = render(tokenizer, messages[:place], asking=True)
    after = text if place == len(messages) - 1 else render(tokenizer, messages[: place + 1])
    if not text.startswith(after):
        return None
    if not after.startswith(before):
        # The prompt may hold more than a finished turn does, such as the sign to think: learned is what follows both.
        if not after.startswith(render(tokenizer, messages[:place])):
            return None
        before = os.path.commonprefix([before, after])
    return len(before), len(after.rstrip())


def encode_plain(tokenizer: Any, text: str, max_length: int) -> Encoded:
    """A plain text of which every token is learned, with the sign of its end."""
    ids = tokenizer(text)["input_ids"]
    if tokenizer.eos_token_id is not None and ids[-1:] != [tokenizer.eos_token_id]:
        ids = [*ids, tokenizer.eos_token_id]
    kept = tuple(ids[:max_length])
    return Encoded(kept, (True,) * len(kept), len(ids))


def encode_preference(
    tokenizer: Any, prompt: Sequence[Message], chosen: Sequence[Message], rejected: Sequence[Message], max_length: int
) -> tuple[Encoded, Encoded]:
    """The better and the worse conversation, each with its answer as what is learned."""
    better, worse = (encode_chat(tokenizer, [*prompt, *answer], max_length) for answer in (chosen, rejected))
    return better, worse
