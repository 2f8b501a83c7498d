"""Accelerations of learning to write, one a file: each gives what the plain way gives, or is left out."""
