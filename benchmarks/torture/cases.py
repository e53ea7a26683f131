"""Everything that can be killed: a tiny one of every job and plan, and a training; each goes on when it is begun again.

A case takes half a second, so that hundreds of kills fit into minutes. Its contents are read from the files alone, by
SQLite and nothing of ours, so that a fault of the store cannot hide itself.
"""

import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from pixelproof.data import ImageSet, load_data
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.open import SPECS, job_of, open_job
from pixelproof.jobs.runner import run_job
from pixelproof.jobs.spec_file import read_spec_file
from pixelproof.jobs.train import train
from pixelproof.models import wrap_model
from pixelproof.plans.grid.plan import run_grid
from pixelproof.plans.grid.spec import GridSpec
from pixelproof.plans.study.plan import run_study
from pixelproof.plans.study.spec import StudySpec
from pixelproof.plans.thesis.plan import run_thesis
from pixelproof.plans.thesis.spec import ThesisSpec
from pixelproof.results.scoreboard import FILE as ROWS
from pixelproof.runs import RunStore
from pixelproof.runs.database import FILE

_LENET = {"model": "zoo:lenet", "data": "bundled", "device": "cpu"}
_FEW = {**_LENET, "range": (0, 30), "samples": 4, "max_queries": 40}
_SCORES = {**_LENET, "batches": 2, "batch_samples": 3}
#: Of the bundled LeNet, to be audited.
CLAIM = """
clean_accuracy = 76.0
robust_accuracy = 20.0
threat = { goal = "untargeted", knowledge = "white-box", norm = "linf", epsilon = 1 }
evaluation = { attack = "pgd" }
"""
#: By case the job and its options; ``RUN`` stands for the folder of a finished run, ``CLAIM`` for a file.
_JOBS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "levels": ("assess", {**_FEW, "levels": (1, 10)}),
    "attacks": ("assess", {**_FEW, "attacks": ("fgsm(epsilon=3)", "deepfool", "square(epsilon=9,queries=10)")}),
    "minimal": ("assess", {**_FEW, "minimal": 127}),
    "perturb": (
        "perturb",
        {**_LENET, "samples": 6, "only": ("rotation", "fog"), "severities": (1, 3), "minimal": 3, "worst_case": 2},
    ),
    "clever": ("clever", {**_SCORES, "samples": 2}),
    "clever of a run": ("clever", {**_SCORES, "run": "RUN"}),
    "transfer": ("transfer", {"model": "zoo:lenet", "defence": "bits(3)", "sources": ("RUN",), "device": "cpu"}),
    "audit": ("audit", {**_LENET, "claim": "CLAIM", "range": (0, 60), "samples": 8, "iterations": 5, "only": (1, 4)}),
}
#: Plans as their files say them.
_PLANS = {
    "grid": """
data = "bundled"
range = [0, 30]
samples = 3
attacks = ["fgsm(epsilon=4)", "threshold"]
targets = ["next"]
defences = ["none", "bits(3)"]
access = ["adaptive"]
levels = [3]
max_queries = 30
clever = { batches = 2, batch_samples = 3 }
models = [{ model = "zoo:lenet" }]
""",
    "study": """
data = "bundled"
range = [0, 30]
samples = 1
levels = [3]
minimal = 30
max_queries = 12
networks = [{ model = "zoo:lenet" }, { model = "zoo:lenet", name = "twin" }]
""",
    "thesis": """
gate = 50
pgd = "pgd(epsilon=8,step=2,iterations=2,random_start=false)"
subjects = [{ name = "CIFAR-10", model = "zoo:lenet", data = "bundled" }]
""",
}
#: What differs between equal runs: times, what counts this sitting, and the digests over them.
_TIMES = ("seconds", "milliseconds", "digest")
_TIMES_IN_JSON = re.compile(rf'"({"|".join(_TIMES)})": [-+.e\d]+')
#: Tables of a run beside those of its records.
_PLAIN = ("clean", "steps", "manifest")
_SITTING = {"timings", "environment", "contents", "seal"}


@dataclass(frozen=True)
class Case:
    """``go(out)`` does what is left of it in the folder ``out``, and nothing where all is done.

    ``words`` do the same on the command line, without ``--out`` and with its documents; none where that cannot be.
    """

    name: str
    go: Callable[[Path], object]
    words: tuple[str, ...] = ()


def cases(work: Path) -> dict[str, Case]:
    """Every case by name; what they read is written to the folder ``work`` but for ``work/finished``, a run of levels.

    That is for the caller to make, as models are not to be asked in a process that children are forked from.
    """
    work.mkdir(parents=True, exist_ok=True)
    (work / "claim.toml").write_text(CLAIM, "utf-8")
    places = {"RUN": str(work / "finished"), "CLAIM": str(work / "claim.toml")}
    found = [_of_job(name, kind, _placed(options, places)) for name, (kind, options) in _JOBS.items()]
    found += [Case("proofs", _proofs), *(_of_plan(name, text, work) for name, text in _PLANS.items()), _training(work)]
    return {each.name: each for each in found}


