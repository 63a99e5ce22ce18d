/* One line to standard error per event, and nothing at all unless LIBCUDA_LOG_LEVEL is set. */
#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_LENGTH 512

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
    ssize_t written = write(STDERR_FILENO, line, (size_t)length + 1);
    (void)written;
    errno = saved_errno;
}
