"""What it means that a run is verified, and what it does not: the one list, which the docs and the benchmark quote."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

#: Computed again: whoever alters it is found, whatever digests they compute.
DERIVED = (
    "every success: its image, its distances, its bound, and the class, the confidence and the margin that the model "
    "gives it",
    "every rate, as rates follow from records: none is missing, doubled, or there unasked",
    "levels: what fell at one stays fallen at those above, by the same image",
    "samples, labels, targets, clean confidences, and the clean accuracy, by the model and the data",
    "settings, which follow from what was asked for, and the identity, which follows from them",
    "the warnings that stood before the work began",
    "certificates, by a checker of their own",
    "failure probabilities and their intervals, by the counts that the splitting came to",
    "what the checkpoints of an audit say, by its evidence",
)
#: Done again for the share that ``--replay`` says, drawn by the verifier.
REPLAYED = (
    "that a search found nothing, and what it took: queries, restarts, gradient steps, the best margin seen",
    "answers under perturbations, CLEVER scores, answers to the images of other runs, and the evidence of audits",
    "attempts at proofs that ended open",
)


@dataclass(frozen=True)
class Outside:
    """Something that is held by the digest alone: in ``words``, and the ``places`` in the run that it is kept at.

    A place is ``manifest.KEY.…`` or ``TABLE.COLUMN``, ``*`` standing for anything.
    """

    words: str
    places: tuple[str, ...]


#: What only the digest holds, to be compared with the one that a report printed: what nothing here can compute.
OUTSIDE = (
    Outside(
        "when, how fast and on what it was made: environment, timings, seconds",
        ("manifest.environment*", "manifest.timings*", "*.seconds"),
    ),
    Outside(
        "how it was asked for where that changes nothing: places of models, data and runs, the word that code is "
        "trusted, a default that was spelt out",
        ("manifest.spec.*",),
    ),
    Outside("the claim that an audit was asked to judge", ("manifest.settings.claim.*",)),
    Outside(
        "how far a proof had come that ended open when its seconds were over",
        ("certificates.size", "certificates.queries", "certificates.reason"),
    ),
    Outside(
        "warnings that only the work itself brought, as of answers that were no numbers", ("manifest.findings.work",)
    ),
    Outside("how many images a slow model was asked about before the work", ("manifest.model.checked",)),
    Outside(
        "the counts that the splitting of a failure probability came to, which --replay does not do again yet",
        tuple(f"failure_probabilities.{name}" for name in ("dropped", "reached", "moved")),
    ),
)
#: What no verification says.
NEVER = (
    "that the model is the one that its name says, or the one in use: it is the one with this fingerprint",
    "that a longer or another search would find nothing, where nothing is proved",
    "that the data are what they are called, or like those that will come",
)


def outside(place: str) -> Outside | None:
    """What is said of ``place`` where the digest alone holds it; None where more does."""
    return next((each for each in OUTSIDE for pattern in each.places if fnmatchcase(place, pattern)), None)
