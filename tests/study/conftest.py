"""A study of seconds: LeNet under two names, which are the same network, and once behind a defence."""

from __future__ import annotations

from pathlib import Path

import pytest

from pixelproof.plans.study.plan import run_study
from pixelproof.plans.study.spec import StudySpec, read_study
from pixelproof.plans.study.view import StudyView
from pixelproof.report.study import write_study
from plan_cases import STUDY


@pytest.fixture(scope="session")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "study.toml"
    path.write_text(STUDY, "utf-8")
    return path


@pytest.fixture(scope="session")
def spec(toml: Path) -> StudySpec:
    return read_study(toml)


@pytest.fixture(scope="session")
def conducted(spec: StudySpec, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyView]:
    """The folder of a whole study, with its page, and what it says: look, do not touch."""
    out = tmp_path_factory.mktemp("conducted") / "study"
    view = run_study(spec, out)
    write_study(view, out)
    return out, view
