"""A report that is whole at any moment: of what went wrong, or had no time left, it says so and goes on."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Report:
    """Results by name, written to `out` after each; after so many seconds nothing more is begun."""

    def __init__(self, out: Path | None, seconds: float) -> None:
        self.results: dict[str, Any] = {}
        self.failed: dict[str, str] = {}
        self.left_out: dict[str, str] = {}
        self._out = out
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until nothing more is begun."""
        return max(0.0, self._end - time.monotonic())

    @property
    def text(self) -> str:
        """All that is known, as JSON."""
        return json.dumps(self.results | {"failed": self.failed, "left_out": self.left_out}, indent=2)

    def run(self, name: str, step: Callable[[], Any], *, into: dict[str, Any] | None = None) -> Any:
        """Note what a step returns, in `into` if not beside the others; None if it fails or there is no time left."""
        if self.left_s == 0:
            self.leave_out(name, "no time was left")
            return None
        results = self.results if into is None else into
        result = None
        try:
            result = results[name] = step()
        except (Exception, SystemExit) as error:  # whatever it is, the others are still worth their time
            self.failed[name] = f"{type(error).__name__}: {error}"
        self.write()
        return result

    def leave_out(self, name: str, why: str) -> None:
        """Say that a step was not run."""
        self.left_out[name] = why
        self.write()

    def write(self) -> None:
        """Write what is known by now."""
        if self._out:
            self._out.write_text(self.text + "\n")
