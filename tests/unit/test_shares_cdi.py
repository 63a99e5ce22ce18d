from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from hami_dra.shares import (
    Access,
    ComputePolicy,
    MemoryEnforcement,
    NodeEdits,
    Priority,
    Share,
    SpecFiles,
    claim_spec,
    device_id,
)
from hami_dra.shares.cdi import merge

CLAIM = "0b1a7d6e-3c3a-4b0e-9d55-0e5b2c1a7f10"
GIB = 2**30
NODE = NodeEdits(
    version="0.3.0",
    common={"env": ["NVIDIA_VISIBLE_DEVICES=void"], "deviceNodes": [{"path": "/dev/nvidiactl"}]},
    by_gpu={f"GPU-{n}": {"deviceNodes": [{"path": f"/dev/nvidia{n}"}]} for n in range(3)},
    library=Path("/opt/v1/libvgpu.so"),
    preload=Path("/opt/v1/ld.so.preload"),
    shares=Path("/elsewhere/shares"),
    hook=Path("/opt/v1/hami-dra-oci-hook"),
    nvml=Path("/usr/lib64/libnvidia-ml.so.1"),
)


def share(
    number: int, gpu: int, *, cores: int = 30, memory: int = 4 * GIB, access: Access = "limited", log: int | None = None
) -> Share:
    return Share(
        claim_namespace="team",
        claim_name="double",
        claim_uid=CLAIM,
        request=f"gpu-{number}",
        share_id=f"5f3f9a0c-9f0e-4a56-8b0d-7d2a4c3b1e0{number}",
        pool="node-1",
        device=f"hami-gpu-{gpu}",
        gpu_uuid=f"GPU-{gpu}",
        cores=cores,
        memory=memory,
        access=access,
        log_level=log,
    )


def environment(spec: dict[str, Any], device: int) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in spec["devices"][device]["containerEdits"]["env"])


def test_spec_of_one_share() -> None:
    only = share(0, 1)
    spec = claim_spec([only], NODE)
    name = f"{CLAIM}-{only.share_id}"
    uuid = only.gpu_uuid.removeprefix("GPU-")
    assert device_id(only) == f"hami-core-gpu.project-hami.io/share={name}"
    assert (spec["cdiVersion"], spec["kind"]) == ("0.5.0", "hami-core-gpu.project-hami.io/share")
    assert spec["containerEdits"] == NODE.common
    (device,) = spec["devices"]
    assert device["name"] == name
    assert device["containerEdits"]["deviceNodes"] == [{"path": "/dev/nvidia1"}]
    assert environment(spec, 0)["CUDA_DEVICE_MEMORY_SHARED_CACHE"] == f"/tmp/hami-core-{CLAIM}.cache"
    assert device["containerEdits"]["mounts"] == [
        {
            "hostPath": "/opt/v1/libvgpu.so",
            "containerPath": "/usr/local/vgpu/libvgpu.so",
            "options": ["ro", "nosuid", "nodev", "rbind", "rprivate"],
        },
        {
            "hostPath": "/opt/v1/ld.so.preload",
            "containerPath": "/etc/ld.so.preload",
            "options": ["ro", "nosuid", "nodev", "rbind", "rprivate"],
        },
        {
            "hostPath": f"/elsewhere/shares/{name}",
            "containerPath": f"/run/hami-dra/shares/{name}",
            "options": ["ro", "nosuid", "nodev", "rbind", "rprivate"],
        },
        {
            "hostPath": f"/elsewhere/shares/{name}/region",
            "containerPath": f"/run/hami-dra/shares/{name}/region",
            "options": ["rw", "nosuid", "nodev", "noexec", "rbind", "rprivate"],
        },
        {
            "hostPath": f"/elsewhere/turns/{uuid}",
            "containerPath": f"/run/hami-dra/turns/{uuid}",
            "options": ["ro", "nosuid", "nodev", "rbind", "rprivate"],
        },
    ]


def test_limits_follow_the_gpu_and_not_the_order_of_requests() -> None:
    first, second = share(0, 2, cores=60, memory=8 * GIB), share(1, 0)
    for shares in ([first, second], [second, first]):
        spec = claim_spec(shares, NODE)
        of_gpu_2, of_gpu_0 = environment(spec, shares.index(first)), environment(spec, shares.index(second))
        assert of_gpu_0["CUDA_DEVICE_MEMORY_LIMIT_0"] == "4096m"
        assert of_gpu_0["CUDA_DEVICE_SM_LIMIT_0"] == "30"
        assert of_gpu_2["CUDA_DEVICE_MEMORY_LIMIT_1"] == "8192m"
        assert of_gpu_2["CUDA_DEVICE_SM_LIMIT_1"] == "60"


def test_container_that_names_one_request_is_limited_though_its_gpu_moves_to_index_0() -> None:
    alone = environment(claim_spec([share(0, 0), share(1, 2, memory=8 * GIB)], NODE), 1)
    assert "CUDA_DEVICE_MEMORY_LIMIT_0" not in alone
    assert (alone["CUDA_DEVICE_MEMORY_LIMIT"], alone["CUDA_DEVICE_SM_LIMIT"]) == ("8192m", "30")


def test_two_shares_of_a_gpu_are_two_devices_with_the_sum_of_both() -> None:
    spec = claim_spec([share(0, 1, cores=70), share(1, 1, cores=60, memory=GIB + 5)], NODE)
    assert len({device["name"] for device in spec["devices"]}) == 2
    assert environment(spec, 0) == environment(spec, 1)
    assert environment(spec, 0)["CUDA_DEVICE_MEMORY_LIMIT_0"] == "5120m"
    assert environment(spec, 0)["CUDA_DEVICE_SM_LIMIT_0"] == "100"


