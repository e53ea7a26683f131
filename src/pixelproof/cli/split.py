"""pixelproof split: the ranges by which an assessment is divided into parts that merge."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from pixelproof.cli.options import Quiet, TrustCode


def split(
    spec_file: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="What to measure; see pixelproof init.")],
    parts: Annotated[int, typer.Option(min=2, help="Into how many parts.")],
    trust_code: TrustCode = False,
    quiet: Quiet = False,
) -> None:
    """Print the commands that measure an assessment in parts, on as many machines, for pixelproof merge."""
    from pixelproof.data import load_data
    from pixelproof.jobs.assess import AssessJob
    from pixelproof.jobs.assess_file import read_assess_file
    from pixelproof.jobs.assess_spec import AssessSpec, from_options
    from pixelproof.jobs.job import prepared
    from pixelproof.jobs.open import open_model
    from pixelproof.jobs.split import ranges

    values = {key: value for key, value in read_assess_file(spec_file).items() if key in AssessSpec.model_fields}
    spec = from_options(AssessSpec, {**values, "samples": "all", "trust_code": trust_code})
    job = AssessJob(spec, open_model(spec), prepared(load_data(spec.data), spec))
    trust = ["--trust-code"] if trust_code else []
    batch = ["--batch-size", str(job.settings.batch_size)]
    for number, (start, stop) in enumerate(ranges(job, parts), 1):
        words = ["pixelproof", "assess", str(spec_file), "--range", f"{start}:{stop}", "--samples", "all"]
        typer.echo(shlex.join([*words, *batch, "--out", f"part-{number}", *trust]))
