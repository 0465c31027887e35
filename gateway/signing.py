"""Signs what programs are told, as Standard Webhooks says (standardwebhooks.com). Pure but for new secrets.

A request has `webhook-id`, the same at every try, `webhook-timestamp`, and `webhook-signature`: `v1,` and the Base64 of
HMAC-SHA256 over `id.timestamp.body`.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from datetime import datetime

_PREFIX = "whsec_"


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


def signed(webhook_id: str, secret: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a request; without a signature where there is no secret. Raises ValueError as `key_of` does."""
    stamp = str(int(now.timestamp()))
    headers = {"webhook-id": webhook_id, "webhook-timestamp": stamp}
    if secret:
        digest = hmac.new(key_of(secret), f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers
