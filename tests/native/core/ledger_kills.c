/*
 * Checks that the ledger stays exact whichever instruction a process is killed at.
 *
 * A child runs one operation, and the parent steps it instruction by instruction (ptrace). At one of them a neighbour
 * with another slot changes the ledger a few times. From there on, at each instruction, the memory is copied: it is
 * what a kill would leave. On the copy the next holder of the slot does its work, and then ledger and slots must agree.
 *
 * Usage: ledger_kills. Prints at how many points of how many runs it looked.
 */
#include "core/ledger.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT             1000
#define OURS              1
#define NEIGHBOUR         2
#define MAX_INTERFERENCES 2

/* Only the first slots are used, so only so much is copied. */
#define COPIED (offsetof(struct hami_region, slots) + 3 * sizeof(struct hami_slot))

static struct hami_region *region;
static volatile bool *finished;
static struct hami_region copy;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void take(void) {
    ledger_take(region, OURS, 100, 100, LIMIT);
}

static void give(void) {
    ledger_give(region, OURS, 40);
}

static void take_what_fits(void) {
    ledger_take(region, OURS, 1, LIMIT, LIMIT);
}

static void be_refused(void) {
    ledger_take(region, OURS, LIMIT, LIMIT, LIMIT);
}

/* What a sweep does with a slot whose owner died right after it had announced an operation. */
static void bury(void) {
    ledger_finish(region, OURS);
    ledger_give(region, OURS, UINT64_MAX);
}

static void (*const operations[])(void) = {take, give, take_what_fits, be_refused, bury};

/* Both slots hold something, and have a past. */
static void reset(void (*operation)(void)) {
    memset(region, 0, COPIED);
    *finished = false;
    ledger_take(region, OURS, 50, 50, LIMIT);
    ledger_take(region, NEIGHBOUR, 30, 30, LIMIT);
    ledger_give(region, OURS, 10);
    if (operation == bury)
        region->slots[OURS].seq++;
}

static void interfere(int times) {
    for (int i = 0; i < times; i++)
        if (i % 2 == 0)
            ledger_take(region, NEIGHBOUR, 7, 7, LIMIT);
        else
            ledger_give(region, NEIGHBOUR, 7);
}

static void wait_for_stop(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
        die("the child did not stop");
}

static pid_t start(void (*operation)(void)) {
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(1);
        __builtin_debugtrap();
        operation();
        *finished = true;
        for (;;)
            pause();
    }
    wait_for_stop(child);
    return child;
}

static void step(pid_t child) {
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
        die("cannot step");
    wait_for_stop(child);
}

static bool exact(const struct hami_region *of) {
    uint64_t held = ledger_held(&of->slots[OURS]) + ledger_held(&of->slots[NEIGHBOUR]);
    return ledger_used(of) == held && held <= LIMIT;
}

/* What the survivors do, on what a kill at this moment would leave. */
static bool survives(void) {
    memcpy(&copy, region, COPIED);
    ledger_finish(&copy, OURS);
    if (!exact(&copy))
        return false;
    ledger_give(&copy, OURS, UINT64_MAX);
    ledger_give(&copy, NEIGHBOUR, UINT64_MAX);
    return ledger_used(&copy) == 0;
}

/* Interferes after `at` instructions and looks at all later ones. Returns how many there were. */
static int run(size_t operation, int at, int interferences) {
    int points = 0;
    reset(operations[operation]);
    pid_t child = start(operations[operation]);
    for (int i = 0; i < at && !*finished; i++)
        step(child);
    interfere(interferences);
    for (; !*finished; points++) {
        if (!survives()) {
            fprintf(stderr, "operation %zu, %d interferences at %d: not exact %d later\n", operation, interferences, at,
                    points);
            exit(1);
        }
        step(child);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return points;
}

int main(void) {
    long points = 0, runs = 0;
    region = mmap(NULL, sizeof *region + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        die("mmap");
    finished = (bool *)(region + 1);
    for (size_t operation = 0; operation < sizeof operations / sizeof *operations; operation++) {
        int instructions = run(operation, 0, 0);
        for (int interferences = 1; interferences <= MAX_INTERFERENCES; interferences++)
            for (int at = 0; at < instructions; at++, runs++)
                points += run(operation, at, interferences);
    }
    printf("%ld %ld\n", points, runs);
    return 0;
}
