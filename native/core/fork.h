/* What a forked child must forget of its parent. */
#ifndef HAMI_CORE_FORK_H
#define HAMI_CORE_FORK_H

/* From now on a child that fork() makes starts with nothing allocated, and takes a slot of its own when it needs one.
 */
void forget_in_forked_children(void);

#endif
