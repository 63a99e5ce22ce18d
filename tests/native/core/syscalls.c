/*
 * Runs a program and prints on standard error which system calls it makes: `open PATH` for those that open a file,
 * `load` for the others that a loader needs, `call NUMBER` for all else.
 *
 * Usage: syscalls PRELOAD PROGRAM [ARGUMENT…]; LD_PRELOAD is set for the program only, unless PRELOAD is empty. The
 * exit status is the program's, or 126 where tracing is not allowed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* After sys/ptrace.h, whose names it takes. */
#include <linux/ptrace.h>

static void print_path(pid_t child, const void *address) {
    char path[4096] = "";
    struct iovec to = {path, sizeof path - 1}, from = {(void *)address, sizeof path - 1};
    /* The path may lie close to the end of what is mapped. */
    while (process_vm_readv(child, &to, 1, &from, 1, 0) < 0 && from.iov_len > 1)
        from.iov_len /= 2;
    fprintf(stderr, "open %s\n", path);
}

static int loads(unsigned long long call) {
    return call == SYS_read || call == SYS_pread64 || call == SYS_fstat || call == SYS_newfstatat || call == SYS_mmap ||
           call == SYS_mprotect || call == SYS_munmap || call == SYS_close;
}

static void print_call(pid_t child) {
    struct ptrace_syscall_info call;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof call, &call) <= 0 || call.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (call.entry.nr == SYS_openat)
        print_path(child, (const void *)call.entry.args[1]);
    else if (loads(call.entry.nr))
        fputs("load\n", stderr);
    else
        fprintf(stderr, "call %llu\n", (unsigned long long)call.entry.nr);
}

static int run(char **command, const char *preload) {
    if (*preload != '\0')
        setenv("LD_PRELOAD", preload, 1);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return 126;
    raise(SIGSTOP);
    execvp(*command, command);
    return 127;
}

int main(int count, char **arguments) {
    int status;
    if (count < 3)
        return 2;
    pid_t child = fork();
    if (child == 0)
        _exit(run(arguments + 2, arguments[1]));
    waitpid(child, &status, 0);
    if (!WIFSTOPPED(status))
        return WEXITSTATUS(status);
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACESYSGOOD);
    while (ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0 && waitpid(child, &status, 0) == child && WIFSTOPPED(status))
        if (WSTOPSIG(status) == (SIGTRAP | 0x80))
            print_call(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
