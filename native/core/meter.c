/* How long the GPU worked for this process, from what its events and the costs of its launches tell. */
#include "core/meter.h"

/* Ends of several streams alternate: what one had too little time for, another had too much. So sums are compared. */
uint64_t meter_add(struct meter *meter, uint64_t elapsed, uint64_t expected, bool undisturbed) {
    if (undisturbed)
        return elapsed;
    meter->elapsed += elapsed;
    meter->expected += expected;
    uint64_t worked = meter->elapsed < meter->expected ? meter->elapsed : meter->expected;
    uint64_t news = worked - meter->counted;
    meter->counted = worked;
    return news;
}
