"""Whether the Hugging Face hub can be reached: without a network its library tries for up to a minute."""

import os
import socket
from urllib.parse import urlsplit

REACH_SECONDS = 5.0


def hub_is_reachable() -> bool:
    """Whether the hub answers a connection within a few seconds; False at once when set offline."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    # Behind a proxy only the proxy can be reached; with a mirror, the mirror is what counts.
    address = urlsplit(proxy or os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=REACH_SECONDS):
            return True
    except OSError:
        return False
