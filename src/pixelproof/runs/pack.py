"""The seal of an evidence pack: a tree of digests over every file, and a signature of its root.

``DIGESTS.json`` is nothing but what the other files say, so one changed byte anywhere, in it too, is found. Whoever
changes a file and writes the digests anew is found by the signature alone, or by the root kept elsewhere.
"""

import hashlib
import io
import json
import stat
import zipfile
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from pixelproof.errors import InputError, RunError
from pixelproof.extras import needed
from pixelproof.files import write_whole
from pixelproof.runs.database import FILE
from pixelproof.runs.record import Manifest
from pixelproof.runs.store import RunStore, reading
from pixelproof.wording import first_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

DIGESTS, SIGNATURE, STATEMENTS, RUNS = "DIGESTS.json", "SIGNATURE.json", "statements.json", "runs"
#: What the digests are not over.
_OWN = (DIGESTS, SIGNATURE)
#: The same bytes for the same files: no compression, which differs by version, and one date.
_DATE = (1980, 1, 1, 0, 0, 0)

#: Bytes of all files of a pack together, which are held in memory; a zip file takes as much again.
MOST = 4 << 30

Files = dict[str, bytes]  # content by path, with slashes


class _Digests(BaseModel):
    """``DIGESTS.json``: digests by path."""

    files: dict[str, str]


class _Signature(BaseModel):
    """``SIGNATURE.json``, in hexadecimal digits."""

    public_key: str
    signature: str


class _Trace(BaseModel):
    """What a statement rests on in one run: digests of records, and entries of its manifest."""

    run: str
    records: frozenset[str]
    manifest: frozenset[str]


class _Statement(BaseModel):
    number: int
    traces: tuple[_Trace, ...]


class _Statements(BaseModel):
    """``statements.json``."""

    statements: tuple[_Statement, ...]


@dataclass(frozen=True)
class Checked:
    """A pack that was looked at: ``problems`` is empty when every byte is as it was written."""

    files: int
    statements: int
    root: str
    signed_by: str | None  # fingerprint of the key whose signature fits
    problems: tuple[str, ...]


def is_pack(path: Path) -> bool:
    """Whether ``path`` is the folder or the zip file of an evidence pack, whole or not."""
    if path.is_dir():
        return (path / DIGESTS).exists() or ((path / STATEMENTS).exists() and not (path / FILE).exists())
    return path.is_file() and path.suffix == ".zip"


# Writing.


def seal(folder: Path, key: Path | None = None) -> str:
    """Write the digests of all files in ``folder``, signed by the PEM file ``key`` where one is given; the root.

    Raises ``InputError`` where the key cannot be used.
    """
    signer = None if key is None else private_key(key)
    content, root = _digests(_of_folder(folder))
    write_whole(folder / DIGESTS, content)
    if signer is not None:
        write_whole(folder / SIGNATURE, _signature(root, signer))
    return root


def write_zip(folder: Path, path: Path) -> Path:
    """All files of ``folder`` as one zip file, whose bytes follow from them."""
    return write_whole(path, bytes(_zipped(_of_folder(folder))))


def _digests(files: Files) -> tuple[str, str]:
    """The text of ``DIGESTS.json``, and the root: the digest of a folder is over those of what is in it, by name."""
    found = {path: hashlib.sha256(content).hexdigest() for path, content in files.items() if path not in _OWN}
    root = _folder_digest(found)
    value = {"algorithm": "sha256", "files": dict(sorted(found.items())), "root": root, "version": 1}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n", root


def _folder_digest(files: dict[str, str]) -> str:
    here: dict[str, str] = {}
    below: dict[str, dict[str, str]] = {}
    for path, digest in files.items():
        name, inside, rest = path.partition("/")
        if inside:
            below.setdefault(name, {})[rest] = digest
        else:
            here[name] = digest
    entries = [["file", name, digest] for name, digest in here.items()]
    entries += [["folder", name, _folder_digest(inside)] for name, inside in below.items()]
    return hashlib.sha256(json.dumps(sorted(entries, key=lambda entry: entry[1])).encode()).hexdigest()


