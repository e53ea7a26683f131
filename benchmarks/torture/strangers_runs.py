"""Runs from strangers, and what holds runs: evidence packs, folders of plans, what is required of a run."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from benchmarks.torture import cases, corpus
from benchmarks.torture.case import Case


@cache
def finished_run() -> bytes:
    """The file of a small finished run."""
    from pixelproof.jobs.assess_spec import make_spec
    from pixelproof.jobs.open import open_job
    from pixelproof.jobs.runner import run_job

    options: dict[str, Any] = {"range": (0, 20), "samples": 2, "levels": (1, 10), "max_queries": 20}
    spec = make_spec(model="zoo:lenet", data="bundled", attacks=("few-pixel", "fgsm(epsilon=8)"), **options)
    with run_job(open_job(spec), None) as found:
        return found.to_bytes()


_COLUMNS = (
    "sample",
    "label",
    "constraint",
    "threshold",
    "method",
    "parameters",
    "success",
    "predicted",
    "margin",
    "l0",
)
_KEYS = ("job", "status", "spec", "settings", "model", "data", "selection", "findings", "environment", "details")
_SCHEMA = (
    "CREATE VIEW v AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
    "CREATE TRIGGER t AFTER INSERT ON steps BEGIN DELETE FROM records; END",
    "DROP TABLE images",
    "DROP TABLE certificates",
    "DELETE FROM clean",
    "INSERT INTO kinds VALUES ('sqlite_master')",
    "INSERT INTO kinds VALUES ('x\"; DROP TABLE records; --')",
    "UPDATE manifest SET value = replace(value, 'lenet', '=HYPERLINK(0)')",
    "UPDATE manifest SET value = replace(value, 'few-pixel', '../../../x')",
    "UPDATE manifest SET value = replace(value, 'airplane', '<script>alert(1)</script>')",
    "UPDATE manifest SET value = replace(value, '32', '3200000000')",
    "UPDATE manifest SET value = '\"running\"' WHERE key = 'status'",
    "UPDATE manifest SET value = replace(value, 'zoo:lenet', 'os:abort')",
    "UPDATE manifest SET value = replace(value, 'zoo:lenet', 'http://127.0.0.1:9/x')",
    "UPDATE manifest SET value = replace(value, '\"bundled\"', '\"cifar10:nowhere\"')",
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(corpus.WORDS), st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
_value = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.sampled_from(corpus.WORDS), st.binary(max_size=9)
)
_statement = st.one_of(
    st.sampled_from(_SCHEMA).map(lambda text: (text, ())),
    st.tuples(st.sampled_from(_KEYS), _json).map(
        lambda pair: ("UPDATE manifest SET value = ? WHERE key = ?", (json.dumps(pair[1]), pair[0]))
    ),
    st.tuples(st.sampled_from(_KEYS), st.sampled_from(("0", "1", '"', "2", "a", "[")), _json).map(
        lambda three: (
            "UPDATE manifest SET value = replace(value, ?, ?) WHERE key = ?",
            (three[1], json.dumps(three[2]), three[0]),
        )
    ),
    st.tuples(st.sampled_from(_COLUMNS), _value).map(
        lambda pair: (f'UPDATE OR IGNORE records SET "{pair[0]}" = ?', (pair[1],))
    ),
    _value.map(lambda value: ("UPDATE images SET difference = ?", (value,))),
)


#: What is done with the run in the folder ``run``; ``whole`` is one that nobody altered.
_READING = (
    ("status", "run"),
    ("export", "run", "--to", "csv"),
    ("export", "run", "--to", "png"),
    ("check", "run", "--require", "robust-accuracy(linf,1) >= 40%"),
    ("check", "whole", "--baseline", "run"),
    ("resume", "run"),
    ("verify", "run", "--records-only"),
    ("verify", "run"),
    ("merge", "run", "whole", "--out", "out"),
    ("merge", "run", "run", "--out", "out"),
    ("merge", "run", "--out", "out"),
    ("transfer", "--from", "run", "--model", "zoo:lenet", "--out", "out"),
    ("clever", "--with", "run", "--batches", "2", "--batch-samples", "2", "--out", "out"),
)
#: What takes a second, as it writes a page.
_DRAWING = (
    ("report", "run"),
    ("compare", "whole", "run", "--out", "out"),
    ("compare", "run", "run", "--force", "--out", "out"),
    ("evidence", "run", "--out", "out/pack"),
)
#: What a stranger may put beside a run in the place of what a command would open or write there.
_BESIDE = (".run.lock", "run.sqlite-journal", "run.sqlite-wal", "run.sqlite-shm", "tables", "images", "records.csv")
#: Bytes that a journal of SQLite's begins and, where it names another file, ends with.
_JOURNAL = bytes.fromhex("d9d505f920a163d7")


@st.composite
def runs(draw: st.DrawFn) -> Case:
    """A run that was written to with SQLite, or whose bytes are spoilt, met by every command that reads runs."""
    content = _altered(draw)
    command = draw(st.sampled_from(_READING * 6 + _DRAWING))
    files = {"run/run.sqlite": content}
    if "whole" in command:
        files["whole/run.sqlite"] = finished_run()
    if draw(st.integers(0, 5)) == 0:
        files["run/run.sqlite-journal"] = draw(st.one_of(st.just(_naming("keep")), corpus.spoilt([_naming("keep")])))
    links = {f"run/{draw(st.sampled_from(_BESIDE))}": "keep"} if draw(st.integers(0, 5)) == 0 else {}
    return Case(command, files, "out" if "--out" in command else "run", links)


def _altered(draw: st.DrawFn) -> bytes:
    """As a careless hand leaves it, as a capable one does, or as a failing disk."""
    how = draw(st.integers(0, 7))
    if how == 0:
        return draw(corpus.spoilt([finished_run()]))
    forged = corpus.forged(finished_run(), draw(st.lists(_statement, min_size=1, max_size=3)))
    return forged if how < 4 else _with_digests(forged)


def _with_digests(content: bytes) -> bytes:
    """The run with all digests computed again, where our own code can; else as it is."""
    from benchmarks.torture.alterations import forge
    from pixelproof.runs import RunStore

    try:
        with RunStore.of_bytes(content) as run:
            forge(run)
            return run.to_bytes()
    except Exception:  # of whatever it holds
        return content


def _naming(name: str) -> bytes:
    """A journal that has SQLite remove the file ``name`` (see tests/hostile/test_writes_outside.py)."""
    pages, text = len(finished_run()) // 4096, name.encode()
    head = (_JOURNAL + struct.pack(">IIIII", 0, 1, pages, 512, 4096)).ljust(512, b"\0")
    end = struct.pack(">I", 0x40000000 // 4096 + 1) + text + struct.pack(">II", len(text), sum(text))
    return head + end + _JOURNAL


# What is required of runs.

_REQUIREMENTS = """require = ["robust-accuracy(linf,1) >= 40%", "clean-accuracy >= baseline - 2%", "proved(l0,1) >= 0"]
baseline = "whole"
alpha = 0.05
margin = 10.0
"""


@st.composite
def requirements(draw: st.DrawFn) -> Case:
    """A file of requirements, or one that is typed, of a run that is as it was."""
    whole = {"whole/run.sqlite": finished_run()}
    if draw(st.booleans()):
        word = draw(st.one_of(st.sampled_from(corpus.WORDS), _requirement))
        return Case(("check", "whole", "--require", word), whole)
    text = draw(corpus.spoilt_text([_REQUIREMENTS]))
    return Case(("check", "whole", "--requirements", "spoilt.toml"), {**whole, "spoilt.toml": text})


_requirement = st.tuples(
    st.sampled_from(("robust-accuracy", "proved", "mce", "audit", "clean-accuracy", "attack-success", "")),
    st.sampled_from(("(linf,1)", "(l0,1)", "(linf,9999)", "(", "()", "(l2,0.5)", "(linf,nan)", "")),
    st.sampled_from((" >= ", "<=", " = ", ">", "≥", " ")),
    st.sampled_from(("40%", "baseline", "baseline - 2%", "pass", "1e999", "-1", "9" * 400 + "%", "nan", "")),
).map("".join)


# Evidence packs.


@cache
def finished_pack() -> Mapping[str, bytes]:
    """The files of a pack of one run; without a signature, which needs a library.

    It is made in a process of its own: what draws its figures has threads, which children that are forked later lack
    and wait for.
    """
    with TemporaryDirectory() as place:
        folder, found = Path(place, "run"), Path(place, "pack")
        folder.mkdir()
        (folder / "run.sqlite").write_bytes(finished_run())
        words = [sys.executable, "-m", "pixelproof", "evidence", str(folder), "--out", str(found)]
        subprocess.run(words, check=True, capture_output=True)
        return {str(each.relative_to(found)): each.read_bytes() for each in found.rglob("*") if each.is_file()}


#: Names of members that programs which unpack are led astray by.
_SLIPS = (
    "../../escape",
    "/tmp/escape",
    "a/../../escape",
    "runs/run/run.sqlite/x",
    "x" * 300,
    "\x1b[2J",
    "a\\..\\b",
)
_TEXTS = ("statements.json", "DIGESTS.json", "SIGNATURE.json", "environment.json", "sbom.cdx.json")


@st.composite
def packs(draw: st.DrawFn) -> Case:
    """A pack some of whose files are others, with digests that fit or not, as a folder or as a zip file."""
    files = dict(finished_pack())
    for _ in range(draw(st.integers(1, 3))):
        _spoil(draw, files)
    if draw(st.booleans()):
        files = _sealed(files)
    key = ("--key", "public.pem") if draw(st.integers(0, 5)) == 0 else ()
    more = {"public.pem": draw(st.sampled_from((b"", b"-----BEGIN PUBLIC KEY-----\n!\n", _PUBLIC)))} if key else {}
    if draw(st.booleans()):
        content = corpus.zipped(files, *draw(st.sampled_from(((), ("packed",), ("twice",), ("overlapping",)))))
        content = content if draw(st.booleans()) else draw(corpus.spoilt([content]))
        return Case(("verify", "pack.zip", *key), {"pack.zip": content, **more})
    links = {}
    if draw(st.integers(0, 3)) == 0:
        links[f"pack/{draw(st.sampled_from((*_TEXTS, 'runs', 'other')))}"] = "keep"
    kept = {name: content for name, content in files.items() if ".." not in name and 0 < len(name) < 200}
    laid = {f"pack/{name.lstrip('/')}": content for name, content in kept.items()}
    laid = {name: content for name, content in laid.items() if not any(f"{name}/" in each for each in laid)}
    laid = {name: content for name, content in laid.items() if not any(name.startswith(f"{each}/") for each in links)}
    return Case(("verify", "pack", *key), {**laid, **more}, "out", links)


#: A public Ed25519 key.
_PUBLIC = b"""-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
_hexadecimal = st.one_of(st.binary(max_size=64).map(bytes.hex), st.sampled_from(corpus.WORDS), st.none())
_signature = st.fixed_dictionaries(
    {"algorithm": st.just("Ed25519"), "public_key": _hexadecimal, "root": _hexadecimal, "signature": _hexadecimal}
)
_entry = st.sampled_from(("settings", "settings.x", "__class__.__mro__", "spec.data", "model.name", "..", ""))
_trace = st.fixed_dictionaries(
    {
        "run": st.sampled_from(("run", "../run", "none", "\x1b[2J")),
        "records": st.lists(_hexadecimal, max_size=2),
        "manifest": st.lists(_entry, max_size=2),
    }
)
_statement_of = st.fixed_dictionaries(
    {"number": st.one_of(st.integers(), st.none()), "traces": st.one_of(st.lists(_trace, max_size=2), _json)}
)
_statements = st.fixed_dictionaries({"version": st.just(1), "statements": st.lists(_statement_of, max_size=3)})


