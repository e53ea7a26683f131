"""Puts the commands together and turns errors into one sentence and an exit code."""

import errno
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.markup import escape
from typer.core import TyperGroup

import pixelproof
from pixelproof.cli import (
    assess,
    audit,
    check,
    clever,
    compare,
    demo,
    evidence,
    export,
    grid,
    init,
    listing,
    merge,
    models,
    perturb,
    report,
    resume,
    split,
    status,
    study,
    thesis,
    train,
    transfer,
    verify,
)
from pixelproof.cli.completion import words_with_colons
from pixelproof.cli.console import errors, fail
from pixelproof.cli.examples import epilog
from pixelproof.errors import InputError, PixelproofError, is_memory_error, text_of
from pixelproof.interrupts import interrupted
from pixelproof.memory import keep_freed_memory
from pixelproof.plugins import blamed
from pixelproof.wording import meant, nearest_name

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: What typer raises for commands and options that cannot be; it has moved between versions of typer and click.
_UsageError: type[Any] = typer.BadParameter.__bases__[0]


class _InterruptedError(Exception):
    """Carries a KeyboardInterrupt past typer, which would end without a word."""


class _Commands(TyperGroup):
    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _past_typer():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _past_typer():
            return super().invoke(ctx)


@contextmanager
def _past_typer() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise _InterruptedError from error


app = typer.Typer(
    name="pixelproof",
    cls=_Commands,
    help="How much may an image be disturbed before a classifier changes its answer?",
    no_args_is_help=True,
    epilog=epilog(""),
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
_COMMANDS: Mapping[str, Callable[..., None]] = {
    "assess": assess.assess,
    "init": init.init,
    "demo": demo.demo,
    "status": status.status,
    "resume": resume.resume,
    "verify": verify.verify,
    "report": report.report,
    "export": export.export,
    "evidence": evidence.evidence,
    "split": split.split,
    "merge": merge.merge,
    "train": train.train,
    "study": study.study,
    "grid": grid.grid,
    "perturb": perturb.perturb,
    "audit": audit.audit,
    "thesis": thesis.thesis,
    "compare": compare.compare,
    "check": check.check,
    "transfer": transfer.transfer,
    "clever": clever.clever,
    "list": listing.list_,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=train.TrainCommand if _name == "train" else None, epilog=epilog(_name))(_command)
app.add_typer(models.app, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pixelproof {pixelproof.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    pass


def main() -> NoReturn:
    """Run a command.

    Exit codes: 0 done, 1 a claim or a requirement does not hold, 2 the user's mistake, 3 a requirement that cannot be
    decided, 130 interrupted, 143 told to end (SIGTERM).
    """
    keep_freed_memory()
    try:
        with blamed(), words_with_colons():
            sys.exit(app(standalone_mode=False) or 0)
    except _UsageError as error:
        sys.exit(fail(text, 2) if (text := _usage(error)) else 2)
    except InputError as error:
        fail(str(error), 2)
        if (folder := getattr(error, "folder", None)) is not None:
            command = shlex.join(_continuation(folder))
            errors.print(escape(f"Nothing finished is lost. Continue with: {command}"))
        sys.exit(2)
    except PixelproofError as error:
        sys.exit(fail(str(error), 1))
    except OSError as error:  # a folder that cannot be written, a full disk, a file that went away
        sys.exit(fail(_trouble(error), 2))
    except (MemoryError, RuntimeError) as error:
        if not is_memory_error(error):
            raise
        text = (
            "The memory does not suffice; use a smaller --batch-size, smaller images, a smaller model, another "
            "--device, or fewer --levels."
        )
        sys.exit(fail(text, 2))
    except (_InterruptedError, KeyboardInterrupt) as error:
        cause = error.__cause__ or error
        sentence, code = interrupted(cause, _continuation(getattr(cause, "folder", None)))
        errors.print(escape(sentence))
        sys.exit(code)


def _trouble(error: OSError) -> str:
    """One sentence on a file that cannot be read or written, and which."""
    place = "A file" if error.filename is None else str(error.filename)
    advice = "free some space there, or choose another place" if error.errno in _FULL else "check that place"
    return f"{place} cannot be used ({error.strerror or text_of(error) or type(error).__name__}); {advice}."


def _usage(error: Any) -> str:
    """One sentence on a command or an option that cannot be; nothing where there was no command and help was shown."""
    text = error.format_message().rstrip(".").replace(". Did you mean", "; did you mean")
    if possibilities := getattr(error, "possibilities", None):
        near = nearest_name(error.option_name, possibilities) or possibilities[0]
        text = f"No such option {error.option_name}; did you mean {near}?"
    if unknown := re.search(r"(?:Value error, )?('([^']*)' is not one of (.+))", text):  # of an enumeration
        sentence, value, known = unknown.groups()
        text = text[: unknown.start()] + sentence + meant(value, re.findall("'([^']*)'", known))
    command = "pixelproof" if error.ctx is None else error.ctx.command_path
    return text if text.endswith("?") or not text else f"{text}; see {command} --help."


def _continuation(run: Path | None) -> list[str]:
    """The command that goes on: with the run that was interrupted, or else the same command again."""
    if run is None:
        return ["pixelproof", *sys.argv[1:]]
    words = ["pixelproof", "resume", str(run), *_again("--workers", "--backend", "--address"), *_again("--trust-code")]
    return [*words, *_named_model()]


def _again(*options: str) -> list[str]:
    """Those of ``options`` that were given, with their values."""
    said: list[str] = []
    for place, word in enumerate(sys.argv):
        if word.partition("=")[0] in options:
            said += [word] if "=" in word or word == "--trust-code" else sys.argv[place : place + 2]
    return said


def _named_model() -> list[str]:
    """``--model`` as it was typed, where a run's own word for it does not suffice: it is reached over the network."""
    from pixelproof.models.load import is_remote

    typed = _again("--model")[-1:]
    typed = [word.removeprefix("--model=") for word in typed]
    return ["--model", *typed] if typed and is_remote(typed[0]) and "--trust-code" not in sys.argv else []
