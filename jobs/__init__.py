"""Queue, worker and supervisor: the only room that imports celery and redis."""
