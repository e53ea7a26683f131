"""The steps of the GitHub Action and of the GitLab snippet, run in a repository made for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.conftest import EXAMPLES, ROOT, Repository

pytestmark = pytest.mark.long  # every step is a process that reads torch

ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


def act(repository: Repository, folder: Path, **inputs: str) -> tuple[int, dict[str, str], str]:
    """Run the Action's steps in order; its exit code, the step outputs, and the summary."""
    values = {name: str(each["default"]) for name, each in ACTION["inputs"].items()} | inputs
    assert values.keys() == ACTION["inputs"].keys()
    places = {"GITHUB_OUTPUT": folder / "output", "GITHUB_STEP_SUMMARY": folder / "summary"}
    for path in places.values():
        path.write_text("", "utf-8")
    code = 0
    for step in ACTION["runs"]["steps"]:
        named = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], text)
            for name, text in step["env"].items()
        }
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # what a pull request says must not become a script
        done = repository.bash(step["run"], {**named, **{name: str(path) for name, path in places.items()}})
        if (code := done.returncode) != 0:
            break
    outputs = dict(line.split("=", 1) for line in places["GITHUB_OUTPUT"].read_text("utf-8").splitlines())
    return code, outputs, places["GITHUB_STEP_SUMMARY"].read_text("utf-8")


def test_the_action_passes_what_is_robust_enough(repository: Repository, tmp_path: Path) -> None:
    code, outputs, summary = act(repository, tmp_path, spec="spec.toml", requirements="gate.toml")
    assert (code, outputs) == (0, {"outcome": "met"})
    assert "| `robust-accuracy(linf,1) >= 30%` | met |" in summary
    sarif = json.loads(repository.read("robustness-run/check.sarif"))
    assert sarif["runs"][0]["results"][0]["kind"] == "pass"
    assert "<testsuite " in repository.read("robustness-run/check.xml")


def test_the_action_fails_what_is_not_and_says_what_cannot_be_decided(repository: Repository, tmp_path: Path) -> None:
    repository.write("gate.toml", 'require = ["robust-accuracy(linf,1) >= 99%"]\n')
    repository.write("spec.toml", repository.read("spec.toml").replace("fail_under", "# fail_under"))
    code, outputs, summary = act(repository, tmp_path, spec="spec.toml", requirements="gate.toml")
    assert (code, outputs) == (1, {"outcome": "not met"})
    assert "**not met**" in summary
    repository.write("gate.toml", 'require = ["robust-accuracy(linf,1) >= 70%"]\nalpha = 0.000001\n')
    code, outputs, _ = act(repository, tmp_path, requirements="gate.toml")  # of the run that is there
    assert (code, outputs) == (3, {"outcome": "undecided"})
    code, outputs, _ = act(repository, tmp_path, requirements="gate.toml", undecided="pass")
    assert (code, outputs) == (0, {"outcome": "undecided"})
    code, outputs, _ = act(repository, tmp_path, baseline="robustness-run", undecided="pass")
    assert code == 0


def test_the_action_tells_a_mistake_from_a_network_that_is_worse(repository: Repository, tmp_path: Path) -> None:
    code, outputs, _ = act(repository, tmp_path, spec="spec.toml", requirements="gaet.toml")
    assert (code, outputs) == (2, {})


def test_every_output_of_the_action_is_of_a_step_that_there_is() -> None:
    steps = {step.get("id") for step in ACTION["runs"]["steps"]}
    for each in ACTION["outputs"].values():
        for found in re.findall(r"steps\.(\w+)\.", each["value"]):
            assert found in steps
    used = yaml.safe_load((EXAMPLES / "github.yml").read_text("utf-8"))["jobs"]["robustness"]["steps"]
    (own,) = [step for step in used if "pixelproof@" in step.get("uses", "")]
    assert own["with"].keys() <= ACTION["inputs"].keys()


def test_the_snippet_for_gitlab(repository: Repository) -> None:
    job = yaml.safe_load((EXAMPLES / "gitlab.yml").read_text("utf-8"))["robustness"]
    done = repository.bash("\n".join(job["script"]))
    assert done.returncode == 0, done.stderr
    assert (repository.folder / job["artifacts"]["reports"]["junit"]).exists()
    repository.write("gate.toml", 'require = ["robust-accuracy(linf,1) >= 99%"]\n')
    assert repository.bash(job["script"][-1]).returncode == 1
    assert job["allow_failure"]["exit_codes"] == 3
