"""Names that lead back to nobody: keyed hashes of patient ids and of DICOM UIDs (NIST FIPS 198-1, HMAC-SHA256).

The key is RADASSIST_PATIENT_KEY. Without it a fixed label of the project stands in: enough for sets that come
de-identified already, where hashing only keeps ids uniform. A hospital sets its own secret key; whoever holds it can
test a guess of an id, nobody else can.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Self

PROJECT_LABEL = "radassist: ids of sets that are de-identified already"


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Hashes under one key. Equal ids get equal names, in every batch and on every machine with that key."""

    key: bytes = field(repr=False)

    @classmethod
    def from_environment(cls) -> Self:
        return cls(os.environ.get("RADASSIST_PATIENT_KEY", PROJECT_LABEL).encode())

    def patient(self, patient_id: str) -> str:
        """16 hexadecimal digits."""
        return self._digest("patient", patient_id).hex()[:16]

    def uid(self, uid: str) -> str:
        """A UID under 2.25 (PS3.5 B.2), so that equal UIDs stay equal and no two names collide."""
        return f"2.25.{int.from_bytes(self._digest('uid', uid)[:16])}"

    @property
    def fingerprint(self) -> str:
        """Tells one key from another without revealing it."""
        return self._digest("key", "fingerprint").hex()[:16]

    def _digest(self, kind: str, name: str) -> bytes:
        return hmac.new(self.key, f"{kind}:{name}".encode(), hashlib.sha256).digest()
