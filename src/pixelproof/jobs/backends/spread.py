"""Steps spread over the workers of a crew: who gets which, what a worker's death costs, and when to give up."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from math import ceil

from pixelproof.errors import RunError
from pixelproof.jobs.backends.crew import Crew, Lost, Report, Share
from pixelproof.jobs.backends.parcel import Parcel, packed
from pixelproof.jobs.job import Batch, Job
from pixelproof.runs import RunStore
from pixelproof.runs.table import RecordType
from pixelproof.wording import plural

#: How often a step is tried, and a worker started, before it is plain that it will not be done.
TRIES = 3

Unit = Sequence[str]  # steps that one worker does in order
Records = dict[str, list[RecordType]]  # by the step that needs to see them
Say = Callable[[str], None]


def spread(crew: Crew, job: Job, run: RunStore, steps: Sequence[str], say: Say = lambda _: None) -> Iterator[Batch]:
    """What the workers of ``crew`` bring of ``steps``, as it comes; ``say`` is told what somebody may wonder about.

    Raises what a worker raised, and ``RunError`` where workers die of the same steps again and again.
    """
    stages = [stage for stage in job.stages(steps) if stage]
    if not stages:
        return
    most = max(map(len, stages))
    if most < crew.size:
        say(f"There is work for {most} at once and no more, so {plural(most, 'worker')} of {crew.size} {_do(most)} it.")
    work = _Spread(crew, job, run, packed(job, run.manifest), range(min(crew.size, most)))
    try:
        for stage in stages:
            yield from work.bring(stage)
    finally:
        work.end()


def _do(workers: int) -> str:
    return "does" if workers == 1 else "do"


class _Spread:
    """One job among the ``workers`` of ``crew``."""

    def __init__(self, crew: Crew, job: Job, run: RunStore, parcel: Parcel, workers: Sequence[int]) -> None:
        self._crew, self._job, self._run, self._parcel, self._workers = crew, job, run, parcel, workers
        self._held: dict[int, list[Unit]] = {worker: [] for worker in workers}  # what each has in hand
        self._hungry, self._ready = set[int](), set[int]()  # who asks for more, and who has the job open
        self._waiting: deque[Unit] = deque()
        self._deaths = Counter[str]()  # by the step, or by the worker that did not begin
        for worker in workers:
            crew.open(worker, parcel)

    def bring(self, units: Sequence[Unit]) -> Iterator[Batch]:
        """Have all ``units`` done, which do not wait for each other."""
        self._waiting.extend(units)
        known = self._job.known(self._run, {step for unit in units for step in unit})
        self._feed(known)
        while self._waiting or any(self._held.values()):
            worker, word = self._crew.listen()
            if worker not in self._held:  # what one said of the job before, which had more workers
                continue
            if isinstance(word, Lost):
                known |= self._bury(worker, word)
            else:
                yield from self._take(worker, word)
            self._feed(known)

    def end(self) -> None:
        """Keep the workers that are through with all they had for the next job; end the others."""
        for worker in self._workers:
            if worker not in self._ready or self._held[worker]:
                self._crew.dismiss(worker)

    def _take(self, worker: int, report: Report) -> Iterator[Batch]:
        """What ``report`` brings; what it says is through is so once the batch is kept."""
        self._ready.add(worker)
        self._job.elsewhere.update(report.tally)
        for batch in report.batches:
            yield batch
            through = {batch.step, *batch.ended}
            left = ([step for step in unit if step not in through] for unit in self._held[worker])
            self._held[worker] = [unit for unit in left if unit]
        if report.error is not None:
            raise report.error
        if report.room:
            self._hungry.add(worker)

    def _feed(self, known: Records) -> None:
        """Give a unit to each that asked, unless it holds as much as its part of what there is to do."""
        in_hand = sum(map(len, self._held.values()))
        for worker in sorted(self._hungry, key=lambda each: len(self._held[each])) if self._waiting else ():
            part = ceil((len(self._waiting) + in_hand) / len(self._workers))
            if not self._waiting or len(self._held[worker]) >= part:
                return
            unit = self._waiting.popleft()
            self._crew.give(worker, Share(unit, [record for step in unit for record in known.get(step, ())]))
            self._held[worker].append(unit)
            self._hungry.discard(worker)
            in_hand += 1

    def _bury(self, worker: int, lost: Lost) -> Records:
        """Put back what ``worker`` had in hand, and start another; the records that this must see now."""
        units, self._held[worker] = self._held[worker], []
        steps = {step for unit in units for step in unit}
        self._ready.discard(worker)
        self._hungry.discard(worker)
        for cause in steps or {f"worker {worker}"}:
            self._deaths[cause] += 1
            if self._deaths[cause] >= TRIES:
                where = f"in {cause}" if steps else "before it had begun"
                raise RunError(
                    f"A worker ended {TRIES} times {where} ({lost.why}); what is finished is kept, so look for the "
                    "cause, as too little memory for so many workers, and go on with fewer."
                )
        self._waiting.extendleft(reversed(units))
        self._crew.open(worker, self._parcel)
        return {step: [] for step in steps} | self._job.known(self._run, steps) if steps else {}