def _spoil(draw: st.DrawFn, files: dict[str, bytes]) -> None:
    """Alter one thing of a pack."""
    kind = draw(st.sampled_from(("run", "json", "json", "spoilt", "name", "less")))
    (run,) = [name for name in finished_pack() if name.endswith(".sqlite")]
    if kind == "run":
        files[run] = _altered(draw)
    elif kind == "json":
        name = draw(st.sampled_from(_TEXTS))
        files[name] = json.dumps(draw(st.one_of(_json, _signature, _statements))).encode()
    elif kind == "spoilt":
        name = draw(st.sampled_from(sorted(files) or ["x"]))
        files[name] = draw(corpus.spoilt([files.get(name, b"") or b"\0"]))
    elif kind == "name":
        files[draw(st.sampled_from(_SLIPS))] = b"x"
    elif files:
        del files[draw(st.sampled_from(sorted(files)))]


def _sealed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """``files`` with digests over them as they are."""
    from pixelproof.runs.pack import DIGESTS, _digests

    content, _ = _digests(dict(files))
    return {**files, DIGESTS: content.encode()}


# Folders of plans.


@cache
def finished_grid() -> tuple[bytes, Mapping[str, bytes]]:
    """A small grid as its file says it, and the runs in its folder."""
    from pixelproof.jobs.spec_file import read_spec_file
    from pixelproof.plans.grid.plan import run_grid
    from pixelproof.plans.grid.spec import GridSpec

    with TemporaryDirectory() as place:
        folder = Path(place)
        cases.cases(folder / "given")
        path = folder / "given" / "grid.toml"
        run_grid(read_spec_file(GridSpec, path, "grid", {}), folder / "out")
        found = {f"out/{each.relative_to(folder / 'out')}": each.read_bytes() for each in folder.rglob("*.sqlite")}
        return path.read_bytes(), found


@st.composite
def plans(draw: st.DrawFn) -> Case:
    """The folder of a finished grid, in which a run is a stranger's, or a link is."""
    text, found = finished_grid()
    files = {"grid.toml": text, **found}
    name = draw(st.sampled_from(sorted(found)))
    links: dict[str, str] = {}
    if draw(st.booleans()):
        files[name] = draw(corpus.spoilt([found[name]])) if draw(st.booleans()) else _altered(draw)
    else:
        links[name] = "keep"
    return Case(("grid", "grid.toml", "--out", "out"), files, "out", links)
