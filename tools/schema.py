"""Writes the JSON Schema of ``pixelproof assess SPEC.toml``, which comes with the package."""

import json
from pathlib import Path

from pixelproof.cli import init

FILE = Path(init.__file__).with_name(init.SCHEMA)

if __name__ == "__main__":
    FILE.write_text(f"{json.dumps(init.json_schema(), indent=1, ensure_ascii=False)}\n", "utf-8")
