"""Models that misbehave: in this process, behind an address, and as a command.

Whatever a model does, what it had answered before is kept, the rest is said in one sentence, and once the model is
mended the run ends as one of a model that never failed. What answers wrongly without failing is found out, and said.
What ends the process at once (``os._exit``, a crash in C) cannot be met within it: that is a kill, see ``crash``.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmarks.judged import at_least
from pixelproof.data import ImageSet
from pixelproof.errors import InputError
from pixelproof.jobs.assess import AssessJob
from pixelproof.jobs.assess_spec import make_spec
from pixelproof.jobs.runner import run_job
from pixelproof.models import Classifier
from pixelproof.models.call import CallableClassifier
from pixelproof.models.torch_module import TorchClassifier
from pixelproof.runs import Record, RunStore
from pixelproof.runs.database import FILE

CLASSES, SIDE = 4, 8
#: Kinds of faults that are to be tried.
ENOUGH = 40
_OPTIONS: dict[str, Any] = {"samples": 4, "levels": (1, 4), "max_queries": 48, "search": "de", "batch_size": 16}


def weights() -> npt.NDArray[np.float32]:
    """Of a linear model, classes × channel values."""
    return np.random.default_rng(5).normal(size=(CLASSES, SIDE * SIDE * 3)).astype(np.float32)


def answers(images: Tensor) -> Tensor:
    """What the model says when nothing is wrong with it: N×K of images N×C×H×W in [0, 1]."""
    flat = images.permute(0, 2, 3, 1).reshape(len(images), -1)
    return (flat - 0.5) @ torch.from_numpy(weights()).T


def data() -> ImageSet:
    images = np.random.default_rng(6).integers(0, 256, (24, SIDE, SIDE, 3)).astype(np.uint8)
    labels = answers(torch.from_numpy(images).permute(0, 3, 1, 2) / 255).argmax(1).numpy()
    return ImageSet(images, labels, tuple(f"class {k}" for k in range(CLASSES)))


class NoTextError(Exception):
    """Fails when it is asked what it says."""

    def __str__(self) -> str:
        raise ValueError("no text either")


class EscapingError(Exception):
    """Says something that would clear the screen."""

    def __str__(self) -> str:
        return "\x1b[2J\x1b]0;owned\x07"


def _raising(error: Callable[[], BaseException]) -> Callable[[Tensor], Any]:
    def fail(images: Tensor) -> Any:
        raise error()

    return fail


def _recursing(images: Tensor) -> Any:
    return _recursing(images)


def _flood(images: Tensor) -> Tensor:
    for _ in range(200):
        warnings.warn("a flood", stacklevel=1)
    sys.stdout.write("a flood\n" * 2000)
    sys.stderr.write("a flood\n" * 2000)
    return answers(images)


def _slow(images: Tensor) -> Tensor:
    time.sleep(0.001)
    return answers(images)


def _mutating(images: Tensor) -> Tensor:
    found = answers(images)
    images.fill_(torch.nan)
    return found


def _noisy(images: Tensor) -> Tensor:
    return answers(images) + torch.randn(len(images), CLASSES) * 10


def _meddling(images: Tensor) -> Tensor:
    """Leaves gradients, seeds, threads and modes otherwise than they were."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  # what others' code does
    return answers(images)


