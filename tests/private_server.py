"""A PostgreSQL cluster of a test's own, with TLS and passwords (scram), from whatever server binaries are here.

    with PrivateServer(folder) as server:
        server.run("CREATE DATABASE desk")
        psycopg.connect(server.url("desk", host="localhost"))

It listens on 127.0.0.1 only.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# PostgreSQL refuses to run as root.
_OTHER = "postgres"


def find_binaries() -> Path | None:
    """The folder of initdb and pg_ctl; none where there is no server."""
    named = shutil.which("pg_config")
    told = subprocess.run([named, "--bindir"], capture_output=True, text=True, check=True).stdout if named else ""
    on_path = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [Path(told.strip())] if told else []
    for folder in [*found, *([Path(on_path).parent] if on_path else []), *debian]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def has_timescaledb(binaries: Path) -> bool:
    """Whether its servers can have TimescaleDB."""
    told = subprocess.run([binaries / "pg_config", "--pkglibdir"], capture_output=True, text=True, check=False)
    return told.returncode == 0 and (Path(told.stdout.strip()) / "timescaledb.so").exists()


@contextmanager
def cluster_folder() -> Iterator[Path]:
    """A folder for clusters, which goes away; not pytest's own: where root tests, only root may enter that."""
    made = Path(tempfile.mkdtemp(prefix="chandlery-pg-"))
    try:
        made.chmod(0o755)
        yield made
    finally:
        shutil.rmtree(made)


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its certificate as PEM, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, name: str) -> Self:
        """One that signs itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = _certificate(own, own, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(built.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> str:
        """The certificate."""
        return _pem(self.certificate)

    def issue(self, host: str) -> tuple[str, str]:
        """A server's certificate and key, as PEM; good for a host's name, and for no address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        built = _certificate(name, self.certificate.subject, key)
        names: list[x509.GeneralName] = [x509.DNSName(host)]
        signed = built.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _pem(signed), private.decode()


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class PrivateServer:
    """A cluster in a folder; its superuser is postgres with `password`. Without an authority it has no TLS."""

    def __init__(self, folder: Path, binaries: Path, password: str, authority: Authority | None) -> None:
        self._folder, self._binaries, self.password, self._authority = folder, binaries, password, authority
        self.port = _free_port()

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        (self._folder / "password").write_text(self.password)
        self._own()
        self._do("initdb", "-D", self._data, "-U", "postgres", "-A", "scram-sha-256", "--no-sync", "--pwfile",
                 str(self._folder / "password"))  # fmt: skip
        settings = {
            "port": str(self.port),
            "listen_addresses": "'127.0.0.1'",
            "unix_socket_directories": f"'{self._folder}'",
            "fsync": "off",
            "logging_collector": "off",
        }
        if has_timescaledb(self._binaries):
            settings |= {"shared_preload_libraries": "'timescaledb'", "timescaledb.telemetry_level": "off"}
        if self._authority:
            certificate, key = self._authority.issue("localhost")
            (self._folder / "server.pem").write_text(certificate)
            (self._folder / "server.key").write_text(key)
            (self._folder / "server.key").chmod(0o600)
            self._own()
            settings |= {
                "ssl": "on",
                "ssl_cert_file": f"'{self._folder}/server.pem'",
                "ssl_key_file": f"'{self._folder}/server.key'",
            }
        with Path(self._data, "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self._do("pg_ctl", "-D", self._data, "-l", str(self._folder / "log"), "-w", "start")
        return self

    def __exit__(self, *_error: object) -> None:
        self._do("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    @property
    def log(self) -> str:
        """What the server said."""
        return (self._folder / "log").read_text()

    def url(self, database: str = "postgres", login: str = "postgres") -> str:
        """Of the superuser, or of a login with the same password."""
        return f"postgresql://{login}:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one, as the superuser."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement)

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _own(self) -> None:
        if os.geteuid() == 0:
            for path in (self._folder, *self._folder.iterdir()):
                shutil.chown(path, _OTHER, _OTHER)

    def _do(self, binary: str, *arguments: str) -> None:
        root = os.geteuid() == 0
        done = subprocess.run(
            [self._binaries / binary, *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            # A server that is started keeps what it is given.
            stdout=subprocess.PIPE if binary == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
            user=_OTHER if root else None,
            group=_OTHER if root else None,
            extra_groups=[] if root else None,
        )
        assert done.returncode == 0, f"{binary}: {(done.stdout or b'').decode()}"


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
