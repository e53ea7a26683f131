"""pixelproof verify: check a run's claims with none of the attack code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from pixelproof.cli.options import Key, MovedData, MovedModel, Run, TrustCode
from pixelproof.errors import DataError, InputError, VerificationError
from pixelproof.wording import plural

if TYPE_CHECKING:
    from pixelproof.data.imageset import UInt8Array
    from pixelproof.runs import Certificate


def verify(
    run: Run, model: MovedModel = None, data: MovedData = None, trust_code: TrustCode = False, key: Key = None
) -> None:
    """Compute every claim of a run again from its stored images and the model; or find what was altered in a pack."""
    from pixelproof.runs.pack import is_pack

    if is_pack(run):
        from pixelproof.cli.verify_pack import verify_pack

        verify_pack(run, key)
        return
    if key is not None:
        raise InputError(f"--key is of evidence packs, which {run} is none of.")
    from pixelproof.cli.console import console
    from pixelproof.jobs.job import choose_device
    from pixelproof.jobs.open import open_data, open_model, spec_of
    from pixelproof.jobs.transfer import TransferSpec
    from pixelproof.models import settle_classes, settle_kind
    from pixelproof.models.query import predictor
    from pixelproof.proofs.check import check as check_certificate
    from pixelproof.runs import RunStore
    from pixelproof.runs.verify import verify as check

    with RunStore.open(run) as store:
        spec = spec_of(store, trust_code, model, data)
        if spec.device == "cuda":  # claims made on a GPU are checked wherever the verifier sits
            spec = spec.model_copy(update={"device": "auto"})
        classifier = open_model(spec)
        settle_kind(classifier, store.manifest.model.kind)
        settle_classes(classifier, len(store.manifest.data.class_names))
        try:
            images = None if isinstance(spec, TransferSpec) else open_data(spec)
        except DataError:
            if data is not None:
                raise
            images = None
        device = choose_device(spec.device)
        with console.status("checking") as status:

            def checker(certificate: Certificate, image: UInt8Array, label: int) -> str | None:
                status.update(f"checking the certificate of {certificate}")
                return check_certificate(certificate, image, label, classifier, device)

            outcome = check(store, predictor(classifier, device), classifier.fingerprint, images, checker)
            proofs = sum(each.proved for each in store.certificates()) if outcome.holds else 0
    for text in outcome.unchecked:
        console.print(f"[yellow]not checked[/]: {text}", soft_wrap=True)
    for text in outcome.problems:
        console.print(f"[red]does not hold[/]: {escape(text)}", soft_wrap=True)
    if not outcome.holds:
        raise VerificationError(f"{len(outcome.problems)} claims of {run} do not hold.")
    proved = f", {plural(proofs, 'certificate')} among them," if proofs else ""
    console.print(
        f"[green]verified[/]: {outcome.records} records{proved} and {outcome.images} adversarial images of "
        f"{escape(str(run))} hold.",
        soft_wrap=True,
    )
