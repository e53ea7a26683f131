"""The tables of an audit, and its claim in words."""

from pixelproof.report.table import Column, Table, flat, rate_cells, rate_columns
from pixelproof.results.audit.claim import NORMS, Claim, Comparison, Evaluation, Norm, Threat
from pixelproof.results.audit.view import AuditView
from pixelproof.wording import count, listed, plural

_KNOWS = {
    "white-box": "knows the model and its defence whole",
    "grey-box": "knows the model and its defence in part",
    "black-box": "sees the model’s answers alone",
}


def all_audit_tables(view: AuditView) -> list[Table]:
    """Every table with a row in it."""
    tables = (checkpoint_table(view), number_table(view), attack_table(view), claim_table(view), question_table(view))
    return [table for table in tables if table.rows]


def checkpoint_table(view: AuditView) -> Table:
    """A row a checkpoint."""
    columns = (
        Column("No.", "integer", key="number"),
        Column("Checkpoint"),
        Column("Verdict"),
        Column("Finding"),
        Column("What to do", key="remedy"),
    )
    rows = tuple((each.number, each.title, each.verdict, each.finding, each.remedy or None) for each in view.answers)
    return Table("audit-checkpoints", "Checkpoints", columns, rows, (view.judgement.title, *view.judgement.sentences))


def number_table(view: AuditView) -> Table:
    """Every number behind the verdicts."""
    columns = (Column("Checkpoint", "integer"), Column("Number"), Column("Value"))
    rows = tuple((each.number, name, text) for each in view.answers for name, text in each.numbers)
    return Table("audit-numbers", "The numbers behind the verdicts", columns, rows)


def attack_table(view: AuditView) -> Table:
    """Every attack made, with all its settings."""
    columns = (
        Column("Attack"),
        Column("Model seen", key="view"),
        Column("Needs"),
        *rate_columns("Under it", "right", "accuracy"),
        Column("queries", "integer", "Mean an image", "queries"),
        Column("gradient steps", "integer", "Mean an image", "gradient_steps"),
        Column("Seconds", "decimal"),
    )
    views = {"plain": "as it is", "open": "laid open"}
    rows = tuple(
        (
            *(each.attack, views[each.view], each.needs, *rate_cells(each.right)),
            *(each.queries, each.gradient_steps, each.seconds),
        )
        for each in view.attacks
    )
    notes = (
        "Laid open: gradients pass what has none (BPDA), and are means over many answers where they are random (EOT). "
        "Under it: the samples right within the attack’s own budget; those wrong without any attack count as fooled.",
    )
    return Table("audit-attacks", "Every attack made", columns, rows, notes)


def claim_table(view: AuditView) -> Table:
    """The claim as it was handed over."""
    told = view.claim.model_dump(mode="json", exclude_none=True, exclude={"comparisons"})
    told |= {f"comparison {k}": each.model_dump(mode="json") for k, each in enumerate(view.claim.comparisons, 1)}
    rows = tuple((key, text) for key, text in flat(told).items() if text)
    return Table("audit-claim", "The claim", (Column("Key"), Column("Value")), rows, tuple(claim_sentences(view.claim)))


def question_table(view: AuditView) -> Table:
    columns = (Column("Checkpoint", "integer"), Column("Question"), Column("Answer"))
    rows = tuple((each.number, question, None) for each, question in view.questions)
    return Table("audit-questions", "Questions for a person", columns, rows)


# The claim in words.


def claim_sentences(claim: Claim) -> list[str]:
    """What is claimed, against whom, how it was measured, and what it is compared with."""
    compared = [_compared(each) for each in claim.comparisons]
    return [
        f"Of all samples, {claim.clean_accuracy:g} % are said to be classified correctly, and "
        f"{claim.robust_accuracy:g} % still to be so under attack.",
        _attacker(claim.threat),
        _evaluated(claim.evaluation),
        *([f"It is set beside {listed(compared)}."] if compared else []),
    ]


def ball(norm: Norm | None, epsilon: float | None) -> str:
    """``L∞, ε = 8 grey levels``; L0 counts pixels; what is not told is left out."""
    size = (
        ""
        if epsilon is None
        else f"{epsilon:g} pixel{'' if epsilon == 1 else 's'}"
        if norm == "l0"
        else f"ε = {_levels(epsilon)}"
    )
    return ", ".join(each for each in ("" if norm is None else NORMS[norm], size) if each)


def bound(threat: Threat) -> str:
    """The same in short: ``L∞ ≤ 8/255``, ``L0 ≤ 5``."""
    return f"{NORMS[threat.norm]} ≤ {threat.epsilon:g}{'' if threat.norm == 'l0' else '/255'}"


def _levels(epsilon: float) -> str:
    return f"{epsilon:g} grey level{'' if epsilon == 1 else 's'}"


def _attacker(threat: Threat) -> str:
    wants = "any wrong answer" if threat.goal == "untargeted" else "one certain wrong answer"
    queries = "as many queries as wanted" if threat.queries is None else plural(threat.queries, "query", "queries")
    return (
        f"The attacker is a {threat.knowledge} one, who {_KNOWS[threat.knowledge]}, wants {wants} "
        f"({threat.goal}), {_may(threat)}, and has {queries}."
    )


def _may(threat: Threat) -> str:
    if threat.norm == "l0":
        return f"may change {threat.epsilon:g} pixel{'' if threat.epsilon == 1 else 's'} (L0)"
    if threat.norm == "linf":
        return f"may change every value by up to {_levels(threat.epsilon)} of 255 (L∞)"
    return f"may go {_levels(threat.epsilon)} of 255 far in {NORMS[threat.norm]}"


def _evaluated(told: Evaluation) -> str:
    more = [
        ball(told.norm, told.epsilon),
        told.goal or "",
        *(plural(n, word) if n else "" for n, word in ((told.iterations, "iteration"), (told.restarts, "restart"))),
        f"steps of {_levels(told.step)}" if told.step else "",
        f"{plural(told.draws, 'draw')} a step" if told.draws else "",
        "adapted to the defence" if told.adaptive else "not adapted to a defence",
        f"detector {told.detector}" if told.detector else "",
        f"{count(told.samples)} samples" if told.samples else "",
    ]
    return f"It was evaluated with {told.attack}: {'; '.join(each for each in more if each)}."


def _compared(other: Comparison) -> str:
    threat = other.threat
    kind = f"{ball(threat.norm, threat.epsilon)}, {threat.knowledge}, {threat.goal}"
    return f"{other.name}, {other.robust_accuracy:g} % under attack ({kind})"
