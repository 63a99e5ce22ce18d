"""The driver's own word on the memory of shares and containers beside what libvgpu.so accounts for, for Prometheus."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hami_dra.shares import ShareFolders, noted_shares

from .eviction import pod_uid
from .memory_guard import MemoryGuard
from .metrics import SHARE_LABELS, label_values, share_gauge


class MemoryCollector(Collector):
    """Shows what the guard found last of the shares that have folders."""

    def __init__(self, folders: ShareFolders, guard: MemoryGuard) -> None:
        self._folders = folders
        self._guard = guard

    def collect(self) -> Iterable[Metric]:
        """The gauges, with a row for each limited share, and a counter of repaired limits for each GPU."""
        limited = GaugeMetricFamily(
            "hami_dra_share_memory_enforced",
            "1 where the share's memory is held to its limit, 0 where it is not; by says who holds it.",
            labels=(*SHARE_LABELS, "by"),
        )
        unlimited = share_gauge(
            "hami_dra_share_containers_without_limit",
            "The share's containers that the driver should limit and does not.",
        )
        overuse = share_gauge("hami_dra_share_memory_overuse_bytes", "GPU memory used beyond what the share may.")
        for noted in noted_shares(self._folders.root, self._folders.shares()):
            share, each = noted.share, self._guard.of(noted.share)
            labels = label_values(share)
            limited.add_metric((*labels, share.memory_enforcement), float(each.is_held))
            unlimited.add_metric(labels, len(each.unlimited))
            overuse.add_metric(labels, each.overuse)
        repaired = CounterMetricFamily(
            "hami_dra_memory_limits_repaired",
            "Memory limits that the driver had lost and was given again.",
            labels=["gpu_uuid"],
        )
        for gpu_uuid, times in list(self._guard.repairs.items()):
            repaired.add_metric((gpu_uuid,), times)
        return limited, unlimited, overuse, self._containers(), repaired

    def _containers(self) -> Metric:
        used = GaugeMetricFamily(
            "hami_dra_container_memory_physical_bytes",
            "GPU memory that a container holds by the driver's word.",
            labels=("container_id", "gpu_uuid", "pod_uid"),
        )
        for (container_id, gpu_uuid), holding in self._guard.holdings.items():
            if holding.used is not None:
                used.add_metric((container_id, gpu_uuid, pod_uid(Path(holding.cgroup)) or ""), holding.used)
        return used
