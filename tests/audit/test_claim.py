"""The claim file: what it says, and one sentence for every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.data import load_data
from pixelproof.errors import InputError
from pixelproof.jobs.audit.spec import read_claim
from pixelproof.models import load_model
from pixelproof.results.audit.claim import Claim

EXAMPLE = Path(__file__).parents[2] / "examples" / "claim.toml"
FIGURES = "clean_accuracy = 92\nrobust_accuracy = 45\n"
THREAT = '[threat]\ngoal = "untargeted"\nknowledge = "white-box"\nnorm = "linf"\nepsilon = 8\n'
EVALUATION = '[evaluation]\nattack = "pgd"\n'
WHOLE = f"{FIGURES}{THREAT}{EVALUATION}"


def read(tmp_path: Path, text: str) -> Claim:
    path = tmp_path / "claim.toml"
    path.write_text(text, "utf-8")
    return read_claim(path)


def test_what_is_left_out_is_not_told(tmp_path: Path) -> None:
    claim = read(tmp_path, WHOLE)
    assert (claim.clean_accuracy, claim.robust_accuracy, claim.threat.epsilon) == (92, 45, 8)
    assert claim.threat.queries is None
    told = claim.evaluation.model_dump(exclude_none=True)
    assert told == {"attack": "pgd", "adaptive": False}
    assert (claim.comparisons, claim.data_sha256, claim.model_sha256) == ((), "", "")


def test_the_example_is_a_claim_about_the_bundled_network_and_images() -> None:
    claim = read_claim(EXAMPLE)
    assert claim.data_sha256 == load_data("bundled").content_hash
    assert claim.model_sha256 == load_model("zoo:resnet20").fingerprint


def test_what_the_example_leaves_out_can_be_told_so(tmp_path: Path) -> None:
    """Its lines that are commented out are keys too."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    told = [line[2:] if line.startswith("# ") and (" = " in line or "[[" in line) else line for line in lines]
    claim = read(tmp_path, "\n".join(line for line in told if not line.startswith("  ")))
    assert claim.threat.queries == 10_000
    assert (claim.evaluation.step, claim.evaluation.draws, claim.evaluation.detector) == (0.25, 10, "attacked")
    assert claim.comparisons[0].threat.epsilon == claim.threat.epsilon


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "",
            "clean_accuracy, robust_accuracy, threat and evaluation are missing; expected a value for each, so add "
            "them.",
        ),
        (
            f'{FIGURES}[threat]\ngoal = "untargeted"\nknowledge = "white-box"\n',
            "threat.norm, threat.epsilon and evaluation are missing; expected a value for each, so add them.",
        ),
        (f"{FIGURES}{THREAT}", "evaluation: it is missing; expected a value, so add one."),
        (f'{WHOLE}[[comparisons]]\nname = "TRADES"\n', "comparisons(1).robust_accuracy and comparisons(1).threat are "),
        (f'{WHOLE}[comparisons]\nname = "TRADES"\n', "comparisons: expected a list, so write [[comparisons]] above"),
        (f'{FIGURES}threat = "linf"\n{EVALUATION}', "threat: expected keys with values, so write [threat] above them."),
        (WHOLE.replace("epsilon = 8", "epsilon = 0"), "threat, epsilon: a number above 0 was expected, not 0; lengths"),
        (WHOLE.replace("epsilon = 8", "epsilon = -8"), "threat, epsilon: a number above 0 was expected, not -8"),
        (WHOLE.replace("epsilon = 8", "epsilon = nan"), "threat, epsilon: a number above 0 was expected, not nan"),
        (WHOLE.replace("epsilon = 8", "epsilon = 300"), "threat: an L∞ epsilon is at most 255 grey levels, the whole"),
        (f'{WHOLE}norm = "linf"\nepsilon = 256\n', "evaluation: an L∞ epsilon is at most 255 grey levels"),
        (f"{WHOLE}epsilon = 0\n", "evaluation, epsilon: a number above 0 was expected, not 0"),
        (
            WHOLE.replace("= 92", "= 0.92").replace("= 45", "= 0.45"),
            "clean_accuracy 0.92 is a share; accuracies are in percent, so write 92, and robust_accuracy likewise.",
        ),
        (WHOLE.replace("= 92", "= 920"), "clean_accuracy: a number from 0 to 100 was expected, not 920; accuracies"),
        (WHOLE.replace("= 45", "= 95"), "robust_accuracy 95 lies above clean_accuracy 92: no attack makes a model"),
        (
            f"{WHOLE}sample = 3\n",
            "evaluation, sample: there is no such key; did you mean samples?",
        ),
        (f"{WHOLE}samples = 0\n", "evaluation, samples: input should be greater than or equal to 1 (given: 0)."),
        (WHOLE.replace("untargeted", "aimed"), "threat, goal: input should be 'untargeted' or 'targeted' (given: "),
        (WHOLE.replace("white-box", "white"), "threat, knowledge: input should be 'white-box', 'grey-box' or 'black-"),
        (WHOLE.replace('"linf"', '"l3"'), "threat, norm: input should be 'l0', 'l1', 'l2' or 'linf' (given: 'l3')."),
        (f'model_sha256 = "12ab"\n{WHOLE}', "model_sha256: 64 hexadecimal digits were expected, not '12ab'; copy"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as trouble:
        read(tmp_path, text)
    said = str(trouble.value)
    assert said.startswith(f"{tmp_path / 'claim.toml'}: {sentence}")
    assert said.endswith((".", "?"))
    assert "\n" not in said


def test_lengths_in_other_norms_may_be_long_and_a_small_robust_accuracy_is_one(tmp_path: Path) -> None:
    claim = read(tmp_path, WHOLE.replace('"linf"', '"l1"').replace("= 8", "= 3060").replace("= 45", "= 0.4"))
    assert (claim.threat.epsilon, claim.robust_accuracy) == (3060, 0.4)


def test_hashes_may_be_in_capitals(tmp_path: Path) -> None:
    assert read(tmp_path, f'data_sha256 = "{"AB" * 32}"\n{WHOLE}').data_sha256 == "ab" * 32
