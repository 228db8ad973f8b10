"""Notices to a webhook of the hospital's: JSON by POST, to the address in RADASSIST_WEBHOOK_URL; without one, nothing.

A notice names models, rollouts, figures and people who act: never a patient, a study or a word of a report.
"""

import os
from collections.abc import Mapping
from typing import Any

import requests

ADDRESS = "RADASSIST_WEBHOOK_URL"
TIMEOUT_SECONDS = 10


def is_configured() -> bool:
    return bool(os.environ.get(ADDRESS))


def post(notice: Mapping[str, Any]) -> None:
    """Send a notice where an address is configured. A receiver tells repeated ones apart by their `key`.

    Raises:
        requests.RequestException: it did not arrive.
    """
    if address := os.environ.get(ADDRESS):
        requests.post(address, json=dict(notice), timeout=TIMEOUT_SECONDS).raise_for_status()
