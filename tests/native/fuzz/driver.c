/*
 * Runs a fuzz target, LLVMFuzzerTestOneInput, on a corpus and on what becomes of it by mutation.
 *
 * Usage: TARGET RUNS SECONDS SEED FOUND CORPUS: at most so many mutations and so long, after the files of the folders
 * CORPUS and FOUND. What reaches code in a way that was not seen before is mutated further and written to FOUND.
 * FOUND/current is the input that is running: after a crash or a hang (killed by SIGALRM) it is the culprit.
 *
 * The same seed gives the same run. Prints the number of inputs run and how many of them were new.
 */
#include "mutate.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HANG_SECONDS 10
#define MAP_SIZE     65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_cov_trace_pc(void);

static uint8_t hits[MAP_SIZE]; /* by this input: how often each branch was taken */
static uint8_t seen[MAP_SIZE]; /* by all: classes of that as bits */
static uintptr_t previous;

static struct corpus corpus;
static struct input *current; /* mapped from FOUND/current */
static unsigned long runs, news;

/* gcc calls it in each basic block of a target. */
void __sanitizer_cov_trace_pc(void) {
    uintptr_t place = (uintptr_t)__builtin_return_address(0);
    uint8_t *count = &hits[(place ^ previous) % MAP_SIZE];
    *count = (uint8_t)(*count + (*count < UINT8_MAX));
    previous = place >> 1;
}

/* 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more: a loop that turns once more is news only at its start. */
static uint8_t class_of(uint8_t count) {
    static const uint8_t limits[] = {1, 2, 3, 7, 15, 31, 127};
    int class = 0;
    while (class < (int)sizeof limits && count > limits[class])
        class++;
    return (uint8_t)(1 << class);
}

static bool has_news(void) {
    bool any = false;
    for (size_t i = 0; i < MAP_SIZE; i++) {
        if (hits[i] == 0)
            continue;
        uint8_t class = class_of(hits[i]);
        any |= (seen[i] & class) == 0;
        seen[i] |= class;
    }
    return any;
}

/* In memory of its own, so that one byte too far is noticed. */
static bool run_current(void) {
    uint8_t *data = malloc(current->size);
    memcpy(data, current->bytes, current->size);
    memset(hits, 0, sizeof hits);
    previous = 0;
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(data, current->size);
    alarm(0);
    free(data);
    runs++;
    return has_news();
}

static void save(const char *folder) {
    char path[4096];
    uint64_t name = 0xcbf29ce484222325;
    for (size_t i = 0; i < current->size; i++)
        name = (name ^ current->bytes[i]) * 0x100000001b3;
    snprintf(path, sizeof path, "%s/%016" PRIx64, folder, name);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(current->bytes, 1, current->size, file) != current->size || fclose(file) != 0)
        exit(2);
}

static void run_file(const char *path) {
    struct stat status;
    FILE *file = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? fopen(path, "r") : NULL;
    if (file == NULL)
        return;
    current->size = fread(current->bytes, 1, sizeof current->bytes, file);
    fclose(file);
    run_current();
    corpus_add(&corpus, current);
}

/* In the order of the names, so that a run can be repeated. */
static void run_folder(const char *folder) {
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0)
        exit(2);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (strcmp(entries[i]->d_name, "current") != 0)
            run_file(path);
        free(entries[i]);
    }
    free(entries);
}

static void map_current(const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/current", folder);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || ftruncate(file, sizeof *current) != 0)
        exit(2);
    current = mmap(NULL, sizeof *current, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (current == MAP_FAILED)
        exit(2);
}

static void mutate_until(unsigned long most, time_t end, const char *found) {
    for (unsigned long i = 0; i < most && time(NULL) < end; i++) {
        corpus_pick(&corpus, current);
        mutate(&corpus, current);
        if (run_current()) {
            news++;
            corpus_add(&corpus, current);
            save(found);
        }
    }
}

int main(int count, char **arguments) {
    if (count != 6)
        return 2;
    random_start(strtoull(arguments[3], NULL, 10));
    map_current(arguments[4]);
    run_folder(arguments[5]);
    run_folder(arguments[4]);
    mutate_until(strtoul(arguments[1], NULL, 10), time(NULL) + atol(arguments[2]), arguments[4]);
    printf("%lu %lu\n", runs, news);
    corpus_free(&corpus);
    return 0;
}
