"""The example driver of `kubeletplugin` on a real kubelet: another driver in Python, beside ours."""

from collections.abc import Iterator

import pytest

from deploy.image.build import IMAGE, REPOSITORY
from tests.e2e.client import CLIENT_IMAGE
from tests.e2e.cluster import Cluster, wait_for
from tests.e2e.clusters import new_workspace
from tests.e2e.objects import Object, bare_pod, new_object, pod_claim
from tests.e2e.workspace import Workspace

PROGRAM = REPOSITORY / "examples" / "kubeletplugin" / "driver.py"
NAME = "lamp.example.com"
FOLDERS = {
    "plugin": f"/var/lib/kubelet/plugins/{NAME}",
    "registry": "/var/lib/kubelet/plugins_registry",
    "cdi": "/var/run/cdi",
}
LEFT = ("find", *FOLDERS.values(), "-name", f"*{NAME}*", "-type", "s,f")


@pytest.fixture
def lamps(cluster: Cluster) -> Iterator[Workspace]:
    """A namespace in which the example runs."""
    with new_workspace(cluster, "lamps") as workspace:
        account = f"--serviceaccount={workspace.namespace}:default"
        cluster.kubectl("create", "clusterrolebinding", "lamps", "--clusterrole=cluster-admin", account)
        workspace.kubectl("create", "configmap", "program", f"--from-file={PROGRAM}")
        selector = {"cel": {"expression": f"device.driver == '{NAME}'"}}
        workspace.create(new_object("DeviceClass", "lamp", {"selectors": [selector]}), _driver())
        workspace.wait_until_ready("driver")
        yield workspace
        cluster.kubectl("delete", "clusterrolebinding/lamps", "deviceclass/lamp")


def test_a_driver_of_a_hundred_lines_gives_a_pod_its_device(cluster: Cluster, lamps: Workspace) -> None:
    request = {"name": "lamp", "exactly": {"deviceClassName": "lamp"}}
    lamps.create(
        new_object("ResourceClaim", "one", {"devices": {"requests": [request]}}),
        bare_pod("reader", [_reader()], resourceClaims=[pod_claim("lamp", claim="one")]),
    )
    lamps.wait_until_ready("reader")
    (result,) = lamps.claim("one")["status"]["allocation"]["devices"]["results"]
    variable = result["device"].upper().replace("-", "_")
    assert lamps.python("reader", f"import os; print(os.environ['{variable}'])") == f"{result['device']}\n"

    uid = lamps.claim("one")["metadata"]["uid"]
    assert uid in cluster.run(*LEFT)
    lamps.delete_pods("reader")
    wait_for("the end of the claim's file", lambda: uid not in cluster.run(*LEFT), 20, lamps.report)
    lamps.delete_pods("driver")
    assert cluster.run(*LEFT) == ""


def _driver() -> Object:
    fields = {"NODE_NAME": "spec.nodeName", "POD_UID": "metadata.uid"}
    container = {
        "name": "driver",
        "image": IMAGE,
        "command": ["python3", "/example/driver.py"],
        "env": [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()],
        "securityContext": {"privileged": True},  # what lies below these folders on the host is root's
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in FOLDERS.items()]
        + [{"name": "program", "mountPath": "/example"}],
    }
    volumes = [
        {"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}} for name, path in FOLDERS.items()
    ]
    return bare_pod("driver", [container], volumes=[*volumes, {"name": "program", "configMap": {"name": "program"}}])


def _reader() -> Object:
    # Process 1 of a container dies of no signal that it does not handle.
    program = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()"
    command = ["python3", "-c", program]
    return {"name": "main", "image": CLIENT_IMAGE, "command": command, "resources": {"claims": [{"name": "lamp"}]}}
