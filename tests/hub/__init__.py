"""Tests of the Hub room, against the real client and a Hub that runs on this machine."""