#: What a model may do that cannot be told from an answer: it fails, or answers with what is none.
FAILING: Mapping[str, Callable[[Tensor], Any]] = {
    "raises ValueError": _raising(lambda: ValueError("no")),
    "raises KeyError": _raising(lambda: KeyError("weights")),
    "raises an error without text": _raising(NoTextError),
    "raises an error with control characters": _raising(EscapingError),
    "raises an error of 10 MB": _raising(lambda: RuntimeError("x" * 10_000_000)),
    "raises StopIteration": _raising(lambda: StopIteration()),
    "raises GeneratorExit": _raising(lambda: GeneratorExit()),
    "raises AssertionError": _raising(lambda: AssertionError()),
    "raises OSError": _raising(lambda: OSError(5, "Input/output error")),
    "raises a group of errors": _raising(lambda: BaseExceptionGroup("many", [SystemExit(0), ValueError("no")])),
    "sys.exit(0)": _raising(lambda: SystemExit(0)),
    "sys.exit('text')": _raising(lambda: SystemExit("done")),
    "runs out of memory": _raising(lambda: MemoryError()),
    "runs out of CUDA's memory": _raising(lambda: torch.cuda.OutOfMemoryError("CUDA out of memory")),
    "recurses without end": _recursing,
    "returns None": lambda images: None,
    "returns a tuple": lambda images: (answers(images), None),
    "returns a dict": lambda images: {"logits": answers(images)},
    "returns a text": lambda images: "cat",
    "returns a generator": lambda images: (row for row in answers(images)),
    "returns itself": lambda images: answers,
    "returns ragged lists": lambda images: [[0.0] * (k % 3 + 2) for k in range(len(images))],
    "returns an array of objects": lambda images: np.array([None] * len(images), object),
    "returns complex numbers": lambda images: answers(images).to(torch.complex64),
    "returns a sparse tensor": lambda images: answers(images).to_sparse(),
    "returns a CSR tensor": lambda images: answers(images).to_sparse_csr(),
    "returns a meta tensor": lambda images: answers(images).to("meta"),
    "returns a nested tensor": lambda images: torch.nested.nested_tensor(list(answers(images)), layout=torch.strided),
    "returns a quantised tensor": lambda images: torch.quantize_per_tensor(answers(images), 0.1, 0, torch.qint8),
    "returns one row too few": lambda images: answers(images)[1:],
    "returns one row too many": lambda images: answers(torch.cat([images, images[:1]])),
    "returns one row for all": lambda images: answers(images)[0],
    "returns a number": lambda images: answers(images).sum(),
    "returns feature maps": lambda images: answers(images)[:, :, None, None],
    "returns another number of classes": lambda images: torch.cat([answers(images), answers(images)[:, :1]], 1),
    "returns one class": lambda images: answers(images)[:, :1],
    "returns no classes": lambda images: answers(images)[:, :0],
}
#: What changes no answer, however odd: the records are those of the model when nothing is wrong.
HARMLESS: Mapping[str, Callable[[Tensor], Any]] = {
    "floods warnings and prints": _flood,
    "writes over its input": _mutating,
    "meddles with seeds": _meddling,
    "returns lists": lambda images: answers(images).tolist(),
    "returns an array": lambda images: answers(images).numpy(),
    "returns a view that is written again": lambda images: answers(images)[:, torch.arange(CLASSES)],
    "returns double": lambda images: answers(images).double(),
    "returns a gradient": lambda images: answers(images).requires_grad_(),
    "is slow": _slow,
}
#: What answers wrongly without failing, and the finding that says so.
LYING: Mapping[str, tuple[Callable[[Tensor], Any], tuple[str, ...]]] = {
    "answers NaN": (lambda images: answers(images) * torch.nan, ("invalid-scores",)),
    "answers infinity": (lambda images: answers(images) + torch.inf, ("invalid-scores",)),
    "answers at random": (_noisy, ("random-output",)),
    "answers about the images in another order": (lambda images: answers(images).flip(0), ("random-output",)),
}


class Switched:
    """A model that is as it should be but where ``begins`` says: from that call on, or at that call alone."""

    def __init__(self, fault: Callable[[Tensor], Any], begins: float, once: bool = False) -> None:
        self.fault, self.begins, self.once, self.calls = fault, begins, once, 0

    def __call__(self, images: Tensor) -> Any:
        self.calls += 1
        met = self.calls == self.begins if self.once else self.calls >= self.begins
        return self.fault(images) if met else answers(images)


@dataclass(frozen=True)
class Tried:
    """What became of a model with a fault: ``wrong`` says what is not as it must be; empty: all is."""

    name: str
    wrong: tuple[str, ...]


