/* Reads JSON (RFC 8259) piece by piece, strictly and without taking memory. */
#include "ocihook/json.h"

#include <string.h>

#define DEEPEST 64 /* values within values: far more than a state has, and far less than the stack */

static bool is_next(const struct json *json, char character) {
    return json->at < json->end && *json->at == character;
}

static void skip_blanks(struct json *json) {
    while (is_next(json, ' ') || is_next(json, '\t') || is_next(json, '\n') || is_next(json, '\r'))
        json->at++;
}

bool json_symbol(struct json *json, char symbol) {
    skip_blanks(json);
    if (!is_next(json, symbol))
        return false;
    json->at++;
    return true;
}

bool json_end(struct json *json) {
    skip_blanks(json);
    return json->at == json->end;
}

static bool is_digit(const struct json *json) {
    return json->at < json->end && *json->at >= '0' && *json->at <= '9';
}

static bool skip_digits(struct json *json) {
    const char *start = json->at;
    while (is_digit(json))
        json->at++;
    return json->at > start;
}

static bool skip_escape(struct json *json) {
    static const char hexadecimal[] = "0123456789abcdefABCDEF";
    if (json->at == json->end || memchr("\"\\/bfnrtu", *json->at, 9) == NULL)
        return false;
    if (*json->at++ != 'u')
        return true;
    for (int i = 0; i < 4; i++, json->at++)
        if (json->at == json->end || memchr(hexadecimal, *json->at, sizeof hexadecimal - 1) == NULL)
            return false;
    return true;
}

bool json_string(struct json *json, struct json_text *text) {
    if (!json_symbol(json, '"'))
        return false;
    text->start = json->at;
    while (json->at < json->end && (unsigned char)*json->at >= ' ') {
        char character = *json->at++;
        if (character == '"') {
            text->length = (size_t)(json->at - 1 - text->start);
            return true;
        }
        if (character == '\\' && !skip_escape(json))
            return false;
    }
    return false;
}

bool json_number(struct json *json, struct json_text *text) {
    skip_blanks(json);
    text->start = json->at;
    if (is_next(json, '-'))
        json->at++;
    if (is_next(json, '0'))
        json->at++;
    else if (!skip_digits(json))
        return false;
    if (is_next(json, '.') && (json->at++, !skip_digits(json)))
        return false;
    if (is_next(json, 'e') || is_next(json, 'E')) {
        json->at++;
        if (is_next(json, '+') || is_next(json, '-'))
            json->at++;
        if (!skip_digits(json))
            return false;
    }
    text->length = (size_t)(json->at - text->start);
    return true;
}

static bool skip_word(struct json *json, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
        return false;
    json->at += length;
    return true;
}

static bool skip_value(struct json *json, unsigned depth);

/* What is between the braces of an object, or the brackets of an array, and the closing one. */
static bool skip_members(struct json *json, char closing, unsigned depth) {
    struct json_text key;
    if (json_symbol(json, closing))
        return true;
    do
        if ((closing == '}' && (!json_string(json, &key) || !json_symbol(json, ':'))) || !skip_value(json, depth))
            return false;
    while (json_symbol(json, ','));
    return json_symbol(json, closing);
}

static bool skip_value(struct json *json, unsigned depth) {
    struct json_text text;
    skip_blanks(json);
    if (is_next(json, '"'))
        return json_string(json, &text);
    if (is_next(json, '-') || is_digit(json))
        return json_number(json, &text);
    if (depth < DEEPEST && json_symbol(json, '{'))
        return skip_members(json, '}', depth + 1);
    if (depth < DEEPEST && json_symbol(json, '['))
        return skip_members(json, ']', depth + 1);
    return skip_word(json, "true") || skip_word(json, "false") || skip_word(json, "null");
}

bool json_value(struct json *json) {
    return skip_value(json, 0);
}
