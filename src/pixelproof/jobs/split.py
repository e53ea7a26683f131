"""Where a job can be divided: ranges of images that hold whole cohorts, so that their runs merge into the whole."""

import math

from pixelproof.engine.queue import attacked_at_once, by_attack, cohort_size
from pixelproof.engine.settings import Settings
from pixelproof.errors import InputError
from pixelproof.jobs.assess import AssessJob
from pixelproof.wording import plural


def ranges(job: AssessJob, parts: int) -> list[tuple[int, int]]:
    """``parts`` neighbouring ranges START:STOP of the source, of about as many samples each, all images of ``job``.

    Each begins with the first sample of a cohort, of every attack; the model is asked about all images to know which
    these are. Raises ``InputError`` where there are fewer cohorts than parts, and where no range holds whole ones.
    """
    if job.settings.shuffle is not None:
        raise InputError("--shuffle: samples in a shuffled order lie in no range; leave it out.")
    samples = job.begin().manifest.selection.samples
    together = _together(job.settings, len(samples))
    cohorts = -(-len(samples) // together)
    if cohorts < parts:
        raise InputError(
            f"{plural(len(samples), 'sample')} cannot be divided into {parts} parts, as {together} at a time are "
            f"attacked together; choose at most {cohorts}."
        )
    starts = [samples[together * (cohorts * part // parts)] for part in range(1, parts)]
    first, last = int(job.data.indices[0]), int(job.data.indices[-1])
    return list(zip([first, *starts], [*starts, last + 1], strict=True))


def _together(settings: Settings, samples: int) -> int:
    """Samples of which every attack makes whole cohorts."""
    sizes = [cohort_size(levels) for levels in by_attack(settings).values()]
    return math.lcm(*sizes, *(attacked_at_once(settings, each, samples) for each in settings.attacks))
