/* How much of a GPU that is divided is in use. */
#include "sim/common/ledger.h"
#include "sim/common/mig.h"

uint64_t mig_memory_used(const struct machine *machine, unsigned entry) {
    unsigned devices[MIG_MAX_DEVICES];
    uint64_t used = ledger_used(machine, entry);
    unsigned count = mig_devices(machine->state, entry, devices);
    for (unsigned i = 0; i < count; i++)
        used += ledger_used(machine, devices[i]);
    return used;
}
