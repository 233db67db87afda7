"""Answers as gzip, for callers that take it: API Gateway compresses none of its own."""

import base64
import zlib
from collections.abc import Mapping
from typing import Any

from .accepting import takes_gzip

VARY = "Accept, Accept-Encoding"
# Below, the saving is less than a packet.
LEAST_BYTES = 1_000
# Rows repeat the names of their fields: a higher level takes several times as long and saves little more.
_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def encode(answered: dict[str, Any], headers: Mapping[str, str]) -> None:
    """Write the body of a response, as API Gateway takes it, as gzip where the caller takes that."""
    body = answered["body"]
    if not body or len(body) < LEAST_BYTES or answered["isBase64Encoded"]:
        return
    answered["headers"]["Vary"] = VARY
    if not takes_gzip(headers.get("accept-encoding", "")):
        return
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    packed = packer.compress(body.encode()) + packer.flush()
    answered["headers"]["Content-Encoding"] = "gzip"
    answered["body"], answered["isBase64Encoded"] = base64.b64encode(packed).decode(), True
