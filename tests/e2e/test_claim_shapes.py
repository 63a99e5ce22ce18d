"""Claims in all the forms that Kubernetes knows, and containers that use parts of them."""

from tests.e2e.driver import DRIVER, MIB, Driver
from tests.e2e.memory import allocate, granted, memory_shown
from tests.e2e.objects import bare_pod, claim, container, pod, pod_claim
from tests.e2e.workspace import Workspace

STAY = ("--stay", "show")
TWO_GPUS = {"small": {"cores": 30, "memory": "4Gi"}, "large": {"cores": 30, "memory": "8Gi"}}


def test_two_pods_share_a_claim_and_one_leaves(workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("shared", {"gpu": {"cores": 30, "memory": "4Gi"}}))
    for name in ("first", "second"):
        workspace.create(pod(name, "--stay", "allocate", "1024", claim="shared"))
    workspace.wait_until_ready("first", "second")
    ((gpu, limit),) = granted(driver, workspace.claim("shared")).items()
    assert limit == 4096
    for name in ("first", "second"):
        assert workspace.said(name)[0]["result"] == "CUDA_SUCCESS"
    assert driver.metric("hami_dra_share_memory_used_bytes") == {"shared/gpu": 2048 * MIB}
    assert allocate(workspace, "second", gpu, 2049) == "CUDA_ERROR_OUT_OF_MEMORY"

    workspace.delete_pods("first")
    assert driver.metric("hami_dra_share_memory_used_bytes") == {"shared/gpu": 1024 * MIB}
    assert allocate(workspace, "second", gpu, 3072) == "CUDA_SUCCESS"
    assert allocate(workspace, "second", gpu, 3073) == "CUDA_ERROR_OUT_OF_MEMORY"
    workspace.create(pod("third", *STAY, claim="shared"))
    workspace.wait_until_ready("third")
    assert memory_shown(workspace, "third") == {gpu: 4096}


def test_two_claims_in_one_container(workspace: Workspace, driver: Driver) -> None:
    sizes = {"small": "2Gi", "large": "6Gi"}
    workspace.create(
        *(claim(name, {"gpu": {"cores": 20, "memory": size}}) for name, size in sizes.items()),
        bare_pod(
            "user",
            [container("main", *STAY, claims=list(sizes))],
            resourceClaims=[pod_claim(name, claim=name) for name in sizes],
        ),
    )
    workspace.wait_until_ready("user")
    limits = granted(driver, *map(workspace.claim, sizes))
    assert memory_shown(workspace, "user") == limits
    for gpu, limit in limits.items():
        assert allocate(workspace, "user", gpu, limit) == "CUDA_SUCCESS"
        assert allocate(workspace, "user", gpu, limit + 1) == "CUDA_ERROR_OUT_OF_MEMORY"


def test_containers_see_the_requests_that_they_name(workspace: Workspace, driver: Driver) -> None:
    workspace.create(
        claim("pair", TWO_GPUS, different_gpus=True),
        bare_pod(
            "user",
            [container(name, *STAY, claims=[f"gpus/{name}"]) for name in TWO_GPUS]
            + [container("both", *STAY, claims=["gpus"])],
            initContainers=[
                container("before", "show", claims=["gpus/small"]),
                container("beside", *STAY, claims=["gpus/large"], restartPolicy="Always"),
            ],
            resourceClaims=[pod_claim("gpus", claim="pair")],
        ),
    )
    workspace.wait_until_ready("user")
    limits = driver.granted(workspace.claim("pair"))
    seen = {name: memory_shown(workspace, "user", name) for name in ("small", "large", "beside", "both")}
    of_request = {request: {gpu: mib} for gpu, shares in limits.items() for request, mib in shares.items()}
    assert seen == {
        "small": of_request["small"],
        "large": of_request["large"],
        "beside": of_request["large"],
        "both": of_request["small"] | of_request["large"],
    }


def test_the_second_best_of_alternatives(workspace: Workspace, driver: Driver) -> None:
    alternatives = [
        {"name": "huge", "deviceClassName": DRIVER, "capacity": {"requests": {"memory": "64Gi"}}},
        {"name": "modest", "deviceClassName": DRIVER, "capacity": {"requests": {"cores": 10, "memory": "3Gi"}}},
    ]
    chosen = claim("either", {})
    chosen["spec"]["devices"]["requests"] = [{"name": "gpu", "firstAvailable": alternatives}]
    workspace.create(
        chosen,
        bare_pod(
            "user", [container("main", *STAY, claims=["gpu/gpu"])], resourceClaims=[pod_claim("gpu", claim="either")]
        ),
    )
    workspace.wait_until_ready("user")
    (shares,) = driver.granted(workspace.claim("either")).values()
    assert shares == {"gpu/modest": 3072}
    assert list(memory_shown(workspace, "user").values()) == [3072]


def test_a_share_of_every_gpu(workspace: Workspace, driver: Driver) -> None:
    every = claim("every", {"gpu": {"cores": 10, "memory": "1Gi"}})
    every["spec"]["devices"]["requests"][0]["exactly"]["allocationMode"] = "All"
    workspace.create(every, pod("user", *STAY, claim="every"))
    workspace.wait_until_ready("user")
    assert list(memory_shown(workspace, "user").values()) == [1024] * len(driver.gpus())


def test_a_whole_gpu_has_nothing_between_it_and_its_driver(workspace: Workspace, driver: Driver) -> None:
    workspace.create(claim("whole", {"gpu": {}}), pod("user", *STAY, claim="whole"))
    workspace.wait_until_ready("user")
    assert list(memory_shown(workspace, "user").values()) == [16384]
    assert workspace.python("user", "import os; print(os.path.exists('/etc/ld.so.preload'))") == "False\n"


def test_a_monitor_sees_all_gpus_and_what_their_shares_use(workspace: Workspace, driver: Driver) -> None:
    watched = {"gpu": {"cores": 50, "memory": "8Gi"}}
    monitor = claim("monitor", {"gpus": {"cores": 1, "memory": "1Mi"}})
    monitor["spec"]["devices"]["requests"][0]["exactly"] |= {"adminAccess": True, "allocationMode": "All"}
    workspace.kubectl("label", "namespace", workspace.namespace, "resource.kubernetes.io/admin-access=true")
    workspace.create(claim("watched", watched), pod("tenant", "--stay", "allocate", "1024", claim="watched"))
    workspace.create(monitor, pod("monitor", *STAY, claim="monitor"))
    workspace.wait_until_ready("tenant", "monitor")
    assert memory_shown(workspace, "monitor") == dict.fromkeys(memory_shown(workspace, "monitor"), 16384)
    assert len(memory_shown(workspace, "monitor")) == len(driver.gpus())
    shares = workspace.python("monitor", "import os; print(os.listdir('/run/hami-dra/node/shares'))")
    assert workspace.claim("watched")["metadata"]["uid"] in shares
