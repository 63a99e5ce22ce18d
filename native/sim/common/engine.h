/* A GPU's engine: the schedule that all processes on the machine share, advanced by whoever looks. */
#ifndef HAMI_SIM_ENGINE_H
#define HAMI_SIM_ENGINE_H

#include "sim/common/machine.h"
#include "sim/common/schedule.h"

/* Nanoseconds on the monotonic clock, which all processes of a machine have in common. */
uint64_t engine_clock(void);

/* Begins a change: the GPU's schedule as it is now, for the caller to change further. Nobody else sees that before
 * engine_commit. `own` is a queue that this process owns, of this GPU or another. The dead are buried, but those of the
 * last time slice only `thoroughly`. */
struct sim_schedule *engine_open(const struct machine *machine, unsigned gpu, uint32_t own, bool thoroughly);
void engine_commit(const struct machine *machine, unsigned gpu);
void engine_close(const struct machine *machine, unsigned gpu);

/* After engine_commit and before engine_close: a copy of the schedule that counts for nothing, to look into the future
 * with. */
struct sim_schedule *engine_scratch(const struct machine *machine, unsigned gpu);

/* Tells whether the sharer's process lives, and writes its PID as seen from the caller's PID namespace, 0 if it is not
 * in there. */
bool engine_owner(const struct machine *machine, const struct sim_sharer *sharer, pid_t *pid);

/* How time is shared on this machine. */
struct schedule_rules engine_rules(const struct machine *machine);

/* Copies the schedule, advanced to now, without changing the machine; for those who only look. The dead are in it up to
 * when somebody last looked who could bury them. NULL without memory, else for the caller to free. */
struct sim_schedule *engine_copy(const struct machine *machine, unsigned gpu);

/* Calls `act` for each of the processes that had ended when a schedule was copied, as far as they are remembered. */
void engine_each_ended(const struct machine *machine, unsigned gpu, const struct sim_schedule *schedule,
                       void (*act)(void *argument, const struct sim_ended *ended), void *argument);

/* The place of a queue among a schedule's sharers; its count if it is not there. */
unsigned engine_find(const struct sim_schedule *schedule, uint32_t queue);

#endif
