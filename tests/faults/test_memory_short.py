"""Too little memory: half the batch is tried once, with the same rows in each step; then the numbers are said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.installation import installation, toy
from tests.faults.results import Result, keep
from tests.faults.trainer import LIMIT_BYTES, ROW_BYTES

BATCH = 16
LIMIT = 480_000_000
"""Bytes of address space (RLIMIT_AS) beyond what the trainer has when its first step begins."""
FITS_HALVED, FITS_NEVER = 40_000_000, 80_000_000
"""Bytes that each row of a batch takes: 16 of them do not fit, and 8 do or do not."""
NUMBERS = r"rows at once it held \d+\.\d\d GB and asked for 0\.64 GB more; the machine has \d+\.\d\d GB"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("row_bytes", [FITS_HALVED, FITS_NEVER])
def test_a_batch_that_does_not_fit_is_halved_once(row_bytes: int, tmp_path: Path) -> None:
    made = toy("text-classification", tmp_path, max_steps=12, per_device_train_batch_size=BATCH)
    hunger = {ROW_BYTES: str(row_bytes), LIMIT_BYTES: str(LIMIT)}
    with installation(tmp_path / "home", "broker", "worker", extra=hunger) as place:
        run = place.submit(made)
        ended = place.until_state(run.id, "succeeded", "failed")
        failures = [row.event for row in place.store.events(run.id, limit=100_000) if row.event.kind == "failure"]
        assert failures, place.told(run.id)
        more = NUMBERS if row_bytes == FITS_HALVED else NUMBERS.replace(r"0\.64", r"1\.28")
        assert re.search(f"with {BATCH} {more}", failures[0].reason), failures[0].reason
        assert f"goes on with {BATCH // 2} rows at once and twice as many batches" in failures[0].reason
        assert ended.fence == 2
        if row_bytes == FITS_HALVED:
            assert ended.state == "succeeded", place.told(run.id)
            place.assert_told_once(run.id)
        else:
            assert (ended.state, ended.reason_code) == ("failed", "oom")
            assert re.search(f"needs more memory than there is: with {BATCH // 2} {NUMBERS}", str(ended.reason))
            assert "Half the batch did not fit either" in str(ended.reason)
    if row_bytes == FITS_HALVED:
        held = "half the batch, twice as often in each step: the run succeeded"
        keep("memory-batch", Result.of("too little memory (RLIMIT_AS) for a batch", "once", held))
    else:
        held = "half the batch was tried; failed with what was held, asked for and there"
        keep("memory-none", Result.of("too little memory (RLIMIT_AS) for half of it", "once", held))
