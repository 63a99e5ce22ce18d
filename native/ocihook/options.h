/* The hook's command line, which the plugin writes into a share's CDI device. */
#ifndef HAMI_OCIHOOK_OPTIONS_H
#define HAMI_OCIHOOK_OPTIONS_H

#include "ocihook/problem.h"

#include <stdbool.h>

struct options {
    const char *share; /* the share's folder on the host */
    const char *nvml;  /* the host's libnvidia-ml.so.1 */
    bool by_driver;    /* else the library alone holds the limit */
    int milliseconds;  /* that all of it may take */
};

bool options_parse(int count, char **arguments, struct options *options, struct problem *problem);

#endif
