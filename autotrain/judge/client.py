"""One question to a chat model behind an OpenAI-compatible endpoint: patient, within a budget, and never with its key
in what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from autotrain.errors import JudgeError
from autotrain.judge.place import Place

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 120.0
"""A large model on a small machine may think for a minute."""
TRIES = 4
"""Of one question; the waits between them are 1, 2 and 4 seconds, or what the endpoint asks for."""
RETRIES = 20
"""Of all questions of one judgement together: an endpoint that fails so often is asked no more."""
LONGEST_WAIT = 60.0
ANSWER_TOKENS = 1024
"""Room for a reason, and for models that think before they speak."""
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class JudgeClient:
    """Asks the judge. One client is one judgement: its budget of retries is shared by its questions."""

    def __init__(
        self, place: Place, *, pause: Callable[[float], None] = time.sleep, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        import httpx2

        self._place, self._pause = place, pause
        headers = {"Authorization": f"Bearer {place.key}"} if place.key else {}
        timeout = httpx2.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        self._session = httpx2.Client(headers=headers, timeout=timeout, follow_redirects=False)
        self.retried = 0

    def __enter__(self) -> JudgeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def ask(self, messages: Sequence[Mapping[str, str]]) -> str:
        """What the judge says to a conversation.

        Raises:
            JudgeError: it cannot be reached, refuses the key or the model, or fails more often than the budget allows.
        """
        import httpx2

        body = {
            "model": self._place.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS,
        }
        for number in range(TRIES):
            try:
                answer = self._session.post(f"{self._place.url}/chat/completions", json=body)
            except httpx2.TimeoutException:
                trouble, wait = self._unreachable("gives no answer in time"), None
            except httpx2.HTTPError:
                trouble, wait = self._unreachable("cannot be reached"), None
            else:
                if answer.status_code not in AGAIN:
                    return self._said(answer)
                trouble, wait = self._failing(answer), answer.headers.get("retry-after")
            if number == TRIES - 1 or self.retried >= RETRIES:
                raise trouble
            self.retried += 1
            self._pause(_seconds(wait, 2.0**number))
        raise AssertionError("the last try returns or raises")

    def _said(self, answer: httpx2.Response) -> str:
        if answer.status_code in (401, 403):
            raise JudgeError(
                f"The judge at {self._place.host} refuses the key ({answer.status_code}"
                f"{self._quoted(answer)}). Save the right one in Settings.",
                code="judge-key",
            )
        if answer.status_code == 404:
            raise JudgeError(
                f"The judge at {self._place.host} knows no model {self._place.model!r}, or its address is another "
                f"(404{self._quoted(answer)}). Correct them in Settings.",
                code="judge-not-found",
            )
        if answer.status_code != 200:
            raise JudgeError(
                f"The judge at {self._place.host} refuses the question ({answer.status_code}{self._quoted(answer)}). "
                "Correct its address and its model in Settings.",
                code="judge-refused",
            )
        try:
            said = answer.json()["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError):
            said = None
        if said is not None and not isinstance(said, str):
            said = None
        return said or ""  # what is no answer is counted as malformed by whoever asked

    def _unreachable(self, what: str) -> JudgeError:
        return JudgeError(
            f"The judge at {self._place.host} {what}. Check that it runs and that its address in Settings is right.",
            code="judge-unreachable",
        )

    def _failing(self, answer: httpx2.Response) -> JudgeError:
        what = "has too much to do" if answer.status_code == 429 else "fails"
        return JudgeError(
            f"The judge at {self._place.host} {what} ({answer.status_code}{self._quoted(answer)}). Try again later.",
            code="judge-busy",
        )

    def _quoted(self, answer: httpx2.Response) -> str:
        """What the endpoint says of its refusal, without the key, which some repeat."""
        try:
            said: Any = answer.json()
        except ValueError:
            return ""
        found = said.get("error", said) if isinstance(said, dict) else said
        text = found.get("message", "") if isinstance(found, dict) else found
        text = " ".join(text.split())[:200] if isinstance(text, str) else ""
        for part in (self._place.key or "", (self._place.key or "")[:12]):
            text = text.replace(part, "…") if len(part) >= 8 else text
        return f": {text.rstrip('.')}" if text else ""


def _seconds(asked: str | None, otherwise: float) -> float:
    return min(float(asked), LONGEST_WAIT) if asked is not None and asked.isdigit() else otherwise
