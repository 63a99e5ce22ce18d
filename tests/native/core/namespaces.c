/*
 * Makes namespaces, one after the other, in each of which nothing stays: more than the C library has at a time. Prints
 * in how many a library could be loaded, of those in which none is, of those in which it was closed, and of those which
 * other threads had made before.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#define TIMES   40
#define THREADS 8

static void *load(const char *file) {
    return dlmopen(LM_ID_NEWLM, file, RTLD_NOW);
}

static void *load_in_thread(void *file) {
    return load(file);
}

static int load_nothing(void) {
    int loaded = 0;
    for (int i = 0; i < TIMES; i++)
        loaded += load("/there/is/no/such.so") != NULL;
    return loaded;
}

static int load_and_close(void) {
    int loaded = 0;
    for (int i = 0; i < TIMES; i++) {
        void *library = load("libm.so.6");
        loaded += library != NULL && dlclose(library) == 0;
    }
    return loaded;
}

static int load_in_threads(void) {
    void *libraries[THREADS];
    int loaded = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, load_in_thread, "libm.so.6");
        pthread_join(thread, &libraries[i]);
    }
    load("/there/is/no/such.so");
    for (int i = THREADS - 1; i >= 0; i--)
        loaded += libraries[i] != NULL && dlclose(libraries[i]) == 0;
    return loaded;
}

int main(void) {
    int nothing = load_nothing(), closed = load_and_close();
    int by_threads = load_in_threads();
    for (int i = 0; i < THREADS; i++)
        by_threads += load("libm.so.6") != NULL;
    printf("%d %d %d\n", nothing, closed, by_threads);
    return 0;
}
