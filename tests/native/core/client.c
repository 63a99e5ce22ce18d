/*
 * A CUDA program that does what it is told on standard input, one command per line, and answers each with one line of
 * numbers: the driver's result first.
 *
 * Usage: client dlsym|procaddress|per-thread: how it finds the driver's functions, the last with streams per thread.
 */
#include "abi/cuda.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CUDA_VERSION 13000

static void *library;
static CUresult (*get_proc_address)(const char *, void **, int, uint64_t, CUdriverProcAddressQueryResult *);
static uint64_t flags;

/* `exported` is what dlsym knows the current version of `name` by. */
static void *function(const char *name, const char *exported) {
    void *address = NULL;
    CUdriverProcAddressQueryResult status;
    if (get_proc_address == NULL)
        return dlsym(library, exported);
    if (get_proc_address(name, &address, CUDA_VERSION, flags, &status) != CUDA_SUCCESS)
        return NULL;
    return address;
}

#define FUNCTIONS(X)                                                                                                   \
    X(init, cuInit, cuInit, (unsigned int))                                                                            \
    X(device_get, cuDeviceGet, cuDeviceGet, (CUdevice *, int))                                                         \
    X(device_total, cuDeviceTotalMem, cuDeviceTotalMem_v2, (size_t *, CUdevice))                                       \
    X(primary_retain, cuDevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                     \
    X(set_current, cuCtxSetCurrent, cuCtxSetCurrent, (CUcontext))                                                      \
    X(mem_info, cuMemGetInfo, cuMemGetInfo_v2, (size_t *, size_t *))                                                   \
    X(mem_alloc, cuMemAlloc, cuMemAlloc_v2, (CUdeviceptr *, size_t))                                                   \
    X(mem_alloc_managed, cuMemAllocManaged, cuMemAllocManaged, (CUdeviceptr *, size_t, unsigned int))                  \
    X(mem_alloc_pitch, cuMemAllocPitch, cuMemAllocPitch_v2, (CUdeviceptr *, size_t *, size_t, size_t, unsigned int))   \
    X(mem_alloc_async, cuMemAllocAsync, cuMemAllocAsync, (CUdeviceptr *, size_t, CUstream))                            \
    X(mem_pool_create, cuMemPoolCreate, cuMemPoolCreate, (CUmemoryPool *, const CUmemPoolProps *))                     \
    X(mem_alloc_from_pool, cuMemAllocFromPoolAsync, cuMemAllocFromPoolAsync,                                           \
      (CUdeviceptr *, size_t, CUmemoryPool, CUstream))                                                                 \
    X(stream_synchronize, cuStreamSynchronize, cuStreamSynchronize, (CUstream))                                        \
    X(mem_create, cuMemCreate, cuMemCreate,                                                                            \
      (CUmemGenericAllocationHandle *, size_t, const CUmemAllocationProp *, unsigned long long))                       \
    X(mem_free, cuMemFree, cuMemFree_v2, (CUdeviceptr))                                                                \
    X(mem_free_async, cuMemFreeAsync, cuMemFreeAsync, (CUdeviceptr, CUstream))                                         \
    X(mem_release, cuMemRelease, cuMemRelease, (CUmemGenericAllocationHandle))

#define DECLARE(variable, name, exported, parameters) static CUresult(*variable) parameters;
FUNCTIONS(DECLARE)

static CUdevice device;

static void find_functions(const char *how) {
    library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL)
        exit(3);
    if (strcmp(how, "dlsym") != 0)
        get_proc_address = dlsym(library, "cuGetProcAddress_v2");
    if (strcmp(how, "per-thread") == 0)
        flags = CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
#define FIND(variable, name, exported, parameters) variable = function(#name, #exported);
    FUNCTIONS(FIND)
}

static CUresult use_device(int ordinal) {
    CUcontext context;
    CUresult result = device_get(&device, ordinal);
    if (result == CUDA_SUCCESS)
        result = primary_retain(&context, device);
    return result == CUDA_SUCCESS ? set_current(context) : result;
}

/* The program's one pool, made when it is first needed. */
static CUresult allocate_from_pool(size_t bytes, uint64_t *key) {
    static CUmemoryPool pool;
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
    CUresult result = pool == NULL ? mem_pool_create(&pool, &props) : CUDA_SUCCESS;
    return result == CUDA_SUCCESS ? mem_alloc_from_pool(key, bytes, pool, NULL) : result;
}

/* Waits for the free: only then the memory leaves its pool. */
static CUresult free_in_stream_order(uint64_t key) {
    CUresult result = mem_free_async(key, NULL);
    return result == CUDA_SUCCESS ? stream_synchronize(NULL) : result;
}

