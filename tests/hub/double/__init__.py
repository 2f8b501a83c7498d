"""A small Hugging Face Hub for tests: what the real `huggingface_hub` client asks for, kept in a folder of its own.

Repositories of models and, to be read only, of datasets, with one branch each. Statuses, headers and bodies follow what
the client reads; everything else is left out.
"""

from __future__ import annotations

from tests.hub.double.accounts import Account
from tests.hub.double.faults import Fault
from tests.hub.double.server import HubDouble, start

__all__ = ["Account", "Fault", "HubDouble", "start"]
