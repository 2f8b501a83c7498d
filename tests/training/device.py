"""Where the tests of trainings compute: on the processor, or where `AUTOTRAIN_TEST_DEVICE` says, such as `cuda:0`."""

from __future__ import annotations

import os

from autotrain.task import Device

TESTED = Device(os.environ.get("AUTOTRAIN_TEST_DEVICE", "cpu"), 1)
