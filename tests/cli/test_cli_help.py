"""What helps before anything runs: examples in every help, which run as they stand, and names that Tab completes."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from pixelproof.cli import app as cli_app
from pixelproof.cli import completion, listing
from pixelproof.cli.examples import EXAMPLES
from tiny_run import Cli, run_tiny

BASH = shutil.which("bash")
COMMANDS = {**cli_app._COMMANDS, "models check": None}
#: Examples that need no files of one's own and end within seconds, in an order in which each finds what it needs.
RUN = (
    *(
        "init",
        "status",
        "resume",
        "verify",
        "report",
        "export",
        "compare",
        "transfer",
        "clever",
        "list",
        "models check",
    ),
    *("assess", "perturb", "train"),
)
#: Of these the examples that need what is not here, or take minutes.
NOT = (
    *("net.py", "net.onnx", "elsewhere", "cifar10:", "cifar-c", "study-run", "spec.toml --"),
    *("pack.zip", "localhost"),
)


def _typed(command: str) -> list[str]:
    return [typed for typed in EXAMPLES[command].values() if not any(part in typed for part in NOT)]


def test_every_command_has_examples() -> None:
    assert EXAMPLES.keys() == {"", *COMMANDS}


@pytest.mark.parametrize("command", EXAMPLES)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_help_ends_with_its_examples(cli: Cli, command: str, option: str) -> None:
    answer = cli(*command.split(), option)
    words = answer.out.partition("Examples")[2].split()
    assert answer.code == 0
    for does, typed in EXAMPLES[command].items():
        assert " ".join(typed.split()) in " ".join(words)
        assert does in " ".join(words)


@pytest.mark.parametrize("typed", [typed for each in EXAMPLES.values() for typed in each.values()])
def test_an_example_names_commands_and_options_that_there_are(typed: str) -> None:
    for part in typed.partition(" > ")[0].split(" && "):
        program, *words = shlex.split(part)
        assert program == "pixelproof"
        command = typer.main.get_command(cli_app.app)
        while hasattr(command, "commands") and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        known = {option for each in command.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= known | {"--install-completion"}


@pytest.mark.slow
@pytest.mark.parametrize("typed", [typed for command in RUN for typed in _typed(command)])
def test_an_example_runs_as_it_stands(cli: Cli, finished: Path, typed: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    if " run" in typed and "assess" not in typed:
        shutil.copytree(finished, "run")
    if "other-run" in typed:
        run_tiny(Path("other-run"), model="zoo:nin").close()
    answer = cli(*shlex.split(typed)[1:])
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("known", "kind"),
    [
        (completion.MODELS, "models"),
        (completion.DATA, "data"),
        (completion.ATTACKS, "attacks"),
        (completion.SEARCHES, "searches"),
        (completion.DEFENCES, "defences"),
        (completion.CORRUPTIONS, "corruptions"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_tab_knows_what_is_listed(known: list[str], kind: str) -> None:
    listed = [name for name, _ in listing._KINDS[kind]()]
    assert all(any(there == name or there.startswith(name) for there in listed) for name in known if "//" not in name)
    assert {name for name in listed if not any(c.isupper() for c in name)} <= set(known)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("assess --attacks few-pixel,p", {"few-pixel,pgd"}),
        ("assess --search sep", {"sep-cma-es"}),
        ("assess --model zoo:resnet2", {f"zoo:{name}" for name in completion.ZOO if name.startswith("resnet2")}),
        ("assess --defence jpeg(75)+me", {"jpeg(75)+median"}),
        ("perturb --only fog,fr", {"fog,frost"}),
        ("assess --certify-s", {"--certify-seconds"}),
        ("models check zoo:l", {"zoo:lenet"}),
        ("train capsn", {"capsnet"}),
        ("tr", {"train", "transfer"}),
        ("assess --preset st", {"standard"}),
    ],
)
def test_the_shell_completes(typed: str, names: set[str]) -> None:
    """Asked as zsh asks; nothing of torch is read for it."""
    code = (
        "import sys\nfrom pixelproof.cli import main\ntry:\n    main()\nfinally:\n    assert 'torch' not in sys.modules"
    )
    asked = {"_PIXELPROOF_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    environment = {**os.environ, **asked, "_TYPER_COMPLETE_ARGS": f"pixelproof {typed}"}
    process = "import sys\nsys.argv[0] = 'pixelproof'\n" + code
    done = subprocess.run([sys.executable, "-c", process], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == names


@pytest.mark.slow
@pytest.mark.skipif(BASH is None, reason="there is no bash on this machine")
@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ("models check zoo:le", "models check zoo:lenet"),
        ("assess --model zoo:nin --search sep", "assess --model zoo:nin --search sep-cma-es"),
        ("assess --data cifar10: --certify-s", "assess --data cifar10: --certify-seconds"),
        ("assess --data cif", "assess --data cifar10:"),
    ],
)
def test_bash_completes_past_a_colon(typed: str, made: str, tmp_path: Path) -> None:
    """Tab in a real bash, which parts words at colons; what it made of the line is then printed in place of run."""
    program = tmp_path / "pixelproof"
    program.write_text(f"#!{sys.executable}\nfrom pixelproof.cli import main\nmain()\n")
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb"}
    asked = {**environment, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = subprocess.run([program, "--show-completion", "bash"], env=asked, capture_output=True, check=True)
    (tmp_path / "rc").write_bytes(shown.stdout)
    here, there = os.openpty()
    words = [str(BASH), "--noprofile", "--rcfile", str(tmp_path / "rc"), "-i"]
    with subprocess.Popen(
        words, env=environment, stdin=there, stdout=subprocess.PIPE, stderr=there, cwd=tmp_path
    ) as bash:
        os.write(here, f"pixelproof {typed}\t\x01printf '%s ' \nexit\n".encode())  # Control-A: before the line
        printed = bash.communicate()[0].decode()
    os.close(here)
    os.close(there)
    assert f"pixelproof {made}" in " ".join(printed.split())
