"""What strangers hand over: whole files of every kind, and ways to spoil them that Hypothesis draws."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import sqlite3
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save

Array = npt.NDArray[Any]

#: Bytes that some format gives a meaning to, or that programs trip over.
TOKENS = (
    *(
        b"\x00",
        b"\xff" * 4,
        b"\x7f\xff\xff\xff",
        b"\x80\x00\x00\x00",
        b"9" * 5000,
        b"-1",
        b"1e400",
        b"nan",
        b"[" * 2000,
    ),
    *(b"../../../escape", b"/etc/passwd", b"\x1b[2J\x1b]0;owned\x07", b"=HYPERLINK(0)", b'"', b"'", b"\n", b"{", b"}"),
    *(b"[[networks]]\n", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa5", b"PK\x05\x06", b"\x93NUMPY", b"ustar", b"true", b"\r"),
)
#: Words that a person may type, or find in a file, where a number, a name or a path is expected.
WORDS = (
    *("", " ", ",", ":", "::", "=", "-", "--", "nan", "inf", "-1", "0", "1e400", "0x10", "1_000", "9" * 400, "٣", "½"),
    *("../../escape", "/dev/zero/x", "~", "~nobody", ".", "..", "a" * 300, "a\u202eb", "\x1b[31mred", "=1+1", "null"),
    *("bundled", "zoo:", "zoo:../x", "zoo:lenet,", "npz:", "folder:..", "idx:.", "pentomino:-1", "pentomino:9,size=1"),
    *(
        "pgd(",
        "pgd()",
        "pgd(epsilon=)",
        "pgd(epsilon=1e999)",
        "fgsm(epsilon=nan)",
        "worst(pgd,",
        "jpeg(999)",
        "a(b(c(d",
    ),
    *("os:abort", "builtins:exit", "command:touch canary", "spoilt.py:load", "onnx:spoilt", "sklearn:spoilt.pkl"),
)


class Bomb:
    """Pickled, it makes a folder when it is loaded: whoever finds the folder knows that code was run."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        import os

        return os.mkdir, ("canary",)


@st.composite
def spoilt(draw: st.DrawFn, whole: Sequence[bytes]) -> bytes:
    """One of ``whole`` files with some bytes changed, cut, doubled or put in; now and then nothing but noise."""
    content = bytearray(draw(st.sampled_from(whole)))
    for kind in draw(
        st.lists(st.sampled_from(("flip", "cut", "put", "drop", "double", "over")), min_size=1, max_size=5)
    ):
        at = int(draw(st.floats(0, 1)) * len(content))
        length = draw(st.integers(1, 64))
        if kind == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del content[at:]
        elif kind == "put":
            content[at:at] = draw(st.sampled_from(TOKENS))
        elif kind == "over":
            token = draw(st.sampled_from(TOKENS))
            content[at : at + len(token)] = token
        elif kind == "drop":
            del content[at : at + length]
        elif kind == "double":
            content[at:at] = content[at : at + length]
    return bytes(content)


@st.composite
def spoilt_text(draw: st.DrawFn, whole: Sequence[str]) -> bytes:
    """A text some of whose values are others, or whose bytes are spoilt."""
    lines = draw(st.sampled_from(whole)).splitlines()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        key, equals, _ = lines[at].partition("=")
        if equals:
            lines[at] = f"{key}= {draw(_values)}"
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(st.one_of(st.just(content), spoilt([content])))


_values = st.one_of(
    st.sampled_from(WORDS).map(lambda word: json.dumps(word)),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(lambda value: {"inf": "inf", "-inf": "-inf", "nan": "nan"}.get(str(value), repr(value))),
    st.sampled_from(("[]", "{}", "[[]]", "true", "[1, 'a']", "{ a = 1 }", f"{'[' * 600}{']' * 600}", "9" * 5000)),
    st.sampled_from(("0x" + "f" * 5000, "1979-05-27", "[1.5, -2]", '["none", "none"]', "'''\n'''", "[999999999]")),
    st.text(max_size=20).map(lambda text: json.dumps(text)),
)


