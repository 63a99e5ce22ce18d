/*
 * Many processes of one share: each takes some bytes and stays.
 *
 * Usage: crowd FOLDER COUNT BYTES. Prints how many of COUNT processes were given BYTES of the share in FOLDER, without
 * a driver, or by cuMemAlloc where FOLDER is `cuda`. Each line on standard input says how many to kill; once they are
 * dead, prints how many were left. They end with the input.
 */
#include "abi/cuda.h"
#include "open_share.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static CUresult (*init)(unsigned int);
static CUresult (*retain)(CUcontext *, CUdevice);
static CUresult (*set_current)(CUcontext);
static CUresult (*allocate)(CUdeviceptr *, size_t);

/* Loaded once for all, and not used before the fork: so each process is as light as it can be. */
static void find_driver(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library == NULL)
        exit(2);
    *(void **)&init = dlsym(library, "cuInit");
    *(void **)&retain = dlsym(library, "cuDevicePrimaryCtxRetain");
    *(void **)&set_current = dlsym(library, "cuCtxSetCurrent");
    *(void **)&allocate = dlsym(library, "cuMemAlloc_v2");
}

static bool allocates(uint64_t bytes) {
    CUcontext context;
    CUdeviceptr address;
    return init(0) == CUDA_SUCCESS && retain(&context, 0) == CUDA_SUCCESS && set_current(context) == CUDA_SUCCESS &&
           allocate(&address, bytes) == CUDA_SUCCESS;
}

static pid_t start(struct share *share, uint64_t bytes, int answers) {
    pid_t child = fork();
    if (child != 0)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char given = share != NULL ? share_take(share, bytes, bytes) == bytes : allocates(bytes);
    if (write(answers, &given, 1) != 1)
        _exit(2);
    for (;;)
        pause();
}

static long given_to(long count, int answers) {
    long given = 0;
    char answer;
    for (long i = 0; i < count && read(answers, &answer, 1) == 1; i++)
        given += answer;
    return given;
}

static void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

int main(int count, char **arguments) {
    int answers[2];
    char line[32];
    if (count != 4 || pipe(answers) != 0)
        return 2;
    long alive = strtol(arguments[2], NULL, 10);
    pid_t *children = calloc((size_t)alive, sizeof *children);
    struct share *share = strcmp(arguments[1], "cuda") != 0 ? open_share(arguments[1]) : NULL;
    if (children == NULL)
        return 2;
    if (share == NULL)
        find_driver();
    for (long i = 0; i < alive; i++)
        if ((children[i] = start(share, strtoull(arguments[3], NULL, 10), answers[1])) < 0)
            return 2;
    printf("%ld\n", given_to(alive, answers[0]));
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        for (long killed = strtol(line, NULL, 10); killed > 0 && alive > 0; killed--)
            end(children[--alive]);
        printf("%ld\n", alive);
        fflush(stdout);
    }
    return 0;
}