def _zipped(files: Files) -> memoryview:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path, _DATE), files[path])
    return buffer.getbuffer()


# Checking.


def check(path: Path, key: Path | None = None) -> Checked:
    """Whether the pack at ``path``, a folder or a zip file, is as it was written, and signed by the PEM file ``key``.

    Every run in it is held to its own digests, and every statement to the records that it names. Nothing is unpacked.
    Raises ``InputError`` where ``path`` or ``key`` cannot be read.
    """
    wanted = None if key is None else public_key(key)
    problems: list[str] = []
    try:
        files = _of_folder(path) if path.is_dir() else _of_zip(path)
        if not path.is_dir() and not _same(_zipped(files), path):
            problems.append(f"{path.name} is not the file that was written: something beside its contents was altered.")
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is no evidence pack, or it is damaged ({first_line(error)}).") from error
    content, root = _digests(files)
    problems += _altered(files, content)
    signed_by, said = _signed(files, root, wanted)
    problems += said
    statements = 0
    if not problems:
        statements, said = _traced(path, files)
        problems += said
    return Checked(len(files), statements, root, signed_by, tuple(problems))


def _altered(files: Files, content: str) -> list[str]:
    if DIGESTS not in files:
        return [f"{DIGESTS} is missing."]
    if files[DIGESTS] == content.encode():
        return []
    now = json.loads(content)["files"]
    try:
        then = _Digests.model_validate_json(files[DIGESTS]).files
    except ValidationError:
        return [f"{DIGESTS} was altered."]
    problems = [f"{name} is missing." for name in sorted(then.keys() - now.keys())]
    problems += [f"{name} was added." for name in sorted(now.keys() - then.keys())]
    problems += [f"{name} was altered." for name in sorted(now.keys() & then.keys()) if now[name] != then[name]]
    return problems or [f"{DIGESTS} was altered."]


def _traced(path: Path, files: Files) -> tuple[int, list[str]]:
    """How many statements there are, and which of them name what is not in a run."""
    try:
        statements = _Statements.model_validate_json(files.get(STATEMENTS, b"")).statements
    except ValidationError:
        return 0, [f"{STATEMENTS} is missing, or holds no statements."]
    problems: list[str] = []
    known: dict[str, tuple[Manifest, frozenset[str]]] = {}
    for name in sorted({trace.run for each in statements for trace in each.traces}):
        place = f"{RUNS}/{name}"
        try:
            with reading(place), RunStore.of_bytes(files[f"{place}/{FILE}"]) as run:
                problems += [f"{place}: {text}" for text in run.altered()]
                known[name] = run.manifest, run.digests()
        except KeyError:
            problems.append(f"{place} is missing.")
        except RunError as error:
            problems.append(f"{place} cannot be read: {error}")
    if problems:
        return len(statements), problems
    for each in statements:
        if not each.traces:
            problems.append(f"Statement {each.number} names no record.")
        for trace in each.traces:
            manifest, digests = known[trace.run]
            lost = trace.records - digests
            lost |= {entry for entry in trace.manifest if not _there(manifest, entry)}
            if lost or not (trace.records or trace.manifest):
                problems.append(f"Statement {each.number} names what is not in {RUNS}/{trace.run}.")
    return len(statements), problems


def _there(manifest: Any, entry: str) -> bool:
    """Whether ``settings.searches`` and the like is an entry of ``manifest``."""
    value = manifest
    for name in entry.split("."):
        if isinstance(value, dict):
            if name not in value:
                return False
            value = value[name]
        elif is_dataclass(value) and name in {each.name for each in fields(value)}:
            value = getattr(value, name)
        else:
            return False
    return True


def _of_folder(folder: Path) -> Files:
    """Every file. Raises ``ValueError`` for a link, a pipe or the like, and for more than ``MOST`` bytes."""
    found: dict[str, Path] = {}
    size = 0
    for path in folder.rglob("*"):
        name, told = path.relative_to(folder).as_posix(), path.lstat()
        if stat.S_ISDIR(told.st_mode):
            continue
        if not stat.S_ISREG(told.st_mode):
            raise ValueError(f"{name} is a link, or no file")
        name.encode()  # raises where it is no text
        found[name] = path
        size += told.st_size
    _check_size(size)
    return {name: path.read_bytes() for name, path in found.items()}


