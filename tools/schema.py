"""Writes the JSON Schemas of the files people write, which come with the package: of assess, and of check."""

import json
from pathlib import Path
from typing import Any

from pixelproof.cli import init
from pixelproof.plans.check import CheckSpec

FOLDER = Path(init.__file__).parent
#: ``pixelproof assess SPEC.toml``, ``pixelproof check --requirements FILE.toml``.
FILE, GATE = FOLDER / init.SCHEMA, FOLDER / "gate.schema.json"


def gate_schema() -> dict[str, Any]:
    """Of the file of requirements."""
    found = CheckSpec.model_json_schema()
    found["title"] = "pixelproof check --requirements"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def text(schema: dict[str, Any]) -> str:
    """``schema`` as the file has it."""
    return f"{json.dumps(schema, indent=1, ensure_ascii=False)}\n"


if __name__ == "__main__":
    FILE.write_text(text(init.json_schema()), "utf-8")
    GATE.write_text(text(gate_schema()), "utf-8")