def arrays(images: Array, labels: Array, **more: Array) -> bytes:
    """An ``.npz`` archive."""
    stream = io.BytesIO()
    every: dict[str, Any] = {"images": images, "labels": labels, **more}
    np.savez(stream, **every)
    return stream.getvalue()


def images(count: int = 12, size: int = 32, channels: int = 3) -> Array:
    """Noise, uint8 N×H×W×C."""
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels)).astype(np.uint8)


LABELS = np.arange(12) % 10


def npz() -> list[bytes]:
    """Archives that are right, and some that no numpy writes."""
    whole = arrays(images(), LABELS, class_names=np.array([f"name {k}" for k in range(10)]))
    odd = [
        arrays(images(), np.array([0] * 11 + [30_000_000])),
        arrays(images(), LABELS - 2**62),
        arrays(images().astype(object), LABELS),  # pickled inside
        arrays(images(1, 1, 1), LABELS[:1]),
        _zip({"images.npy": b"no array", "labels.npy": b"", "class_names.npy": b"\x93NUMPY"}),
        _zip({"images": b"no ending", "labels": b"either"}),
        _zip({"images.npy": _npy("(10000000000, 4, 4, 3)"), "labels.npy": _npy("(1,)")}),
        _zip({"images.npy": _npy("(-1, 4, 4, 3)"), "labels.npy": _npy("[]")}),
        _zip({"images.npy": _npy("__import__('os').mkdir('canary')"), "labels.npy": _npy("(")}),
        _zip({"../escape.npy": b"", "images.npy": bytes(1 << 24), "labels.npy": b""}, zipfile.ZIP_DEFLATED),
        _zip({"images.npy": _npy("(1,)"), "labels.npy": _npy("(1,)")}, zipfile.ZIP_LZMA),
        _marked(whole, 8, 1),  # said to be encrypted
        _marked(whole, 10, 99),  # said to be packed as nobody packs
    ]
    return [whole, *odd]


