"""What tests do with a Kubernetes cluster, whoever runs it."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Failed(AssertionError):
    """A command in the cluster failed, or what was waited for did not come."""


class Cluster:
    """A cluster that the `kubectl` and `helm` on PATH reach through KUBECONFIG."""

    def command(self, *args: str) -> list[str]:
        """The command line that runs `args` where the cluster's clients run."""
        return list(args)

    def environment(self) -> Mapping[str, str]:
        """The environment of such a command."""
        return os.environ

    def run(self, *args: str, stdin: str = "", seconds: float = 120) -> str:
        """Run a command there and return its output; raises Failed with all that it said."""
        try:
            done = subprocess.run(
                self.command(*args),
                env=self.environment(),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{' '.join(args)}: no end within {seconds:.0f} s") from None
        if done.returncode != 0:
            raise Failed(f"{' '.join(args)} exited with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def attempt(self, *args: str) -> str:
        """Run a command whose failure is an answer too; for reports, which must not fail themselves."""
        try:
            return self.run(*args)
        except Failed as failed:
            return str(failed)

    def kubectl(self, *args: str, stdin: str = "", seconds: float = 120) -> str:
        """Run kubectl and return its output."""
        return self.run("kubectl", *args, stdin=stdin, seconds=seconds)

    def helm(self, *args: str) -> str:
        """Run helm and return its output."""
        return self.run("helm", *args)

    def get(self, *args: str) -> Any:
        """The object, or the list of objects, that `kubectl get ARGS` names."""
        return json.loads(self.kubectl("get", "--output=json", *args))


def wait_for(what: str, look: Callable[[], T | None], seconds: float = 60, explain: Callable[[], str] = str) -> T:
    """The first value of `look` that is true; raises Failed with `explain()` when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {seconds:.0f} s\n{explain()}")
        time.sleep(0.1)
    return found
