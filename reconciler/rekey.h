/*
 * rekey.h - seals anew, in the background, what is still sealed with keys that are to go; then those keys are destroyed.
 *
 * Keys are to go after another master key, the removal of a tenant, and the migration of a store that had one key for all. A slice of
 * rows a turn: nobody waits for it. A restart begins anew and passes over what is done.
 */
#ifndef RECONCILER_REKEY_H
#define RECONCILER_REKEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct reconciler;
struct rekey;

enum err rekey_new(struct reconciler *r, struct rekey **ret);
void rekey_free(struct rekey *k); /* NULL is fine */
/* There is something to do, perhaps. */
void rekey_kick(struct reconciler *r);

struct rekey_progress {
	bool running;
	uint64_t rows, total;
};
void rekey_progress(const struct reconciler *r, struct rekey_progress *ret);

#endif
