"""Whether runs may stand in one table: they must differ in the network alone.

Networks differ in which images they classify correctly, so two runs never need to attack the same samples. Their
*selection* is the same when the rule is: the same images and labels, considered in the same order, the same number of
correctly classified ones asked for, aimed at the same class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pixelproof.errors import InputError
from pixelproof.results.study.assessed import ROLES, Assessed, Plan, Role, in_role
from pixelproof.wording import attack_name, listed, plural, search_name

_DEFAULT_SAMPLES = 100  # taken where no number was asked for; ``pixelproof.jobs.assess_spec`` has it, a room above


@dataclass(frozen=True)
class Difference:
    """What two runs, by their labels, do not have in common."""

    what: str
    one: str
    other: str
    one_has: str
    other_has: str

    def __str__(self) -> str:
        return f"{self.one} and {self.other} differ in {self.what}: {self.one_has} against {self.other_has}"


def comparable(runs: Sequence[Assessed], *, force: bool = False) -> list[Difference]:
    """Nothing, if each of ``runs`` may stand beside the first: same data, selection, norms, levels, search and budget.

    Raises ``InputError`` on the first difference; with ``force`` returns them all, for marking.
    """
    return _checked([d for run in runs[1:] for d in (*_of_samples(runs[0], run), *_of_searches(runs[0], run))], force)


def comparable_study(runs: Sequence[Assessed], *, force: bool = False) -> list[Difference]:
    """As ``comparable``, for the runs of a whole study.

    Data and selection must be the same for all. Norms, levels, search and budget must be so among runs of one role,
    which one table mixes: DE is set against CMA-ES on purpose, and each stands beside its own budget. Every network
    must have been run in the same roles, as a network is missing in the tables of others.
    """
    found = [d for run in runs[1:] for d in _of_samples(runs[0], run)]
    for role in ROLES:
        group = in_role(runs, role)
        found += [d for run in group[1:] for d in _of_searches(group[0], run)]
    return _checked([*found, *_of_roles(runs)], force)


def _checked(found: list[Difference], force: bool) -> list[Difference]:
    if found and not force:
        raise InputError(f"{found[0]}; compare runs that agree in it, or force the comparison to have it marked.")
    return found


def _of_samples(one: Assessed, other: Assessed) -> list[Difference]:
    pairs = [
        ("data", _data(one), _data(other), one.data_sha256 == other.data_sha256),
        ("selection", _selection(one), _selection(other), _selection(one) == _selection(other)),
    ]
    return [Difference(what, one.label, other.label, a, b) for what, a, b, same in pairs if not same]


def _of_searches(one: Assessed, other: Assessed) -> list[Difference]:
    """Differences in norms; in thresholds of the norms in common; in how the levels in common were searched."""
    common = _norms(one) & _norms(other)
    pairs = [
        ("norms", listed(sorted(_norms(one))), listed(sorted(_norms(other)))),
        ("thresholds", _thresholds(one, common), _thresholds(other, common)),
        ("how thresholds were searched", _manner(one), _manner(other)),
    ]
    found = [Difference(what, one.label, other.label, a, b) for what, a, b in pairs if a != b]
    return found + _at_levels(one, other, "search", _search) + _at_levels(one, other, "budget", _budget)


def _of_roles(runs: Sequence[Assessed]) -> list[Difference]:
    """Networks that were not run in the roles in which the first one was."""
    found: dict[str, set[Role]] = {}
    for run in runs:
        found.setdefault(run.label, set()).add(run.role)
    roles = {label: listed([role for role in ROLES if role in own]) for label, own in found.items()}
    one, had = next(iter(roles.items()), ("", ""))
    return [Difference("what was run", one, other, had, own) for other, own in roles.items() if own != had]


def _at_levels(one: Assessed, other: Assessed, what: str, of: Callable[[Plan], str]) -> list[Difference]:
    """The first level of both at which they differ in what ``of`` says of their plans."""
    mine, theirs = ({(p.attack, p.threshold): of(p) for p in run.plans} for run in (one, other))
    for attack, th in sorted(mine.keys() & theirs.keys()):
        a, b = mine[attack, th], theirs[attack, th]
        if a != b:
            return [Difference(f"{what} ({attack_name(attack)}, th = {th})", one.label, other.label, a, b)]
    return []


def _data(run: Assessed) -> str:
    return f"{run.data_name} ({run.data_sha256[:12]})"


def _selection(run: Assessed) -> str:
    order = "in file order" if run.shuffle is None else f"in the order shuffled by seed {run.shuffle}"
    aim = "" if run.target == "none" else f", aimed at {run.target}"
    return f"{plural(run.asked or _DEFAULT_SAMPLES, 'sample')} {order}{aim}"


def _norms(run: Assessed) -> set[str]:
    return {plan.attack for plan in run.plans}


def _thresholds(run: Assessed, norms: set[str]) -> str:
    by_norm = {norm: sorted({plan.threshold for plan in run.plans if plan.attack == norm}) for norm in sorted(norms)}
    texts = {norm: ", ".join(map(str, thresholds)) for norm, thresholds in by_norm.items()}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{norm} {text}" for norm, text in texts.items())


def _manner(run: Assessed) -> str:
    if run.minimal:
        return "the smallest of each sample"
    return "each alone" if run.nested is False else "from the lowest up"


def _search(plan: Plan) -> str:
    return search_name(plan.search)


def _budget(plan: Plan) -> str:
    return f"{plural(plan.max_queries, 'query', 'queries')} a sample"
