"""Tests mirror the rooms of the house; `tests.doubles` holds what several rooms share."""