def _placed(value: Any, places: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _placed(each, places) for key, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_placed(each, places) for each in value)
    return places.get(value, value) if isinstance(value, str) else value


def _of_job(name: str, kind: str, options: dict[str, Any]) -> Case:
    def go(out: Path) -> None:
        run_job(open_job(SPECS[kind](**options)), out).close()  # type: ignore[arg-type]

    typed = {"run": "with", "sources": "from"}
    words = [kind]
    for key, value in options.items():
        joined = (":" if key == "range" else ",").join(map(str, value)) if isinstance(value, tuple) else str(value)
        words += [f"--{typed.get(key, key).replace('_', '-')}", joined]
    return Case(name, go, tuple(words))


def _of_plan(name: str, text: str, work: Path) -> Case:
    path = work / f"{name}.toml"
    path.write_text(text.strip() + "\n", "utf-8")
    run: Callable[[Path], object] = {
        "grid": lambda out: run_grid(read_spec_file(GridSpec, path, name, {}), out),
        "study": lambda out: run_study(read_spec_file(StudySpec, path, name, {}), out),
        "thesis": lambda out: run_thesis(read_spec_file(ThesisSpec, path, name, {}), out),
    }[name]
    return Case(name, run, (name, str(path)))


def _proofs(out: Path) -> None:
    """A small network whose samples are broken or proved by bounds."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).eval()
    images = np.random.default_rng(0).integers(0, 256, (12, 4, 4, 3), dtype=np.uint8)
    with torch.inference_mode():
        labels = network(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255).argmax(1).numpy()
    spec = make_spec(
        model="python:small",
        data="arrays",
        samples=6,
        levels=(1,),
        max_queries=40,
        certify="bounds",
        certify_seconds=1e6,  # so many that none is left to the clock
        device="cpu",
    )
    run_job(AssessJob(spec, wrap_model(network), ImageSet(images, labels, ("a", "b", "c"))), out).close()


def _training(work: Path) -> Case:
    data = load_data("bundled")
    chosen = {"train": data.take(slice(0, 256)), "test": data.take(slice(0, 100))}
    for name, part in chosen.items():
        np.savez(work / f"{name}.npz", images=part.images, labels=part.labels)
    files = {name: f"npz:{work / name}.npz" for name in chosen}

    def go(out: Path) -> None:
        train("lenet", load_data(files["train"]), load_data(files["test"]), out, epochs=3, mixed_precision=False)

    words = ("train", "lenet", "--data", files["train"], "--test-data", files["test"])
    return Case("train", go, (*words, "--epochs", "3", "--full-precision"))


def resume(out: Path) -> None:
    """As ``pixelproof resume`` does: the job is read from its run."""
    with RunStore.open(out) as run:
        job = job_of(run, trust_code=False)
    run_job(job, out).close()


def contents(out: Path) -> dict[str, Any]:
    """By place below ``out`` a digest of all that must be equal in equal results; of files but runs their presence.

    The bytes of weights count too. What a sitting leaves to be taken up again (checkpoints) is only looked for.
    """
    found: dict[str, Any] = {}
    for path in sorted(each for each in out.rglob("*") if each.is_file()):
        place = str(path.relative_to(out))
        if path.name == FILE:
            found |= {f"{place} {part}": digest for part, digest in _of_run(path, str(out)).items()}
        elif path.suffix == ".safetensors":
            found[place] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.suffix == ".json" and path.name != ROWS:
            card = {key: value for key, value in json.loads(path.read_bytes()).items() if key not in _SITTING}
            found[place] = hashlib.sha256(json.dumps(card).encode()).hexdigest()
        elif not path.name.endswith(".lock"):
            found[place] = "there"
    return found


def _of_run(path: Path, out: str) -> dict[str, str]:
    with TemporaryDirectory() as folder:  # to read what a kill left, SQLite must write beside it
        for each in path.parent.glob(f"{FILE}*"):
            shutil.copy(each, folder)
        return _parts(Path(folder, FILE), out)


def _parts(path: Path, out: str) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as db:
        parts: dict[str, list[Any]] = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in _PLAIN}
        parts["manifest"] = [row for row in parts["manifest"] if row[0] not in _SITTING]
        for (table,) in db.execute("SELECT kind FROM kinds").fetchall():
            names = [name for _, name, *_ in db.execute(f'PRAGMA table_info("{table}")') if name not in ("id", *_TIMES)]
            columns = ", ".join(f't."{name}"' for name in names)
            joined = f'"{table}" t LEFT JOIN images i ON i.kind = ? AND i.record = t.id'
            parts[table] = db.execute(f"SELECT {columns}, i.difference FROM {joined}", (table,)).fetchall()
    return {part: _digest(rows, out) for part, rows in parts.items()}


def _digest(rows: list[Any], out: str) -> str:
    """Of rows in any order, each as often as it is there, wherever their folder ``out`` lies."""
    texts = sorted(repr([_timeless(value) for value in row]).replace(out, "OUT") for row in rows)
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _timeless(value: Any) -> Any:
    """``value`` of a column without the times in it, where it is JSON."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return re.sub(_TIMES_IN_JSON, "", value)
    return value
