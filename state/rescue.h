/*
 * rescue.h - opens the store for a daemon, and where it cannot be opened because it is damaged, sets it aside and begins a new one.
 *
 * A damaged file may also end the process that reads it. So each start is noted in a small file, and taken back once the process has run
 * for a while: after RESCUE_STARTS starts that ended early the file is examined by a child process before it is opened.
 * Only damage sets a store aside. Another key, another process, a newer format, a full disk never do.
 */
#ifndef STATE_RESCUE_H
#define STATE_RESCUE_H

#include <stddef.h>

#include "base/err.h"
#include "state/store.h"

#define RESCUE_STARTS 3

/* As store_open. ret_aside (of PATH_MAX): where the former store lies now; "" when it is the one in use. */
enum err rescue_open(const struct store_options *options, struct store **ret, char *ret_aside, char *why, size_t why_size);
/* The process has run for a while, or ends as it should. */
void rescue_settled(const char *directory);

#endif