/* Kinds of allocation. Each gives a key that frees it. */
static CUresult allocate(const char *kind, size_t bytes, uint64_t *key) {
    *key = 0;
    if (strcmp(kind, "managed") == 0)
        return mem_alloc_managed(key, bytes, CU_MEM_ATTACH_GLOBAL);
    if (strcmp(kind, "async") == 0)
        return mem_alloc_async(key, bytes, NULL);
    if (strcmp(kind, "pool") == 0)
        return allocate_from_pool(bytes, key);
    if (strcmp(kind, "create") == 0) {
        CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                    .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device}};
        return mem_create(key, bytes, &prop, 0);
    }
    if (strcmp(kind, "pitch") == 0) {
        size_t pitch;
        return mem_alloc_pitch(key, &pitch, 1000, bytes, 4); /* that many rows of 1000 bytes */
    }
    return mem_alloc(key, bytes);
}

static CUresult release(const char *kind, uint64_t key) {
    if (strcmp(kind, "async") == 0 || strcmp(kind, "pool") == 0)
        return free_in_stream_order(key);
    return strcmp(kind, "create") == 0 ? mem_release(key) : mem_free(key);
}

/* Allocates pieces until one is refused. Returns how many there were. */
static unsigned long fill(size_t bytes) {
    uint64_t key;
    unsigned long pieces = 0;
    while (allocate("alloc", bytes, &key) == CUDA_SUCCESS)
        pieces++;
    return pieces;
}

/* Allocates and frees at random, up to 16 at a time, `rounds` times; 0: until killed. */
static void *hammer(void *argument) {
    uint64_t keys[16] = {0};
    unsigned long rounds = *(unsigned long *)argument;
    unsigned int random_state = (unsigned int)(uintptr_t)keys ^ (unsigned int)getpid();
    for (unsigned long i = 0; rounds == 0 || i < rounds; i++) {
        uint64_t *key = &keys[rand_r(&random_state) % 16];
        if (*key != 0)
            release("alloc", *key);
        if (allocate("alloc", 512 * (1 + (size_t)rand_r(&random_state) % 4096), key) != CUDA_SUCCESS)
            *key = 0;
    }
    for (int i = 0; i < 16; i++)
        if (keys[i] != 0)
            release("alloc", keys[i]);
    return NULL;
}

static void hammer_in_threads(unsigned long threads, unsigned long rounds) {
    pthread_t ids[64];
    for (unsigned long i = 0; i < threads; i++)
        pthread_create(&ids[i], NULL, hammer, &rounds);
    for (unsigned long i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
}

/* Forks a child that allocates for itself and stays until its parent has died. */
static void fork_and_fill(size_t bytes) {
    int up[2], alive[2];
    unsigned long pieces = 0;
    if (pipe(up) != 0 || pipe(alive) != 0)
        exit(4);
    if (fork() == 0) {
        close(alive[1]);
        pieces = init(0) == CUDA_SUCCESS && use_device(0) == CUDA_SUCCESS ? fill(bytes) : 0;
        if (write(up[1], &pieces, sizeof pieces) != sizeof pieces || read(alive[0], &pieces, 1) < 0)
            _exit(4);
        _exit(0);
    }
    if (read(up[0], &pieces, sizeof pieces) != sizeof pieces)
        exit(4);
    printf("0 %lu\n", pieces);
}

static void answer(const char *command, const char *kind, unsigned long long number, unsigned long long second) {
    size_t one = 0, other = 0;
    uint64_t key = 0;
    CUresult result = CUDA_SUCCESS;
    if (strcmp(command, "device") == 0)
        printf("%d\n", use_device((int)number));
    else if (strcmp(command, "total") == 0)
        result = device_total(&one, device), printf("%d %zu\n", result, one);
    else if (strcmp(command, "info") == 0)
        result = mem_info(&one, &other), printf("%d %zu %zu\n", result, one, other);
    else if (strcmp(command, "allocate") == 0)
        result = allocate(kind, number, &key), printf("%d %llu\n", result, (unsigned long long)key);
    else if (strcmp(command, "release") == 0)
        printf("%d\n", release(kind, number));
    else if (strcmp(command, "fill") == 0)
        printf("0 %lu\n", fill(number));
    else if (strcmp(command, "hammer") == 0)
        hammer_in_threads(number, second), puts("0");
    else if (strcmp(command, "fork") == 0)
        fork_and_fill(number);
    else
        puts("-1");
}

int main(int count, char **arguments) {
    char line[256];
    find_functions(count > 1 ? arguments[1] : "dlsym");
    printf("%d\n", init(0));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char command[32] = "", kind[32] = "";
        unsigned long long number = 0, second = 0;
        sscanf(line, "%31s %31s %llu %llu", command, kind, &number, &second);
        answer(command, kind, number, second);
        fflush(stdout);
    }
    return 0;
}
