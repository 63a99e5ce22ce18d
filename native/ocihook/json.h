/* Reads JSON (RFC 8259) piece by piece, strictly and without taking memory. */
#ifndef HAMI_OCIHOOK_JSON_H
#define HAMI_OCIHOOK_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* What is still to be read. */
struct json {
    const char *at;
    const char *end;
};

/* A string or a number as it is written, a string without its quotes and with its escapes. */
struct json_text {
    const char *start;
    size_t length;
};

/* Each reads one thing with the blanks before it, and tells whether it was there and right. */
bool json_symbol(struct json *json, char symbol);
bool json_string(struct json *json, struct json_text *text);
bool json_number(struct json *json, struct json_text *text);
bool json_value(struct json *json);
bool json_end(struct json *json);

#endif
