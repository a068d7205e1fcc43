#include "reconciler/rekey.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "reconciler/receipts.h"
#include "reconciler/reconciler.h"
#include "state/store.h"
#include "state/store_reseal.h"

#define SLICE   250 /* rows a turn: a few milliseconds */
#define STEP_MS 10
#define WAIT_MS (60 * 1000LL) /* after a failure to write the ring */

struct rekey {
	struct reconciler *r;
	struct timer *timer;
	struct store_reseal now;
};

/* Some of what is still to do: resealing, or retiring what could not be. */
static enum err
go_on(struct rekey *k)
{
	struct store *s = k->r->store;
	enum err e;

	if (!store_retiring(s))
		return store_retire_orphans(s);
	if ((e = store_reseal(s, SLICE, &k->now)) != ERR_OK || !k->now.done)
		return e;
	log_put(LOG_INFO, "keys_destroyed", LI("count", (int64_t)k->now.keys_dropped));
	return store_retire_orphans(s);
}

static void
on_timer(void *arg)
{
	struct rekey *k = arg;
	enum err e = go_on(k);

	if (e != ERR_OK) {
		log_put(LOG_ERROR, "keys_not_destroyed", LS("err", err_name(e)));
		timer_arm(k->timer, WAIT_MS);
	} else if (store_retiring(k->r->store)) {
		timer_arm(k->timer, STEP_MS);
	} else {
		receipts_keys_destroyed(k->r);
	}
}

void
rekey_kick(struct reconciler *r)
{
	timer_arm_sooner(r->rekey->timer, 0);
}

void
rekey_progress(const struct reconciler *r, struct rekey_progress *ret)
{
	*ret = (struct rekey_progress){ store_retiring(r->store), r->rekey->now.rows, r->rekey->now.total };
}

enum err
rekey_new(struct reconciler *r, struct rekey **ret)
{
	struct rekey *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return ERR_NOMEM;
	k->r = r;
	if ((k->timer = timer_new(r->clock, on_timer, k)) == NULL) {
		free(k);
		return ERR_NOMEM;
	}
	timer_arm(k->timer, 0);
	*ret = k;
	return ERR_OK;
}

void
rekey_free(struct rekey *k)
{
	if (k == NULL)
		return;
	timer_free(k->timer);
	free(k);
}