def _of_zip(path: Path) -> Files:
    """Every member. Raises ``ValueError`` where they are packed, overlap, or come to more than ``MOST`` bytes."""
    _check_size(path.stat().st_size)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(each.compress_type != zipfile.ZIP_STORED or each.compress_size != each.file_size for each in members):
            raise ValueError("its members are packed, as those of a pack are not")
        if sum(each.file_size for each in members) > path.stat().st_size:
            raise ValueError("its members overlap")
        return {each.filename: archive.read(each) for each in members}


def _check_size(size: int) -> None:
    if size > MOST:
        raise ValueError(f"it holds {size:,} bytes, more than the {MOST:,} that a pack may")


def _same(content: memoryview, path: Path) -> bool:
    """Whether the file at ``path`` holds just ``content``."""
    at = 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            if block != content[at : at + len(block)]:
                return False
            at += len(block)
    return at == len(content)


# Keys.


def private_key(path: Path) -> "Ed25519PrivateKey":
    """The Ed25519 key in a PEM file. Raises ``InputError`` where there is none."""
    serialization = needed("cryptography.hazmat.primitives.serialization", "evidence", "A signature")
    key: Ed25519PrivateKey = _key(
        path, lambda content: serialization.load_pem_private_key(content, None), "Ed25519PrivateKey", "private"
    )
    return key


def public_key(path: Path) -> "Ed25519PublicKey":
    """The public Ed25519 key in a PEM file. Raises ``InputError`` where there is none."""
    serialization = needed("cryptography.hazmat.primitives.serialization", "evidence", "A signature")
    key: Ed25519PublicKey = _key(path, serialization.load_pem_public_key, "Ed25519PublicKey", "public")
    return key


def _key(path: Path, load: Any, kind: str, which: str) -> Any:
    ed25519 = needed("cryptography.hazmat.primitives.asymmetric.ed25519", "evidence", "A signature")
    try:
        key = load(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} holds no {which} key that can be read without a password, in PEM form.") from error
    if not isinstance(key, getattr(ed25519, kind)):
        raise InputError(f"{path} holds another kind of key; expected a {which} one of Ed25519.")
    return key


def _raw(key: "Ed25519PublicKey") -> bytes:
    return key.public_bytes_raw()


def fingerprint(raw: bytes) -> str:
    """The digest of a public key's 32 bytes, which two people can compare."""
    return hashlib.sha256(raw).hexdigest()


def _signature(root: str, signer: "Ed25519PrivateKey") -> str:
    value = {
        "algorithm": "Ed25519",
        "public_key": _raw(signer.public_key()).hex(),
        "root": root,
        "signature": signer.sign(bytes.fromhex(root)).hex(),
    }
    return json.dumps(value, indent=1) + "\n"


def _signed(files: Files, root: str, wanted: "Ed25519PublicKey | None") -> tuple[str | None, list[str]]:
    """Whose signature fits, and what is wrong with it; a pack without one is wrong where a key is ``wanted``."""
    if SIGNATURE not in files:
        return None, [] if wanted is None else ["The pack is not signed."]
    ed25519 = needed("cryptography.hazmat.primitives.asymmetric.ed25519", "evidence", "A signature")
    invalid = needed("cryptography.exceptions", "evidence", "A signature").InvalidSignature
    try:
        value = _Signature.model_validate_json(files[SIGNATURE])
        raw = bytes.fromhex(value.public_key)
        signature = bytes.fromhex(value.signature)
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(signature, bytes.fromhex(root))
        expected = {"algorithm": "Ed25519", "public_key": raw.hex(), "root": root, "signature": signature.hex()}
    except (ValueError, invalid):
        return None, ["The signature does not fit the files."]
    if files[SIGNATURE] != (json.dumps(expected, indent=1) + "\n").encode():
        return None, [f"{SIGNATURE} was altered."]
    if wanted is not None and _raw(wanted) != raw:
        return None, ["The pack is signed by another key than the one given."]
    return fingerprint(raw), []
