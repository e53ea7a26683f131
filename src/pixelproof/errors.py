"""Every error pixelproof raises on purpose.

PixelproofError
├── InputError      the user asked for something that cannot be done: exit code 2, one sentence
│   ├── ModelError  the model cannot be built, or does not answer as a classifier does
│   ├── DataError   the images or labels cannot be used
│   └── RunError    the run folder cannot be used (another run's, too new, damaged)
└── VerificationError  a stored claim does not hold any more: exit code 1
"""

import re

_MEMORY = re.compile(
    "out ?of ?memory|can't allocate memory|not enough memory|failed to allocate memory|bad_alloc", re.IGNORECASE
)


class PixelproofError(Exception):
    """The root of the tree; its text is one sentence written for a person."""


class InputError(PixelproofError, ValueError):
    """Something the user can put right: what was wrong, what was expected, what to do."""


class ModelError(InputError):
    """The model cannot be built, or does not answer as a classifier does."""


class DataError(InputError):
    """The images or the labels cannot be used."""


class RunError(InputError):
    """The run folder cannot be used."""


class VerificationError(PixelproofError):
    """A claim that a run makes does not hold when it is computed again."""


def is_memory_error(error: BaseException) -> bool:
    """Whether ``error`` says that the memory, of whatever device, does not suffice."""
    return isinstance(error, MemoryError) or bool(_MEMORY.search(f"{type(error).__name__}: {text_of(error)}"))


def text_of(error: BaseException) -> str:
    """What ``error`` says; nothing where somebody's class fails to say it."""
    try:
        return str(error)
    except Exception:
        return ""
