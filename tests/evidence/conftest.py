"""A pack of two small runs, signed, and its keys: look, do not touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.report.evidence import write_pack
from tiny_run import run_tiny


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with key.pem, public.pem and other.pem, another's public key."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem, folder = serialization.Encoding.PEM, tmp_path_factory.mktemp("keys")
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    mine, others = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    private = mine.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    (folder / "public.pem").write_bytes(mine.public_key().public_bytes(pem, form))
    (folder / "other.pem").write_bytes(others.public_key().public_bytes(pem, form))
    return folder


@pytest.fixture(scope="session")
def sources(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Runs that differ in the seed alone, one of which has attacks by gradients and shares."""
    pytest.importorskip("cyclonedx")
    again = tmp_path_factory.mktemp("sources") / "again"
    run_tiny(again, seed=1).close()
    return [finished, again]


@pytest.fixture(scope="session")
def pack(sources: list[Path], keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "pack"
    write_pack(sources, folder, keys / "key.pem")
    return folder
