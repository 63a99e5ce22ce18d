"""The driver as it runs in a cluster: installed by helm, asked through the API server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from deploy.image.build import IMAGE, REPOSITORY
from tests.e2e.cluster import Cluster, Failed, wait_for

DRIVER = "hami-core-gpu.project-hami.io"
NAMESPACE = "hami-dra"
RELEASE = "hami-dra-driver"
CHART = REPOSITORY / "deploy" / "chart" / "hami-dra-driver"
METRICS_PORT = 9400
MIB = 2**20


class Driver:
    """One release of the chart on a cluster with one GPU node."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def install(self, driver_root: str) -> None:
        """Install the chart; returns when its DaemonSet is ready."""
        repository, _, tag = IMAGE.rpartition(":")
        values = {"image.repository": repository, "image.tag": tag, "driverRoot": driver_root, "logLevel": "debug"}
        self._helm("install", "--create-namespace", **values)

    def upgrade(self, **values: str) -> None:
        """Change values of the release, which replaces its pods; returns when the new ones are ready."""
        self._helm("upgrade", "--reuse-values", **values)

    def wait_until_ready(self) -> None:
        """Wait until its DaemonSet is ready."""
        try:
            # Helm's own --wait is content when all but maxUnavailable pods are ready: on one node, none.
            self._kubectl("rollout", "status", f"daemonset/{RELEASE}", "--timeout=90s")
        except Failed as failed:
            raise Failed(f"{failed}\n{self.report()}") from None

    def kill(self) -> int:
        """SIGKILL the plugin as the kernel's out-of-memory killer would; returns how many processes that were."""
        said = self._cluster.attempt("pkill", "--count", "--signal=KILL", "--full", "bin/hami-dra-plugin")
        return int(said.split()[-1])

    def pod(self) -> str:
        """The name of the plugin's pod, the newest where one replaces another."""
        pods = self._cluster.get("pods", f"--namespace={NAMESPACE}", "--sort-by=.metadata.creationTimestamp")["items"]
        return str(pods[-1]["metadata"]["name"])

    def is_ready(self) -> bool:
        """Whether the plugin is registered with the kubelet, as the kubelet's last probe said."""
        pod = self._cluster.get("pod", self.pod(), f"--namespace={NAMESPACE}")
        return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"]["conditions"])

    def restarts(self) -> int:
        """How often the plugin's container was restarted."""
        return restarts_of(self._cluster.get("pod", self.pod(), f"--namespace={NAMESPACE}"))

    @contextmanager
    def without_admission_policy(self, resource: str) -> Iterator[None]:
        """The driver as on a cluster whose administrator does without the policy for the parameters in a resource."""
        binding = f"validatingadmissionpolicybinding/{NAMESPACE}-{RELEASE}-share-config-{resource}"
        saved = self._cluster.get(binding)
        self._cluster.kubectl("delete", binding)
        yield
        del saved["metadata"]["resourceVersion"], saved["metadata"]["uid"]
        self._cluster.kubectl("create", "--filename=-", stdin=json.dumps(saved))

    def uninstall(self) -> None:
        """Remove the release and all of its objects."""
        waiting = ("--wait", "--cascade=foreground", "--timeout=60s")
        self._cluster.helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", *waiting)

    def logs(self) -> str:
        """What the plugin said so far."""
        return self._kubectl("logs", f"daemonset/{RELEASE}", "--tail=-1")

    def report(self) -> str:
        """What helps to see why it does not do what it should."""
        pods = self._cluster.attempt("kubectl", f"--namespace={NAMESPACE}", "describe", "pods")
        logs = self._cluster.attempt("kubectl", f"--namespace={NAMESPACE}", "logs", f"daemonset/{RELEASE}")
        return f"{pods}\n{logs}"

    def gpus(self) -> dict[str, dict[str, Any]]:
        """The devices that are published, by device name."""
        slices = self._cluster.get("resourceslices", f"--field-selector=spec.driver={DRIVER}")["items"]
        return {device["name"]: device for each in slices for device in each["spec"]["devices"]}

    def granted(self, claim: dict[str, Any]) -> dict[str, dict[str, int]]:
        """What a claim's status grants: per GPU UUID, MiB of memory by request."""
        gpus = self.gpus()
        grants: dict[str, dict[str, int]] = {}
        for result in claim["status"]["allocation"]["devices"]["results"]:
            uuid = gpus[result["device"]]["attributes"]["uuid"]["string"]
            grants.setdefault(uuid, {})[result["request"]] = mebibytes(result["consumedCapacity"]["memory"])
        return grants

    def metric(self, name: str) -> dict[str, float]:
        """The values of a metric of shares, by claim name and request (`claim/request`)."""
        (pod,) = self._cluster.get("pods", f"--namespace={NAMESPACE}")["items"]
        url = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:{METRICS_PORT}/proxy/metrics"
        text = self._kubectl("get", f"--raw={url}")
        families = {family.name: family for family in text_string_to_metric_families(text)}
        samples = families[name].samples if name in families else []
        return {f"{each.labels['claim']}/{each.labels['request']}": each.value for each in samples}

    def run(self, *command: str) -> str:
        """Run a command in the plugin's container and return what it said."""
        return self._kubectl("exec", f"daemonset/{RELEASE}", "--", *command)

    def leftovers(self) -> list[str]:
        """What claims have left on the node: files, folders and processes."""
        script = Path(__file__).with_name("leftovers.py").read_text()
        place = f"daemonset/{RELEASE}"
        return self._kubectl("exec", "--stdin", place, "--", "python3", "-", stdin=script).splitlines()

    def wait_for_nothing_left(self) -> None:
        """Wait until the node has no trace of any claim."""
        wait_for("an empty node", lambda: not self.leftovers(), 20, lambda: "\n".join(self.leftovers()))

    def _helm(self, verb: str, *options: str, **values: str) -> None:
        sets = [f"--set={name}={value}" for name, value in values.items()]
        self._cluster.helm(verb, RELEASE, str(CHART), f"--namespace={NAMESPACE}", *options, *sets)
        self.wait_until_ready()

    def _kubectl(self, *args: str, stdin: str = "") -> str:
        return self._cluster.kubectl(f"--namespace={NAMESPACE}", *args, stdin=stdin)


def restarts_of(pod: dict[str, Any]) -> int:
    """How often the containers of a pod were restarted, all together."""
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def mebibytes(quantity: str) -> int:
    """MiB in a quantity as this driver's capacities are written, e.g. 4Gi or 100Mi."""
    factor = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024}[quantity[-2:]]
    return int(int(quantity[:-2]) * factor)
