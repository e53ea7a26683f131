"""The records of attacks: whether they follow from the settings, the images that are kept, and the model's answers."""

from collections.abc import Callable, Iterator, Sequence

from pixelproof.runs.record import Manifest, Record
from pixelproof.runs.store import RunStore
from pixelproof.runs.targets import target_class
from pixelproof.runs.verify.answers import Asking, Predict, Row, margin_of, near, says, surely
from pixelproof.runs.verify.rules import Asked, reached, within


def record_problems(run: RunStore, manifest: Manifest, predict: Predict | None) -> Iterator[str]:
    """What is wrong with the records of attacks of ``run``, one sample after the other."""
    try:
        asked = Asked.of(manifest)
    except ValueError as error:
        yield str(error)
        return
    chosen = manifest.selection
    labels, seen = dict(zip(chosen.samples, chosen.labels, strict=True)), set[int]()
    asking, answers = Asking(predict), _Answers(manifest, asked.fitness)
    for sample, clean, found in run.by_sample(Record):
        seen.add(sample)
        yield from asked.problems(sample, labels.get(sample), clean, found)
        if sample in labels:
            yield from asking.ask(clean, answers.to_clean(sample, labels[sample], [record for record, _ in found]))
        for record, image in found:
            if image is not None and record.inherited_from is None:
                told = answers.to_success if record.success else answers.to_last_try
                yield from asking.ask(image, told(record, within(record, image, clean)))
    for sample in chosen.samples:
        if sample not in seen:
            yield from asked.missing(sample)
            yield from asking.ask(run.clean(sample), answers.to_clean(sample, labels[sample], []))
    yield from asking.rest()


class _Answers:
    """What must be true of a record once the model has answered."""

    def __init__(self, manifest: Manifest, fitness: str) -> None:
        self._settings, self._fitness = manifest.settings, fitness

    def to_clean(self, sample: int, label: int, found: Sequence[Record]) -> Callable[[Row], Iterator[str]]:
        def check(row: Row) -> Iterator[str]:
            if not says(row, label):
                yield f"The model does not classify the clean sample {sample} as its label {label}."
                return
            for record in found:
                if record.label == label and not near(record.clean_confidence, float(row[label])):
                    yield f"The clean confidence of {record} is not what the model answers."
                if not self._aimed_well(record, row):
                    yield f"The target of {record} is not that of the settings."

        return check

    def to_success(self, record: Record, _: bool) -> Callable[[Row], Iterator[str]]:
        def check(row: Row) -> Iterator[str]:
            if not says(row, record.predicted):
                yield f"The model does not answer {record.predicted} to the image of {record}."
            elif not near(record.confidence, float(row[record.predicted])):
                yield f"The confidence of {record} is not what the model answers."
            else:
                yield from self._margin(record, row)

        return check

    def to_last_try(self, record: Record, inside: bool) -> Callable[[Row], Iterator[str]]:
        def check(row: Row) -> Iterator[str]:
            answer = int(row.argmax())
            if inside and reached(record, answer) and surely(row, answer):
                yield f"It is said that {record} withstood, yet the image kept of it is a success."
            elif not record.levelled:
                yield from self._margin(record, row)

        return check

    def _margin(self, record: Record, row: Row) -> Iterator[str]:
        fitness = self._fitness if record.levelled and not record.by_proof else "margin"
        classes = (record.label, record.label if record.target is None else record.target)
        if min(classes) < 0 or max(classes) >= len(row):
            return
        if not near(record.margin, margin_of(row, record.label, record.target, fitness)):
            yield f"The margin of {record} is not what the model answers."

    def _aimed_well(self, record: Record, row: Row) -> bool:
        target = str(self._settings["target"])
        least = int(row.argmin())
        wanted = target_class(target, record.sample, record.label, len(row), least, self._settings["seed"])
        if target == "least-likely" and record.target is not None and 0 <= record.target < len(row):
            return near(float(row[record.target]), float(row[least]))
        return record.target == wanted
