/* One line per event, and nothing at all unless LIBCUDA_LOG_LEVEL is set. */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_LENGTH 512

/* Opened anew for each line, of which there are few: a descriptor that we kept would be the program's to trip over.
 * A program that runs with another user's rights must not write where its caller says. */
static int open_log(void) {
    const char *path = secure_getenv("LIBCUDA_LOG_FILE");
    int file = -1;
    if (path != NULL)
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
    return file >= 0 ? file : STDERR_FILENO;
}

void log_line(enum log_level level, const char *format, ...) {
    const char *wanted = getenv("LIBCUDA_LOG_LEVEL");
    if (wanted == NULL || *wanted < '0' || *wanted > '9' || atoi(wanted) < (int)level)
        return;
    int saved_errno = errno;
    char line[LINE_LENGTH];
    int prefix = snprintf(line, sizeof line, "libvgpu[%d]: ", (int)getpid());
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + prefix, sizeof line - (size_t)prefix, format, arguments) + prefix;
    va_end(arguments);
    if (length > LINE_LENGTH - 1)
        length = LINE_LENGTH - 1;
    line[length] = '\n';
    /* In one write, so that lines of several processes do not mix. Nothing can be done about a closed descriptor. */
    int log = open_log();
    ssize_t written = write(log, line, (size_t)length + 1);
    (void)written;
    if (log != STDERR_FILENO)
        close(log);
    errno = saved_errno;
}
