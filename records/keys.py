"""Key files: an Ed25519 private key (RFC 8032) in PKCS#8 PEM that its owner alone may read, under a password or not."""

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from records.errors import RecordsError


def write_key(key: Ed25519PrivateKey, path: Path, password: str | None = None) -> None:
    """Write a key to a new file of mode 0600.

    Raises:
        RecordsError: there is such a file already: a key that was overwritten signs nothing any more.
    """
    sealed = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise RecordsError(f"key {path}", "a key file is never overwritten", "name a new file") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def is_sealed(path: Path) -> bool:
    """True where the key file needs a password."""
    return b"ENCRYPTED" in path.read_bytes().partition(b"\n")[0]


def read_key(path: Path, password: str | None = None) -> Ed25519PrivateKey:
    """Read a key file.

    Raises:
        RecordsError: others may read it, the password is wrong, or it holds no such key.
        OSError: it cannot be read.
    """
    if path.stat().st_mode & 0o077:
        raise RecordsError(f"key {path}", "its owner alone may read a key file", f"chmod 600 {path}, or make a new key")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password.encode() if password else None)
    except (ValueError, TypeError) as error:
        rule = "no Ed25519 key in PEM, or another password"
        raise RecordsError(f"key {path}", rule, "name a file that `radassist report key` made") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise RecordsError(f"key {path}", "signatures are Ed25519", "make a key with `radassist report key`")
    return key


def public_of(key: Ed25519PrivateKey) -> str:
    """The public key in 64 hexadecimal digits, by which it is known in the ledger."""
    return key.public_key().public_bytes_raw().hex()


def signed_by(public_key: str, signature: str, message: str) -> bool:
    """True where `signature` (hexadecimal) over `message` was made with the private half of `public_key`."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), message.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
