"""pixelproof assess: the main job."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pixelproof.cli.completion import ATTACKS, CORRUPTIONS, DEFENCES, SEARCHES, one_of
from pixelproof.cli.options import (
    Address,
    BackendName,
    Data,
    Device,
    Json,
    Model,
    Open,
    Quiet,
    Range,
    Shuffle,
    SpecFile,
    TrustCode,
    Workers,
    count_or_all,
    integer,
    limits,
    parse_options,
    parts,
)
from pixelproof.errors import InputError

if TYPE_CHECKING:
    from pixelproof.jobs.assess_spec import AssessSpec
    from pixelproof.results.gate.measure import Measure
    from pixelproof.results.gate.requirement import Requirement

FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REQUIREMENT",
        help='End with exit code 1 where "robust-accuracy(linf,3) >= 40%" or another requirement is not met, with 3 '
        "where it cannot be decided (see pixelproof check); may be given several times.",
    ),
]


def assess(
    model: Model,
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the run.", show_default="none with --fail-under, which keeps nothing"),
    ] = None,
    spec_file: SpecFile = None,
    defence: Annotated[
        str | None,
        typer.Option(
            help="What images go through before the model, or answers after it: jpeg(75), smooth(3), tvm, bits(5), "
            "noise(8), round(2) …, or some joined by + (pixelproof list defences).",
            autocompletion=one_of(*DEFENCES, kind="defences", between="+"),
        ),
    ] = None,
    corruption: Annotated[
        str | None,
        typer.Option(
            help="What happens to every image first: fog(3), rotation(20), or some joined by +.",
            autocompletion=one_of(*CORRUPTIONS, kind="corruptions", between="+"),
        ),
    ] = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with",
            metavar="perturbations",
            help="Measure common perturbations too, on the same data.",
            autocompletion=one_of("perturbations"),
        ),
    ] = None,
    range_: Range = None,
    samples: Annotated[
        Any,
        typer.Option(
            parser=count_or_all,
            metavar="N|all",
            help="Correctly classified samples to attack, or all of them.",
            show_default="100, or all there are",
            autocompletion=one_of("all"),
        ),
    ] = None,
    attacks: Annotated[
        str,
        typer.Option(
            help="few-pixel (L0), threshold (L∞), and others by name, with parameters: pgd(epsilon=8), cw-l2, "
            "autoattack, art:NAME … (pixelproof list attacks).",
            autocompletion=one_of(*ATTACKS, kind="attacks", between=","),
        ),
    ] = "few-pixel,threshold",
    knowledge: Annotated[
        str,
        typer.Option(
            help="What the attackers with levels see of the model: labels, scores (the searches), gradients, or "
            "several; the page shows the levels of each.",
            autocompletion=one_of("labels", "scores", "gradients", between=","),
        ),
    ] = "scores",
    surrogate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL",
            help="A network like the model, of which an attacker by scores has everything; its levels stand beside "
            "those without, for threshold. Give it again for several.",
        ),
    ] = None,
    access: Annotated[
        str,
        typer.Option(
            help="How attacks by name meet the defence: end-to-end, adaptive (BPDA, EOT), or replayed from the "
            "undefended model.",
            autocompletion=one_of("end-to-end", "adaptive", "replayed"),
        ),
    ] = "end-to-end",
    search: Annotated[
        str,
        typer.Option(
            help="auto, de, cma-es, sep-cma-es; gradient-regression, textures, square (threshold); pixel-process, "
            "segments, sparse-random, sparse-rs, brusle (few-pixel).",
            autocompletion=one_of("auto", *SEARCHES, kind="searches"),
        ),
    ] = "auto",
    levels: Annotated[str, typer.Option(help="Thresholds th: how many pixels, or by how much of 255.")] = "1,3,5,10",
    minimal: Annotated[
        int | None,
        typer.Option(
            metavar="LARGEST",
            help="Seek every sample's smallest threshold, up to LARGEST (127, 255), instead of levels.",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            help="quick (1,000 queries a sample and level), standard (10,000) or paper.",
            autocompletion=one_of("quick", "standard", "paper"),
        ),
    ] = "quick",
    max_queries: Annotated[
        int | None,
        typer.Option(help="Queries a sample and level, verification included.", show_default="the preset's"),
    ] = None,
    give_up: Annotated[
        bool,
        typer.Option("--give-up", help="Let the pixel process end a search that it sees no success ahead of."),
    ] = False,
    independent_levels: Annotated[
        bool,
        typer.Option("--independent-levels", help="Search each level alone instead of inheriting successes upward."),
    ] = False,
    target: Annotated[
        str,
        typer.Option(
            help="none, least-likely, next, random, or a class number.",
            autocompletion=one_of("none", "least-likely", "next", "random"),
        ),
    ] = "none",
    fitness: Annotated[
        str,
        typer.Option(
            help="margin (of logits), or the papers' confidence.",
            autocompletion=one_of("margin", "confidence"),
        ),
    ] = "margin",
    certify: Annotated[
        str | None,
        typer.Option(
            help="What is proved of samples that no search broke: auto, sweep (one pixel of grey images, any model), "
            "bounds (one pixel, or thresholds, torch modules), masks (of --defence masks), or none.",
            show_default="auto at the preset standard, else none",
            autocompletion=one_of("auto", "sweep", "bounds", "masks", "none"),
        ),
    ] = None,
    certify_seconds: Annotated[
        float, typer.Option(help="Seconds for the proof of one sample at one level, more than 0.")
    ] = 60,
    failure_probability: Annotated[
        bool,
        typer.Option(
            "--failure-probability",
            help="Estimate what share of each random(…) of --attacks breaks a sample, down to 10⁻⁹: "
            "random(linf,th=3), random(l2,th=60), random(normal,th=8), random(l0,th=2); grid=continuous for no "
            "8-bit images. Up to 20,000 queries; no worst case.",
        ),
    ] = False,
    shuffle: Shuffle = None,
    seed: Annotated[int, typer.Option(help="Seed of all searches.")] = 0,
    device: Device = "auto",
    batch_size: Annotated[
        int | None,
        typer.Option(help="Images through the model at once.", show_default="by device, image size and queries"),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            help="float32, or bfloat16 to search faster; float32 always verifies.",
            autocompletion=one_of("float32", "bfloat16"),
        ),
    ] = "float32",
    fail_under: FailUnder = None,
    workers: Workers = None,
    backend: BackendName = None,
    address: Address = None,
    trust_code: TrustCode = False,
    quiet: Quiet = False,
    as_json: Json = False,
    open_: Open = False,
) -> None:
    """Find the robustness levels of a classifier against few-pixel and threshold attacks."""
    from pixelproof.attacks.named import split
    from pixelproof.cli.documents import at_work, run_and_show, show
    from pixelproof.data import load_data
    from pixelproof.files import folder_in
    from pixelproof.jobs.assess import AssessJob
    from pixelproof.jobs.assess_spec import AssessSpec
    from pixelproof.jobs.job import prepared
    from pixelproof.jobs.open import open_model
    from pixelproof.jobs.perturb.job import PerturbJob
    from pixelproof.jobs.perturb.spec import beside
    from pixelproof.report.assess import PERTURBATIONS
    from pixelproof.results.gate.read import measures
    from pixelproof.results.gate.requirement import parse_requirement
    from pixelproof.runs import RunStore

    required = [parse_requirement(each) for each in fail_under or ()]
    if out is None and not required:
        raise InputError("Missing option '--out'; name a folder for the run, or give --fail-under to keep none.")
    spec = parse_options(
        AssessSpec,
        locals(),
        range=limits(range_),
        attacks=split(attacks),
        levels=[integer("--levels", text) for text in parts(levels)],
        knowledge=parts(knowledge),
        surrogate=surrogate or (),
    )
    _check_foreseen(required, spec, also=with_ is not None)
    if with_ not in (None, "perturbations"):
        raise InputError(f"--with: only perturbations can be measured besides, not {with_!r}.")
    images, classifier = load_data(spec.data), open_model(spec)
    also = PerturbJob(beside(spec), classifier, images) if with_ else None  # a mistake is found before the long work
    job = AssessJob(spec, classifier, prepared(images, spec))
    found: list[Measure] = []
    with at_work(workers, backend, address) as work:
        if also is None or out is None:
            run_and_show(
                job,
                out,
                backend=work,
                as_json=as_json,
                open_page=open_,
                then=lambda run: found.extend(measures(run)),
            )
        else:
            place = folder_in(out, PERTURBATIONS)
            run_and_show(job, out, backend=work)
            run_and_show(also, place, backend=work, then=lambda run: found.extend(measures(run)))
            with RunStore.open(out) as run:
                show(run, as_json=as_json, open_page=open_)  # its page speaks of them
                found[:0] = measures(run)
    if required:
        raise typer.Exit(_decided(required, found))


def _check_foreseen(required: Sequence[Requirement], spec: AssessSpec, also: bool) -> None:
    """Raises ``InputError`` where one is of what will not be measured: before the work, not after hours."""
    from pixelproof.results.derived_levels import LEVELS
    from pixelproof.results.gate.measure import TERMS
    from pixelproof.runs.record import NORM_OF

    measured = {"assess", "perturb"} if also else {"assess"}
    norms = [NORM_OF[attack] for attack in spec.levelled]
    for each in required:
        if each.kind == "baseline":
            raise InputError(f"{each.text}: there is no baseline yet; give both runs to pixelproof check.")
        if not measured.intersection(TERMS[each.term].of):
            beside = "; add --with perturbations" if "perturb" in TERMS[each.term].of else ""
            raise InputError(f"{each.text}: assess does not measure {each.term}{beside}.")
        norm, *threshold = each.arguments or ("",)
        levels = spec.levels if spec.minimal is None else LEVELS
        if norm in NORM_OF.values() and (norm not in norms or not {*map(int, threshold)} <= {*levels}):
            raise InputError(f"{each.text}: this level will not be measured; add it to --levels and --attacks.")


def _decided(required: Sequence[Requirement], found: Sequence[Measure]) -> int:
    """Say whether what is ``required`` was ``found``; the exit code."""
    from pixelproof.cli.console import console
    from pixelproof.report.check import decision_lines
    from pixelproof.results.gate.checked import EXIT_CODES
    from pixelproof.results.gate.decision import decide, overall

    decisions = decide(required, found)
    for line in decision_lines(decisions):
        console.print(line, soft_wrap=True)
    return EXIT_CODES[overall(decisions)]
