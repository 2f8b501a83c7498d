"""Access tokens never reach a log, an error or a card: they are blanked wherever text leaves the process."""

from __future__ import annotations

import logging
import re

# Hub tokens are `hf_` and 34 letters or digits; tokens from a browser login carry a prefix and a signed payload.
# 16 is short enough for a token cut off by a narrow log and longer than any word of an identifier such as hf_hub_url.
_TOKEN = re.compile(r"\b(?:hf|api_org)_(?:(?:oauth|jwt)_)?[A-Za-z0-9]{16,}(?:[.\-_A-Za-z0-9]*[A-Za-z0-9])?")
BLANK = "hf_…"


def redact(text: str) -> str:
    """The text with every access token blanked."""
    return _TOKEN.sub(BLANK, text)


class RedactingFilter(logging.Filter):
    """Blanks tokens in log records. Add it to handlers, so that it also sees what libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, None
        return True