def _job(classifier: Classifier) -> AssessJob:
    options = {**_OPTIONS, "attacks": ("few-pixel", "threshold"), "seed": 3}
    return AssessJob(make_spec(model="python:x", data="python:x", **options), classifier, data())


def _called(function: Callable[..., object]) -> Classifier:
    return CallableClassifier(function, name="model", fingerprint="f" * 64)


def contents(run: RunStore) -> dict[str, tuple[Record, bytes | None]]:
    """Every record, without its seconds, and its image."""
    found = {}
    for record in run.records():
        image = run.image(record)
        found[str(record)] = replace(record, seconds=0.0), None if image is None else image.tobytes()
    return found


def sentence(error: BaseException) -> list[str]:
    """What is wrong with what is said of a fault."""
    text = str(error)
    found = [] if isinstance(error, InputError) else [f"raised {type(error).__name__}: {text[:80]}"]
    found += ["no sentence"] if not text.endswith((".", "?")) or "\n" in text else []
    return found + ([f"a sentence of {len(text)} characters"] if len(text) > 800 else [])


class Bench:
    """Runs of models with faults beside the run of one without."""

    def __init__(self, sound: Callable[[], Classifier]) -> None:
        """``sound`` gives the model when nothing is wrong with it."""
        self._sound = sound
        with run_job(_job(sound()), None) as run:
            self.expected = contents(run)

    def failing(self, name: str, faulty: Classifier, first: bool) -> Tried:
        """A model that fails at its ``first`` call, or later: then its records are kept, and the run goes on."""
        wrong: list[str] = []
        with TemporaryDirectory(prefix="faulty-") as place:
            out = Path(place, "run")
            try:
                run_job(_job(faulty), out).close()
                wrong.append("went unnoticed")
            except BaseException as error:
                wrong += sentence(error)
            if (out / FILE).exists():
                with RunStore.open(out) as run:
                    kept = contents(run)
                    finished = run.manifest.status == "finished"
                wrong += ["a finished run"] if finished else []
                wrong += ["a run without a record"] if not kept else []
                wrong += ["a record that is not the model's"] if not kept.items() <= self.expected.items() else []
                wrong += ["a run of a model that never answered"] if first else []
            elif out.exists():
                wrong.append("an empty folder")
            with run_job(_job(self._sound()), out) as run:
                wrong += [] if contents(run) == self.expected else ["resumed otherwise"]
        return Tried(name, tuple(wrong))

    def harmless(self, name: str, faulty: Classifier) -> Tried:
        """A model whose answers are those of the sound one."""
        try:
            with run_job(_job(faulty), None) as run:
                return Tried(name, () if contents(run) == self.expected else ("other records",))
        except Exception as error:
            return Tried(name, (f"raised {type(error).__name__}: {error}"[:200],))

    def lying(self, name: str, faulty: Classifier, findings: tuple[str, ...]) -> Tried:
        """A model that begins to answer wrongly: a run that says so, or a refusal."""
        try:
            with run_job(_job(faulty), None) as run:
                found = {finding.name for finding in run.manifest.findings}
                return Tried(name, () if found.intersection(findings) else (f"said nothing, only {sorted(found)}",))
        except Exception as error:
            return Tried(name, tuple(sentence(error)))


# In this process.


def in_process(share: float = 1.0) -> Iterator[Tried]:
    """Every kind of fault from the first call on, and the same in the middle of the run."""
    bench = Bench(lambda: _called(answers))
    counted = Switched(answers, 0)
    run_job(_job(_called(counted)), None).close()
    middle = counted.calls * 2 // 3
    every = max(1, round(1 / share))
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        for name, fault in list(FAILING.items())[::every]:
            if name != "returns another number of classes":  # which from the first call on is a number like another
                yield bench.failing(f"{name}, always", _called(Switched(fault, 1)), first=True)
            yield bench.failing(f"{name}, later", _called(Switched(fault, middle)), first=False)
            yield bench.failing(f"{name}, once", _called(Switched(fault, middle, once=True)), first=False)
        for name, fault in list(HARMLESS.items())[::every]:
            yield bench.harmless(name, _called(Switched(fault, 1)))
        for name, (fault, findings) in LYING.items():
            yield bench.lying(f"{name}, always", _called(Switched(fault, 1)), findings)
            yield bench.lying(f"{name}, later", _called(Switched(fault, middle)), findings)
        yield from _modules()


