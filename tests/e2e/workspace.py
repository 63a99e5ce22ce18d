"""A namespace of its own for each test, and what the test does in it."""

import json
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster, Failed, wait_for
from tests.e2e.driver import restarts_of
from tests.e2e.objects import Object


class Workspace:
    """Creates, watches and asks objects in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace

    def create(self, *objects: Object) -> None:
        """Create objects."""
        self.kubectl("create", "--filename=-", stdin="\n---\n".join(map(json.dumps, objects)))

    def takes(self, object_: Object) -> bool:
        """Create an object, unless the API server refuses it."""
        try:
            self.create(object_)
        except Failed:
            return False
        return True

    def apply(self, manifest: Path) -> None:
        """Apply a manifest file."""
        self.kubectl("apply", "--filename=-", stdin=manifest.read_text())

    def delete_pods(self, *names: str) -> None:
        """Delete pods, all when none is named, and wait until they are gone."""
        self.kubectl("delete", "pods", *(names or ["--all"]), "--wait", "--timeout=60s")

    def wait_until_ready(self, *pods: str) -> None:
        """Wait until pods run; says what their events and logs tell when one does not."""
        names = [f"pod/{name}" for name in pods]
        try:
            self.kubectl("wait", "--for=condition=Ready", "--timeout=100s", *names)
        except Failed as failed:
            raise Failed(f"{failed}\n{self.report()}") from None

    def wait_until_complete(self, job: str, seconds: int) -> None:
        """Wait until all pods of a Job have ended well; says what it came to when one does not."""
        try:
            self.kubectl(
                "wait", "--for=condition=Complete", f"--timeout={seconds}s", f"job/{job}", seconds=seconds + 10
            )
        except Failed as failed:
            raise Failed(f"{failed}\n{self.report()}") from None

    def events(self, reason: str) -> list[str]:
        """The messages of the namespace's Events of a reason."""
        return [event["message"] for event in self.get("events", f"--field-selector=reason={reason}")["items"]]

    def restarts(self, pod: str) -> int:
        """How often a pod's containers were restarted, all together."""
        return restarts_of(self.get("pod", pod))

    def wait_until_unschedulable(self, name: str) -> None:
        """Wait until the scheduler has said that it has no place for a pod."""
        self.kubectl("wait", "--for=jsonpath={.status.conditions[?(@.type=='PodScheduled')].reason}=Unschedulable",
                     "--timeout=30s", f"pod/{name}")  # fmt: skip

    def claim(self, name: str) -> Any:
        """A ResourceClaim."""
        return self.get("resourceclaim", name)

    def claim_of(self, pod: str) -> Any:
        """The claim that a pod got from its template."""
        (status,) = self.get("pod", pod)["status"]["resourceClaimStatuses"]
        return self.claim(status["resourceClaimName"])

    def said(self, pod: str, lines: int = 1) -> list[Any]:
        """What a pod's gpu-client has printed, once it is so many lines."""

        def look() -> list[str] | None:
            printed = self.kubectl("logs", pod).splitlines()
            return printed if len(printed) >= lines else None

        return _parse(wait_for(f"{lines} lines from {pod}", look, 30, self.report))

    def ask(self, pod: str, *args: str, container: str = "main") -> list[Any]:
        """What another gpu-client says, run in a pod's container with `args`."""
        return _parse(self.kubectl("exec", pod, f"--container={container}", "--", "gpu-client", *args).splitlines())

    def python(self, pod: str, program: str) -> str:
        """What a Python program prints that is run in a pod."""
        return self.kubectl("exec", pod, "--", "python3", "-c", program)

    def get(self, *args: str) -> Any:
        """The object, or list of objects, that `kubectl get ARGS` names."""
        return self._cluster.get(f"--namespace={self.namespace}", *args)

    def kubectl(self, *args: str, stdin: str = "", seconds: float = 120) -> str:
        """Run kubectl in the namespace."""
        return self._cluster.kubectl(f"--namespace={self.namespace}", *args, stdin=stdin, seconds=seconds)

    def report(self) -> str:
        """What helps to see why something in it does not come."""
        place = f"--namespace={self.namespace}"
        parts = [self._cluster.attempt("kubectl", place, "describe", "pods,resourceclaims")]
        names = self._cluster.attempt("kubectl", place, "get", "pods", "--output=name").split()
        parts += [f"{name} said: {self._cluster.attempt('kubectl', place, 'logs', name)}" for name in names]
        return "\n".join(parts)


def _parse(lines: list[str]) -> list[Any]:
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        raise Failed("gpu-client said:\n" + "\n".join(lines)) from None
