/* One line per event, to standard error or to LIBCUDA_LOG_FILE, and nothing at all unless LIBCUDA_LOG_LEVEL is set. */
#ifndef HAMI_CORE_LOG_H
#define HAMI_CORE_LOG_H

/* HAMi-core's numbers. */
enum log_level { LOG_ERROR = 0, LOG_INFO = 3 };

/* Leaves alone errno, the signals of the program and what it has open; never waits. */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#endif
