"""A conversation as the text that is trained on, by the model's own chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autotrain.errors import DataError

Message = Mapping[str, Any]
"""A turn: `role`, `content`, and what belongs to tools, as `autotrain.data.shapes.turns` reads them."""
Tools = Sequence[Mapping[str, Any]]

CHATML = (
    "{% set turns = messages %}{% if tools %}{{ '<|im_start|>system\n' }}{% if messages[0]['role'] == 'system' %}"
    "{{ messages[0]['content'] + '\n\n' }}{% set turns = messages[1:] %}{% endif %}"
    "{{ 'You may call these functions:\n<tools>' }}{% for tool in tools %}{{ '\n' + (tool | tojson) }}{% endfor %}"
    '{{ \'\n</tools>\nA call is written as\n<tool_call>\n{"name": ..., "arguments": ...}\n</tool_call><|im_end|>\n\' }}'
    "{% endif %}{% for message in turns %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}{{ '\n' if message['content'] or not loop.first else '' }}"
    "{{ '<tool_call>\n' + (call['function'] | tojson) + '\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""What a base model without a template is taught: ChatML, the form most open models use, with calls as Hermes has them.
"""

_PROBE = "Probe"
_REFUSED = "template-refuses"


def template_of(tokenizer: Any) -> tuple[str, str]:
    """The chat template and where it comes from: the model, or the default for one that has none."""
    own = tokenizer.chat_template
    if isinstance(own, Mapping):
        own = own.get("default") or next(iter(own.values()))
    return (own, "the model's own template") if own else (CHATML, "ChatML, because the model has no template")


def accepted(tokenizer: Any, messages: Sequence[Message]) -> list[Message]:
    """The conversation as the template takes it.

    Templates such as Gemma's and Mistral's first ones know no system turn. Its text is then put before that of the
    first user turn, as their makers advise. Used by the picture and the training alike, so that both see the same.
    """
    if not messages or messages[0]["role"] != "system" or takes_system(tokenizer):
        return list(messages)
    system, *rest = messages
    if rest and rest[0]["role"] == "user":
        return [{**rest[0], "content": f"{system['content']}\n\n{rest[0]['content']}"}, *rest[1:]]
    return [{"role": "user", "content": system["content"]}, *rest]


def takes_system(tokenizer: Any) -> bool:
    """Whether the template shows a system turn: some refuse it, some pass over it."""
    try:
        shown = applied(tokenizer, [{"role": "system", "content": _PROBE}, {"role": "user", "content": "Hi"}])
    except DataError:
        return False
    return _PROBE in shown


def render(tokenizer: Any, messages: Sequence[Message], tools: Tools = (), *, asking: bool = False) -> str:
    """A conversation as the text that is trained on; `asking` adds the beginning of the assistant's turn.

    Raises:
        DataError: the template refuses it.
    """
    return str(applied(tokenizer, accepted(tokenizer, messages), tools, add_generation_prompt=asking))


def applied(tokenizer: Any, messages: Sequence[Message], tools: Tools = (), **options: Any) -> Any:
    """What the template makes of accepted messages: the text, or what `options` of `apply_chat_template` ask for.

    Raises:
        DataError: the template refuses them.
    """
    template, _ = template_of(tokenizer)
    try:
        return tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tools=[dict(tool) for tool in tools] or None,
            chat_template=template,
            **{"tokenize": False} | options,
        )
    except Exception as error:  # a template is somebody else's program: it raises what it likes
        said = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise DataError(
            f"The model's chat template refuses a conversation: {said}. Leave out turns that it does not know, or "
            "choose another model.",
            code=_REFUSED,
        ) from error


def refused(error: DataError) -> bool:
    """Whether it was the template that refused."""
    return error.code == _REFUSED
