"""The software that a pack was made with, as a CycloneDX bill of materials, and its packages by version and digest."""

import hashlib
import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from pixelproof.extras import needed
from pixelproof.runs.record import Manifest

_NAME = re.compile(r"[\w.-]+")
_HEX = re.compile(r"[0-9a-f]{64}")


def packages(root: str = "pixelproof") -> dict[str, dict[str, str]]:
    """Every installed package that ``root`` needs, itself first: version, and the SHA-256 of its list of files.

    That list, RECORD, holds the digest of each of its files; empty where there is none.
    """
    found: dict[str, dict[str, str]] = {}
    waiting = [root]
    while waiting:
        name = waiting.pop(0)
        try:
            package = distribution(name)
        except PackageNotFoundError:  # of an extra that is not installed
            continue
        key = package.metadata["Name"]
        if key not in found:
            record = package.read_text("RECORD")
            digest = "" if record is None else hashlib.sha256(record.encode()).hexdigest()
            found[key] = {"version": package.version, "record_sha256": digest}
            waiting += _needs(package)
    return found


def _needs(package: Distribution) -> list[str]:
    """What it requires in any case; what extras require counts only where it is something else's need too."""
    found = [_NAME.match(each) for each in package.requires or () if "extra ==" not in each]
    return [match[0] for match in found if match]


def bill_of_materials(manifests: Iterable[Manifest]) -> str:
    """CycloneDX 1.6 in JSON: pixelproof, all packages that it needs here, and the models and data of the runs.

    The same for the same packages and runs. Raises ``InputError`` without the extra ``evidence``.
    """
    needed("cyclonedx", "evidence", "A bill of materials")
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    def package(name: str, version: str, kind: Any = ComponentType.LIBRARY) -> Any:
        purl = PackageURL("pypi", None, name.lower().replace("_", "-"), version)
        return Component(type=kind, name=name, version=version, purl=purl, bom_ref=f"pypi/{name}@{version}")

    def thing(name: str, digest: str, kind: Any) -> Any:
        hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)] if _HEX.fullmatch(digest) else []
        return Component(type=kind, name=name, hashes=hashes, bom_ref=f"{kind.value}/{digest}")

    runs = list(manifests)
    (own, values), *others = packages().items()
    bom = Bom()
    bom.metadata.component = main = package(own, values["version"], ComponentType.APPLICATION)
    components = [package(name, each["version"]) for name, each in others]
    models = {run.model.fingerprint: run.model.name for run in runs}
    data = {run.data.sha256: run.data.name for run in runs}
    components += [thing(name, digest, ComponentType.MACHINE_LEARNING_MODEL) for digest, name in models.items()]
    components += [thing(name, digest, ComponentType.DATA) for digest, name in data.items()]
    for each in components:
        bom.components.add(each)
    bom.register_dependency(main, components)
    known = "|".join(sorted(f"{each.bom_ref.value}" for each in components))
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, known)
    dates = [run.environment.get("date", "1970-01-01") for run in runs]
    bom.metadata.timestamp = datetime.fromisoformat(max(dates)).replace(tzinfo=UTC)
    return JsonV1Dot6(bom).output_as_string(indent=1) + "\n"
