#include "reconciler/guard.h"

#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "reconciler/meeting_sum.h"
#include "reconciler/reconciler.h"
#include "state/store.h"

#define SLOT_MS (10 * 60 * 1000LL)
#define DAY_MS  (24 * 3600 * 1000LL)

bool
guard_exceeds(int64_t planned, int64_t done, int64_t have, int64_t limit, int64_t percent)
{
	int64_t all = planned + done;

	/* Percent of what there was before the removals that are done. */
	return planned > 0 && all > limit && all * 100 > percent * (have + done);
}

static const char slot_names[][8] = {
	[GUARD_APP] = "removed",
	[GUARD_TEAMS] = "cleared",
	[GUARD_MEETINGS] = "ended__",
	[GUARD_MAILS] = "mailed_",
};

static void
slots_prefix(struct reconciler *r, const struct erg_id *erg, enum guard_side side, struct store_key *ret)
{
	store_key_init(ret);
	store_key_bytes(ret, slot_names[side], 7);
	store_key_id(r->store, ret, "erg", erg->s);
}

/* Walks the slots; drops those that began before `since`. */
static int64_t
slots_sum(struct reconciler *r, const struct erg_id *erg, enum guard_side side, int64_t since_slot)
{
	struct store_key prefix, key, oldest;
	struct meta_record slot;
	struct store_cursor *c;
	int64_t sum = 0;

	slots_prefix(r, erg, side, &prefix);
	oldest = prefix;
	store_key_u64(&oldest, (uint64_t)since_slot);
	c = store_seek(r->store, TABLE_META, &prefix, NULL);
	while (store_next(c, &key, &slot) == ERR_OK) {
		/* Big-endian numbers of one length: bytes compare as numbers. */
		bool old = key.len != oldest.len || memcmp(key.b, oldest.b, key.len) < 0;

		if (old)
			store_del(r->store, TABLE_META, &key);
		else
			sum += (int64_t)slot.number;
	}
	store_cursor_close(c);
	return sum;
}

int64_t
guard_done(struct reconciler *r, const struct erg_id *erg, enum guard_side side)
{
	int64_t now_ms = clock_wall_ms(r->clock);

	return slots_sum(r, erg, side, now_ms > DAY_MS ? (now_ms - DAY_MS) / SLOT_MS : 0);
}

void
guard_count(struct reconciler *r, const struct erg_id *erg, enum guard_side side, int64_t count)
{
	int64_t now_ms = clock_wall_ms(r->clock);
	struct meta_record slot = { 0 };
	struct store_key key;

	slots_prefix(r, erg, side, &key);
	store_key_u64(&key, (uint64_t)(now_ms > 0 ? now_ms / SLOT_MS : 0));
	if (store_get(r->store, TABLE_META, &key, &slot) != ERR_OK)
		slot.number = 0;
	slot.number += count > 0 ? (uint64_t)count : 0;
	store_put(r->store, TABLE_META, &key, &slot);
}

void
guard_forget(struct reconciler *r, const struct erg_id *erg)
{
	slots_sum(r, erg, GUARD_APP, INT64_MAX);
	slots_sum(r, erg, GUARD_TEAMS, INT64_MAX);
	slots_sum(r, erg, GUARD_MEETINGS, INT64_MAX);
	slots_sum(r, erg, GUARD_MAILS, INT64_MAX);
}

bool
guard_holds(struct reconciler *r, const struct erg *erg, enum guard_side side, int64_t planned, int64_t leaving)
{
	int64_t limit = erg->removal_limit >= 0 ? erg->removal_limit : r->config->removal_limit;
	int64_t percent = erg->removal_percent >= 0 ? erg->removal_percent : r->config->removal_percent;
	/* Whoever is leaving is counted as done already. */
	int64_t have = side == GUARD_APP     ? erg->counts.app - erg->counts.leaving
	               : side == GUARD_TEAMS ? erg->counts.teams
	                                     : meeting_sum_get(r, MEETING_SUM_LIVE, erg->id.s);

	/* What is stored may be older than both sides: every removal it leads to is for a person to judge. */
	if (erg->additions_only)
		return planned > 0;
	return guard_exceeds(planned, guard_done(r, &erg->id, side), have - leaving, limit, percent);
}
