"""The tests in the environments that people have; each session writes its row of results/installs.json.

`nox -s lowest` installs every dependency at its lower bound, `nox -s torch-2.6` the oldest torch among the newest of
all else, `nox -s newest-3.13` the newest of everything under that Python. PyPI's torch for Linux brings gigabytes of
CUDA.
"""

from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lowest"]

EXTRAS = ("models", "export", "art", "foolbox")
TOOLS = ("pytest", "hypothesis", "onnx", "onnxscript")


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    """Every dependency at its lower bound."""
    extras = [f"--extra={extra}" for extra in EXTRAS]
    session.install("--resolution=lowest-direct", "--requirements=pyproject.toml", *extras)
    session.install("pyarrow<22")  # of datasets, which lets in those that need a newer numpy than it says
    check(session)


@nox.session(python="3.11", name="torch-2.6")
def torch_2_6(session: nox.Session) -> None:
    """The oldest torch, with the newest of all else that goes with it."""
    session.install("torch==2.6.*", f".[{','.join(EXTRAS)}]")
    check(session)


@nox.session(python=["3.12", "3.13", "3.14"])
def newest(session: nox.Session) -> None:
    """The newest of everything."""
    session.install(f".[{','.join(EXTRAS)}]")
    check(session)


def check(session: nox.Session) -> None:
    """Run what `make test-fast` runs, and keep what came of it. What other versions warn of is no failure here."""
    session.install(*TOOLS)
    session.install("--no-deps", "--editable", ".")
    report = Path(session.create_tmp()) / "junit.xml"
    tests = ("pytest", "-q", "-m", "not slow and not long", "-W", "default", f"--junitxml={report}")
    session.run(*tests, *session.posargs, success_codes=[0, 1], env={"OMP_NUM_THREADS": "1"})
    session.run("python", "tools/installs.py", session.name, str(report))
