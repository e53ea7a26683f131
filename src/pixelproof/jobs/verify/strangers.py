"""What a run names, opened as if a stranger had written it: no code is run and nothing is fetched without a word."""

import re

from pixelproof.data import ImageSet, load_data
from pixelproof.errors import DataError, RunError
from pixelproof.jobs.open import Spec, spec_of
from pixelproof.jobs.transfer import TransferSpec
from pixelproof.parameters import parsed
from pixelproof.runs import RunStore
from pixelproof.wording import shown

#: What names an object of a Python module, with parameters behind it or not.
_MODULE = re.compile(r"(maite:)?[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def spec_of_stranger(run: RunStore, trust_code: bool, model: str | None, data: str | None) -> Spec:
    """The spec of ``run``, with what the user named in the place of its own ``model`` and ``data``.

    Raises ``RunError`` where the run itself names a model that would run code, or be fetched (see ``spec_of``), and
    nobody has said that this is wanted.
    """
    spec = spec_of(run, trust_code, model, data)
    if model is None and not trust_code and (why := _reaches(spec.model)):
        raise RunError(
            f"The run names the model {shown(spec.model)}, {why}; expected your word for that, so give the model "
            "yourself with --model, trust the run with --trust-code, or look at --records-only."
        )
    return spec


def _reaches(model: str) -> str | None:
    """What naming ``model`` may set off beside reading a file; None: nothing."""
    place = parsed(model)[0]
    if (
        not place.startswith("zoo:")
        and _MODULE.fullmatch(place)
        and not place.startswith(("onnx:", "keras:", "sklearn:"))
    ):
        return "code of a module that would be run"
    return None


def opened_data(spec: Spec, *, told: bool) -> ImageSet | None:
    """All the data that ``spec`` names; None where they are not at hand, and nothing is fetched.

    ``told``: the user named them, so that what is wrong with them is an error (``DataError``).
    """
    if isinstance(spec, TransferSpec):  # whose images are those of runs
        return None
    if told:
        return load_data(spec.data)
    try:
        return load_data(spec.data, allow_download=False)
    except DataError:
        return None