def zipped(members: Mapping[str, bytes], *how: str) -> bytes:
    """A ZIP archive as evidence packs are; ``packed``, with a member ``twice``, or with all of them ``overlapping``."""
    content = _zip(members, zipfile.ZIP_DEFLATED if "packed" in how else zipfile.ZIP_STORED)
    if "twice" in how:
        stream = io.BytesIO(content)
        with zipfile.ZipFile(stream, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr(min(members, default="x"), b"again")
        content = stream.getvalue()
    return _overlapping(content) if "overlapping" in how else content


def _overlapping(archive: bytes) -> bytes:
    """The directory of ``archive`` leads to its first member from every name, and says that each is as large as all."""
    content, begin = bytearray(archive), archive.find(b"PK\x01\x02")
    while begin >= 0:
        content[begin + 20 : begin + 28] = struct.pack("<II", len(archive), len(archive))
        content[begin + 42 : begin + 46] = bytes(4)
        begin = archive.find(b"PK\x01\x02", begin + 1)
    return bytes(content)


def _marked(archive: bytes, at: int, value: int) -> bytes:
    """A ZIP archive with a byte of every head in its directory, and of the copy before each member, changed."""
    content = bytearray(archive)
    for head, place in ((b"PK\x01\x02", at), (b"PK\x03\x04", at - 2)):
        begin = content.find(head)
        while begin >= 0:
            content[begin + place] = value
            begin = content.find(head, begin + 1)
    return bytes(content)


def _npy(shape: str) -> bytes:
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + b"\x00" * 16


def _zip(members: Mapping[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def idx(content: Array, sizes: Sequence[int] | None = None) -> bytes:
    """An idx file that says it holds ``sizes``, by default the shape of ``content``."""
    sizes = content.shape if sizes is None else sizes
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + content.tobytes()


def idx_images() -> list[bytes]:
    whole = images(12, 32, 1)[..., 0]
    huge = [(2**32 - 1,) * 3, (2**31, 2**31, 4), (2**16, 2**16, 2**16), (0, 32, 32), (12, 0, 0)]
    return [idx(whole), *(idx(whole, sizes) for sizes in huge)]


def picture(kind: str = "PNG", size: int = 32, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(images(1, size)[0]).convert(mode).save(stream, kind)
    return stream.getvalue()


def pictures() -> list[bytes]:
    """Pictures of every kind that is read, some of them with heads that promise too much."""
    whole = [picture(kind) for kind in ("PNG", "JPEG", "BMP", "WEBP", "GIF")]
    large = picture().replace(struct.pack(">II", 32, 32), struct.pack(">II", 60_000, 60_000))
    return [*whole, picture(mode="RGBA"), picture(mode="1"), picture(mode="P"), large, b"", b"GIF89a"]


def tar(compressed: bool = False, members: Mapping[str, bytes] | None = None) -> bytes:
    """A WebDataset of four samples."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if compressed else "w") as archive:
        for name, content in (members or _samples()).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _samples() -> dict[str, bytes]:
    return {f"s/{k:03d}.{end}": picture() if end == "png" else b"%d" % k for k in range(4) for end in ("png", "cls")}


def tars() -> list[bytes]:
    linked = io.BytesIO()
    with tarfile.open(fileobj=linked, mode="w") as archive:
        for name, kind in (("s/0.png", tarfile.SYMTYPE), ("s/0.cls", tarfile.CHRTYPE), ("../e.png", tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    odd = {"../../escape.png": picture(), "../../escape.cls": b"9" * 5000, "x.png": b"", "x.txt": b"\x1b[2J"}
    return [tar(), tar(compressed=True), tar(members=odd), linked.getvalue(), gzip.compress(bytes(1 << 22)), b""]


def tables() -> list[str]:
    stream = io.StringIO()
    csv.writer(stream).writerows([("path", "label"), ("a.png", "cat"), ("b.png", "dog"), ("a.png", "=1+1")])
    return [
        stream.getvalue(),
        "path,label\n/etc/passwd,1\n../../../etc/shadow,2\n",
        f"path,label\na.png,{'9' * 4000}\n",
    ]


def weights() -> list[bytes]:
    """Checkpoints: safetensors, what torch.save writes, and pickles that run code."""
    state = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    found = [save(state)]
    contents: tuple[Any, ...] = (
        state,
        {"state_dict": state},
        {"identity": "x", "epoch": 1},
        {"epoch": [[[]]]},
        [1],
        Bomb(),
    )
    for content in contents:
        stream = io.BytesIO()
        torch.save(content, stream)
        found.append(stream.getvalue())
    found += [struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"{}", pickle.dumps(Bomb()), b""]
    return found


def graph() -> list[bytes]:
    """A small ONNX graph from 3×32×32 to ten scores; nothing where the package is not there."""
    try:
        import onnx
        from onnx import TensorProto, helper
    except ImportError:
        return [b"\x08\x0a"]
    weight = helper.make_tensor("w", TensorProto.FLOAT, (3, 10), np.linspace(-1, 1, 30).astype(np.float32))
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["f"])]
    nodes += [helper.make_node("MatMul", ["f", "w"], ["y"])]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 3, 32, 32))]
    ends += [helper.make_tensor_value_info("y", TensorProto.FLOAT, ("n", 10))]
    model = helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight]), ir_version=9)
    del onnx
    return [model.SerializeToString()]


def forged(content: bytes, statements: Sequence[tuple[str, tuple[object, ...]]]) -> bytes:
    """A run whose file was written to by somebody who has SQLite; what SQLite refuses is left out."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "run.sqlite")
        path.write_bytes(content)
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            for statement, values in statements:
                try:
                    database.execute(statement, values)
                except (sqlite3.Error, OverflowError):
                    continue
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode = DELETE")
        return path.read_bytes()
