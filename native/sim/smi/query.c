/* --query-gpu, as scripts use it. */
#include "sim/smi/nvml.h"
#include "sim/smi/smi.h"

#include <stdio.h>
#include <string.h>

/* Writes one field of one GPU, with its unit if it has one and `units`. */
typedef nvmlReturn_t print_field(nvmlDevice_t device, unsigned index, bool units);

static nvmlReturn_t print_index(nvmlDevice_t device, unsigned index, bool units) {
    (void)device;
    (void)units;
    printf("%u", index);
    return NVML_SUCCESS;
}

static nvmlReturn_t print_uuid(nvmlDevice_t device, unsigned index, bool units) {
    (void)index;
    (void)units;
    char uuid[96];
    nvmlReturn_t result = nvml.uuid(device, uuid, sizeof(uuid));
    if (result == NVML_SUCCESS)
        printf("%s", uuid);
    return result;
}

static nvmlReturn_t print_name(nvmlDevice_t device, unsigned index, bool units) {
    (void)index;
    (void)units;
    char name[96];
    nvmlReturn_t result = nvml.name(device, name, sizeof(name));
    if (result == NVML_SUCCESS)
        printf("%s", name);
    return result;
}

/* A GPU in MIG mode tells of its memory only to who may look at all of it: then the field says so. */
static nvmlReturn_t read_memory(nvmlDevice_t device, nvmlMemory_t *memory, bool *may_look) {
    nvmlReturn_t result = nvml.memory(device, memory);
    *may_look = result != NVML_ERROR_NO_PERMISSION;
    if (!*may_look)
        printf("[%s]", nvml.error_string(result));
    return *may_look ? result : NVML_SUCCESS;
}

static void print_mib(unsigned long long bytes, bool units) {
    printf("%llu%s", bytes >> 20, units ? " MiB" : "");
}

static nvmlReturn_t print_total(nvmlDevice_t device, unsigned index, bool units) {
    (void)index;
    nvmlMemory_t memory;
    bool may_look;
    nvmlReturn_t result = read_memory(device, &memory, &may_look);
    if (result == NVML_SUCCESS && may_look)
        print_mib(memory.total, units);
    return result;
}

static nvmlReturn_t print_used(nvmlDevice_t device, unsigned index, bool units) {
    (void)index;
    nvmlMemory_t memory;
    bool may_look;
    nvmlReturn_t result = read_memory(device, &memory, &may_look);
    if (result == NVML_SUCCESS && may_look)
        print_mib(memory.used, units);
    return result;
}

static nvmlReturn_t print_free(nvmlDevice_t device, unsigned index, bool units) {
    (void)index;
    nvmlMemory_t memory;
    bool may_look;
    nvmlReturn_t result = read_memory(device, &memory, &may_look);
    if (result == NVML_SUCCESS && may_look)
        print_mib(memory.free, units);
    return result;
}

static nvmlReturn_t print_utilization(nvmlDevice_t device, unsigned index, bool units) {
    (void)index;
    nvmlUtilization_t rates;
    nvmlReturn_t result = nvml.utilization(device, &rates);
    if (result == NVML_SUCCESS)
        printf("%u%s", rates.gpu, units ? " %" : "");
    return result;
}

static const struct field {
    const char *name;
    print_field *print;
    const char *unit;
} fields[] = {
    {"index", print_index, ""},
    {"uuid", print_uuid, ""},
    {"name", print_name, ""},
    {"memory.total", print_total, " [MiB]"},
    {"memory.used", print_used, " [MiB]"},
    {"memory.free", print_free, " [MiB]"},
    {"utilization.gpu", print_utilization, " [%]"},
};

#define MAX_FIELDS 32
#define FIELDS     (sizeof(fields) / sizeof(fields[0]))

static const struct field *find_field(const char *name, size_t length) {
    for (size_t i = 0; i < FIELDS; i++)
        if (strlen(fields[i].name) == length && strncmp(fields[i].name, name, length) == 0)
            return &fields[i];
    return NULL;
}

static void refuse(const char *name, size_t length) {
    printf("Field \"%.*s\" is not a valid field to query.\nThe simulator has:", (int)length, name);
    for (size_t i = 0; i < FIELDS; i++)
        printf("%s %s", i == 0 ? "" : ",", fields[i].name);
    printf("\n");
}

/* Finds the fields of the list; returns how many, or 0 after it said what is wrong. */
static unsigned parse_fields(const char *list, const struct field *asked[MAX_FIELDS]) {
    unsigned count = 0;
    for (const char *name = list; name != NULL && count < MAX_FIELDS; name = strchr(name, ',')) {
        name += *name == ',';
        size_t length = strcspn(name, ",");
        asked[count] = find_field(name, length);
        if (asked[count] == NULL) {
            refuse(name, length);
            return 0;
        }
        count++;
    }
    return count;
}

int smi_query(const char *list, bool header, bool units) {
    const struct field *asked[MAX_FIELDS];
    unsigned columns = parse_fields(list, asked);
    if (columns == 0)
        return 2;
    for (unsigned i = 0; header && i < columns; i++)
        printf("%s%s%s", asked[i]->name, asked[i]->unit, i + 1 < columns ? ", " : "\n");
    unsigned count;
    nvmlReturn_t result = nvml.count(&count);
    if (result != NVML_SUCCESS)
        return nvml_failed("count the GPUs", result);
    for (unsigned index = 0; index < count; index++) {
        nvmlDevice_t device;
        result = nvml.handle(index, &device);
        for (unsigned i = 0; result == NVML_SUCCESS && i < columns; i++) {
            result = asked[i]->print(device, index, units);
            printf("%s", i + 1 < columns ? ", " : "\n");
        }
        if (result != NVML_SUCCESS)
            return nvml_failed("query a GPU", result);
    }
    return 0;
}
