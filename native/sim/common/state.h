/* The state of a simulated machine: one file that every simulated library on it maps, shared.
 *
 * This is the only definition of its layout; whatever wants to read it asks the libraries or `hami-sim show`.
 * Everything but the atomics is written once, by `hami-sim create`; what is wrong with GPUs, by `hami-sim fault`; MIG
 * devices, each once and before it exists, by `hami-sim mig`.
 */
#ifndef HAMI_SIM_STATE_H
#define HAMI_SIM_STATE_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define SIM_MAGIC      "HAMISIM"
#define SIM_VERSION    11u /* of this layout */
#define SIM_MAX_GPUS   512
#define SIM_MAX_SLOTS  2048
#define SIM_MAX_SHARED 4096
#define SIM_MAX_LIMITS 4096

#define SIM_CGROUP_DEPTH 24 /* a cgroup and so many ancestors less one are known */

#define SIM_MAX_QUEUES  2048 /* on all GPUs */
#define SIM_MAX_SHARERS 256  /* queues on one GPU */
#define SIM_MARKS       512  /* that can wait in a queue */
#define SIM_ENDED       1024 /* of those that have ended, so many are remembered for each GPU */
#define SIM_SPANS       16
#define SIM_SPAN_NS     100000000u

/* Where the state lies below the machine's root. A real machine has the socket of nvidia-persistenced there, and
 * NVIDIA's tools mount that path into every container that gets a GPU: so the state needs no mount of its own. */
#define SIM_STATE_PATH "/run/nvidia-persistenced/socket"

struct sim_gpu {
    char uuid[48]; /* GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx */
    char name[96];
    uint64_t memory;       /* bytes */
    uint32_t minor;        /* of its device node */
    uint32_t domain;       /* its place on the PCI bus */
    uint32_t bus;          /* … */
    uint32_t device;       /* … */
    uint32_t pci_id;       /* device id << 16 | vendor id */
    uint32_t brand;        /* NVML's number */
    uint32_t architecture; /* NVML's number */
    uint32_t compute_major;
    uint32_t compute_minor;
    uint32_t multiprocessors;
};

/* What MIG makes of an entry of `gpus`: those after the GPUs are MIG devices, which come and go. See mig.c. */
struct sim_mig {
    _Atomic uint32_t enabled; /* of a GPU: it is in MIG mode */
    _Atomic uint32_t exists;  /* of a MIG device: the rest holds as long as it does, and its name, memory and so on */
    uint32_t parent;          /* the index of its GPU */
    uint32_t profile;         /* its place among mig_profiles */
    uint32_t instance;        /* NVML's id of its GPU instance; the compute instance in there is 0 */
};

enum { SIM_ECC_CORRECTED, SIM_ECC_UNCORRECTED, SIM_ECC_TYPES };
enum { SIM_ECC_VOLATILE, SIM_ECC_AGGREGATE, SIM_ECC_COUNTERS };

/* What is wrong with a GPU. */
struct sim_health {
    _Atomic uint64_t ecc[SIM_ECC_TYPES][SIM_ECC_COUNTERS]; /* errors, since the driver was loaded and ever */
    _Atomic uint32_t remapped[SIM_ECC_TYPES];              /* rows of memory, by the errors that were the reason */
    _Atomic uint32_t remap_pending;
    _Atomic uint32_t remap_failed;
    _Atomic uint32_t recovery_action; /* NVML's number */
    _Atomic uint32_t lost;            /* it has fallen off the bus */
    _Atomic uint32_t hung;            /* no call of NVML on it returns as long as it is so */
};

/* Something that happened to a GPU, as NVML reports it. */
struct sim_event {
    _Atomic uint64_t type; /* NVML's bit */
    _Atomic uint64_t data; /* the number of an XID */
    _Atomic uint32_t gpu;  /* index in `gpus` */
};

#define SIM_EVENTS 256 /* who is further behind has missed some */

/* What NVML tells of the processes that use a GPU. */
enum sim_process_list {
    SIM_PROCESSES_WHOLE,          /* PIDs as the caller's namespace has them, and their memory: a recent driver */
    SIM_PROCESSES_WITHOUT_MEMORY, /* the same, each with 0 bytes */
    SIM_PROCESSES_ABSENT,         /* none: a driver that knows processes by other PIDs than the caller's */
    SIM_PROCESS_LISTS,
};

/* Who counts what a cgroup's processes have: NVIDIA's driver by itself, or the kernel's controller dmem for it. */
enum sim_limits_backend { SIM_LIMITS_MISC, SIM_LIMITS_DMEM, SIM_LIMITS_BACKENDS };

/* What one process uses of one GPU: alone in its cache line, for processes change theirs all the time. */
struct sim_use {
    /* In units of SIM_UNIT, low half: in use; high half: set aside for this process. See ledger.c. */
    alignas(64) _Atomic uint64_t memory;
    _Atomic uint32_t contexts;
};

#define SIM_UNIT 512u /* bytes: the granule of device memory, and the alignment of what the driver allocates */

/* Where a process is: the kernel's ids of its cgroup, of that one's parent and so on, 0 after the last; see cgroup.c.
 */
struct sim_place {
    _Atomic uint64_t cgroups[SIM_CGROUP_DEPTH];
};

/* How much memory of a GPU the processes of a cgroup may have; see memory_limits.c. */
struct sim_memory_limit {
    _Atomic uint64_t cgroup; /* the kernel's id; 0: this entry is unused */
    _Atomic uint64_t soft;   /* bytes */
    _Atomic uint64_t hard;   /* bytes */
    _Atomic uint32_t gpu;
};

