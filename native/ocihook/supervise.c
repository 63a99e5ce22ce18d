/* Does what may hang or crash in a process of its own, for a time.
 *
 * A call of the driver can hang in the kernel, where no signal ends it. The runtime waits until nobody has the hook's
 * standard output and error any more: so the worker has neither, and is left behind if it must be.
 */
#include "ocihook/supervise.h"

#include "ocihook/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the worker says in the end: only this says that the work is done, not that the worker has ended. */
struct report {
    bool done;
    struct problem problem;
};

static void work_here(supervised *work, const void *argument, int to) {
    struct report report = {.done = false};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (nowhere < 0 || dup2(nowhere, descriptor) < 0)
            close(descriptor);
    report.done = work(argument, &report.problem);
    _exit(write(to, &report, sizeof report) == sizeof report ? 0 : 1);
}

/* Reads what the worker says, up to the end; false when the time is over. */
static bool listen_to(int from, int milliseconds, struct report *report, size_t *length) {
    int64_t end = clock_ms() + milliseconds;
    for (*length = 0; *length < sizeof *report;) {
        struct pollfd input = {.fd = from, .events = POLLIN};
        int64_t left = end - clock_ms();
        if (left <= 0 || poll(&input, 1, (int)left) == 0)
            return false;
        ssize_t got = read(from, (char *)report + *length, sizeof *report - *length);
        if (got == 0 || (got < 0 && errno != EINTR))
            return true;
        *length += got > 0 ? (size_t)got : 0;
    }
    return true;
}

/* Of a worker that has said nothing. */
static bool tell_end(pid_t worker, struct problem *problem) {
    int status;
    while (waitpid(worker, &status, 0) < 0)
        if (errno != EINTR)
            return problem_is(problem, "the process that asks NVML is lost: %s", strerror(errno));
    if (WIFSIGNALED(status))
        return problem_is(problem, "NVML crashed (%s): does nvidia-smi work on the node?", strsignal(WTERMSIG(status)));
    return problem_is(problem, "NVML ended the process that asked it: does nvidia-smi work on the node?");
}

bool supervise(supervised *work, const void *argument, int milliseconds, struct problem *problem) {
    int ends[2];
    struct report report;
    size_t length;
    pid_t worker = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;
    if (worker < 0)
        return problem_is(problem, "no process can be started: %s", strerror(errno));
    if (worker == 0)
        work_here(work, argument, ends[1]);
    close(ends[1]);
    bool heard = listen_to(ends[0], milliseconds, &report, &length);
    close(ends[0]);
    if (!heard) {
        kill(worker, SIGKILL);
        return problem_is(problem,
                          "NVML did not answer within %d ms: see dmesg on the node, and whether nvidia-smi works there",
                          milliseconds);
    }
    if (length < sizeof report)
        return tell_end(worker, problem);
    *problem = report.problem;
    return report.done;
}
