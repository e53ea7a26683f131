"""pixelproof list: what there is to choose from."""

import inspect
import json
import re
from collections.abc import Callable
from typing import Annotated

import typer

from pixelproof.cli.completion import one_of
from pixelproof.errors import InputError
from pixelproof.plugins import Kind, plugins
from pixelproof.wording import meant

#: Where a sentence ends, and where the names of authors begin.
_END, _AUTHORS = re.compile(r"\. (?=[A-Z][a-z])"), re.compile(r": [A-Z]\. .*")
Lines = list[tuple[str, str]]  # what is typed, and what it is in a sentence


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="models, data, attacks, searches, defences or corruptions.",
            show_default="all",
            autocompletion=one_of("models", "data", "attacks", "searches", "defences", "corruptions"),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON: names and sentences by kind.")] = False,
) -> None:
    """Show the models, data, attacks, searches, defences and corruptions that there are, a line each."""
    if kind is not None and kind not in _KINDS:
        raise InputError(
            f"There is no kind {kind!r} to list{meant(kind, _KINDS)}; expected one of {', '.join(_KINDS)}."
        )
    found = {name: lines() for name, lines in _KINDS.items() if kind in (None, name)}
    if as_json:
        typer.echo(json.dumps({name: dict(lines) for name, lines in found.items()}, indent=1, ensure_ascii=False))
        return
    from rich.markup import escape
    from rich.table import Table

    from pixelproof.cli.console import console

    for name, lines in found.items():
        table = Table(title=name if kind is None else None, title_justify="left", box=None, show_header=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for typed, sentence in lines:
            table.add_row(escape(typed), escape(sentence))
        console.print(table)


#: The kinds of models and of data, as they are typed; what is a file of yours that runs needs --trust-code.
_MODELS: Lines = [
    ("FILE.py:FUNCTION", "What a function in a file of yours returns."),
    ("PACKAGE.MODULE:FUNCTION", "What a function of an installed module returns."),
    ("FILE.pt2", "A torch.export program."),
    ("FILE.pt", "A TorchScript program."),
    ("onnx:FILE", "An ONNX graph, run by ONNX Runtime."),
    ("timm:NAME", "A network of timm with its weights and its normalisation."),
    ("torchvision:NAME", "A network of torchvision with its weights and its normalisation."),
    ("hf:NAME_OR_FOLDER", "An image classifier of transformers with its processor's normalisation."),
    ("keras:FILE", "A Keras model, on torch."),
    ("sklearn:FILE", "A scikit-learn classifier of flattened images."),
    ("maite:MODULE:OBJECT", "An image classifier of MAITE's protocols."),
    ("http(s)://ADDRESS", "A server that is sent pictures and answers with scores."),
    ("command:PROGRAM", "A program that is given PNG files and prints their scores."),
]
_DATA: Lines = [
    ("bundled", "1,000 CIFAR-10 test images, 100 a class."),
    ("cifar10:ROOT", "CIFAR-10's test set in its binary layout."),
    ("idx:DIR", "MNIST or Fashion-MNIST in their official files."),
    ("pentomino:N", "N images of three shapes, made here."),
    ("npz:FILE", "Arrays of images and labels in one NumPy archive."),
    ("folder:DIR", "One subfolder of pictures a class."),
    ("csv:FILE", "A table with the columns path and label."),
    ("webdataset:FILE", "Pictures and labels in a tar file."),
    ("hf:NAME_OR_FOLDER", "A dataset of the datasets library."),
]


def _models() -> Lines:
    from pixelproof.zoo.registry import ZOO, absence

    zoo = {name: absence(f"zoo:{name}", name) is None for name in sorted(ZOO)}
    here = "A network of the zoo, with its weights."
    return [
        *((f"zoo:{name}", here if there else f"Of the zoo; pixelproof train {name}.") for name, there in zoo.items()),
        *_MODELS,
    ]


def _data() -> Lines:
    return _DATA


def _attacks() -> Lines:
    from pixelproof.attacks.named import LIBRARIES, NAMES, attack_class, own_class

    levelled = [
        ("few-pixel", "At most th pixels take any colour (L0); with levels."),
        ("threshold", "Every channel value moves by at most th of 255 (L∞); with levels."),
    ]
    libraries = [(f"{name}:NAME", f"An attack of the library {name}, where it is installed.") for name in LIBRARIES]
    own = [*levelled, *((name, _first(own_class(name))) for name in NAMES), *libraries]
    return own + _theirs("attacks", attack_class)


def _searches() -> Lines:
    from pixelproof.search.registry import SEARCHES, search_entry

    own = [
        (name, f"{_first(entry.kind)}{f' ({entry.constraint})' if entry.constraint else ''}")
        for name, entry in SEARCHES.items()
    ]
    return own + _theirs("searches", lambda name: search_entry(name).kind)


def _defences() -> Lines:
    from pixelproof.defences.masked import MaskedClassifier
    from pixelproof.defences.parse import OUTPUTS, STEPS, defence_class

    own = [(name, _first(kind)) for name, kind in {"masks": MaskedClassifier, **STEPS, **OUTPUTS}.items()]
    return own + _theirs("defences", defence_class)


def _corruptions() -> Lines:
    from pixelproof.corruptions.suites import PERTURBATIONS, corruption_class

    return [(name, _first(kind)) for name, kind in PERTURBATIONS.items()] + _theirs("corruptions", corruption_class)


def _theirs(kind: Kind, load: Callable[[str], object]) -> Lines:
    """What plug-ins bring, each with its package, or why it cannot be used."""
    lines = []
    for each in plugins(kind):
        try:
            lines.append((each.name, f"{_first(load(each.name))} From {each}."))
        except InputError as error:
            lines.append((each.name, f"Refused: {error}"))
    return lines


_KINDS: dict[str, Callable[[], Lines]] = {
    "models": _models,
    "data": _data,
    "attacks": _attacks,
    "searches": _searches,
    "defences": _defences,
    "corruptions": _corruptions,
}


def _first(thing: object) -> str:
    """The first sentence of a docstring, without its marks and without whom it is after."""
    text = (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ").replace("``", "")
    return _END.split(_AUTHORS.sub("", text))[0].rstrip(".") + "."
