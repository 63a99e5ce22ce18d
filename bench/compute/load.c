/*
 * Keeps a GPU busy as a CUDA program does, through whatever libcuda.so.1 and preload it runs with.
 *
 * Usage: load [KEY=VALUE...]: see `options`. Commands come on standard input, one per line. Each is answered by one
 * line of JSON; the first that fails is answered by {"error": why} and ends the program. Instants are ns of
 * CLOCK_MONOTONIC.
 *
 *   ready                               a context, the kernel and all else that launches need: {"ns": how long it took}
 *   work BEGIN END                      launches from one instant to the other, then waits for the last of them:
 *                                       {"launches": how many, "cpu_ns": processor time, "wall_ns": from BEGIN on}
 *   requests BEGIN PERIOD COUNT SIZE    requests that come every PERIOD ns, each of them SIZE launches and a wait; one
 *                                       that comes while another is served waits: {"latencies_ns": [of each]}
 *
 *   launches THREADS MS                 launches by that many threads, over and over: {"ns": of a processor for each,
 *                                       idle or not, while all are at it}
 *
 *   calibrate                           {"ns": what one kernel takes between two events}
 */
#include "kernel.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH       64 /* launches from one look at the clock to the next, where launches are timed */
#define MAX_THREADS 64
#define MAX_STREAMS 64

static struct {
    unsigned long long cost, per_block; /* ns, on a simulated GPU: of each kernel, and of each block besides */
    unsigned long long rounds;          /* on a real GPU */
    unsigned long long grid, streams;
    unsigned long long call;  /* enum call */
    unsigned long long graph; /* kernels in each graph */
    unsigned long long sync;  /* 1: waits for each launch */
    unsigned long long ahead; /* waits for the launches before the last so many; 0: never */
} options = {.grid = 1, .streams = 1, .rounds = 1, .graph = 1};

static const struct {
    const char *key;
    unsigned long long *value;
} keys[] = {
    {"cost", &options.cost},   {"per-block", &options.per_block}, {"rounds", &options.rounds},
    {"grid", &options.grid},   {"streams", &options.streams},     {"call", &options.call},
    {"graph", &options.graph}, {"sync", &options.sync},           {"ahead", &options.ahead},
};

