"""What the suites measured, kept as JSON until the table of docs/reliability.md is written from it.

A suite adds its row with `keep("its-name", Result(...))` as its last line, so that only what held is kept; conftest.py
does so for suites of many cases. The row's place is that of the name in ORDER; names that are not in it follow in the
order of the alphabet.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.faults import LARGE

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "reliability.md"
FOLDER = Path(os.environ.get("AUTOTRAIN_FAULTS_RESULTS", ROOT / ".pytest_cache" / "faults"))
BEGIN, END = "<!-- faults: written by AUTOTRAIN_FAULTS=large pytest -n 0 tests/faults -->", "<!-- end of faults -->"
HEADER = ("fault", "how often", "what held", "recovery in seconds: median, p95, longest", "measured")
ORDER = (
    *("trainer", "supervisor", "worker", "dispatcher", "web", "tree", "stopped-supervisor"),
    *("broker-killed", "broker-emptied", "broker-unreachable", "sqlite-locked", "postgresql", "hub"),
    *("disk-import", "disk-checkpoint", "disk-adapter", "disk-record", "memory-batch", "memory-none"),
    *("not-a-number", "clocks", "queue", "pages", "protocol"),
)


@dataclass(frozen=True)
class Result:
    """One row: the fault, how often it was made, what held afterwards, and the seconds of each recovery, if any."""

    fault: str
    times: str
    held: str
    seconds: tuple[float, ...] = ()

    @classmethod
    def of(cls, fault: str, times: str, held: str, seconds: Sequence[float] = ()) -> Result:
        """A row; seconds to a tenth."""
        return cls(fault, times, held, tuple(round(second, 1) for second in seconds))


def keep(name: str, result: Result) -> None:
    """Keep the row of a suite that held, in place of its last one. At reduced size it stays out of the table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    known = asdict(result) | {"name": name, "large": LARGE, "day": time.strftime("%Y-%m-%d", time.gmtime())}
    (FOLDER / f"{name}.{'large' if LARGE else 'reduced'}.json").write_text(json.dumps(known), "utf-8")


def percentile(seconds: Sequence[float], share: float) -> float:
    """The smallest measured value that this share of them does not exceed."""
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def rows() -> list[dict[str, str]]:
    """The kept rows of full leases, as words, in their order."""
    kept = [json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.large.json")]
    kept.sort(key=lambda row: (ORDER.index(row["name"]) if row["name"] in ORDER else len(ORDER), row["name"]))
    return [
        dict(zip(HEADER, (row["fault"], row["times"], row["held"], _spread(row["seconds"]), row["day"]), strict=True))
        for row in kept
    ]


def table() -> str:
    """The rows in Markdown."""
    lines = [HEADER, ["---"] * len(HEADER), *(row.values() for row in rows())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(document: Path = DOCUMENT) -> None:
    """Put the table between its marks."""
    text = document.read_text("utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    document.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "–"
    return f"{percentile(seconds, 0.5):g}, {percentile(seconds, 0.95):g}, {max(seconds):g}"
