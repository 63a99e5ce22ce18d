/* Runs a parser of libvgpu.so on one argument and prints what it understood, or fails. */
#include "core/bytes.h"
#include "core/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int print_number(bool (*parse)(const char *, uint64_t *), const char *text) {
    uint64_t number;
    if (!parse(text, &number))
        return 1;
    printf("%" PRIu64 "\n", number);
    return 0;
}

static int print_limits(const char *(*read)(const char *, struct limits *), const char *text) {
    struct limits limits;
    const char *problem = read(text, &limits);
    if (problem != NULL) {
        puts(problem);
        return 1;
    }
    char gpu[UUID_TEXT_SIZE];
    uuid_format(&limits.gpu, gpu);
    printf("%s %" PRIu64 "\n", gpu, limits.memory);
    return 0;
}

int main(int count, char **arguments) {
    if (count != 3)
        return 2;
    const char *text = arguments[2];
    if (strcmp(arguments[1], "bytes") == 0)
        return print_number(parse_bytes, text);
    if (strcmp(arguments[1], "number") == 0)
        return print_number(parse_number, text);
    if (strcmp(arguments[1], "limits-file") == 0)
        return print_limits(limits_read, text);
    return print_limits(limits_parse, text);
}