def test_whole_gpu_is_as_without_us() -> None:
    spec = claim_spec([share(0, 1, access="whole")], NODE)
    assert spec["devices"][0]["containerEdits"] == NODE.by_gpu["GPU-1"]
    assert spec["containerEdits"] == NODE.common


def test_limited_share_beside_a_whole_gpu_brings_its_library_along() -> None:
    whole, limited = claim_spec([share(0, 0, access="whole"), share(1, 2)], NODE)["devices"]
    assert whole["containerEdits"] == NODE.by_gpu["GPU-0"]
    targets = [mount["containerPath"] for mount in limited["containerEdits"]["mounts"]]
    assert "/etc/ld.so.preload" in targets
    assert "CUDA_DEVICE_MEMORY_LIMIT_1=4096m" in limited["containerEdits"]["env"]  # its container sees both GPUs


def test_monitor_reads_all_shares_of_the_node_where_the_library_does_not_look() -> None:
    spec = claim_spec([share(0, 0, access="monitor", cores=0, memory=0), share(1, 0)], NODE)
    assert spec["devices"][0]["containerEdits"] == {
        **NODE.by_gpu["GPU-0"],
        "mounts": [
            {
                "hostPath": "/elsewhere/shares",
                "containerPath": "/run/hami-dra/node/shares",
                "options": ["ro", "nosuid", "nodev", "rbind", "rprivate"],
            }
        ],
    }
    assert environment(spec, 1)["CUDA_DEVICE_MEMORY_LIMIT_0"] == "4096m"


def test_log_level_is_the_shares_own() -> None:
    spec = claim_spec([share(0, 0, log=0), share(1, 1)], NODE)
    assert environment(spec, 0)["LIBCUDA_LOG_LEVEL"] == "0"
    assert "LIBCUDA_LOG_LEVEL" not in environment(spec, 1)


@pytest.mark.parametrize("enforcement", ["driver", "library"])
def test_each_limited_share_has_its_containers_noted_before_they_run(enforcement: MemoryEnforcement) -> None:
    held = structs.replace(share(0, 0), memory_enforcement=enforcement)
    spec = claim_spec([held, share(1, 1, access="whole"), share(2, 2, access="monitor")], NODE)
    limited, *others = (device["containerEdits"] for device in spec["devices"])
    assert limited["hooks"] == [
        {
            "hookName": "createRuntime",
            "path": "/opt/v1/hami-dra-oci-hook",
            "args": [
                "hami-dra-oci-hook",
                *("--share", f"/elsewhere/shares/{held.name}"),
                *("--nvml", "/usr/lib64/libnvidia-ml.so.1"),
                *("--enforce", enforcement),
            ],
            "timeout": 10,
        }
    ]
    assert all("hooks" not in edits for edits in others)


@pytest.mark.parametrize(
    ("policy", "upstream_policy"), [("hard", "FORCE"), ("work-conserving", "DEFAULT"), ("off", "DISABLE")]
)
@pytest.mark.parametrize(("priority", "upstream_priority"), [("high", "0"), ("low", "1")])
def test_upstream_library_is_told_how_cores_are_held(
    policy: ComputePolicy, upstream_policy: str, priority: Priority, upstream_priority: str
) -> None:
    held = structs.replace(share(0, 0), compute_policy=policy, priority=priority)
    told = environment(claim_spec([held], NODE), 0)
    assert told["GPU_CORE_UTILIZATION_POLICY"] == upstream_policy
    assert told["CUDA_TASK_PRIORITY"] == upstream_priority


@pytest.mark.parametrize(("base", "expected"), [("0.3.0", "0.5.0"), ("0.7.0", "0.7.0"), ("0.10.0", "0.10.0")])
def test_version_is_the_lowest_that_both_halves_allow(base: str, expected: str) -> None:
    node = NodeEdits(base, NODE.common, NODE.by_gpu, NODE.library, NODE.preload, NODE.shares, NODE.hook, NODE.nvml)
    assert claim_spec([share(0, 0)], node)["cdiVersion"] == expected


def test_planning_changes_nothing_that_it_was_given() -> None:
    before = msgspec.json.encode(NODE.common)
    assert claim_spec([share(0, 0)], NODE) == claim_spec([share(0, 0)], NODE)
    assert msgspec.json.encode(NODE.common) == before


EDITS = st.dictionaries(st.sampled_from(["env", "hooks", "mounts"]), st.lists(st.sampled_from("abc"), unique=True))


@given(EDITS, EDITS)
def test_merged_lists_hold_everything_once_and_in_order(first: dict[str, Any], second: dict[str, Any]) -> None:
    merged = merge(first, second)
    for field in first.keys() | second.keys():
        before, added = first.get(field, []), second.get(field, [])
        assert merged[field][: len(before)] == before
        assert sorted(merged[field]) == sorted({*before, *added})


def test_spec_file_is_written_once_and_removed_with_what_was_unfinished(tmp_path: Path) -> None:
    files = SpecFiles(tmp_path / "cdi")
    assert list(files.by_claim()) == []
    spec = claim_spec([share(0, 0)], NODE)
    files.ensure(CLAIM, spec)
    path = tmp_path / "cdi" / f"hami-core-gpu.project-hami.io-{CLAIM}.json"
    assert msgspec.json.decode(path.read_bytes()) == spec
    inode = path.stat().st_ino
    files.ensure(CLAIM, spec)
    assert path.stat().st_ino == inode
    (tmp_path / "cdi" / "nvidia.yaml").write_text("not ours")
    (tmp_path / "cdi" / f".{path.name}.unfinished").write_text("{")
    assert {claim for claim, _ in files.by_claim()} == {CLAIM}
    files.remove_claim(CLAIM)
    assert [left.name for left in path.parent.iterdir()] == ["nvidia.yaml"]
