/*
 * store_reseal.h - keys of the store that are to go: retired, what is still sealed with them sealed anew, then destroyed.
 *
 * A tenant's key goes with the tenant; all of them go with another master key. Event-loop thread only.
 */
#ifndef STATE_STORE_RESEAL_H
#define STATE_STORE_RESEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "model/tenant.h"

struct store;

/* The tenant is erased: its key seals nothing any more, nor does the store's own. What is still sealed with them goes over to others by
 * store_reseal, and then they are destroyed. */
enum err store_retire_tenant(struct store *s, const struct tenant_id *tenant);
/* The same for keys whose tenant is not there: its removal was cut short, or its key could not be retired. */
enum err store_retire_orphans(struct store *s);
/* Some values are still sealed with keys that are to go. */
bool store_retiring(const struct store *s);

struct store_reseal {
	uint64_t rows, total; /* looked at, and there are */
	size_t keys_dropped;  /* set when done */
	bool done;            /* no retired key is left */
};
/* Seals up to max rows anew in this turn. Call again in a later turn until done; after a restart it begins anew and passes over what is
 * done already. */
enum err store_reseal(struct store *s, size_t max, struct store_reseal *ret);
/* From now on with another master key: the ring is wrapped anew, and all data keys are retired. Nothing happens when it is that key
 * already. ERR_UNAUTHORIZED: previous is not the present one. ERR_IO. */
enum err store_change_master(struct store *s, const struct key32 *key, const struct key32 *previous);
/* Was it opened with the previous master key, so that a change of it has begun just now? */
bool store_rewrapped(const struct store *s);

#endif
