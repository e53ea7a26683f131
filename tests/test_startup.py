"""Nobody waits for what is not used: which modules are there after each first contact, and never how long it took."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: What costs a tenth of a second and more, or is of a terminal alone.
HEAVY = ("torch", "scipy", "altair", "pandas", "jinja2", "pydantic", "numpy", "PIL", "typer", "rich")
TERMINAL = {"typer", "rich", "pydantic"}  # typer brings pydantic
_COMMAND = """
from pixelproof.cli import main
sys.argv[1:] = {words}
try:
    main()
except SystemExit:
    pass
"""


def imported(code: str) -> set[str]:
    """What of ``HEAVY``, and which rooms of pixelproof, are imported after ``code`` in a process of its own."""
    last = "print(); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}\n{last}"], capture_output=True, text=True, check=True
    )
    modules = json.loads(done.stdout.splitlines()[-1])
    rooms = {".".join(each.split(".")[:2]) for each in modules if each.startswith("pixelproof.")}
    return rooms | set(HEAVY).intersection(modules)


def test_the_package_imports_nothing_else() -> None:
    assert imported("import pixelproof") == {"pixelproof.processor", "pixelproof.strict_sums", "pixelproof.version"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["assess", "--help"],
        ["asess"],
        ["assess", "--sampels", "3"],
        ["assess", "--model", "zoo:lenet", "--data", "bundled", "--out", "run", "--samples", "many"],
        ["models", "chek"],
        ["list", "data"],
    ],
    ids=" ".join,
)
def test_help_and_typing_errors_wait_for_a_terminal_alone(words: list[str]) -> None:
    found = imported(_COMMAND.format(words=words))
    assert found & set(HEAVY) <= TERMINAL
    assert found - set(HEAVY) <= {
        f"pixelproof.{each}"
        for each in (
            "cli",
            "errors",
            "interrupts",
            "memory",
            "plugins",
            "processor",
            "strict_sums",
            "version",
            "wording",
        )
    }


def test_init_waits_for_no_network(tmp_path) -> None:
    words = ["init", str(tmp_path / "spec.toml")]
    assert imported(_COMMAND.format(words=words)) & set(HEAVY) <= TERMINAL
    assert (tmp_path / "spec.toml").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["assess", "load_run", "load_model"])
def test_the_first_touch_waits_for_torch_and_little_else(name: str) -> None:
    found = imported(f"import pixelproof as pp; pp.{name}")
    assert not found & {"scipy", "altair", "pandas", "jinja2", *TERMINAL}
    assert not found & {"pixelproof.jobs", "pixelproof.engine", "pixelproof.report", "pixelproof.plans"}
