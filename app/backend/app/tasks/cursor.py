"""The cursor of a page: an opaque text with the creation time and the id of its last task."""

import base64
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CHECKSUM_BYTES = 6
UNUSABLE = "must be the next_cursor of an earlier answer, unchanged"


class Position(NamedTuple):
    created_at: datetime
    id: uuid.UUID

    def to_cursor(self) -> str:
        micros = (self.created_at - EPOCH) // MICROSECOND
        position = micros.to_bytes(8, signed=True) + self.id.bytes
        return base64.urlsafe_b64encode(position + _checksum(position)).decode()

    @classmethod
    def from_cursor(cls, cursor: str) -> "Position":
        try:
            data = base64.urlsafe_b64decode(cursor)
            micros = int.from_bytes(data[:8], signed=True)
            found = cls(EPOCH + micros * MICROSECOND, uuid.UUID(bytes=data[8:24]))
        except (ValueError, OverflowError):
            raise ValueError(UNUSABLE) from None
        if found.to_cursor() != cursor:
            raise ValueError(UNUSABLE)
        return found


def _checksum(position: bytes) -> bytes:
    """Detects a damaged cursor.

    It needs no secret: a forged cursor only pages through the tasks of the user who forged it.
    """
    return hashlib.blake2b(position, digest_size=CHECKSUM_BYTES).digest()