class _Module(nn.Module):
    """The same model as a module, with what modules have beside an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIDE * SIDE * 3, CLASSES)
        self.linear.weight.data = torch.from_numpy(weights())
        self.linear.bias.data = -0.5 * torch.from_numpy(weights()).sum(1)
        self.normal = nn.BatchNorm1d(CLASSES, affine=False)  # its statistics say nothing is to be changed
        self.drop = nn.Dropout(0.9)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.drop(self.linear(images.permute(0, 2, 3, 1).reshape(len(images), -1)))
        return found


class _Backwards(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        return images.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise KeyError("no way back")


class _Blind(_Module):
    def forward(self, images: Tensor) -> Tensor:
        seen: Tensor = _Backwards.apply(images)  # type: ignore[no-untyped-call]
        return super().forward(seen)


def _modules() -> Iterator[Tried]:
    """Modules in training mode, and with gradients that fail."""
    bench = Bench(lambda: TorchClassifier(_Module().eval(), fingerprint="f" * 64))
    module = _Module().train()
    yield bench.harmless("a module in training mode", TorchClassifier(module, fingerprint="f" * 64))
    yield Tried("a module is left in the mode it came in", () if module.training else ("it is not",))
    spec = make_spec(model="python:x", data="python:x", samples=2, attacks=("pgd(epsilon=8,iterations=2)",))
    try:
        run_job(AssessJob(spec, TorchClassifier(_Blind().eval()), data()), None).close()
        yield Tried("a gradient that fails", ("went unnoticed",))
    except Exception as error:
        yield Tried("a gradient that fails", tuple(sentence(error)))


@contextmanager
def _quiet() -> Iterator[None]:
    """What models print goes nowhere."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def rows(small: bool) -> list[dict[str, Any]]:
    """Rows of the table: kinds of faults tried in each place, and how many did not end as they must."""
    share = 0.2 if small else 1.0
    command = "python -m benchmarks.torture.faulty_models"
    from benchmarks.torture.faulty_places import as_a_command, behind_an_address

    places = {"in process": in_process, "over HTTP": behind_an_address, "as a command": as_a_command}
    found, kinds = [], set[str]()
    for place, tried in places.items():
        every = list(tried(share))
        kinds |= {each.name.partition(", ")[0] for each in every}
        wrong = [each for each in every if each.wrong]
        for each in wrong:
            sys.stderr.write(f"{each}\n")
        claims = {
            f"models that misbehave {place}: cases": (len(every), None),
            f"models that misbehave {place}: results lost, nothing said, or resumed otherwise": (len(wrong), 0),
        }
        for claim, (value, target) in claims.items():
            row = {"claim": claim, "value": value, "unit": "cases", "target": target, "command": command}
            found.append({**row, "holds": target is None or value == target})
    enough = None if small else ENOUGH
    return [at_least("kinds of models that misbehave", len(kinds), "kinds", enough, command=command), *found]


def main() -> None:
    """Print what did not end as it must."""
    from benchmarks.torture.faulty_places import as_a_command, behind_an_address

    for place in (in_process, behind_an_address, as_a_command):
        every = list(place())
        for each in every:
            if each.wrong:
                sys.stdout.write(f"{each.name}: {'; '.join(each.wrong)}\n")
        sys.stdout.write(f"{place.__name__}: {len(every)} cases\n")


if __name__ == "__main__":
    main()
