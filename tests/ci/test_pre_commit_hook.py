"""The pre-commit hook, run by pre-commit in a repository made for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from ci.conftest import EXAMPLES, ROOT, Repository

pytestmark = pytest.mark.long  # every step is a process that reads torch
pytest.importorskip("pre_commit")

(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


def install(repository: Repository) -> None:
    """As a team's configuration names the hook; with the pixelproof that is here, not one to be downloaded."""
    (named,) = yaml.safe_load((EXAMPLES / "pre-commit.yaml").read_text("utf-8"))["repos"]
    (own,) = named["hooks"]
    assert own["id"] == HOOK["id"]
    hook = {**HOOK, **own, "language": "system"}
    config = {"repos": [{"repo": "local", "hooks": [hook]}]}
    repository.write(".pre-commit-config.yaml", yaml.safe_dump(config))


def run(repository: Repository, tmp_path: Path, *files: str) -> tuple[int, str]:
    words = (sys.executable, "-m", "pre_commit", "run", "--hook-stage", "pre-push", "--files", *files)
    done = repository.run(*words, PRE_COMMIT_HOME=str(tmp_path / "cache"))
    return done.returncode, done.stdout + done.stderr


def test_the_manifest_is_valid() -> None:
    from pre_commit.clientlib import load_manifest

    assert [each["id"] for each in load_manifest(ROOT / ".pre-commit-hooks.yaml")] == [HOOK["id"]]


def test_the_hook_runs_where_weights_change(repository: Repository, tmp_path: Path) -> None:
    install(repository)
    code, said = run(repository, tmp_path, "gate.toml")
    assert (code, "Skipped" in said) == (0, True)
    code, said = run(repository, tmp_path, "weights.safetensors")
    assert (code, "Passed" in said) == (0, True), said
    assert not (repository.folder / "robustness-run").exists()


def test_the_hook_stops_what_is_not_robust_enough(repository: Repository, tmp_path: Path) -> None:
    install(repository)
    repository.write("spec.toml", repository.read("spec.toml").replace("linf,1) >= 30%", "linf,1) >= 99%"))
    code, said = run(repository, tmp_path, "weights.safetensors")
    assert code == 1
    assert "not met           robust-accuracy(linf,1) >= 99%" in said
