/*
 * Two processes race for memory of one GPU that only one of them can have, because each wants more than half of what
 * all shares have together. Prints the number of rounds in which not exactly one was given it.
 *
 * Usage: gpu_races ROUNDS BYTES FOLDER... of the shares.
 */
#include "core/gpu.h"
#include "core/ledger.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RACERS 2
#define LOOKS  10000

static struct track {
    int arrived; /* since the start: RACERS at each meeting */
    bool given[RACERS];
} *track;

static char *path(const char *folder, const char *name) {
    char *joined = malloc(strlen(folder) + strlen(name) + 2);
    if (joined == NULL)
        exit(2);
    sprintf(joined, "%s/%s", folder, name);
    return joined;
}

static struct share *open_share(const char *folder, struct share *next) {
    struct share *share = share_new(path(folder, HAMI_LIMITS_FILE), path(folder, HAMI_REGION_FILE));
    if (share == NULL || limits_read(share->limits_path, &share->limits) != NULL)
        exit(2);
    share->next = next;
    return share;
}

/* Whoever waits stays on its processor for a while, so that both go on at the same moment. */
static void meet(int *meetings) {
    int expected = RACERS * ++*meetings;
    __atomic_add_fetch(&track->arrived, 1, __ATOMIC_ACQ_REL);
    for (int looks = 0; __atomic_load_n(&track->arrived, __ATOMIC_ACQUIRE) < expected; looks++)
        if (looks % LOOKS == LOOKS - 1)
            sched_yield();
}

/* Returns in how many rounds both were given the bytes, or none. */
static long run(int racer, long rounds, struct gpu *gpu, uint64_t bytes) {
    long wrong = 0;
    int meetings = 0;
    for (long i = 0; i < rounds; i++) {
        meet(&meetings);
        track->given[racer] = gpu_reserve(gpu, bytes);
        meet(&meetings);
        wrong += track->given[0] == track->given[1];
        if (track->given[racer])
            gpu_give_back(gpu, bytes);
    }
    return wrong;
}

int main(int count, char **arguments) {
    if (count < 4)
        return 2;
    long rounds = strtol(arguments[1], NULL, 10);
    uint64_t bytes = strtoull(arguments[2], NULL, 10);
    track = mmap(NULL, sizeof *track, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (track == MAP_FAILED)
        return 2;
    struct gpu gpu = {0};
    for (int i = count - 1; i >= 3; i--)
        gpu.shares = open_share(arguments[i], gpu.shares);
    if (fork() == 0) {
        run(1, rounds, &gpu, bytes);
        _exit(0);
    }
    printf("%ld\n", run(0, rounds, &gpu, bytes));
    while (wait(NULL) > 0)
        ;
    return 0;
}
