/*
 * Takes memory of a share, whose region it makes at the given path, in a thread with a small stack: prints how much.
 *
 * Usage: small_stack PATH.
 */
#include "core/share.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define STACK_SIZE 65536 /* bytes, with room for what a sanitizer needs */
#define LIMIT      1000

static struct share *share;

static void *take(void *argument) {
    printf("%" PRIu64 "\n", share_take(share, 1, UINT64_MAX));
    return argument;
}

int main(int count, char **arguments) {
    pthread_attr_t attributes;
    pthread_t thread;
    if (count != 2 || (share = share_new(NULL, strdup(arguments[1]))) == NULL)
        return 2;
    share->limits.memory = LIMIT;
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, STACK_SIZE) != 0 ||
        pthread_create(&thread, &attributes, take, NULL) != 0)
        return 2;
    return pthread_join(thread, NULL);
}
