"""The checkpoints, in order; each file holds one, its function ``check``, and ``checkpoints.toml`` their words."""

import tomllib
from importlib import import_module
from pathlib import Path

from pixelproof.jobs.audit.checkpoint import Checkpoint

_WORDS = tomllib.loads(Path(__file__).with_name("checkpoints.toml").read_text("utf-8"))

CHECKPOINTS = tuple(
    Checkpoint(number, file.replace("_", "-"), **words, check=import_module(f"{__name__}.{file}").check)
    for number, (file, words) in enumerate(_WORDS.items(), 1)
)
