"""Ids: UUIDv7 (RFC 9562) as 32 hex digits, so that they sort by time of making."""

import uuid_utils


def new_id() -> str:
    return uuid_utils.uuid7().hex
