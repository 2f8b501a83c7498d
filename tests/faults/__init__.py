"""Faults on purpose: the protocol of claims, leases and fences as a model, and the real record under storms.

`AUTOTRAIN_FAULTS=large` explores more faults at once and longer histories (minutes instead of seconds).
"""

from __future__ import annotations

import os

LARGE = os.environ.get("AUTOTRAIN_FAULTS", "") == "large"
