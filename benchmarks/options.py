"""What a person may choose, handed to every section."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
#: The parts of a section by name, each a function that measures and returns its rows.
Parts = dict[str, Callable[[], list[Row]]]

THRESHOLDS = (1, 3, 5, 10)

#: Seconds a peer may take for an image, in full and in small.
LIMIT = (300.0, 60.0)


@dataclass(frozen=True)
class Options:
    """``data`` is spelt as for the command line; ``limit`` is a peer's time for one image, in seconds."""

    data: str = "bundled"
    small: bool = False
    threads: int = 1
    limit: float = LIMIT[0]
    seed: int = 0
    out: Path = Path(__file__).parent.parent / "results" / "bench.json"

    @property
    def images(self) -> int:
        """Images of a strength table."""
        return 100

    def words(self) -> list[str]:
        """The options as they are typed; the place of the data is left open."""
        data = self.data if self.data == "bundled" else f"{self.data.partition(':')[0]}:ROOT"
        return [
            f"--data {data}",
            f"--threads {self.threads}",
            *(["--small"] if self.small else []),
            *([f"--limit {self.limit:g}"] if self.limit != LIMIT[self.small] else []),
            *([f"--seed {self.seed}"] if self.seed else []),
        ]
