"""An evidence pack: a folder, and a zip file of it, for a reviewer or an auditor; its page, cards and lists."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

from pixelproof.errors import InputError
from pixelproof.files import slug, write_whole
from pixelproof.report import section
from pixelproof.report.evidence_statements import MANAGERS, STEPS, Runs, Statement, leading, models, statements
from pixelproof.report.figure import Figure
from pixelproof.report.page import Page
from pixelproof.report.section import Claim, Contents, Headline, Section
from pixelproof.report.table import Column, Table, flat
from pixelproof.results.view import read
from pixelproof.runs.bill_of_materials import bill_of_materials, packages
from pixelproof.runs.database import FILE
from pixelproof.runs.pack import RUNS, STATEMENTS, private_key, seal, write_zip
from pixelproof.runs.record import Manifest
from pixelproof.runs.store import RunStore
from pixelproof.wording import count, listed, plural

PAGE = "evidence.html"
_TRACES = (
    Column("Statement"),
    Column("Run"),
    Column("Entries of its manifest", key="manifest"),
    Column("Records", "integer", key="records"),
)
#: What stands in a pack beside its statements; a test holds the page to these words.
NOTES = (
    "What this pack holds is evidence that a person may weigh for the documents below. It is no certification, no "
    "conformity assessment and no legal advice, and no text of a standard is in it.",
    "Every sentence that begins with a number in brackets is a statement: the table at the end says which entries and "
    "records of which run it rests on, and pixelproof verify finds them again.",
    "The steps are those in which the OWASP AI Exchange has evasion tested.",
    "A change that was not found may still be there: an attack that fails says something of the attack, a proof says "
    "something of the model.",
    "What was measured is the model as it stands in the runs, by its fingerprint, on the images named there; another "
    "model, other images or other changes are other questions.",
)


def write_pack(folders: Sequence[Path], out: Path, key: Path | None = None) -> Path:
    """Write the pack of the runs in ``folders`` to the folder ``out``, and OUT.zip beside it; returns the page's path.

    The same runs give the same bytes with the same packages installed. Raises ``InputError``, and writes nothing, where
    ``out`` is there already, a run is unfinished or altered, none has levels, or ``key`` is no private key.
    """
    archive = out.parent / f"{out.name}.zip"
    for path in (out, archive):
        if path.exists():
            raise InputError(f"{path} is there already; choose another --out, or move it away.")
    if key is not None:
        private_key(key)
    with ExitStack() as stack:
        runs = {name: stack.enter_context(RunStore.open(folder)) for name, folder in _names(folders).items()}
        _check(runs)
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
        try:
            _write(runs, beside)
            seal(beside, key)
            os.chmod(beside, 0o755)  # noqa: S103  # as any folder; what mkdtemp makes is for its owner alone
            os.replace(beside, out)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    write_zip(out, archive)
    return out / PAGE


def _names(folders: Sequence[Path]) -> dict[str, Path]:
    """Each run by the name of its folder, numbered where two have one."""
    found: dict[str, Path] = {}
    for folder in folders:
        name = base = slug(folder.resolve().name)
        number = 2
        while name in found:
            name, number = f"{base}-{number}", number + 1
        found[name] = folder
    return found


def _check(runs: Runs) -> None:
    for name, run in runs.items():
        if run.manifest.status != "finished":
            raise InputError(f"The run {name} is not finished; go on with pixelproof resume first.")
        if problems := run.altered():
            raise InputError(f"The run {name} was altered and is no evidence: {problems[0]}")
    if not any(run.manifest.settings.get("searches") for run in runs.values()):
        raise InputError("None of these runs has levels, which a pack speaks of first; add a run of pixelproof assess.")


def _write(runs: Runs, folder: Path) -> None:
    manifests, said = [run.manifest for run in runs.values()], statements(runs)
    for name, run in runs.items():
        run.copy_to(folder / RUNS / name)
        write_whole(folder / RUNS / name / "model-card.md", model_card(run.manifest))
        write_whole(folder / RUNS / name / "data-card.md", data_card(run.manifest))
    numbered = [{"number": k, **asdict(each)} for k, each in enumerate(said, 1)]
    write_whole(folder / STATEMENTS, _json({"version": 1, "statements": numbered}))
    environments = {name: run.manifest.environment for name, run in runs.items()}
    write_whole(folder / "environment.json", _json({"runs": environments, "packages": packages()}))
    write_whole(folder / "sbom.cdx.json", bill_of_materials(manifests))
    write_whole(folder / PAGE, evidence_page(runs, said).html())


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


# The page.


def evidence_page(runs: Runs, said: Sequence[Statement]) -> Page:
    """The pack as one page that reads, and prints, without anything beside it."""
    run = leading(runs)[1]
    by_step: dict[str, list[tuple[int, Statement]]] = {}
    for number, each in enumerate(said, 1):
        by_step.setdefault(each.step, []).append((number, each))
    steps = [
        Section(step, f"{k}. {title}", [section.prose(about), _listed(by_step[step])])
        for k, (step, (title, about)) in enumerate(STEPS.items(), 1)
        if step in by_step
    ]
    references, traces = section.listing(documents(runs)), trace_table(said)
    return Page(
        "evidence pack",
        f"Evidence on the robustness of {listed(models(runs))}",
        Headline([Claim("An answer for managers", " ".join(map(_marked, by_step[MANAGERS])))], (), _picture(run)),
        (
            Section("reading", "How to read this", [section.prose(*NOTES[1:])]),
            *steps,
            Section("references", "Documents that ask for such evidence", [section.prose(NOTES[0]), references]),
            Section("contents", "What is in this pack", [section.pairs(_contents(runs))]),
            Section("verify", "How to verify", [section.part("prose", _how_to_verify())]),
            Section("traces", traces.title, [section.rows(traces)], folded=True),
        ),
        Contents([traces]),
        facts=[run.manifest.environment.get("date", ""), plural(len(runs), "run"), plural(len(said), "statement")],
        status="finished",
        dense=False,
    )


def _listed(found: Sequence[tuple[int, Statement]]) -> Markup:
    return section.listing(map(_marked, found), "lead")


def _marked(found: tuple[int, Statement]) -> str:
    return f"[{found[0]}] {found[1].text}"


def _picture(run: RunStore) -> list[Figure]:
    from pixelproof.report.status_figures import status_figures

    return status_figures(read(run))[:1]


def trace_table(said: Sequence[Statement]) -> Table:
    """A row for each statement and run that it rests on."""
    rows = tuple(
        (f"[{number}]", trace.run, ", ".join(trace.manifest) or None, len(trace.records))
        for number, each in enumerate(said, 1)
        for trace in each.traces
    )
    notes = (f"{STATEMENTS} names each record by its digest.",)
    return Table("traces", "Where each statement comes from", _TRACES, rows, notes)


def documents(runs: Runs) -> list[str]:
    """Documents that ask for such evidence: of each its title, what it is, and what here is evidence for it."""
    manifests = [run.manifest for run in runs.values()]
    proofs = any(c.proved for run in runs.values() for c in run.certificates())
    certified = "certificates, checked again by code of its own" if proofs else "none: nothing is proved here"
    rows = (
        (
            "OWASP AI Exchange, testing and evasion (owaspai.org)",
            "a community’s guide to the security of AI",
            "sections 1 to 11, in its steps",
        ),
        (
            "ISO/IEC TR 24029-1:2021, Assessment of the robustness of neural networks, Part 1: Overview",
            "a technical report on statistical, formal and empirical methods",
            f"statistical: shares with intervals; empirical: attacks; formal: {certified}",
        ),
        (
            "ISO/IEC 24029-2:2023, the same, Part 2: Methodology for the use of formal methods",
            "a standard on formal methods",
            certified,
        ),
        (
            "NIST AI 100-2 E2025, Adversarial Machine Learning: A Taxonomy and Terminology of Attacks and Mitigations",
            "a vocabulary",
            f"evasion attacks: {listed(_knowledge(manifests))}",
        ),
        ("MITRE ATLAS", "a catalogue of techniques against AI systems", "; ".join(_techniques(runs))),
        (
            "Regulation (EU) 2024/1689 (AI Act), Article 15, Accuracy, robustness and cybersecurity",
            "a law on high-risk AI systems",
            "measurements of accuracy and of robustness to altered inputs, to be weighed with all else it asks for",
        ),
    )
    return [f"{name}: {what}. Evidence here: {evidence}." for name, what, evidence in rows]


def _knowledge(manifests: Sequence[Manifest]) -> list[str]:
    found = ["black-box, by scores"] if any(m.settings.get("searches") for m in manifests) else []
    return found + (["others by name, see section 1"] if any(m.settings.get("attacks") for m in manifests) else [])


def _techniques(runs: Runs) -> list[str]:
    """Ids and names of what was simulated, by what the runs hold."""
    records = [record for run in runs.values() if run.manifest.job == "assess" for record in run.records()]
    found = ["AML.T0015 Evade AI Model", "AML.T0043 Craft Adversarial Data", "AML.T0040 AI Model Inference API Access"]
    found += ["AML.T0043.001 Black-Box Optimization"] if any(not record.gradient_steps for record in records) else []
    found += ["AML.T0043.000 White-Box Optimization"] if any(record.gradient_steps for record in records) else []
    transferred = any(run.manifest.job == "transfer" for run in runs.values())
    return found + (["AML.T0043.002 Black-Box Transfer"] if transferred else [])


def _contents(runs: Mapping[str, RunStore]) -> list[tuple[str, str]]:
    return [
        (PAGE, "this page"),
        (STATEMENTS, "every statement, and the records that it rests on"),
        (f"{RUNS}/NAME/{FILE}", f"the runs themselves: {listed(list(runs))}"),
        (f"{RUNS}/NAME/model-card.md, data-card.md", "what was assessed, and on what"),
        ("environment.json", "where the runs were made; the packages of the writer of this pack, with digests"),
        ("sbom.cdx.json", "these packages, models and data as a CycloneDX bill of materials"),
        ("DIGESTS.json", "the SHA-256 of every file, and of the tree of them"),
        ("SIGNATURE.json", "where the pack is signed: an Ed25519 signature of the tree’s root"),
    ]


def _how_to_verify() -> list[str]:
    return [
        "pixelproof verify PACK finds any byte that was altered, and every statement’s records; with --key PUBLIC.pem "
        "it also demands the signature of that key’s owner. Without a signature, compare the root that it prints with "
        "the one that you were told.",
        f"pixelproof verify PACK/{RUNS}/NAME computes the claims of a run again from its images and the model, with "
        "none of the code that attacked.",
    ]


# Cards.


def model_card(manifest: Manifest) -> str:
    """What is known of the model, in Markdown, from the run alone; what a run cannot know is named as missing."""
    model = manifest.model
    known = {
        "Name": model.name,
        "Fingerprint": model.fingerprint,
        "Answers with": model.kind,
        "Right, of the images of the check before": f"{count(model.right)} of {count(model.checked)}",
        "Classes": listed(list(manifest.data.class_names)),
        "Defence": str(manifest.spec.get("defence") or "none"),
    }
    missing = "intended use, training data, licence, owner"
    return _card(f"Model card: {model.name}", known, missing)


def data_card(manifest: Manifest) -> str:
    """What is known of the data, as ``model_card``."""
    data, chosen = manifest.data, manifest.selection
    known = {
        "Name": data.name,
        "SHA-256 of images and labels": data.sha256,
        "Images": count(data.images),
        "Height, width, channels": " × ".join(map(str, data.shape)),
        "Samples": f"{count(len(chosen.samples))}, {chosen.rule}, of {count(chosen.considered)} considered",
        "Corruption before all else": str(manifest.spec.get("corruption") or "none"),
        **flat({"settings": {"shuffle": manifest.settings.get("shuffle")}}),
    }
    return _card(f"Data card: {data.name}", {k: str(v) for k, v in known.items()}, "origin, consent, licence, owner")


def _card(title: str, known: Mapping[str, str], missing: str) -> str:
    lines = [f"- **{name}**: {value}" for name, value in known.items()]
    return f"# {title}\n\n" + "\n".join(lines) + f"\n\nNot known to the run, to be added by the owner: {missing}.\n"
