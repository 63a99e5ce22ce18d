/* Parses and checks the descriptions of GPUs. */
#include "sim/tool/gpu.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MEMORY (1ull << 40) /* bytes; more than any GPU has, and less than the ledger's words can count */

struct named {
    const char *name;
    uint32_t number;
};

/* NVML's numbers. */
static const struct named brands[] = {{"Quadro", 1},      {"Tesla", 2},      {"NVS", 3},        {"GeForce", 5},
                                      {"Titan", 6},       {"QuadroRTX", 12}, {"NvidiaRTX", 13}, {"Nvidia", 14},
                                      {"GeForceRTX", 15}, {"TitanRTX", 16},  {NULL, 0}};
static const struct named architectures[] = {{"Kepler", 2},     {"Maxwell", 3}, {"Pascal", 4}, {"Volta", 5},
                                             {"Turing", 6},     {"Ampere", 7},  {"Ada", 8},    {"Hopper", 9},
                                             {"Blackwell", 10}, {NULL, 0}};

bool gpu_parse_number(const char *text, uint64_t limit, uint64_t *number) {
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)*text))
        return false;
    *number = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return errno == 0 && *end == '\0' && *number <= limit;
}

static bool parse_u32(const char *text, uint32_t *number) {
    uint64_t wide;
    bool parsed = gpu_parse_number(text, UINT32_MAX, &wide);
    *number = (uint32_t)wide;
    return parsed;
}

static bool parse_named(const char *text, const struct named *names, uint32_t *number) {
    for (; names->name != NULL; names++)
        if (strcmp(names->name, text) == 0) {
            *number = names->number;
            return true;
        }
    return false;
}

static bool set_uuid(struct sim_gpu *gpu, const char *value) {
    const char *form = "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (strlen(value) != strlen(form))
        return false;
    for (size_t i = 0; form[i] != '\0'; i++)
        if (form[i] == 'x' ? !isxdigit((unsigned char)value[i]) : value[i] != form[i])
            return false;
    strcpy(gpu->uuid, value);
    return true;
}

static bool set_name(struct sim_gpu *gpu, const char *value) {
    if (*value == '\0' || strlen(value) >= sizeof(gpu->name))
        return false;
    strcpy(gpu->name, value);
    return true;
}

static bool set_memory(struct sim_gpu *gpu, const char *value) {
    return gpu_parse_number(value, MAX_MEMORY, &gpu->memory) && gpu->memory != 0 && gpu->memory % (1u << 20) == 0;
}

static bool set_minor(struct sim_gpu *gpu, const char *value) {
    return parse_u32(value, &gpu->minor);
}

static bool set_pci(struct sim_gpu *gpu, const char *value) {
    char rest;
    return sscanf(value, "%8x:%2x:%2x%c", &gpu->domain, &gpu->bus, &gpu->device, &rest) == 3 && gpu->device < 32;
}

static bool set_pci_id(struct sim_gpu *gpu, const char *value) {
    return parse_u32(value, &gpu->pci_id);
}

static bool set_brand(struct sim_gpu *gpu, const char *value) {
    return parse_named(value, brands, &gpu->brand);
}

static bool set_architecture(struct sim_gpu *gpu, const char *value) {
    return parse_named(value, architectures, &gpu->architecture);
}

static bool set_compute(struct sim_gpu *gpu, const char *value) {
    char rest;
    return sscanf(value, "%2u.%1u%c", &gpu->compute_major, &gpu->compute_minor, &rest) == 2;
}

static bool set_multiprocessors(struct sim_gpu *gpu, const char *value) {
    return parse_u32(value, &gpu->multiprocessors) && gpu->multiprocessors > 0;
}

static const struct {
    const char *name;
    bool (*set)(struct sim_gpu *gpu, const char *value);
    const char *wanted;
} keys[] = {
    {"uuid", set_uuid, "GPU- and a UUID"},
    {"name", set_name, "a name of at most 95 bytes"},
    {"memory", set_memory, "bytes, a multiple of 1 MiB up to 1 TiB"},
    {"minor", set_minor, "the number of the device node"},
    {"pci", set_pci, "domain:bus:device in hexadecimal"},
    {"pci-id", set_pci_id, "device id << 16 | vendor id"},
    {"brand", set_brand, "a brand that NVML knows, such as Nvidia"},
    {"architecture", set_architecture, "an architecture that NVML knows, such as Ampere"},
    {"compute", set_compute, "a compute capability such as 8.0"},
    {"multiprocessors", set_multiprocessors, "a number above 0"},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static bool set_key(struct sim_gpu *gpu, char *item, bool *given, char *error, size_t size) {
    char *value = strchr(item, '=');
    if (value != NULL)
        *value++ = '\0';
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(item, keys[i].name) != 0)
            continue;
        given[i] = true;
        if (value != NULL && keys[i].set(gpu, value))
            return true;
        snprintf(error, size, "%s must be %s", item, keys[i].wanted);
        return false;
    }
    snprintf(error, size, "there is no key %s", item);
    return false;
}

bool gpu_parse(const char *text, struct sim_gpu *gpu, char *error, size_t size) {
    bool given[KEYS] = {false};
    char copy[1024];
    if (strlen(text) >= sizeof(copy)) {
        snprintf(error, size, "longer than %zu bytes", sizeof(copy) - 1);
        return false;
    }
    strcpy(copy, text);
    char *rest;
    for (char *item = strtok_r(copy, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest))
        if (!set_key(gpu, item, given, error, size))
            return false;
    for (size_t i = 0; i < KEYS; i++)
        if (!given[i]) {
            snprintf(error, size, "%s is missing: %s", keys[i].name, keys[i].wanted);
            return false;
        }
    return true;
}

static uint64_t address(const struct sim_gpu *gpu) {
    return (uint64_t)gpu->domain << 16 | gpu->bus << 8 | gpu->device;
}

static int by_address(const void *left, const void *right) {
    uint64_t a = address(left);
    uint64_t b = address(right);
    return a < b ? -1 : a > b;
}

bool gpu_check_all(struct sim_gpu *gpus, unsigned count, char *error, size_t size) {
    qsort(gpus, count, sizeof(gpus[0]), by_address);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++) {
            const char *same = strcmp(gpus[i].uuid, gpus[k].uuid) == 0  ? "UUID"
                               : address(&gpus[i]) == address(&gpus[k]) ? "PCI address"
                               : gpus[i].minor == gpus[k].minor         ? "minor number"
                                                                        : NULL;
            if (same != NULL) {
                snprintf(error, size, "two GPUs have the same %s: %s and %s", same, gpus[k].uuid, gpus[i].uuid);
                return false;
            }
        }
    return true;
}
