"""What goes over the sockets: the messages' bytes, and whatever else somebody may send."""

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hami_dra.kubeletplugin._pb import dra_health_pb2, dra_pb2, pluginregistration_pb2
from hami_dra.kubeletplugin.rpc import DRA_VERSIONS, GET_INFO, HEALTH_VERSIONS, NOTIFY_REGISTRATION_STATUS
from tests.integration.test_kubeletplugin.driver import DEADLINE, NAME

PREPARE = DRA_VERSIONS[0].prepare.path
METHODS = [
    *(method.path for version in DRA_VERSIONS for method in (version.prepare, version.unprepare)),
    *(version.watch.path for version in HEALTH_VERSIONS),
    GET_INFO.path,
    NOTIFY_REGISTRATION_STATUS.path,
]
GOOD = dra_pb2.Claim(namespace="ns", uid="uid-good", name="good")
CODES = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def claims(*claims: dra_pb2.Claim) -> bytes:
    data: bytes = dra_pb2.NodePrepareResourcesRequest(claims=claims).SerializeToString()
    return data


class Served:
    """A plugin's process, and both of its sockets as any process on the node can reach them."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "stderr"
        self.sockets = [folder / "plugin" / "dra.sock", folder / "registry" / f"{NAME}-reg.sock"]
        with self.log.open("wb") as log:
            module = "tests.integration.test_kubeletplugin.served"
            self.process = subprocess.Popen([sys.executable, "-m", module, str(folder)], stderr=log)
        until = time.monotonic() + DEADLINE
        while not self.sockets[1].exists():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.01)
        self._channels = [grpc.insecure_channel(f"unix:{path}") for path in self.sockets]

    def send(self, path: str, data: bytes) -> set[grpc.StatusCode]:
        """Call a method with any bytes on both sockets; return what came of it."""
        return {self._send(channel, path, data) for channel in self._channels}

    def works(self) -> bool:
        """Whether a good claim is prepared."""
        call = self._channels[0].unary_unary(
            PREPARE, response_deserializer=dra_pb2.NodePrepareResourcesResponse.FromString
        )
        return len(call(claims(GOOD), timeout=DEADLINE).claims[GOOD.uid].devices) == 1

    def _send(self, channel: grpc.Channel, path: str, data: bytes) -> grpc.StatusCode:
        try:
            channel.unary_unary(path)(data, timeout=DEADLINE)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def end(self) -> int:
        for channel in self._channels:
            channel.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One plugin for all that is sent: in the end it must have no traceback in its log, and stop as it should."""
    with tempfile.TemporaryDirectory(prefix="kubelet-") as folder:
        served = Served(Path(folder))
        try:
            yield served
            assert served.works()
            assert served.end() == 0
            assert "Traceback" not in served.log.read_text()
        finally:
            served.process.kill()
            served.process.wait()


odd_text = st.text(max_size=300) | st.sampled_from(
    ["", ".", "..", "../../etc/passwd", "a/b", "a\nb", "a\0b", "-", "x" * 254]
)
claim_messages = st.builds(dra_pb2.Claim, namespace=odd_text, uid=odd_text, name=odd_text)


@given(st.sampled_from(METHODS) | st.text(max_size=40).map("/".__add__), st.binary(max_size=200))
@example(PREPARE, b"\xff\xff")
@example(PREPARE, b"\x0a\x7f")  # a claim that is longer than the message
@example(PREPARE, b"\x0a\x04\x0a\x02\xff\xfe")  # a namespace that is not UTF-8
@example(PREPARE, b"\x0b" * 200)  # groups within groups
@example(PREPARE, b"\x0a\x00" * 100_000)  # a hundred thousand claims without a name
@example(PREPARE, b"\x0a\xff\xff\x10" + b"\x00" * 300_000)  # more than a request may have
@example("/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/NodeDestroyResources", b"")
@example("/", b"")
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_answered_or_refused(served: Served, path: str, data: bytes) -> None:
    path = path.encode("ascii", "ignore").decode()
    assert served.send(path, data) <= CODES


