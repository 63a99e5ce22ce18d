/* Prints the layout of a region as the C compiler sees it, in JSON, for the test of the Python reader. */
#include "abi/share.h"

#include <stdio.h>

#define FIELD(type, field) printf("  \"" #type "." #field "\": %zu,\n", offsetof(struct type, field))
#define SIZE(type)         printf("  \"" #type "\": %zu,\n", sizeof(struct type))

int main(void) {
    puts("{");
    SIZE(hami_region);
    FIELD(hami_region, magic);
    FIELD(hami_region, abi);
    FIELD(hami_region, slot_count);
    FIELD(hami_region, limits_generation);
    FIELD(hami_region, ledger);
    FIELD(hami_region, compute);
    FIELD(hami_region, slots);
    FIELD(hami_compute, paid_until);
    FIELD(hami_compute, used);
    SIZE(hami_ledger);
    FIELD(hami_ledger, used);
    FIELD(hami_ledger, op);
    SIZE(hami_slot);
    FIELD(hami_slot, seq);
    FIELD(hami_slot, done);
    FIELD(hami_slot, landed);
    FIELD(hami_slot, delta);
    FIELD(hami_slot, used);
    FIELD(hami_slot, reserved);
    FIELD(hami_slot, pid);
    printf("  \"slots\": %d,\n  \"abi\": %d,\n  \"magic\": %llu\n}\n", HAMI_REGION_SLOTS, HAMI_REGION_ABI,
           (unsigned long long)HAMI_REGION_MAGIC);
    return 0;
}
