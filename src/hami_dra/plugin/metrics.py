"""What each share of the node was granted and uses, and how its GPUs are, in Prometheus' terms."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hami_dra.gpu import Gpu
from hami_dra.kubeletplugin import HealthStatus
from hami_dra.shares import REGION_FILE, Limits, LimitsError, Share, ShareFolders, read_gpu_time, read_use

from .health import GpuHealth
from .share_memory import ShareMemory
from .slices import device_name

_NS_PER_S = 10**9

_GRANTED = "hami_dra_share_memory_granted_bytes"
_LIMIT = "hami_dra_share_memory_limit_bytes"
_USED = "hami_dra_share_memory_used_bytes"
_PHYSICAL = "hami_dra_share_memory_physical_bytes"
_UNACCOUNTED = "hami_dra_share_memory_unaccounted_bytes"
_CORES = "hami_dra_share_cores_granted_percent"
_GPU_TIME = "hami_dra_share_gpu_time_seconds"
_GAUGES = {
    _GRANTED: "GPU memory that the share was granted.",
    _LIMIT: "GPU memory that the share may use at present.",
    _USED: "GPU memory that the share's living processes hold.",
    _PHYSICAL: "GPU memory that the share's containers hold by the driver's word.",
    _UNACCOUNTED: "How much more that is than what its processes account for.",
    _CORES: "Part of the GPU's time that the share may use.",
}

SHARE_LABELS = ("namespace", "claim", "claim_uid", "request", "share_id", "gpu_uuid")


class ShareCollector(Collector):
    """Reads the share folders at each scrape."""

    def __init__(
        self,
        folders: ShareFolders,
        gpus: Callable[[], Iterable[Gpu]],
        memory_of: Callable[[Share], ShareMemory],
    ) -> None:
        self._folders = folders
        self._gpus = gpus
        self._memory_of = memory_of

    def collect(self) -> Iterable[Metric]:
        """The metrics of shares, with a row for each share that counts and could be read."""
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {
            name: share_gauge(name, meaning) for name, meaning in _GAUGES.items()
        }
        families[_GPU_TIME] = CounterMetricFamily(
            _GPU_TIME, "How long the share's processes have had the GPU.", labels=SHARE_LABELS
        )
        memory_of_gpus = {gpu.uuid: gpu.memory_bytes for gpu in self._gpus()}
        for share in self._folders.shares():
            for name, value in self._values(share, memory_of_gpus).items():
                families[name].add_metric(label_values(share), value)
        return families.values()

    def _values(self, share: Share, memory_of_gpus: Mapping[str, int]) -> dict[str, float]:
        """What there is to say of a share, by metric."""
        match share.access:
            case "limited":
                try:
                    return self._of_limited(share, memory_of_gpus)
                except (OSError, LimitsError):
                    return {}  # removed while we read; a folder that stays broken is mended by the next prepare
            case "whole":  # without libvgpu.so nobody counts what it uses
                return {_GRANTED: share.memory, _CORES: share.cores}
            case "monitor":
                return {}

    def _of_limited(self, share: Share, memory_of_gpus: Mapping[str, int]) -> dict[str, float]:
        """Raises LimitsError, and OSError."""
        folder = self._folders.path(share)
        limits = Limits.read(folder)
        accounted = sum(process.used for process in read_use(folder / REGION_FILE))
        # Tenants write the region, so it may say anything; more than there is in the GPU is not believed.
        used = min(accounted, memory_of_gpus.get(share.gpu_uuid, limits.memory))
        values = {
            _GRANTED: share.memory,
            _LIMIT: limits.memory,
            _USED: used,
            _CORES: limits.cores,
            _GPU_TIME: read_gpu_time(folder / REGION_FILE) / _NS_PER_S,
        }
        physical = self._memory_of(share).used
        return values if physical is None else values | {_PHYSICAL: physical, _UNACCOUNTED: physical - used}


class GpuCollector(Collector):
    """Asks for the health of each GPU at each scrape."""

    def __init__(self, gpus: Callable[[], Iterable[Gpu]], health: GpuHealth) -> None:
        self._gpus = gpus
        self._health = health

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """A gauge with a row for each GPU whose health is known, and one that says how fresh that is."""
        healthy = GaugeMetricFamily(
            "hami_dra_gpu_healthy", "1 where the GPU can be used, else 0.", labels=("gpu_uuid", "device")
        )
        for gpu in self._gpus():
            status, _ = self._health.status(gpu)
            if status is not HealthStatus.UNKNOWN:
                healthy.add_metric((gpu.uuid, device_name(gpu)), float(status is HealthStatus.HEALTHY))
        silent = GaugeMetricFamily(
            "hami_dra_nvml_silent_seconds",
            "How long NVML has told nothing of the GPUs' health: a second or two while all is well.",
            value=self._health.silence.seconds,
        )
        return healthy, silent


def share_gauge(name: str, meaning: str) -> GaugeMetricFamily:
    """A gauge with a row for each share; `meaning` says in a sentence what it shows."""
    return GaugeMetricFamily(name, meaning, labels=SHARE_LABELS)


def label_values(share: Share) -> tuple[str, ...]:
    """What tells a share's row from others', in the order of SHARE_LABELS."""
    return (
        share.claim_namespace,
        share.claim_name,
        share.claim_uid,
        share.request,
        share.share_id,
        share.gpu_uuid,
    )
