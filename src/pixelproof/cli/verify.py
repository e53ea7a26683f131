"""pixelproof verify: check a run's claims with none of the attack code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from pixelproof.cli.options import Key, MovedData, MovedModel, Run, TrustCode, number
from pixelproof.errors import InputError, VerificationError
from pixelproof.wording import plural, printable, shown

if TYPE_CHECKING:
    from pixelproof.jobs.verify import Verification

_SEARCHES = "That searches found nothing, and what they took, is as the run says."

Replayed = Annotated[
    str | None,
    typer.Option("--replay", metavar="SHARE", help="Do so much of the run again too, as 10%, drawn anew each time."),
]
Digest = Annotated[str | None, typer.Option(help="The digest that the run must have, as its report prints it.")]
RecordsOnly = Annotated[
    bool, typer.Option("--records-only", help="Look at records, images and digests alone; load neither model nor data.")
]


def verify(
    run: Run,
    model: MovedModel = None,
    data: MovedData = None,
    replay: Replayed = None,
    digest: Digest = None,
    records_only: RecordsOnly = False,
    trust_code: TrustCode = False,
    key: Key = None,
) -> None:
    """Compute every claim of a run again from its stored images and the model; or find what was altered in a pack."""
    from pixelproof.runs.pack import is_pack

    if is_pack(run):
        if replay is not None or digest is not None or records_only:
            raise InputError(f"--replay, --digest and --records-only are of runs, and {run} is an evidence pack.")
        from pixelproof.cli.verify_pack import verify_pack

        verify_pack(run, key)
        return
    if key is not None:
        raise InputError(f"--key is of evidence packs, which {run} is none of.")
    from pixelproof.cli.console import console
    from pixelproof.jobs.job import choose_device
    from pixelproof.jobs.open import open_model, told_spec
    from pixelproof.jobs.verify import unreadable
    from pixelproof.jobs.verify import verify as check
    from pixelproof.jobs.verify.strangers import opened_data, spec_of_stranger
    from pixelproof.runs import RunStore

    share = 0.0 if replay is None else _share(replay)
    if records_only and (share or model or data):
        raise InputError("--records-only loads nothing, so it goes with none of --replay, --model and --data.")
    with RunStore.open(run) as store, console.status("loading") as status:
        try:
            spec = told_spec(store) if records_only else spec_of_stranger(store, trust_code, model, data)
        except InputError as error:
            outcome = unreadable(store, error)
        else:
            if spec.device == "cuda":  # claims made on a GPU are checked wherever the verifier sits
                spec = spec.model_copy(update={"device": "auto"})
            outcome = check(
                store,
                spec,
                None if records_only else open_model(spec),
                None if records_only else opened_data(spec, told=data is not None),
                choose_device(spec.device),
                share=share,
                digest=digest,
                tell=lambda text: status.update(escape(printable(text))),
            )
        proofs, root = store.proved() if outcome.holds else 0, store.root
    _tell(outcome, run, proofs, root)


def _share(text: str) -> float:
    """A share from above 0 to 1. Raises ``InputError`` for anything else."""
    plain = text.strip()
    value = number("--replay", plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)
    if not 0 < value <= 1:
        raise InputError(f"--replay: a share above 0 and up to 100% was expected, as 10%, not {shown(text)}.")
    return value


def _tell(outcome: Verification, run: Path, proofs: int, root: str) -> None:
    """Print what was found. Raises ``VerificationError`` where something does not hold."""
    from pixelproof.cli.console import console

    def say(style: str, word: str, text: str) -> None:
        console.print(f"[{style}]{word}[/]: {escape(printable(text))}", soft_wrap=True)

    for text in outcome.unchecked:
        say("yellow", "not checked", text)
    for text in outcome.differing:
        say("yellow", "differs", text)
    for text in outcome.problems:
        say("red", "does not hold", text)
    if not outcome.holds:
        count = len(outcome.problems) + outcome.more
        more = f" ({outcome.more} more than are shown)" if outcome.more else ""
        raise VerificationError(f"{count} claims of {run} do not hold{more}.")
    proved = f", {plural(proofs, 'certificate')} among them," if proofs else ""
    held = f"{outcome.records} records{proved} and {outcome.images} adversarial images of {run} hold."
    say("green", "verified", held)
    again = outcome.replayed
    if again is None:
        say("cyan", "as told", f"{_SEARCHES} Add --replay 10% to have a share of it done again.")
    else:
        say("cyan", "done again", f"{again.steps} of {again.of} steps, which brought {again.records} records.")
    say("cyan", "digest", f"{root}, which alone holds times and the machine: compare it with the report's (--digest).")