static CUcontext context;
static struct kernel kernel;
static CUstream streams[MAX_STREAMS];
static CUgraphExec graphs[MAX_STREAMS];

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t instant) {
    struct timespec time = {.tv_sec = (time_t)(instant / 1000000000u), .tv_nsec = (long)(instant % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0)
        ;
}

static uint64_t processor_ns(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

static void use_gpu(void) {
    CUdevice device;
    if (context != NULL)
        return;
    driver_load();
    check("cuInit", driver.cuInit(0));
    check("cuDeviceGet", driver.cuDeviceGet(&device, 0));
    check("cuDevicePrimaryCtxRetain", driver.cuDevicePrimaryCtxRetain(&context, device));
    check("cuCtxSetCurrent", driver.cuCtxSetCurrent(context));
    kernel_load(&kernel, options.cost, options.per_block, options.rounds, (unsigned int)options.grid);
    for (unsigned long long i = 0; i < options.streams; i++) {
        check("cuStreamCreate", driver.cuStreamCreate(&streams[i], CU_STREAM_NON_BLOCKING));
        if (options.call == CALL_GRAPH)
            graphs[i] = kernel_graph(&kernel, streams[i], options.graph);
    }
}

static void launch(unsigned long long number) {
    unsigned long long i = number % options.streams;
    kernel_launch(&kernel, (enum call)options.call, streams[i], graphs[i]);
    if (options.sync)
        check("cuStreamSynchronize", driver.cuStreamSynchronize(streams[i]));
}

/* At most two times `ahead` launches are unfinished, and never none. */
static void keep_step(unsigned long long count, CUevent events[2]) {
    if (options.ahead == 0 || count % options.ahead != 0)
        return;
    unsigned long long batch = count / options.ahead;
    check("cuEventRecord", driver.cuEventRecord(events[batch % 2], streams[(count - 1) % options.streams]));
    if (batch > 1)
        check("cuEventSynchronize", driver.cuEventSynchronize(events[(batch - 1) % 2]));
}

static void work(uint64_t begin, uint64_t end) {
    CUevent events[2];
    unsigned long long count = 0;
    use_gpu();
    for (int i = 0; i < 2; i++)
        check("cuEventCreate", driver.cuEventCreate(&events[i], CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
    sleep_until(begin);
    uint64_t before = processor_ns();
    while (now() < end) {
        launch(count++);
        keep_step(count, events);
    }
    check("cuCtxSynchronize", driver.cuCtxSynchronize());
    printf("{\"launches\": %llu, \"cpu_ns\": %llu, \"wall_ns\": %llu}\n", count,
           (unsigned long long)(processor_ns() - before), (unsigned long long)(now() - begin));
    for (int i = 0; i < 2; i++)
        check("cuEventDestroy", driver.cuEventDestroy(events[i]));
}

static void requests(uint64_t begin, uint64_t period, uint64_t count, uint64_t size) {
    use_gpu();
    printf("{\"latencies_ns\": [");
    for (uint64_t i = 0; i < count; i++) {
        sleep_until(begin + i * period);
        for (uint64_t number = 0; number < size; number++)
            launch(0);
        check("cuStreamSynchronize", driver.cuStreamSynchronize(streams[0]));
        printf("%s%llu", i == 0 ? "" : ", ", (unsigned long long)(now() - begin - i * period));
    }
    printf("]}\n");
}

struct launcher {
    pthread_t thread;
    unsigned long long number;
    uint64_t duration; /* ns */
    double rate;       /* launches per ns */
    pthread_barrier_t *start;
};

static void *launch_over_and_over(void *argument) {
    struct launcher *launcher = argument;
    uint64_t elapsed, count = 0;
    check("cuCtxSetCurrent", driver.cuCtxSetCurrent(context));
    for (int i = 0; i < BATCH; i++) /* what only the first launches of a thread cost */
        launch(launcher->number);
    pthread_barrier_wait(launcher->start);
    uint64_t start = now();
    do {
        for (int i = 0; i < BATCH; i++)
            launch(launcher->number);
        count += BATCH;
        elapsed = now() - start;
    } while (elapsed < launcher->duration);
    launcher->rate = (double)count / (double)elapsed;
    return NULL;
}

/* How many processors that many threads can have at a time. */
static double processors(uint64_t threads) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        fail("sched_getaffinity", 0);
    uint64_t count = (uint64_t)CPU_COUNT(&set);
    return (double)(threads < count ? threads : count);
}

static void launches(uint64_t threads, uint64_t duration) {
    struct launcher launchers[MAX_THREADS];
    pthread_barrier_t start;
    double rate = 0;
    use_gpu();
    if (threads < 1 || threads > MAX_THREADS || pthread_barrier_init(&start, NULL, (unsigned int)threads) != 0)
        fail("a number of threads", (int)threads);
    for (uint64_t i = 0; i < threads; i++) {
        launchers[i] = (struct launcher){.number = i, .duration = duration, .start = &start};
        if (i > 0 && pthread_create(&launchers[i].thread, NULL, launch_over_and_over, &launchers[i]) != 0)
            fail("pthread_create", 0);
    }
    launch_over_and_over(&launchers[0]); /* in the main thread: libc takes no locks in a program with no other */
    for (uint64_t i = 0; i < threads; i++) {
        if (i > 0)
            pthread_join(launchers[i].thread, NULL);
        rate += launchers[i].rate;
    }
    pthread_barrier_destroy(&start);
    printf("{\"ns\": %.2f}\n", processors(threads) / rate);
}

static void calibrate(void) {
    CUevent begin, end;
    float milliseconds;
    use_gpu();
    check("cuEventCreate", driver.cuEventCreate(&begin, 0));
    check("cuEventCreate", driver.cuEventCreate(&end, 0));
    launch(0); /* the first one loads the code */
    check("cuEventRecord", driver.cuEventRecord(begin, streams[0]));
    launch(0);
    check("cuEventRecord", driver.cuEventRecord(end, streams[0]));
    check("cuEventSynchronize", driver.cuEventSynchronize(end));
    check("cuEventElapsedTime", driver.cuEventElapsedTime(&milliseconds, begin, end));
    printf("{\"ns\": %.0f}\n", 1e6 * (double)milliseconds);
}

static void ready(void) {
    uint64_t start = now();
    use_gpu();
    printf("{\"ns\": %llu}\n", (unsigned long long)(now() - start));
}

static void run(const char *command) {
    unsigned long long a, b, c, d;
    if (strcmp(command, "ready\n") == 0)
        ready();
    else if (strcmp(command, "calibrate\n") == 0)
        calibrate();
    else if (sscanf(command, "work %llu %llu", &a, &b) == 2)
        work(a, b);
    else if (sscanf(command, "requests %llu %llu %llu %llu", &a, &b, &c, &d) == 4)
        requests(a, b, c, d);
    else if (sscanf(command, "launches %llu %llu", &a, &b) == 2)
        launches(a, 1000000 * b);
    else
        fail("no such command", 0);
    fflush(stdout);
}

static void set_option(const char *argument) {
    size_t length = strcspn(argument, "=");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (argument[length] == '=' && strlen(keys[i].key) == length && strncmp(argument, keys[i].key, length) == 0) {
            *keys[i].value = strtoull(argument + length + 1, NULL, 10);
            return;
        }
    fail(argument, 0);
}

int main(int count, char **arguments) {
    char line[256];
    for (int i = 1; i < count; i++)
        set_option(arguments[i]);
    if (options.streams < 1 || options.streams > MAX_STREAMS)
        fail("a number of streams", (int)options.streams);
    while (fgets(line, sizeof line, stdin) != NULL)
        run(line);
    return 0;
}
