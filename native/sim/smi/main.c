/* A stand-in for nvidia-smi: the few of its views that people look at and scripts read. */
#include "sim/smi/nvml.h"
#include "sim/smi/smi.h"

#include <stdio.h>
#include <string.h>

#define QUERY  "--query-gpu="
#define FORMAT "--format="

static int usage(char **arguments) {
    printf("nvidia-smi (simulated): cannot do");
    for (char **argument = arguments + 1; *argument != NULL; argument++)
        printf(" %s", *argument);
    printf(".\nIt has: nothing for a table | -L | --query-gpu=FIELD,… --format=csv[,noheader][,nounits]\n");
    return 2;
}

static bool has(const char *format, const char *word) {
    return strstr(format, word) != NULL;
}

static int run_query(char **arguments) {
    const char *query = arguments[1];
    const char *format = arguments[2];
    if (strncmp(format, FORMAT "csv", strlen(FORMAT "csv")) != 0)
        return usage(arguments);
    int failed = nvml_load();
    return failed ? failed : smi_query(query + strlen(QUERY), !has(format, ",noheader"), !has(format, ",nounits"));
}

int main(int count, char **arguments) {
    if (count == 1) {
        int failed = nvml_load();
        return failed ? failed : smi_table();
    }
    if (count == 2 && strcmp(arguments[1], "-L") == 0) {
        int failed = nvml_load();
        return failed ? failed : smi_list();
    }
    if (count == 3 && strncmp(arguments[1], QUERY, strlen(QUERY)) == 0)
        return run_query(arguments);
    return usage(arguments);
}
