"""pixelproof: how much may an image be disturbed before a classifier changes its answer?

import pixelproof as pp
result = pp.assess(model, images, labels, preset="quick")
result.levels
result.report("report.html")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixelproof.strict_sums import ask_for_strict_sums
from pixelproof.version import __version__ as __version__

ask_for_strict_sums()

if TYPE_CHECKING:
    from pixelproof.api.maite_metric import MaiteMetric as MaiteMetric
    from pixelproof.api.measure import assess as assess
    from pixelproof.api.measure import audit as audit
    from pixelproof.api.measure import certify as certify
    from pixelproof.api.measure import clever as clever
    from pixelproof.api.measure import compare as compare
    from pixelproof.api.measure import load_run as load_run
    from pixelproof.api.measure import perturb as perturb
    from pixelproof.api.result import Result as Result
    from pixelproof.api.views import Audit as Audit
    from pixelproof.api.views import Clever as Clever
    from pixelproof.api.views import Comparison as Comparison
    from pixelproof.api.views import Perturbations as Perturbations
    from pixelproof.data import ImageSet as ImageSet
    from pixelproof.data import load_data as load_data
    from pixelproof.data.given import as_image_set as as_image_set
    from pixelproof.errors import DataError as DataError
    from pixelproof.errors import InputError as InputError
    from pixelproof.errors import ModelError as ModelError
    from pixelproof.errors import PixelproofError as PixelproofError
    from pixelproof.errors import RunError as RunError
    from pixelproof.errors import VerificationError as VerificationError
    from pixelproof.models import Classifier as Classifier
    from pixelproof.models import Normalize as Normalize
    from pixelproof.models import load_model as load_model
    from pixelproof.models import load_weights as load_weights
    from pixelproof.runs import RunStore as RunStore

# Imported on first use, so that `pixelproof --help` does not wait for torch.
_HOMES = {
    "api.maite_metric": ("MaiteMetric",),
    "api.measure": ("assess", "audit", "certify", "clever", "compare", "load_run", "perturb"),
    "api.result": ("Result",),
    "api.views": ("Audit", "Clever", "Comparison", "Perturbations"),
    "data": ("ImageSet", "load_data"),
    "data.given": ("as_image_set",),
    "errors": ("DataError", "InputError", "ModelError", "PixelproofError", "RunError", "VerificationError"),
    "models": ("Classifier", "Normalize", "load_model", "load_weights"),
    "runs": ("RunStore",),
}
_HOME = {name: f"pixelproof.{home}" for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # told once, above


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pixelproof' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
