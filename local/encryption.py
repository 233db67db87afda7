"""Encryption of backups in age's format, as they are written and read; plain text goes through pipes alone."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO

from chandlery.platform.errors import Permanent

BEGINS = b"age-encryption.org/v1\n"
_SECRET = "AGE-SECRET-KEY-"  # noqa: S105  # how every secret key begins

# pyrage has no types: its recipients and identities are only handed on to it. It is imported late.
Recipient = Any
Identity = Any


def parse_recipients(given: Sequence[str]) -> list[Recipient]:
    """Those who will be able to read a backup, by their public keys: age's own, or of SSH.

    Raises:
        Permanent: one is no public key.
    """
    return [_parse_recipient(each.strip()) for each in given]


def _parse_recipient(text: str) -> Recipient:
    from pyrage import RecipientError, ssh, x25519

    if text.upper().startswith(_SECRET):
        raise Permanent("--encrypt-to takes a public key (age1…), and was given a secret one, which is not to be shown")
    kind = ssh.Recipient if text.startswith("ssh-") else x25519.Recipient
    try:
        return kind.from_str(text)
    except RecipientError as error:
        raise Permanent(
            f"--encrypt-to {text} is no public key: give age1…, or ssh-ed25519 … or ssh-rsa … in quotes ({error})"
        ) from None


def read_identities(path: Path, passphrase_file: Path | None = None) -> list[Identity]:
    """The secret keys in a file: age's own, a line each, or one of SSH; the file may be encrypted by a passphrase.

    Raises:
        Permanent: it cannot be read, holds none, or the passphrase is another.
    """
    content = _read(path)
    if content.startswith(BEGINS):
        content = _unlock(path, content, passphrase_file)
    from pyrage import IdentityError, ssh, x25519

    try:
        if content.startswith(b"-----BEGIN"):
            return [ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode().splitlines()]
        found = [x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except UnicodeDecodeError:
        raise Permanent(f"{path} holds no secret key of age or SSH: it is no text") from None
    except IdentityError as error:
        raise Permanent(f"{path} holds no secret key of age or SSH: {error}") from None
    if not found:
        raise Permanent(f"{path} holds no secret key of age or SSH")
    return found


def _unlock(path: Path, content: bytes, passphrase_file: Path | None) -> bytes:
    from pyrage import DecryptError, passphrase

    if passphrase_file is None:
        raise Permanent(f"{path} is encrypted by a passphrase: give it with --passphrase-file FILE")
    word = _read(passphrase_file).decode(errors="replace").rstrip("\r\n")
    try:
        return bytes(passphrase.decrypt(content, word))
    except DecryptError as error:
        raise Permanent(f"{path} cannot be decrypted by the passphrase in {passphrase_file}: {error}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error.strerror}") from None


@contextmanager
def encrypting(file: BinaryIO, recipients: Sequence[Recipient]) -> Iterator[BinaryIO]:
    """A file to be written to, whose content comes into another one, encrypted; without recipients as it is.

    Raises:
        Permanent: the other one cannot be written.
    """
    if not recipients:
        yield file
        return
    import pyrage

    failures: list[Exception] = []

    def work() -> None:
        with os.fdopen(reads, "rb") as plain:
            try:
                pyrage.encrypt_io(plain, file, recipients)
            except (OSError, pyrage.EncryptError) as error:
                failures.append(error)

    reads, writes = os.pipe()
    thread = Thread(target=work, name="encryption")
    thread.start()
    try:
        with os.fdopen(writes, "wb") as plain:
            yield plain
    finally:
        thread.join()
        if failures:  # which is why the pipe broke
            # pyrage's own words of an error of the file: "OSError: [Errno 28] No space left on device".
            said = str(failures[0]).partition("\n")[0].rpartition("] ")[2]
            raise Permanent(f"the encrypted backup cannot be written: {said}") from None


@contextmanager
def decrypting(path: Path, identities: Sequence[Identity]) -> Iterator[BufferedReader]:
    """The plain content of an encrypted file, which need not be read to its end.

    Raises:
        Permanent: no key fits, or the file is damaged; not before what was read until then.
    """
    import pyrage

    failures: list[Exception] = []

    def work() -> None:
        # Whoever has read enough closes the pipe.
        with suppress(BrokenPipeError), os.fdopen(writes, "wb") as plain:
            try:
                with path.open("rb") as encrypted:
                    pyrage.decrypt_io(encrypted, plain, identities)
            except BrokenPipeError:
                raise
            except (OSError, pyrage.DecryptError) as error:
                failures.append(error)

    reads, writes = os.pipe()
    thread = Thread(target=work, name="decryption")
    thread.start()
    try:
        with os.fdopen(reads, "rb") as plain:
            yield plain
    finally:
        thread.join()
        if failures:
            raise Permanent(f"{path} cannot be decrypted: {_words(failures[0])}") from None


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error).partition("\n")[0].removesuffix(".")
    if "No matching keys" in said:
        return "it is for other keys than those given, or its header is damaged"
    return f"{said}; it is damaged or cut short: copy it again from where it comes from"
