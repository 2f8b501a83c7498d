"""A finished run that is wished published, and a Hub on this machine."""

from __future__ import annotations

from tests.jobs.test_publisher import hub, wished

__all__ = ["hub", "wished"]
