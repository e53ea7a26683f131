"""What strangers hand over, as cases: a command with the files that it is to read, drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from benchmarks.torture import corpus, strangers_runs
from benchmarks.torture.case import Case

_CLAIM = """clean_accuracy = 76.0
robust_accuracy = 20.0
data = "x"
[threat]
goal = "untargeted"
knowledge = "white-box"
norm = "linf"
epsilon = 1
[evaluation]
attack = "pgd"
iterations = 10
"""
_SPEC = """model = "onnx:none"
data = "pentomino:9"
samples = 2
levels = [1, 3]
max_queries = 20
seed = 1
range = [0, 9]
"""
_GRID = """data = "pentomino:9"
samples = 2
attacks = ["fgsm", "few-pixel"]
targets = ["none"]
defences = ["none", "jpeg(75)"]
levels = [1]
[[models]]
model = "onnx:none"
name = "../../x"
"""
_STUDY = 'data = "pentomino:9"\nsamples = 2\nlevels = [1]\n[[networks]]\nmodel = "onnx:none"\nname = "a"\n'
_THESIS = 'samples = 2\n[[subjects]]\nname = "../x"\ndata = "pentomino:9"\nmodel = "onnx:none"\n'


# What is typed.


def _options() -> dict[str, list[tuple[str, bool]]]:
    """By command its options, and whether each takes a value."""
    import typer

    from pixelproof.cli.app import app

    commands: Any = typer.main.get_command(app)
    found = {}
    for name, command in commands.commands.items():
        params = [(each.opts[0], not getattr(each, "is_flag", False)) for each in command.params]
        found[name] = [each for each in params if each[0].startswith("--") and each[0] != "--open"]
    return found


_BASES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("assess", "perturb"), ("--model", "onnx:none", "--data", "pentomino:9", "--out", "out")),
    "clever": ("--model", "onnx:none", "--data", "pentomino:9"),
    "audit": ("--model", "onnx:none", "--data", "pentomino:9", "--claim", "claim.toml", "--out", "out"),
    "train": ("lenet", "--data", "npz:none", "--test-data", "npz:none", "--out", "out"),
    "transfer": ("--from", "none", "--model", "onnx:none"),
    "grid": ("none.toml", "--out", "out"),
    "study": ("none.toml", "--out", "out"),
    "thesis": ("none.toml", "--out", "out"),
    **dict.fromkeys(("status", "resume", "verify", "report", "export", "check"), ("none",)),
    "compare": ("none", "none", "--out", "out"),
    "init": ("out/spec.toml",),
    "list": (),
    "models": ("check", "onnx:none"),
}


@st.composite
def _typed(draw: st.DrawFn) -> Case:
    """A command none of whose models is there, so that whatever else may be accepted, it ends."""
    known = _options()
    command = draw(st.sampled_from(sorted(_BASES)))
    words = [command, *_BASES[command]]
    for option, takes in draw(st.lists(st.sampled_from(known.get(command) or [("--help", False)]), max_size=4)):
        if option not in ("--out", "--model", "--from"):
            words += [option, *([draw(_word)] if takes else [])]
    if draw(st.integers(0, 9)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(_word))
    return Case(tuple(words), {"claim.toml": _CLAIM.encode()})


_word = st.one_of(
    st.sampled_from(corpus.WORDS),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
)


@st.composite
def _specs(draw: st.DrawFn) -> Case:
    """A spoilt TOML file of a job or a plan."""
    command, text = draw(st.sampled_from((("assess", _SPEC), ("grid", _GRID), ("study", _STUDY), ("thesis", _THESIS))))
    return Case((command, "spoilt.toml", "--out", "out"), {"spoilt.toml": draw(corpus.spoilt_text([text]))})


@st.composite
def _claims(draw: st.DrawFn) -> Case:
    words = ("audit", "--model", "onnx:none", "--data", "pentomino:9", "--claim", "spoilt.toml", "--out", "out")
    return Case(words, {"spoilt.toml": draw(corpus.spoilt_text([_CLAIM]))})


# What is read.


def _check(data: str, files: Mapping[str, bytes], model: str = "zoo:lenet") -> Case:
    return Case(("models", "check", model, "--data", data), files)


def _npz() -> st.SearchStrategy[Case]:
    whole = st.sampled_from(corpus.npz())
    return st.one_of(whole, corpus.spoilt(corpus.npz())).map(lambda content: _check("npz:spoilt", {"spoilt": content}))


@st.composite
def _idx(draw: st.DrawFn) -> Case:
    import gzip

    whole = corpus.idx_images()
    pictures = draw(st.one_of(st.sampled_from(whole), corpus.spoilt([*whole, gzip.compress(whole[0])])))
    labels = draw(
        st.one_of(st.just(corpus.idx(corpus.LABELS.astype("u1"))), corpus.spoilt([corpus.idx(corpus.LABELS)]))
    )
    end = ".gz" if pictures[:2] == b"\x1f\x8b" else ""
    files = {f"d/t10k-images-idx3-ubyte{end}": pictures, "d/t10k-labels-idx1-ubyte": labels}
    return _check("idx:d", files)


@st.composite
def _folders(draw: st.DrawFn) -> Case:
    names = st.sampled_from(("a.png", "b.jpg", ".hidden.png", "c.PNG", "d.tiff", "e/f.png", "x\x1b[2J.png", "=1+1.bmp"))
    files = {}
    for folder in draw(st.sampled_from((("cat", "dog"), ("cat",), ("\u202ecat", "<script>"), ("a" * 200, "b", "c")))):
        for name in draw(st.lists(names, max_size=2)):
            files[f"d/{folder}/{name}"] = draw(_picture)
    size = draw(st.sampled_from(("", ",size=32", ",size=20000", ",size=1024", ",size=0", ",size=x")))
    return _check(f"folder:d{size}", files)


_picture = st.one_of(st.sampled_from(corpus.pictures()), corpus.spoilt(corpus.pictures()))


def _tars() -> st.SearchStrategy[Case]:
    content = st.one_of(st.sampled_from(corpus.tars()), corpus.spoilt(corpus.tars()))
    return content.map(lambda content: _check("webdataset:spoilt,size=32", {"spoilt": content}))


@st.composite
def _tables(draw: st.DrawFn) -> Case:
    text = draw(corpus.spoilt_text(corpus.tables()))
    return _check("csv:spoilt.csv", {"spoilt.csv": text, "a.png": corpus.picture(), "b.png": draw(_picture)})


@st.composite
def _graphs(draw: st.DrawFn) -> Case:
    files = {"spoilt": draw(corpus.spoilt(corpus.graph())), "whole": corpus.arrays(corpus.images(), corpus.LABELS)}
    return _check("npz:whole", files, "onnx:spoilt")


@st.composite
def _checkpoints(draw: st.DrawFn) -> Case:
    """A checkpoint where a training goes on, or a file that is to be loaded as a model."""
    content = draw(st.one_of(st.sampled_from(corpus.weights()), corpus.spoilt(corpus.weights())))
    if draw(st.booleans()):
        words = ("train", "lenet", "--data", "npz:whole", "--test-data", "npz:whole", "--epochs", "1", "--out", "out")
        return Case(words, {"out/checkpoint.pt": content, "whole": corpus.arrays(corpus.images(), corpus.LABELS)})
    name = draw(
        st.sampled_from(("spoilt.pt", "spoilt.pt2", "spoilt.pth", "spoilt.safetensors", "sklearn:spoilt.skops"))
    )
    return _check("pentomino:9", {name.partition(":")[2] or name: content}, name)


#: By part its cases, and of how many in a thousand it has.
PARTS: Mapping[str, tuple[Callable[[], st.SearchStrategy[Case]], int]] = {
    "command line": (_typed, 190),
    "TOML specs": (_specs, 160),
    "claims": (_claims, 80),
    "npz archives": (_npz, 80),
    "idx files": (_idx, 60),
    "folders of pictures": (_folders, 70),
    "tables": (_tables, 50),
    "tar files": (_tars, 60),
    "ONNX graphs": (_graphs, 40),
    "checkpoints": (_checkpoints, 46),
    "runs": (strangers_runs.runs, 80),
    "evidence packs": (strangers_runs.packs, 50),
    "requirements": (strangers_runs.requirements, 30),
    "folders of plans": (strangers_runs.plans, 4),
}
