"""The queue: messages that carry an id and nothing else. Losing one loses nothing; the record is the truth."""

from __future__ import annotations

from typing import Final

from celery import Celery
from kombu.transport.redis import QoS

from autotrain.settings import Settings

RUN_ATTEMPT: Final = "run_attempt"
PUBLISH: Final = "publish"
JOBS: Final = {"run": RUN_ATTEMPT, "publication": PUBLISH}
"""What a nudge can be about, and the job that looks after it."""

CONNECT_SECONDS = 0.5
"""A broker on this machine answers in a millisecond; whoever sends must not wait for a dead one."""


def make_app(settings: Settings) -> Celery:
    """The Celery app on the settings' broker."""
    # What was received and not begun is given back when a connection is closed. Over one that is broken that ends the
    # worker (kombu 5.6), and nothing is lost without: what waits is nudged again.
    QoS.restore_at_shutdown = False
    app = Celery("autotrain", broker=settings.broker, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        # Early: redelivery is either late by an hour or starts a second trainer. Leases bring lost runs back.
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a hundred by default: less than an hour, after which the worker ends
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options={
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": 20.0,  # longer than the worker's blocking read, shorter than a person's patience
            "socket_keepalive": True,
        },
        task_publish_retry=False,
        task_default_queue="autotrain",
        enable_utc=True,
    )
    return app
