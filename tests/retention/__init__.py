"""Retention: what is deleted without being asked, and what never is."""
