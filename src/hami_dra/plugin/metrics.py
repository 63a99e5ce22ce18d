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
        granted = share_gauge("hami_dra_share_memory_granted_bytes", "GPU memory that the share was granted.")
        limit = share_gauge("hami_dra_share_memory_limit_bytes", "GPU memory that the share may use at present.")
        physical = share_gauge(
            "hami_dra_share_memory_physical_bytes", "GPU memory that the share's containers hold by the driver's word."
        )
        unaccounted = share_gauge(
            "hami_dra_share_memory_unaccounted_bytes", "How much more that is than what its processes account for."
        )
        used = share_gauge("hami_dra_share_memory_used_bytes", "GPU memory that the share's living processes hold.")
        cores = share_gauge("hami_dra_share_cores_granted_percent", "Part of the GPU's time that the share may use.")
        time = CounterMetricFamily(
            "hami_dra_share_gpu_time_seconds", "How long the share's processes have had the GPU.", labels=SHARE_LABELS
        )
        memory_of = {gpu.uuid: gpu.memory_bytes for gpu in self._gpus()}
        for share in self._folders.shares():
            labels = label_values(share)
            match share.access:
                case "limited":
                    try:
                        limits, in_use, had_gpu = self._read(share, memory_of)
                    except (OSError, LimitsError):
                        continue  # removed while we read; a folder that stays broken is mended by the next prepare
                    granted.add_metric(labels, share.memory)
                    limit.add_metric(labels, limits.memory)
                    cores.add_metric(labels, limits.cores)
                    used.add_metric(labels, in_use)
                    time.add_metric(labels, had_gpu)
                    if (real := self._memory_of(share).used) is not None:
                        physical.add_metric(labels, real)
                        unaccounted.add_metric(labels, real - in_use)
                case "whole":  # without libvgpu.so nobody counts what it uses
                    granted.add_metric(labels, share.memory)
                    cores.add_metric(labels, share.cores)
        return granted, limit, used, physical, unaccounted, cores, time

    def _read(self, share: Share, memory_of: Mapping[str, int]) -> tuple[Limits, int, float]:
        """What the share is held to, the bytes that it uses, and the seconds for which it had the GPU."""
        folder = self._folders.path(share)
        limits = Limits.read(folder)
        had_gpu = read_gpu_time(folder / REGION_FILE) / _NS_PER_S
        in_use = sum(process.used for process in read_use(folder / REGION_FILE))
        # Tenants write the region, so it may say anything; more than there is in the GPU is not believed.
        return limits, min(in_use, memory_of.get(share.gpu_uuid, limits.memory)), had_gpu


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