@given(st.lists(claim_messages, max_size=5))
@example([dra_pb2.Claim()])
@example([dra_pb2.Claim(namespace="ns", uid="uid-good")])
@example([dra_pb2.Claim(namespace="ns", uid="../../etc/passwd", name="good")])
@example([GOOD, GOOD, dra_pb2.Claim(namespace="other", uid=GOOD.uid, name="twin")])
@settings(max_examples=100, deadline=None)
def test_each_claim_of_a_call_is_answered_and_bad_names_reach_no_driver(
    served: Served, messages: list[dra_pb2.Claim]
) -> None:
    for version in DRA_VERSIONS:
        for method in (version.prepare, version.unprepare):
            with grpc.insecure_channel(f"unix:{served.sockets[0]}") as channel:
                call = channel.unary_unary(method.path, response_deserializer=method.response.FromString)
                response = call(claims(*messages), timeout=DEADLINE)
            assert set(response.claims) == {message.uid for message in messages}
            for message in messages:
                fields = (message.namespace, message.name, message.uid)
                if any(not field or set(field) & set("/\n\0") for field in fields) and messages.count(message) == 1:
                    assert response.claims[message.uid].error


@given(st.binary(max_size=500))
@example(b"GET / HTTP/1.1\r\n\r\n")
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9)
@example(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff\xff\xff\x04\x00\x00\x00\x00\x00")
@settings(max_examples=50, deadline=None)
def test_bytes_that_are_not_even_http_harm_nobody(served: Served, data: bytes) -> None:
    for path in served.sockets:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(data)
    assert served.process.poll() is None


def test_messages_on_the_wire_are_those_of_the_kubelet() -> None:
    """Field numbers are the contract: bytes written by hand, as protobuf's encoding lays them out."""
    device = dra_pb2.Device(request_names=["a"], pool_name="p", device_name="d", cdi_device_ids=["c"], share_id="s")
    assert device.SerializeToString() == b"\x0a\x01a\x12\x01p\x1a\x01d\x22\x01c\x2a\x01s"
    claim = dra_pb2.Claim(namespace="n", uid="u", name="m")
    assert claim.SerializeToString() == b"\x0a\x01n\x12\x01u\x1a\x01m"
    response = dra_pb2.NodePrepareResourcesResponse()
    response.claims["u"].error = "e"
    assert response.SerializeToString() == b"\x0a\x08\x0a\x01u\x12\x03\x12\x01e"
    info = pluginregistration_pb2.PluginInfo(type="t", name="n", endpoint="e", supported_versions=["v"])
    assert info.SerializeToString() == b"\x0a\x01t\x12\x01n\x1a\x01e\x22\x01v"
    status = pluginregistration_pb2.RegistrationStatus(plugin_registered=True, error="e")
    assert status.SerializeToString() == b"\x08\x01\x12\x01e"
    health = dra_health_pb2.DeviceHealth(
        device=dra_health_pb2.DeviceIdentifier(pool_name="p", device_name="d"),
        health=dra_health_pb2.UNHEALTHY,
        last_updated_time=1,
        health_check_timeout_seconds=2,
        message="m",
    )
    assert health.SerializeToString() == b"\x0a\x06\x0a\x01p\x12\x01d\x10\x02\x18\x01\x20\x02\x2a\x01m"
    report = dra_health_pb2.NodeWatchResourcesResponse(devices=[dra_health_pb2.DeviceHealth(message="m")])
    assert report.SerializeToString() == b"\x0a\x03\x2a\x01m"


def test_methods_are_called_by_the_names_that_the_kubelet_uses() -> None:
    assert METHODS == [
        "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/NodePrepareResources",
        "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin/NodeUnprepareResources",
        "/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin/NodePrepareResources",
        "/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin/NodeUnprepareResources",
        "/v1.DRAResourceHealth/NodeWatchResources",
        "/v1alpha1.DRAResourceHealth/NodeWatchResources",
        "/pluginregistration.Registration/GetInfo",
        "/pluginregistration.Registration/NotifyRegistrationStatus",
    ]
