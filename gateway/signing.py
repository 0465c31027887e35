"""Signs what programs are told, as Standard Webhooks says (standardwebhooks.com). Pure but for new secrets.

A request has `webhook-id`, the same at every try, `webhook-timestamp`, and `webhook-signature`: `v1,` and the Base64 of
HMAC-SHA256 over `id.timestamp.body`. While a secret is being replaced there are two of these, with a space between: the
receiver takes a request of which either is good, whenever it changes over.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

_PREFIX = "whsec_"

CHANGEOVER = timedelta(hours=24)
"""How long a secret that was replaced is signed with beside the new one."""


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key of a secret. Raises ValueError for what is none: 24 to 64 bytes, as the specification has it."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("is whsec_ and a key in Base64") from None
    if not 24 <= len(key) <= 64:
        raise ValueError("has a key of 24 to 64 bytes, in Base64")
    return key


def signed(webhook_id: str, secrets: Sequence[str], body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a request, signed with each of the secrets. Raises ValueError as `key_of` does."""
    stamp = str(int(now.timestamp()))
    headers = {"webhook-id": webhook_id, "webhook-timestamp": stamp}
    if secrets:
        content = f"{webhook_id}.{stamp}.".encode() + body
        headers["webhook-signature"] = " ".join(_signature(secret, content) for secret in secrets)
    return headers


def _signature(secret: str, content: bytes) -> str:
    digest = hmac.new(key_of(secret), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
