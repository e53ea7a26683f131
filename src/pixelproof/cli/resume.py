"""pixelproof resume: continue a run that was interrupted."""

from pixelproof.cli.options import (
    Address,
    BackendName,
    Json,
    MovedData,
    MovedModel,
    Open,
    Quiet,
    Run,
    TrustCode,
    Workers,
)


def resume(
    run: Run,
    model: MovedModel = None,
    data: MovedData = None,
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Continue an interrupted run; it ends equal to one that was never interrupted."""
    from pixelproof.cli.console import console
    from pixelproof.cli.documents import at_work, run_and_show, show
    from pixelproof.jobs.open import job_of
    from pixelproof.jobs.runner import check_whole
    from pixelproof.runs import RunStore

    with RunStore.open(run) as store:
        if store.manifest.status == "finished":
            check_whole(run, store)
            console.print("The run is finished already.")
            show(store, as_json=as_json, open_page=open_)
            return
        with store.reading():
            job = job_of(store, trust_code, model, data)
    with at_work(workers, backend, address) as work:
        run_and_show(job, run, backend=work, as_json=as_json, open_page=open_)
