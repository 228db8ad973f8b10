"""The one way in which content becomes the bytes that are hashed and signed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def canonical(content: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON with sorted keys and no blanks, in UTF-8: equal contents give equal bytes.

    Raises:
        ValueError: the content holds NaN or infinity.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(data: str | bytes) -> str:
    """sha256 in hexadecimal digits; of a text, that of its UTF-8 bytes."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
