"""SQuAD's own JSON, articles with paragraphs with questions, as one row for each question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from autotrain.events import Finding

Item = tuple[int, Any]


@dataclass
class Questions:
    """Rows of JSON passed through; articles among them become their questions. Counts what it saw."""

    articles: int = 0
    questions: int = 0

    def of(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items with their numbers; questions are numbered through, as no place in the file says which is which."""
        for number, item in items:
            paragraphs = _paragraphs(item)
            if paragraphs is None:
                yield number, item
                continue
            self.articles += 1
            for paragraph in paragraphs:
                for row in _rows(item.get("title"), paragraph):
                    self.questions += 1
                    yield self.questions, row

    def findings(self) -> list[Finding]:
        """What was made of the file, if it held articles."""
        if not self.articles:
            return []
        several = "articles or paragraphs" if self.articles > 1 else "article or paragraph"
        message = f"The file holds {self.articles:,} {several} as SQuAD writes them; each of the {self.questions:,} "
        return [
            Finding(
                severity="warning",
                code="squad",
                message=f"{message}questions is a row, with its text beside it. Rows are numbered by question.",
                remedy="Nothing is to be done.",
                count=self.questions,
            )
        ]


def _paragraphs(item: Any) -> list[Mapping[str, Any]] | None:
    """The paragraphs of an article, or of a paragraph itself; None for any other row."""
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("context"), str) and isinstance(item.get("qas"), list):
        return [item]
    found = item.get("paragraphs")
    if not isinstance(found, list) or not found:
        return None
    whole = all(isinstance(each, dict) and isinstance(each.get("qas"), list) and "context" in each for each in found)
    return found if whole else None


def _rows(title: Any, paragraph: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for asked in paragraph["qas"]:
        if not isinstance(asked, dict):
            continue
        row = {
            "id": asked.get("id"),
            "title": title,
            "context": paragraph["context"],
            "question": asked.get("question"),
        }
        row["answers"] = _answers([] if asked.get("is_impossible") else asked.get("answers"))
        yield row | ({"is_impossible": asked["is_impossible"]} if "is_impossible" in asked else {})


def _answers(given: Any) -> dict[str, list[Any]]:
    """Answers as columns, the form of the questions' shape; none where a question has none, as in SQuAD 2."""
    listed = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return {
        "text": [each.get("text") for each in listed],
        "answer_start": [each.get("answer_start") for each in listed],
    }
