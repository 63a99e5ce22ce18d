/*
 * Two processes race for memory of one GPU, round by round, beside one that has taken some and died. Prints the number
 * of rounds in which not as many as WINNERS were given what they wanted.
 *
 * Usage: gpu_races ROUNDS BYTES WINNERS DEAD FOLDER... of the shares; each wants BYTES, and the dead one has taken
 * DEAD.
 */
#include "core/gpu.h"
#include "core/ledger.h"
#include "open_share.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define RACERS 2
#define LOOKS  2000

static struct track {
    int arrived; /* since the start: RACERS at each meeting */
    bool given[RACERS];
} *track;

/* Whoever waits stays on its processor for a while, so that both go on at the same moment. */
static void meet(int *meetings) {
    int expected = RACERS * ++*meetings;
    __atomic_add_fetch(&track->arrived, 1, __ATOMIC_ACQ_REL);
    for (int looks = 0; __atomic_load_n(&track->arrived, __ATOMIC_ACQUIRE) < expected; looks++)
        if (looks % LOOKS == LOOKS - 1)
            sched_yield();
}

static void leave_behind(struct gpu *gpu, uint64_t bytes) {
    if (bytes == 0)
        return;
    pid_t child = fork();
    if (child == 0) {
        gpu_forget(gpu);
        _exit(gpu_reserve(gpu, bytes) ? 0 : 1);
    }
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        exit(2);
}

struct race {
    long rounds;
    uint64_t wanted;
    int winners;
    uint64_t dead;
};

static long run(int racer, const struct race *race, struct gpu *gpu) {
    long wrong = 0;
    int meetings = 0;
    for (long i = 0; i < race->rounds; i++) {
        if (racer == 0)
            leave_behind(gpu, race->dead);
        meet(&meetings);
        track->given[racer] = gpu_reserve(gpu, race->wanted);
        meet(&meetings);
        wrong += track->given[0] + track->given[1] != race->winners;
        if (track->given[racer])
            gpu_give_back(gpu, race->wanted);
        meet(&meetings);
    }
    return wrong;
}

int main(int count, char **arguments) {
    if (count < 6)
        return 2;
    struct race race = {
        .rounds = strtol(arguments[1], NULL, 10),
        .wanted = strtoull(arguments[2], NULL, 10),
        .winners = atoi(arguments[3]),
        .dead = strtoull(arguments[4], NULL, 10),
    };
    track = mmap(NULL, sizeof *track, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (track == MAP_FAILED)
        return 2;
    static struct gpu gpu; /* static: LeakSanitizer looks for what is still referred to */
    for (int i = count - 1; i >= 5; i--) {
        struct share *share = open_share(arguments[i]);
        share->next = gpu.shares;
        gpu.shares = share;
    }
    pid_t other = fork();
    if (other == 0) {
        run(1, &race, &gpu);
        _exit(0);
    }
    printf("%ld\n", run(0, &race, &gpu));
    waitpid(other, NULL, 0);
    return 0;
}
