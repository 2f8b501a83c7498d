"""The record of runs: states, ownership, events. SQL is the record; the broker carries only nudges."""
