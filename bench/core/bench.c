/*
 * Times what a CUDA program does, as that program sees it: through whatever libcuda.so.1 and preload it runs with.
 *
 * Usage: bench [COMMAND]: that one, or those on standard input, one per line. Each is answered by one line of JSON,
 * {"ns": nanoseconds per operation}; the first that fails is answered by {"error": why} and ends the program.
 *
 *   init                             the process's first cuInit
 *   first                            cuInit, a context and the first allocation
 *   hold COUNT                       allocations, until COUNT of them are live
 *   refuse BYTES                     an allocation that must not fit
 *   alloc|async|info|launch THREADS MS  what `operations` says, over and over, by THREADS threads for MS milliseconds
 *   spawn COUNT PROGRAM ARGUMENT...  COUNT processes started at once, to the end of the last
 */
#include "abi/cuda.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ALLOCATION  512 /* bytes */
#define BATCH       64  /* operations from one look at the clock to the next */
#define MAX_THREADS 64
#define MAX_WORDS   16

extern char **environ;

#define FUNCTIONS(X)                                                                                                   \
    X(init, cuInit, (unsigned int))                                                                                    \
    X(device_get, cuDeviceGet, (CUdevice *, int))                                                                      \
    X(primary_retain, cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                               \
    X(set_current, cuCtxSetCurrent, (CUcontext))                                                                       \
    X(mem_alloc, cuMemAlloc_v2, (CUdeviceptr *, size_t))                                                               \
    X(mem_free, cuMemFree_v2, (CUdeviceptr))                                                                           \
    X(mem_alloc_async, cuMemAllocAsync, (CUdeviceptr *, size_t, CUstream))                                             \
    X(mem_free_async, cuMemFreeAsync, (CUdeviceptr, CUstream))                                                         \
    X(mem_info, cuMemGetInfo_v2, (size_t *, size_t *))                                                                 \
    X(launch_kernel, cuLaunchKernel,                                                                                   \
      (void *, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int,       \
       CUstream, void **, void **))

#define DECLARE(variable, name, parameters) static CUresult(*variable) parameters;
FUNCTIONS(DECLARE)

static CUcontext context;
static unsigned long live;

static _Noreturn void fail(const char *what, int code) {
    printf("{\"error\": \"%s: %d\"}\n", what, code);
    fflush(stdout);
    _Exit(1);
}

static void check(const char *what, CUresult result) {
    if (result != CUDA_SUCCESS)
        fail(what, (int)result);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * (double)time.tv_sec + (double)time.tv_nsec;
}

static void find_functions(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL)
        fail("no libcuda.so.1 to load", 0);
#define FIND(variable, name, parameters)                                                                               \
    if ((*(void **)&variable = dlsym(library, #name)) == NULL)                                                         \
        fail("the driver has no " #name, 0);
    FUNCTIONS(FIND)
}

static void use_gpu(void) {
    CUdevice device;
    if (context != NULL)
        return;
    if (init == NULL)
        find_functions();
    check("cuInit", init(0));
    check("cuDeviceGet", device_get(&device, 0));
    check("cuDevicePrimaryCtxRetain", primary_retain(&context, device));
    check("cuCtxSetCurrent", set_current(context));
}

/* What is repeated. */
static CUresult alloc(void) {
    CUdeviceptr address;
    CUresult result = mem_alloc(&address, ALLOCATION);
    return result == CUDA_SUCCESS ? mem_free(address) : result;
}

static CUresult async(void) {
    CUdeviceptr address;
    CUresult result = mem_alloc_async(&address, ALLOCATION, NULL);
    return result == CUDA_SUCCESS ? mem_free_async(address, NULL) : result;
}

static CUresult info(void) {
    size_t free, total;
    return mem_info(&free, &total);
}

/* A launch of no kernel: the simulator refuses it at once, which is as quick as a driver can be. */
static CUresult launch(void) {
    launch_kernel(NULL, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL);
    return CUDA_SUCCESS;
}

static const struct operation {
    const char *name;
    CUresult (*once)(void);
} operations[] = {{"alloc", alloc}, {"async", async}, {"info", info}, {"launch", launch}};

struct work {
    const struct operation *operation;
    double duration; /* ns */
    double rate;     /* operations per ns */
    pthread_barrier_t *start;
};

static void batch(const struct operation *operation) {
    for (int i = 0; i < BATCH; i++)
        check(operation->name, operation->once());
}

static void repeat(struct work *work) {
    double count = 0, elapsed, start = now();
    do {
        batch(work->operation);
        count += BATCH;
        elapsed = now() - start;
    } while (elapsed < work->duration);
    work->rate = count / elapsed;
}

static void *worker(void *argument) {
    struct work *work = argument;
    check("cuCtxSetCurrent", set_current(context));
    batch(work->operation); /* what only the first call of a thread costs */
    pthread_barrier_wait(work->start);
    repeat(work);
    return NULL;
}

/* Nanoseconds that a thread spends on one operation while all of them are at it. */
static double in_threads(const struct operation *operation, unsigned long threads, double duration) {
    pthread_t ids[MAX_THREADS];
    struct work works[MAX_THREADS];
    pthread_barrier_t start;
    double rate = 0;
    if (threads < 1 || threads > MAX_THREADS || pthread_barrier_init(&start, NULL, (unsigned int)threads) != 0)
        fail("a number of threads", (int)threads);
    for (unsigned long i = 0; i < threads; i++) {
        works[i] = (struct work){operation, duration, 0, &start};
        if (pthread_create(&ids[i], NULL, worker, &works[i]) != 0)
            fail("pthread_create", 0);
    }
    for (unsigned long i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        rate += works[i].rate;
    }
    pthread_barrier_destroy(&start);
    return (double)threads / rate;
}

/* One thread is the main one: libc takes no locks in a program that has never had another. */
static double time_operation(const struct operation *operation, unsigned long threads, double duration) {
    use_gpu();
    if (threads != 1)
        return in_threads(operation, threads, duration);
    struct work work = {operation, duration, 0, NULL};
    batch(operation);
    repeat(&work);
    return 1 / work.rate;
}

static double time_init(void) {
    find_functions();
    double start = now();
    check("cuInit", init(0));
    return now() - start;
}

static double hold(unsigned long count) {
    use_gpu();
    double start = now();
    unsigned long added = count > live ? count - live : 0;
    for (; live < count; live++) {
        CUdeviceptr address;
        check("cuMemAlloc", mem_alloc(&address, ALLOCATION));
    }
    return added > 0 ? (now() - start) / (double)added : 0;
}

static double time_first(void) {
    double start = now();
    hold(1);
    return now() - start;
}

static double refuse(size_t bytes) {
    CUdeviceptr address;
    use_gpu();
    double start = now();
    CUresult result = mem_alloc(&address, bytes);
    if (result != CUDA_ERROR_OUT_OF_MEMORY)
        fail("cuMemAlloc of more than the limit", (int)result);
    return now() - start;
}

/* The processes' output would mix with the answers. */
static double time_spawn(unsigned long count, char **command) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    double start = now();
    for (unsigned long i = 0; i < count; i++) {
        pid_t pid;
        int error = posix_spawn(&pid, command[0], &actions, NULL, command, environ);
        if (error != 0)
            fail("posix_spawn", error);
    }
    for (unsigned long i = 0; i < count; i++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            fail("a process that was started", status);
    }
    double elapsed = now() - start;
    posix_spawn_file_actions_destroy(&actions);
    return elapsed;
}

static double run(char **words, int count) {
    unsigned long number = count > 1 ? strtoul(words[1], NULL, 10) : 0;
    if (strcmp(words[0], "init") == 0)
        return time_init();
    if (strcmp(words[0], "first") == 0)
        return time_first();
    if (strcmp(words[0], "hold") == 0)
        return hold(number);
    if (strcmp(words[0], "refuse") == 0)
        return refuse(number);
    if (strcmp(words[0], "spawn") == 0 && count > 2)
        return time_spawn(number, &words[2]);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(words[0], operations[i].name) == 0 && count == 3)
            return time_operation(&operations[i], number, 1e6 * strtod(words[2], NULL));
    fail("no such command", count);
}

static void answer(char **words, int count) {
    printf("{\"ns\": %.2f}\n", run(words, count));
    fflush(stdout);
}

int main(int count, char **arguments) {
    char line[4096];
    if (count > 1) {
        answer(arguments + 1, count - 1);
        return 0;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[MAX_WORDS + 1] = {NULL};
        int length = 0;
        for (char *word = strtok(line, " \n"); word != NULL && length < MAX_WORDS; word = strtok(NULL, " \n"))
            words[length++] = word;
        if (length > 0)
            answer(words, length);
    }
    return 0;
}
