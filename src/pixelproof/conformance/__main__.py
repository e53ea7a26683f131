"""python -m pixelproof.conformance PACKAGE: a line for each check; exit code 1 where one does not hold."""

import argparse
import sys

from pixelproof.conformance import Check, ConformanceError, checks
from pixelproof.errors import InputError


def main() -> int:
    parser = argparse.ArgumentParser("python -m pixelproof.conformance", description=__doc__)
    parser.add_argument("package", help="the installed package, as pip calls it")
    try:
        found = checks(parser.parse_args().package)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    held = [_holds(check) for check in found]
    print(f"{sum(held)} of {len(held)} checks hold.")
    return 0 if all(held) else 1


def _holds(check: Check) -> bool:
    try:
        check()
    except ConformanceError as violation:
        print(f"FAILED  {check}: {violation}")
        return False
    print(f"holds   {check}")
    return True


if __name__ == "__main__":
    sys.exit(main())
