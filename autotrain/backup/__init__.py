"""Backups: the record, the datasets and the runs of a data home as one file, and back."""