/* One process. It belongs to whoever holds a POSIX record lock on its first byte in the file; see slots.c. */
struct sim_slot {
    struct sim_place place;
    _Atomic uint32_t ended; /* it is about to; of one that was killed only the kernel knows */
};

/* Device memory that processes share. It lives as long as one of them holds a read lock on its first byte in the file,
 * and belongs to no slot; see shared.c. */
struct sim_shared {
    _Atomic uint32_t units; /* of SIM_UNIT */
    _Atomic uint32_t gpu;
    _Atomic uint32_t generation; /* how often this entry was used before */
    _Atomic uint32_t maker;      /* one more than its slot, as long as it shares it; 0: it no longer does */
    struct sim_place place;      /* of the process that made it */
};

/* Where a process's kernels wait for one GPU: first in, first out. Its place in time is the sum of what was put in
 * before it. It belongs to whoever holds a record lock on its first byte in the file; see queues.c. */
struct sim_queue {
    _Atomic uint64_t enqueued;   /* ns of work that were ever put in; only its process adds to it */
    _Atomic uint64_t marked;     /* how many marks were ever made; the last of them are in `marks` */
    _Atomic uint64_t began;      /* ns on the monotonic clock */
    _Atomic uint32_t gpu;        /* index in `gpus` */
    _Atomic int32_t pid;         /* as its own PID namespace has it */
    _Atomic uint32_t generation; /* how often this queue was taken before */
    struct sim_mark {
        _Atomic uint64_t position; /* in the queue */
        _Atomic uint64_t passed;   /* when the work before it was done, on the monotonic clock; 0: not known yet */
    } marks[SIM_MARKS];
};

/* How long something ran lately: ns in each of the last spans of SIM_SPAN_NS of the monotonic clock. */
struct sim_recent {
    uint64_t last; /* number of the span that was written last; the others are before it, each at its number modulo … */
    uint32_t ns[SIM_SPANS];
};

/* A queue as the schedule of its GPU knows it. */
struct sim_sharer {
    uint32_t queue;      /* index in `queues` */
    uint32_t generation; /* the queue's when its owner came: another one's is not this one's */
    uint64_t enqueued;   /* the queue's, when the schedule was last advanced */
    uint64_t served;     /* ns of it that the GPU has done */
    uint64_t marked;     /* no mark of the queue before this one waits */
    struct sim_recent recent;
};

/* Who has run on a GPU, and who runs next. Advanced by schedule.c. */
struct sim_schedule {
    uint64_t now;       /* ns on the monotonic clock: so far it has come */
    uint64_t left;      /* ns of the time slice of the sharer whose turn it is */
    uint64_t switching; /* ns that the change to it still takes */
    uint64_t buried;    /* when the dead were last looked for */
    uint64_t ended;     /* how many sharers have ever ended; the last of them are in `ended` */
    uint32_t turn;
    uint32_t count;
    struct sim_recent recent; /* of the GPU */
    struct sim_sharer sharers[SIM_MAX_SHARERS];
};

/* A process that has ended, and how long it had the GPU. */
struct sim_ended {
    uint64_t began; /* its queue, ns on the monotonic clock */
    uint64_t served;
    int32_t pid;
};

/* A GPU's time. Changed by one process at a time; see engine.c and engine_lock.c. */
struct sim_engine {
    _Atomic uint64_t holder;   /* of the lock; 0: nobody */
    _Atomic uint64_t sequence; /* the schedule that counts is the one at this number modulo 2 */
    struct sim_schedule schedules[2];
    struct sim_ended ended[SIM_ENDED];
};

/* What everyone looks at comes first, and a few GPUs with it: the kernel maps so much of a file at once. */
struct sim_state {
    char magic[8];
    uint32_t version;
    uint32_t gpu_count;
    char driver_version[32];
    uint32_t cuda_version;   /* 13000 is CUDA 13.0 */
    uint32_t process_list;   /* enum sim_process_list */
    uint32_t limits_backend; /* enum sim_limits_backend */
    uint32_t context_ms;     /* how long the creation of a context takes */
    uint64_t context_memory; /* bytes of device memory that a context costs */
    uint64_t slice_ns;       /* how long a process has a GPU for itself while others wait */
    uint64_t switch_ns;      /* how long the change to another takes */

    _Atomic uint32_t mig_count;             /* of MIG devices that are or once were, in `gpus` after the GPUs */
    _Atomic uint32_t slots_seen;            /* no slot from here on was ever claimed */
    _Atomic uint32_t shared_seen;           /* no memory from here on was ever shared */
    _Atomic uint32_t limits_seen;           /* no limit from here on was ever set */
    _Atomic uint32_t queues_seen;           /* no queue from here on ever belonged to anybody */
    _Atomic uint32_t limited[SIM_MAX_GPUS]; /* how many limits there are on each GPU */
    struct sim_health health[SIM_MAX_GPUS];
    struct sim_gpu gpus[SIM_MAX_GPUS];
    struct sim_mig mig[SIM_MAX_GPUS];
    _Atomic uint64_t event_count; /* ever; the last of them are in `events`, each at its number modulo SIM_EVENTS */
    struct sim_event events[SIM_EVENTS];
    struct sim_memory_limit limits[SIM_MAX_LIMITS];
    alignas(4096) struct sim_slot slots[SIM_MAX_SLOTS];
    /* By GPU, because it is all of a GPU's that are looked through: in few pages, however many GPUs there could be. */
    alignas(4096) struct sim_use uses[SIM_MAX_GPUS][SIM_MAX_SLOTS];
    struct sim_shared shared[SIM_MAX_SHARED];
    alignas(4096) struct sim_queue queues[SIM_MAX_QUEUES];
    struct sim_engine engines[SIM_MAX_GPUS];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics that processes share must not need a lock");

#endif
