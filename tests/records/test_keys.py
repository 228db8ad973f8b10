"""A private key stays its owner's."""

from pathlib import Path

import pytest

from records.errors import RecordsError
from records.keys import is_sealed, public_of, read_key, signed_by, write_key
from tests.records.conftest import key_of

# RFC 8032, section 7.1, test 2: secret key, public key, message, signature
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_a_signature_of_the_standard_holds_and_no_other() -> None:
    assert signed_by(PUBLIC, SIGNATURE, "r")
    assert not signed_by(PUBLIC, SIGNATURE, "s")
    assert not signed_by(public_of(key_of(1)), SIGNATURE, "r")
    assert not signed_by(PUBLIC, "no hexadecimal digits", "r")
    assert not signed_by("abcd", SIGNATURE, "r")


@pytest.mark.parametrize("password", [None, "correct horse"])
def test_a_key_comes_back_from_a_file_that_its_owner_alone_may_read(tmp_path: Path, password: str | None) -> None:
    file = tmp_path / "keys" / "jane.pem"
    write_key(key_of(1), file, password)
    assert file.stat().st_mode & 0o777 == 0o600
    assert is_sealed(file) == (password is not None)
    assert public_of(read_key(file, password)) == public_of(key_of(1))


def test_a_sealed_key_opens_with_its_own_password_alone(tmp_path: Path) -> None:
    write_key(key_of(1), tmp_path / "key", "correct horse")
    for password in ("wrong horse", None):
        with pytest.raises(RecordsError, match="another password"):
            read_key(tmp_path / "key", password)


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    write_key(key_of(1), tmp_path / "key")
    with pytest.raises(RecordsError, match="never overwritten"):
        write_key(key_of(2), tmp_path / "key")


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    write_key(key_of(1), file)
    file.chmod(0o644)
    with pytest.raises(RecordsError, match="its owner alone"):
        read_key(file)
    file.write_text("-----BEGIN NOTHING-----")
    file.chmod(0o600)
    with pytest.raises(RecordsError, match="no Ed25519 key"):
        read_key(file)
