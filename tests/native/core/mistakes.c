/*
 * Makes one mistake, for the test that sanitizers notice: `mistakes beyond|undefined|leak|race`.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int *volatile numbers; /* volatile: no compiler sees what comes */
static volatile int largest = INT_MAX;
static int shared;

static void write_beyond(void) {
    numbers = malloc(4 * sizeof *numbers);
    numbers[4] = 1;
}

static void overflow(void) {
    largest = largest + 1;
}

static void leak(void) {
    numbers = malloc(4 * sizeof *numbers);
    numbers = NULL;
}

static void *increment(void *argument) {
    for (int i = 0; i < 1000; i++)
        shared++;
    return argument;
}

static void race(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, increment, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static const struct {
    const char *name;
    void (*make)(void);
} mistakes[] = {{"beyond", write_beyond}, {"undefined", overflow}, {"leak", leak}, {"race", race}};

int main(int count, char **arguments) {
    for (size_t i = 0; count == 2 && i < sizeof mistakes / sizeof *mistakes; i++)
        if (strcmp(arguments[1], mistakes[i].name) == 0)
            mistakes[i].make();
    return 0;
}
