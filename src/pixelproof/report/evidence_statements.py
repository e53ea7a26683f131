"""What an evidence pack states, in the steps of the OWASP AI Exchange's testing for evasion; each statement names the
records that it rests on.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pixelproof.report.clever import sentences as clever_sentences
from pixelproof.report.failure import NO_WORST_CASE, failure_sentences
from pixelproof.report.perturb import perturb_summary
from pixelproof.results.audit.view import CheckpointRecord, audit_view
from pixelproof.results.clever import clever_result
from pixelproof.results.intervals import Rate
from pixelproof.results.perturb_view import perturb_view
from pixelproof.results.status import LevelStatus
from pixelproof.results.verdict import named, sentence
from pixelproof.results.view import View, read
from pixelproof.runs.record import Manifest
from pixelproof.runs.store import RunStore
from pixelproof.runs.table import RecordType
from pixelproof.wording import allowance, attack_name, count, listed, percent, plural, search_name

MANAGERS = "managers"
#: The steps in their order, with their titles and what each is about for a reader who knows no machine learning.
STEPS: Mapping[str, tuple[str, str]] = {
    "threat": ("Threat model", "Who is imagined to attack, what they see of the model, and what they may change."),
    "algorithm": ("Attack algorithms", "By what programs such changes were looked for."),
    "samples": ("Samples", "Which images were attacked, and how they were chosen."),
    "goal": ("Goal", "What counts as a success of an attack."),
    "budget": ("Norm and budget", "How much of an image an attack was allowed to change."),
    "queries": ("Query budget", "How often an attack was allowed to ask the model."),
    "benign": ("Benign accuracy", "How often the model is right when nobody attacks."),
    "repeats": ("Repeats", "What is random in the measurement, and how often it was repeated."),
    "masking": ("Masking checks", "Whether the model only seems hard to attack, as its answers mislead a search."),
    "found": ("What the attacks found", "For how many images a change within the budget altered the answer."),
    "certified": ("Certified radius", "For which images it was proved that no change within a budget does."),
    "chance": ("Failure probability", "What share of random changes alters the answer, which is no worst case."),
    "beside": ("Other measurements", "What else the runs of this pack measured."),
}


@dataclass(frozen=True)
class Trace:
    """Where a statement comes from: entries of a run's manifest, and records of it by their digests."""

    run: str
    manifest: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A sentence of ``step``, and its traces, one a run."""

    step: str
    text: str
    traces: tuple[Trace, ...]


Runs = Mapping[str, RunStore]


def statements(runs: Runs) -> list[Statement]:
    """All of the pack of ``runs``, finished ones by name, in the order of the steps; those for managers first."""
    found = [each for name, run in runs.items() for each in _OF[run.manifest.job](_Speaker(name, run))]
    found += [*_repeats(runs), *_unaudited(runs)]
    order = [MANAGERS, *STEPS]
    return [*_managers(runs), *sorted(found, key=lambda each: order.index(each.step))]


class _Speaker:
    """Makes statements of one run."""

    def __init__(self, name: str, run: RunStore) -> None:
        self.name, self.run, self.manifest = name, run, run.manifest

    def say(self, step: str, text: str, *entries: str, of: Iterable[RecordType] = ()) -> Statement:
        """A statement that rests on ``entries`` of the manifest and the records ``of``."""
        digests = tuple(dict.fromkeys(self.run.digest(record) for record in of))
        return Statement(step, f"{self.name}: {text}" if step != MANAGERS else text, (self.trace(entries, digests),))

    def trace(self, entries: Sequence[str], digests: tuple[str, ...] = ()) -> Trace:
        return Trace(self.name, tuple(entries), digests)


# An assessment.


def _assessed(speaker: _Speaker) -> list[Statement]:
    view, manifest = read(speaker.run), speaker.manifest
    settings, say = manifest.settings, speaker.say
    targeted = settings["target"] != "none"
    goal = f"the class aimed at ({settings['target']})" if targeted else "any class but the right one"
    rate, chosen = Rate(manifest.model.right, manifest.model.checked), manifest.selection
    considered = f"of {plural(chosen.considered, 'image')} considered, of {count(manifest.data.images)} there are"
    return [
        *_threat(speaker, view),
        *_algorithms(speaker, view),
        say(
            "samples",
            f"the samples are {chosen.rule}: {plural(len(chosen.samples), 'image')} {considered} in "
            f"{manifest.data.name}, SHA-256 {manifest.data.sha256[:16]}….",
            *("selection", "data"),
        ),
        say("goal", f"an attack succeeds where the model answers {goal}.", "settings.target"),
        *_budgets(speaker, view),
        *_queries(speaker, view),
        say(
            "benign",
            f"before any attack the model was right on {rate.ratio} images, {percent(rate.value)} "
            f"(95 % interval {rate.interval}).",
            *("model.right", "model.checked"),
        ),
        say(
            "repeats",
            f"what is random is drawn from seed {settings['seed']}, and nothing in this run was repeated with another.",
            "settings.seed",
        ),
        *_findings(speaker),
        *(_level(speaker, level) for level in view.statuses),
        *_attempts(speaker, view),
        *_certified(speaker, view),
        *_chances(speaker, view),
    ]


def _threat(speaker: _Speaker, view: View) -> list[Statement]:
    settings, found = speaker.manifest.settings, []
    if settings["searches"]:
        text = "the searches see the scores that the model answers with; of its weights and gradients they see nothing."
        found.append(speaker.say("threat", text, "settings.searches"))
    gradients = {r.spec for r in view.named if r.gradient_steps}
    if settings["attacks"]:
        said = [
            f"{search_name(spec)} (by gradients)" if spec in gradients else f"{search_name(spec)} (by answers alone)"
            for spec in dict.fromkeys(record.spec for record in view.named)
        ]
        text = f"attacks by name, and what they used of the model: {listed(said)}."
        found.append(speaker.say("threat", text, "settings.attacks", of=view.named))
    defence = speaker.manifest.spec.get("defence")
    text = f"before or after the model stands {defence}." if defence else "no defence stands before or after the model."
    return [*found, speaker.say("threat", text, "spec.defence")]


def _algorithms(speaker: _Speaker, view: View) -> list[Statement]:
    levels: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for search in speaker.manifest.settings["searches"]:
        levels[search["constraint"], search["method"]].append(search["threshold"])
    found = [
        speaker.say(
            "algorithm",
            f"{attack_name(constraint)} changes were looked for by {search_name(method)}, at th = "
            f"{listed([count(th) for th in thresholds])}.",
            "settings.searches",
        )
        for (constraint, method), thresholds in levels.items()
    ]
    if view.named:
        names = listed([search_name(spec) for spec in dict.fromkeys(record.spec for record in view.named)])
        found.append(speaker.say("algorithm", f"attacks by name: {names}.", "settings.attacks"))
    return found


def _budgets(speaker: _Speaker, view: View) -> list[Statement]:
    found = [
        speaker.say(
            "budget",
            f"{attack_name(constraint)}: within {listed([allowance(constraint, e.threshold) for e in levels])}.",
            "settings.searches",
        )
        for constraint in view.constraints
        if (levels := view.statuses_of(constraint))
    ]
    balls = [
        f"{search_name(each['spec'])} within {each['norm']} {each['epsilon']:g}"
        if each["epsilon"] is not None
        else f"{search_name(each['spec'])} without a bound"
        for each in speaker.manifest.settings["attacks"]
    ]
    return found + ([speaker.say("budget", f"{listed(balls)}.", "settings.attacks")] if balls else [])


def _queries(speaker: _Speaker, view: View) -> list[Statement]:
    most = {search["max_queries"] for search in speaker.manifest.settings["searches"]}
    limits = f"at most {listed([count(each) for each in sorted(most)])} an image and level, and " if most else ""
    made = count(round(speaker.manifest.timings.get("queries", 0)))
    text = f"{limits}{made} in all."
    return [speaker.say("queries", f"queries: {text}", "settings.searches", "timings.queries")]


def _findings(speaker: _Speaker) -> list[Statement]:
    """What the preflight and the job noticed, which is also where answers would show that they mislead a search."""
    found = [
        speaker.say("masking", f"noticed ({each.severity}): {each.message}", "findings")
        for each in speaker.manifest.findings
    ]
    return found or [
        speaker.say("masking", "neither the check before the attacks nor these noted anything.", "findings")
    ]


def _level(speaker: _Speaker, level: LevelStatus) -> Statement:
    """The verdict, which rests on every record and certificate of the level, and on those that break an image in it."""
    of: list[RecordType] = [
        each for image in level.images for each in (image.record, image.certificate) if each is not None
    ]
    text = f"{attack_name(level.constraint)}, {named(level).lower()}: {sentence(level)}."
    return speaker.say("found", text, "settings.searches", "selection", of=of)


def _attempts(speaker: _Speaker, view: View) -> list[Statement]:
    return [
        speaker.say(
            "found",
            f"{search_name(row.key)}: broken {row.fooled}; still right, of all considered, {row.robust}.",
            "selection",
            of=[record for record in view.named if row.spec in ("", record.spec)],
        )
        for row in view.attempts
    ]


def _certified(speaker: _Speaker, view: View) -> list[Statement]:
    found = [
        speaker.say(
            "certified",
            f"{attack_name(level.constraint)}, {named(level).lower()}: proved for {count(level.proved)} of "
            f"{plural(level.total, 'image')}, by {listed(level.methods)}.",
            "selection",
            of=[i.certificate for i in level.images if i.answer == "proved" and i.certificate is not None],
        )
        for level in view.statuses
        if level.proved
    ]
    if found:
        return found
    text = "nothing was proved of any image." if view.certificates else "no proof was tried."
    return [speaker.say("certified", text, "settings.certify", of=view.certificates)]


def _chances(speaker: _Speaker, view: View) -> list[Statement]:
    return [
        speaker.say("chance", f"{text} {NO_WORST_CASE}", "settings.failure_probability", of=row.shares)
        for row, text in zip(view.failures, failure_sentences(view), strict=True)
    ]


# Other jobs.


def _perturbed(speaker: _Speaker) -> list[Statement]:
    return [speaker.say("beside", text, "contents") for text in perturb_summary(perturb_view(speaker.run))]


def _scored(speaker: _Speaker) -> list[Statement]:
    return [speaker.say("beside", text, "contents") for text in clever_sentences(clever_result(speaker.run))]


def _transferred(speaker: _Speaker) -> list[Statement]:
    return [speaker.say("beside", "images found against other models were shown to this one.", "contents")]


def _audited(speaker: _Speaker) -> list[Statement]:
    view, records = audit_view(speaker.run), {each.number: each for each in speaker.run.of(CheckpointRecord)}
    found = [
        speaker.say(
            "masking",
            f"checkpoint {each.number}, {each.name}: {each.verdict}. {each.finding}",
            of=[records[each.number]],
        )
        for each in view.answers
    ]
    return [*found, speaker.say("masking", f"the audit as a whole: {view.judgement.title}.", "contents")]


_OF: Mapping[str, Callable[[_Speaker], list[Statement]]] = {
    "assess": _assessed,
    "perturb": _perturbed,
    "clever": _scored,
    "transfer": _transferred,
    "audit": _audited,
}


# Of several runs together.


def _repeats(runs: Runs) -> list[Statement]:
    """Assessments that differ in the seed alone."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for name, run in runs.items():
        if run.manifest.job == "assess":
            alike[repr(_but_for_seed(run.manifest))].append(name)
    found = []
    for names in alike.values():
        if len(names) > 1:
            seeds = [str(runs[name].manifest.settings["seed"]) for name in names]
            text = f"{listed(names)} are one measurement with the seeds {listed(seeds)}."
            traces = tuple(Trace(name, ("settings", "model", "data")) for name in names)
            found.append(Statement("repeats", text, traces))
    return found


