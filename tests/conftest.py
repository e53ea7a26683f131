"""What all tests share: one thread, the command line in this process, and one small finished run."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pixelproof.cli import main
from tiny_run import Answer, Cli, run_tiny


@pytest.fixture(scope="session", autouse=True)
def one_thread_everywhere() -> Iterator[None]:
    """Tensors are small here, and threads that wait for each other only cost time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs ``pixelproof ARGUMENTS`` in this process; anything but an orderly exit fails the test."""

    def run(*arguments: object) -> Answer:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pixelproof", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            main()
        code, printed = ending.value.code, capsys.readouterr()
        return Answer(code if isinstance(code, int) else int(code is not None), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: look, do not touch."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run_tiny(folder).close()
    return folder


@pytest.fixture
def run_copy(finished: Path, tmp_path: Path) -> Path:
    """The folder of a finished run of one's own."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture(scope="session")
def torchvision() -> object:
    """torchvision beside a torch without CUDA: its wheel lacks two operators then, which nothing here calls."""
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import torchvision
        except RuntimeError:
            library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            import torchvision

            torchvision.declared = library  # kept as long as the module is
    return torchvision
