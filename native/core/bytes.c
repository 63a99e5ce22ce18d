/* Numbers as people and files write them, read strictly: what is not wholly understood is refused. */
#include "core/bytes.h"

#include <string.h>
#include <strings.h>

/* Reads digits up to `end`, which is set to what follows them. */
static bool parse_digits(const char *text, uint64_t *number, const char **end) {
    uint64_t value = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        uint64_t ones = (uint64_t)(*digit - '0');
        if (value > (BYTES_MAX - ones) / 10)
            return false;
        value = value * 10 + ones;
    }
    *number = value;
    *end = digit;
    return digit > text;
}

bool parse_number(const char *text, uint64_t *number) {
    const char *end;
    return parse_digits(text, number, &end) && *end == '\0';
}

static bool unit_factor(const char *unit, uint64_t *factor) {
    static const struct {
        const char *prefix;
        unsigned int shift;
    } units[] = {{"k", 10}, {"m", 20}, {"g", 30}};
    static const char *const endings[] = {"", "b", "i", "ib"};

    *factor = 1;
    if (*unit == '\0')
        return true;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strncasecmp(unit, units[i].prefix, 1) != 0)
            continue;
        *factor = UINT64_C(1) << units[i].shift;
        for (size_t j = 0; j < sizeof endings / sizeof *endings; j++)
            if (strcasecmp(unit + 1, endings[j]) == 0)
                return true;
    }
    return false;
}

bool parse_bytes(const char *text, uint64_t *bytes) {
    uint64_t number, factor;
    const char *unit;
    if (!parse_digits(text, &number, &unit) || !unit_factor(unit, &factor) || number > BYTES_MAX / factor)
        return false;
    *bytes = number * factor;
    return true;
}