def _but_for_seed(manifest: Manifest) -> list[Any]:
    settings = {key: value for key, value in manifest.settings.items() if key != "seed"}
    return [sorted(settings.items()), manifest.model.fingerprint, manifest.data.sha256]


def _unaudited(runs: Runs) -> list[Statement]:
    """That no audit is there, which says more of masking than the findings of an assessment do."""
    if any(run.manifest.job == "audit" for run in runs.values()):
        return []
    text = "No audit is among these runs, so what an audit asks about misleading gradients and scores was not asked."
    return [Statement("masking", text, tuple(Trace(name, ("job",)) for name in runs))]


# For managers.


def _managers(runs: Runs) -> list[Statement]:
    """Three sentences on the first assessment with levels."""
    name, run = leading(runs)
    speaker, view = _Speaker(name, run), read(run)
    model, chosen = run.manifest.model, run.manifest.selection
    kinds = plural(len(run.manifest.data.class_names), "kind")
    attacked = plural(len(chosen.samples), "picture")
    first = (
        f"{model.name} sorts pictures into {kinds}: of {plural(model.checked, 'picture')} as they are it named "
        f"{count(model.right)} rightly, and {attacked} that it names rightly were attacked."
    )
    lowest = [view.statuses_of(constraint)[0] for constraint in view.constraints]
    second = f"Programs looked for small changes that make it answer wrongly: {listed([_found(e) for e in lowest])}."
    proved = [level for level in view.statuses if level.proved]
    known = (
        f"It is proved for {count(max(level.proved for level in proved))} of these pictures that no change of a "
        "named size alters the answer"
        if proved
        else "For no picture is it proved that such a change does not exist"
    )
    others = [each for each in models(runs) if each != model.name]
    of_one = f"; this answer is of {model.name} alone, and the sections below speak of {listed(others)} too"
    third = (
        f"{known}; beyond the pictures, changes and efforts named here nothing is said, and this is no "
        f"certificate{of_one if others else ''}."
    )
    of = [each for level in lowest for i in level.images for each in (i.record, i.certificate) if each is not None]
    proofs = [i.certificate for e in proved for i in e.images if i.answer == "proved" and i.certificate is not None]
    return [
        speaker.say(MANAGERS, first, "model", "selection", "data.class_names"),
        speaker.say(MANAGERS, second, "settings.searches", "selection", of=of),
        speaker.say(MANAGERS, third, "settings.certify", of=proofs),
    ]


def _found(level: LevelStatus) -> str:
    what = f"with {allowance(level.constraint, level.threshold)} changed"
    if level.constraint == "threshold":
        what = f"with every value changed by at most {level.threshold} of 255 grey steps"
    broken = level.broken
    if not broken.successes:
        return f"{what} they found none for {plural(level.total, 'picture')}"
    return f"{what} they succeeded on {count(broken.successes)} of {plural(level.total, 'picture')}"


def models(runs: Runs) -> list[str]:
    """The names of the models that ``runs`` are of, each once."""
    return list(dict.fromkeys(run.manifest.model.name for run in runs.values()))


def leading(runs: Runs) -> tuple[str, RunStore]:
    """The first assessment with levels. Raises ``StopIteration`` where there is none."""
    return next((name, run) for name, run in runs.items() if run.manifest.settings.get("searches"))
