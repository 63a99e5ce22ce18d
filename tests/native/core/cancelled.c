/*
 * A CUDA program of which two threads are cancelled just before each is refused memory. That is no call in which a
 * thread need end, so they end when it has returned.
 *
 * Prints a line when it has allocated once, and goes on when a line can be read. Then it prints what the threads were
 * answered, -1 if nothing, and what another allocation is.
 */
#include "abi/cuda.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS    2
#define PATIENCE_S 30

#define FUNCTIONS(X)                                                                                                   \
    X(cuInit, (unsigned int))                                                                                          \
    X(cuDevicePrimaryCtxRetain, (CUcontext *, CUdevice))                                                               \
    X(cuCtxSetCurrent, (CUcontext))                                                                                    \
    X(cuMemAlloc_v2, (CUdeviceptr *, size_t))

#define DECLARE(name, parameters) static CUresult(*name) parameters;
FUNCTIONS(DECLARE)

static CUcontext context;

static CUresult allocate(size_t bytes) {
    CUdeviceptr address;
    return cuMemAlloc_v2(&address, bytes);
}

static void *be_refused(void *answer) {
    if (cuCtxSetCurrent(context) != CUDA_SUCCESS || pthread_cancel(pthread_self()) != 0)
        abort();
    *(int *)answer = (int)allocate((size_t)1 << 40);
    pthread_testcancel();
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    int answers[THREADS];
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
#define FIND(name, parameters) name = dlsym(library, #name);
    FUNCTIONS(FIND)
    if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS ||
        cuCtxSetCurrent(context) != CUDA_SUCCESS || allocate(1) != CUDA_SUCCESS)
        return 1;
    puts("ready");
    fflush(stdout);
    getchar();
    alarm(PATIENCE_S);
    for (int i = 0; i < THREADS; i++) {
        answers[i] = -1;
        pthread_create(&threads[i], NULL, be_refused, &answers[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d %d\n", answers[0], answers[1], (int)allocate(1));
    return 0;
}
