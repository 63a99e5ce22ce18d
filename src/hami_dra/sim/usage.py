"""What programs use of a simulated machine, as `hami-sim show` tells it."""

import msgspec


class ProcessUsage(msgspec.Struct, frozen=True):
    """What one process uses of one GPU; the PID is 0 if it is not in the reader's PID namespace."""

    pid: int
    memory: int
    contexts: int


class MemoryLimit(msgspec.Struct, frozen=True):
    """What the driver lets the processes of one cgroup have of one GPU, in bytes, and what they have.

    The cgroup is the inode number of its directory.
    """

    cgroup: int
    soft: int
    hard: int
    used: int


class ProcessTime(msgspec.Struct, frozen=True):
    """How long one process has had one GPU up to now, since it first launched a kernel there that takes time.

    The PID of a living process is 0 if it is not in the reader's PID namespace; that of an ended one is its own.
    `began_ns` is on the monotonic clock: together with the PID it tells processes apart.
    """

    pid: int
    began_ns: int
    served_ns: int
    ended: bool


class MigUsage(msgspec.Struct, frozen=True):
    """A MIG device and what is used of it, as of a GPU. `instance` is its GPU instance, whose compute instance is 0."""

    uuid: str
    profile: str
    instance: int
    memory: int
    used: int
    processes: list[ProcessUsage]
    now_ns: int
    times: list[ProcessTime]


class GpuUsage(msgspec.Struct, frozen=True):
    """What is used of one GPU, in bytes and in time, and by whom; and how the driver limits cgroups on it.

    Times are of the living and of the last 1,024 processes that ended, up to `now_ns` of the monotonic clock. `mig` are
    the MIG devices of a GPU in MIG mode, None of any other: what is used of their memory is used of the GPU's.
    """

    uuid: str
    memory: int
    used: int
    processes: list[ProcessUsage]
    limits: list[MemoryLimit]
    now_ns: int
    times: list[ProcessTime]
    mig: list[MigUsage] | None
