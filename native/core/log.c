/*
 * One line per event, and nothing at all unless LIBCUDA_LOG_LEVEL is set.
 *
 * Where lines go is often the program's own standard error, and nothing about it may do more to the program than
 * without us: not that nobody reads the pipe, that the file may not grow, that the terminal stops who writes to it.
 */
#include "core/log.h"

#include "core/cancellation.h"
#include "core/cold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LINE_LENGTH 512

/* Opened anew for each line, of which there are few: a descriptor that we kept would be the program's to trip over.
 * A program that runs with another user's rights must not write where its caller says. */
static int open_log(void) {
    const char *path = secure_getenv("LIBCUDA_LOG_FILE");
    return path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644) : -1;
}

/* What a write may have the kernel send to the thread that writes. One that stops a process in the background is not
 * even sent where it is blocked: the terminal takes the line. */
static sigset_t signals_of_writes(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGXFSZ);
    sigaddset(&signals, SIGTTOU);
    return signals;
}

/* The kernel gives a thread's own signals before the process's, and ours is one of those. One that waited before has
 * become one with ours, and is left. */
static void take_back(int signal, const sigset_t *waiting) {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    if (!sigismember(waiting, signal))
        sigtimedwait(&only, NULL, &(struct timespec){0});
}

/* sigprocmask is the thread's alone on Linux, and in every C library. */
static void write_without_signals(int log, const char *line, size_t length) {
    sigset_t ours = signals_of_writes(), blocked, waiting;
    sigprocmask(SIG_BLOCK, &ours, &blocked);
    sigpending(&waiting);
    int problem = write(log, line, length) < 0 ? errno : 0;
    if (problem == EPIPE)
        take_back(SIGPIPE, &waiting);
    else if (problem == EFBIG)
        take_back(SIGXFSZ, &waiting);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* In one write, so that lines of several processes do not mix. What would have to wait is left out, as where there is
 * nothing to write to: the program must not be held up by who reads its log. */
static void put(const char *line, size_t length) {
    int file = open_log();
    struct pollfd log = {.fd = file >= 0 ? file : STDERR_FILENO, .events = POLLOUT};
    if (poll(&log, 1, 0) == 1 && log.revents & POLLOUT)
        write_without_signals(log.fd, line, length);
    if (file >= 0)
        close(file);
}

__attribute__((format(printf, 1, 0))) static COLD void put_formatted(const char *format, va_list arguments) {
    char line[LINE_LENGTH];
    int prefix = snprintf(line, sizeof line, "libvgpu[%d]: ", (int)getpid());
    int length = vsnprintf(line + prefix, sizeof line - (size_t)prefix, format, arguments) + prefix;
    if (length > LINE_LENGTH - 1)
        length = LINE_LENGTH - 1;
    line[length] = '\n';
    put(line, (size_t)length + 1);
}

static bool is_wanted(enum log_level level) {
    const char *wanted = getenv("LIBCUDA_LOG_LEVEL");
    return wanted != NULL && *wanted >= '0' && *wanted <= '9' && atoi(wanted) >= (int)level;
}

void log_line(enum log_level level, const char *format, ...) {
    if (!is_wanted(level))
        return;
    int saved_errno = errno, cancellation = cancellation_put_off();
    va_list arguments;
    va_start(arguments, format);
    put_formatted(format, arguments);
    va_end(arguments);
    cancellation_restore(cancellation);
    errno = saved_errno;
}
