"""What each word of a verdict means: one source for the pages and, by a test, for ``docs/words.md``."""

from typing import Literal

from pixelproof.results.verdict import LEAST_QUERIES, WIDEST
from pixelproof.wording import count

Word = Literal[
    "broken",
    "proved",
    "open",
    "held",
    "undecided",
    "gave up",
    "not finished",
    "attack success rate",
    "robust accuracy",
    "interval",
    "basis",
    "th-pixel-safe",
]

WORDS: dict[Word, str] = {
    "broken": "An image within the level was found that the model answers otherwise; the run keeps it. It counts from "
    "its own distance on, whichever attack found it. A level is broken when any of its images is.",
    "proved": "A certificate says that no image within the level is answered otherwise; pixelproof verify checks it "
    "again with code that had no part in it. A proof at a threshold holds at every smaller one. A level is proved when "
    "all of its images are, and that is said of these images alone.",
    "open": "Neither: no image that breaks it was found, and it is not proved that there is none. Another search, or "
    "the same one with more queries, may find one.",
    "held": "Said of a level, not of an image: none of its images was broken by the searches named, within the queries "
    "named. It is no proof.",
    "undecided": "Nothing is broken, and too little was done to call that held: the run is unfinished, a search gave "
    f"up, it was allowed fewer than {count(LEAST_QUERIES)} queries an image (the preset quick), all images are of one "
    f"class, or they are so few that the interval reaches beyond {100 * WIDEST:.0f} %, which takes 35 images to avoid.",
    "gave up": "A search ended before its budget, as --give-up allows, since its own model of the classifier saw no "
    "success ahead. It may be wrong, so the image is open, and the level undecided unless it is broken.",
    "not finished": "A search has not been through with the image yet. Until it has been with all, a level has counts "
    "and no rate, as what is broken quickly is done first.",
    "attack success rate": "The share of attacked images that were fooled, of those that the model classifies "
    "correctly. It is what the papers call adversarial accuracy, a word that elsewhere means its opposite.",
    "robust accuracy": "The share of all images considered that are still classified correctly under attack. An image "
    "that was wrong before any attack counts as not robust.",
    "interval": "95 %, by Wilson's score, in percent. It speaks of sampling only: how far the share may lie from that "
    "over all images like these, for the same searches and budgets. That a search fails where another would succeed is "
    "not in it.",
    "basis": "What a verdict rests on: images, searches, queries, certificates. It stands in the verdict's sentence.",
    "th-pixel-safe": "The papers' term, with th-threshold-safe, for a level at which their searches fooled no sample. "
    "Here it stands only where their searches ran with their budgets, beside a level that held; it is no proof either.",
}


def words(*names: Word) -> list[tuple[str, str]]:
    """The words called ``names`` as they head their meanings, and these."""
    return [(f"{name[:1].upper()}{name[1:]}" if name != "th-pixel-safe" else name, WORDS[name]) for name in names]
