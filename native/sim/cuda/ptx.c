/* See ptx.h. Reads what it needs to find kernels and no more: whether the rest is PTX, it does not ask. */
#include "sim/cuda/ptx.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A word, a string with its quotes, or one other character. */
struct token {
    const char *text;
    size_t length; /* 0: the end of the text */
};

static bool is_of_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.';
}

static const char *skip_comment(const char *at) {
    if (at[1] == '/')
        return at + strcspn(at, "\n");
    const char *end = strstr(at + 2, "*/");
    return end != NULL ? end + 2 : at + strlen(at);
}

static const char *skip_space(const char *at) {
    while (isspace((unsigned char)*at) || (at[0] == '/' && (at[1] == '/' || at[1] == '*')))
        at = *at == '/' ? skip_comment(at) : at + 1;
    return at;
}

static size_t length_of(const char *at) {
    size_t length = 0;
    if (*at == '"') {
        length = 1 + strcspn(at + 1, "\"");
        return at[length] == '"' ? length + 1 : length;
    }
    while (is_of_word(at[length]))
        length++;
    return length == 0 && *at != '\0' ? 1 : length;
}

static struct token next(const char **at) {
    const char *text = skip_space(*at);
    struct token token = {text, length_of(text)};
    *at = text + token.length;
    return token;
}

static bool is(struct token token, const char *text) {
    return token.length == strlen(text) && memcmp(token.text, text, token.length) == 0;
}

static bool number(struct token token, uint64_t *value) {
    char *end;
    if (!isdigit((unsigned char)*token.text))
        return false;
    *value = strtoull(token.text, &end, 10);
    return end == token.text + token.length;
}

/* The bytes of a type such as .u64; 0: it is none. */
static uint32_t size_of_type(struct token token) {
    static const char *const types[] = {".b8",  ".s8",  ".u8",  ".b16", ".s16", ".u16", ".f16", ".b32",
                                        ".s32", ".u32", ".f32", ".b64", ".s64", ".u64", ".f64", ".b128"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (is(token, types[i]))
            return (uint32_t)atoi(types[i] + 2) / 8;
    return 0;
}

/* Reads a parameter up to the comma or bracket behind it, which it returns. */
static struct token parse_parameter(const char **at, struct ptx_parameter *parameter) {
    uint64_t align = 0, count = 1, value;
    uint32_t size = 0;
    bool is_pointer = false;
    struct token token;
    for (token = next(at); token.length != 0 && !is(token, ",") && !is(token, ")"); token = next(at)) {
        if (size_of_type(token) != 0)
            size = size_of_type(token);
        is_pointer = is_pointer || is(token, ".ptr"); /* an alignment behind it is of what is pointed to */
        if (is(token, ".align") && number(next(at), &value) && !is_pointer)
            align = value;
        if (is(token, "[") && number(next(at), &value))
            count = value;
    }
    if (align == 0)
        align = size;
    if (align != 0)
        parameter->offset = (uint32_t)((parameter->offset + align - 1) / align * align);
    parameter->size = (uint32_t)(size * count);
    return token;
}

static bool parse_parameters(const char **at, struct ptx_kernel *kernel) {
    const char *behind = *at;
    uint32_t offset = 0;
    if (is(next(&behind), ")")) {
        *at = behind;
        return true;
    }
    for (;;) {
        if (kernel->parameter_count == PTX_MAX_PARAMETERS)
            return false;
        struct ptx_parameter *parameter = &kernel->parameters[kernel->parameter_count++];
        parameter->offset = offset;
        struct token end = parse_parameter(at, parameter);
        offset = parameter->offset + parameter->size;
        if (!is(end, ","))
            return is(end, ")");
    }
}

static bool is_key(const char *word, const char *key, uint64_t *value) {
    char *end;
    size_t length = strlen(key);
    if (strncmp(word, key, length) != 0 || !isdigit((unsigned char)word[length]))
        return false;
    *value = strtoull(word + length, &end, 10);
    return *end == ' ' || *end == '"';
}

/* Reads what follows "hami-sim in a pragma. */
static bool parse_pragma(const char *at, struct ptx_kernel *kernel) {
    uint64_t argument;
    for (at += strspn(at, " "); *at != '"' && *at != '\0'; at += strcspn(at, " \""), at += strspn(at, " ")) {
        if (is_key(at, "cost=", &kernel->cost) || is_key(at, "per-block=", &kernel->per_block))
            continue;
        if (!is_key(at, "argument=", &argument) || argument >= kernel->parameter_count ||
            kernel->parameters[argument].size != sizeof(uint64_t))
            return false;
        kernel->argument = (unsigned)argument;
    }
    return *at == '"';
}

/* Reads the body, whose first brace has been read. */
static bool parse_body(const char **at, struct ptx_kernel *kernel) {
    static const char ours[] = "\"hami-sim ";
    for (unsigned depth = 1; depth > 0;) {
        struct token token = next(at);
        if (token.length == 0)
            return false;
        depth += is(token, "{");
        depth -= is(token, "}");
        if (token.length >= sizeof(ours) - 1 && strncmp(token.text, ours, sizeof(ours) - 1) == 0 &&
            !parse_pragma(token.text + sizeof(ours) - 1, kernel))
            return false;
    }
    return true;
}

/* Reads what follows .entry. A declaration has no body. */
static bool parse_kernel(const char **at, struct ptx_kernel *kernel) {
    struct token token = next(at);
    *kernel = (struct ptx_kernel){.name = token.text, .name_length = token.length, .argument = PTX_NO_ARGUMENT};
    for (token = next(at); token.length != 0 && !is(token, "{") && !is(token, ";"); token = next(at))
        if (is(token, "(") && !parse_parameters(at, kernel))
            return false;
    return is(token, "{") && parse_body(at, kernel);
}

bool ptx_next(const char **text, struct ptx_kernel *kernel, bool *is_wrong) {
    struct token token;
    do
        token = next(text);
    while (token.length != 0 && !is(token, ".entry"));
    *is_wrong = token.length != 0 && !parse_kernel(text, kernel);
    return token.length != 0 && !*is_wrong;
}

uint64_t ptx_cost(const struct ptx_kernel *kernel, uint64_t blocks, uint64_t argument) {
    uint64_t cost;
    if (__builtin_mul_overflow(kernel->per_block, blocks, &cost) || __builtin_add_overflow(cost, kernel->cost, &cost) ||
        __builtin_add_overflow(cost, argument, &cost) || cost > PTX_LONGEST)
        return PTX_LONGEST;
    return cost;
}
