/* The file says at its end what it is: so whoever gets its descriptor needs nothing else. A descriptor alone does not
 * keep device memory: that ends with the last process that has it.
 */
#include "sim/cuda/shared_memory.h"

#include "sim/common/shared.h"
#include "sim/cuda/process.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLOEXEC 1u /* MFD_CLOEXEC; glibc 2.17 knows nothing of memfd_create */
#define MAGIC   "HAMISHM"

/* The last bytes of the file. */
struct trailer {
    char magic[8];
    struct shared_name name;
};

/* How often this process has each: its one lock on the entry must last as long as any. */
static unsigned held[SIM_MAX_SHARED];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct shared_name name_of(const struct shared_memory *memory) {
    return (struct shared_name){memory->index, memory->generation};
}

static int make_file(uint64_t size, struct shared_name name) {
    struct trailer trailer = {MAGIC, name};
    int file = (int)syscall(SYS_memfd_create, "shared device memory", CLOEXEC);
    if (file >= 0 && pwrite(file, &trailer, sizeof trailer, (off_t)size) == sizeof trailer)
        return file;
    close(file);
    return -1;
}

static bool read_file(int file, uint64_t *size, struct shared_name *name) {
    struct stat status;
    struct trailer trailer;
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof trailer)
        return false;
    *size = (uint64_t)status.st_size - sizeof trailer;
    if (pread(file, &trailer, sizeof trailer, (off_t)*size) != sizeof trailer ||
        memcmp(trailer.magic, MAGIC, sizeof trailer.magic) != 0)
        return false;
    *name = trailer.name;
    return name->index < SIM_MAX_SHARED;
}

static bool device_of_gpu(unsigned gpu, CUdevice *device) {
    const struct process *self = process_get();
    for (*device = 0; *device < self->device_count; ++*device)
        if (self->gpus[*device] == gpu)
            return true;
    return false;
}

static void leave(struct shared_name name) {
    pthread_mutex_lock(&lock);
    if (--held[name.index] == 0)
        shared_leave(&process_get()->machine, process_get()->slot, name);
    pthread_mutex_unlock(&lock);
}

static bool join(struct shared_name name) {
    pthread_mutex_lock(&lock);
    bool joined = shared_join(&process_get()->machine, name);
    held[name.index] += joined;
    pthread_mutex_unlock(&lock);
    return joined;
}

struct shared_memory *shared_memory_create(CUdevice device, uint64_t size) {
    const struct process *self = process_get();
    struct shared_memory *memory = malloc(sizeof *memory);
    struct shared_name name;
    if (memory == NULL || !shared_create(&self->machine, self->slot, self->gpus[device], size, &name)) {
        free(memory);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    held[name.index]++;
    pthread_mutex_unlock(&lock);
    *memory = (struct shared_memory){make_file(size, name), device, size, name.index, name.generation};
    return memory;
}

struct shared_memory *shared_memory_open(int file) {
    struct shared_name name;
    uint64_t size;
    if (!read_file(file, &size, &name) || !join(name))
        return NULL;
    struct shared_memory *memory = malloc(sizeof *memory);
    CUdevice device;
    if (memory == NULL || !device_of_gpu(shared_gpu(&process_get()->machine, name), &device)) {
        leave(name);
        free(memory);
        return NULL;
    }
    int own = fcntl(file, F_DUPFD_CLOEXEC, 0);
    *memory = (struct shared_memory){own, device, size, name.index, name.generation};
    return memory;
}

void shared_memory_close(struct shared_memory *memory) {
    leave(name_of(memory));
    close(memory->file);
    free(memory);
}

bool shared_memory_map(const struct shared_memory *memory, CUdeviceptr address, uint64_t size, int protection) {
    void *at = (void *)address;
    return mmap(at, size, protection, MAP_SHARED | MAP_FIXED, memory->file, 0) == at;
}
