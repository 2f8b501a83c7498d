"""Real talk that toys learn from: short questions with their replies, out of the ChatterBot corpus."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any


def exchanges(language: str = "english", reply: range = range(3, 41)) -> list[tuple[str, str]]:
    """Questions with their first reply, which has so many characters; each question once."""
    import yaml
    from chatterbot_corpus import corpus

    found: dict[str, str] = {}
    for path in sorted(Path(corpus.DATA_DIRECTORY, language).glob("*.yml")):
        for asked, *replies in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            if replies and 3 <= len(str(asked)) <= 60 and len(str(replies[0])) in reply:
                found.setdefault(str(asked), str(replies[0]))
    return list(found.items())


def questions(most: int) -> list[str]:
    """The questions alone."""
    return [asked for asked, _ in exchanges()[:most]]


def said() -> list[str]:
    """Every question and reply that the rows below are made of."""
    return [text for language in ("english", "italian") for pair in exchanges(language) for text in pair]


def chats(most: int) -> list[dict[str, Any]]:
    """Conversations of one question."""
    return [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": reply}]}
        for asked, reply in exchanges()[:most]
    ]


def preferences(rows: int, seed: int = 1) -> list[dict[str, str]]:
    """English questions with their own reply, and as the worse one any reply in Italian."""
    chance = random.Random(seed)
    english, italian = (exchanges(language, range(10, 81)) for language in ("english", "italian"))
    chosen = chance.sample(english, rows)
    return [{"prompt": asked, "chosen": reply, "rejected": chance.choice(italian)[1]} for asked, reply in chosen]


def thumbs(rows: int, seed: int = 1) -> list[dict[str, str]]:
    """The same one by one: a thumb up for what is in English."""
    return [
        {"prompt": row["prompt"], "completion": row[side], "thumb": thumb}
        for row in preferences(rows, seed)
        for side, thumb in (("chosen", "👍"), ("rejected", "👎"))
    ]
