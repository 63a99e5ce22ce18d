/* What went wrong, as one line for people: it ends in an Event of the pod. */
#include "ocihook/problem.h"

#include <stdarg.h>
#include <stdio.h>

/* Texts of others are quoted in it: none of them may begin a new line, or be no UTF-8, which gRPC would refuse. */
bool problem_is(struct problem *problem, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    for (char *at = problem->text; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    return false;
}
