/*
 * A CUDA program that competes with others like it for the memory of one share.
 *
 * Usage: racer fill SEED    prints `ready`; once a line stands on standard input, allocates until it is first refused
 *                           and prints what it holds then and what it was refused, in bytes that the driver takes for
 *                           that; ends with the input
 *        racer hammer SEED  prints for how many ns its first allocation had it wait; allocates and frees until killed
 */
#include "abi/cuda.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GRANULE     (2u << 20) /* bytes: what the driver gives by cuMemCreate are multiples of it */
#define UNIT        512        /* bytes: to which it rounds what it gives otherwise */
#define LARGEST_LOG 22
#define HELD        16 /* by one that hammers */

static unsigned int random_state;

#define FUNCTIONS(X)                                                                                                   \
    X(cuInit, (unsigned int))                                                                                          \
    X(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                                               \
    X(cuCtxSetCurrent, (CUcontext))                                                                                    \
    X(cuMemAlloc_v2, (CUdeviceptr *, size_t))                                                                          \
    X(cuMemAllocManaged, (CUdeviceptr *, size_t, unsigned int))                                                        \
    X(cuMemCreate, (CUmemGenericAllocationHandle *, size_t, const CUmemAllocationProp *, unsigned long long))          \
    X(cuMemFree_v2, (CUdeviceptr))                                                                                     \
    X(cuMemRelease, (CUmemGenericAllocationHandle))

#define DECLARE(name, parameters) static CUresult(*name) parameters;
FUNCTIONS(DECLARE)

static void use_gpu(void) {
    CUcontext context;
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL)
        exit(3);
#define FIND(name, parameters) *(void **)&name = dlsym(library, #name);
    FUNCTIONS(FIND)
    if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS ||
        cuCtxSetCurrent(context) != CUDA_SUCCESS)
        exit(3);
}

/* No pools: they take more than is asked for, and keep it. */
struct piece {
    enum { PLAIN, MANAGED, PHYSICAL, KINDS } kind;
    size_t bytes;
    uint64_t key; /* 0: not allocated */
};

/* Sizes of every order of magnitude, and of no round number. */
static struct piece random_piece(void) {
    struct piece piece = {.kind = rand_r(&random_state) % KINDS};
    piece.bytes = 1 + (size_t)rand_r(&random_state) % (2u << rand_r(&random_state) % LARGEST_LOG);
    if (piece.kind == PHYSICAL)
        piece.bytes = GRANULE;
    return piece;
}

static size_t taken(const struct piece *piece) {
    return (piece->bytes + UNIT - 1) / UNIT * UNIT;
}

static CUresult allocate(struct piece *piece) {
    static const CUmemAllocationProp on_device = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                                  .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE}};
    CUresult result = piece->kind == PLAIN     ? cuMemAlloc_v2(&piece->key, piece->bytes)
                      : piece->kind == MANAGED ? cuMemAllocManaged(&piece->key, piece->bytes, CU_MEM_ATTACH_GLOBAL)
                                               : cuMemCreate(&piece->key, piece->bytes, &on_device, 0);
    if (result != CUDA_SUCCESS)
        piece->key = 0;
    return result;
}

static void release(const struct piece *piece) {
    if (piece->kind == PHYSICAL)
        cuMemRelease(piece->key);
    else
        cuMemFree_v2(piece->key);
}

static void fill(void) {
    struct piece piece;
    size_t held = 0;
    puts("ready");
    fflush(stdout);
    (void)getchar();
    for (piece = random_piece(); allocate(&piece) == CUDA_SUCCESS; piece = random_piece())
        held += taken(&piece);
    printf("%zu %zu\n", held, taken(&piece));
    fflush(stdout);
    while (getchar() != EOF)
        ;
}

/* Time that has passed, less the time for which this thread was ready to run and others had the processors. */
static long long own_time(void) {
    struct timespec now;
    unsigned long long running, ready = 0;
    FILE *statistics = fopen("/proc/thread-self/schedstat", "r");
    if (statistics != NULL) {
        if (fscanf(statistics, "%llu %llu", &running, &ready) != 2)
            ready = 0;
        fclose(statistics);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000000000 + now.tv_nsec - (long long)ready;
}

static void hammer(void) {
    struct piece first = {.kind = PLAIN, .bytes = 1}, pieces[HELD] = {0};
    long long start = own_time();
    allocate(&first);
    printf("%lld\n", own_time() - start);
    fflush(stdout);
    for (;;) {
        struct piece *piece = &pieces[rand_r(&random_state) % HELD];
        if (piece->key != 0)
            release(piece);
        *piece = random_piece();
        allocate(piece);
    }
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    random_state = (unsigned int)strtoul(arguments[2], NULL, 10);
    use_gpu();
    if (strcmp(arguments[1], "fill") == 0)
        fill();
    else
        hammer();
    return 0;
}
