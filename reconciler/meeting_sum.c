/* A sum that is zero has no row. */
#include "reconciler/meeting_sum.h"

#include "reconciler/reconciler.h"
#include "state/store.h"

static void
sum_prefix(enum meeting_sum sum, struct store_key *ret)
{
	static const char names[][8] = {
		[MEETING_SUM_MAILS] = "mailsum",
		[MEETING_SUM_LIVE] = "livesum",
		[MEETING_SUM_OPEN] = "opensum",
		[MEETING_SUM_SERIES] = "seriess",
		[MEETING_SUM_FAILED] = "failsum",
	};

	store_key_init(ret);
	store_key_bytes(ret, names[sum], 7);
}

static void
sum_key(struct reconciler *r, enum meeting_sum sum, const char *id, struct store_key *ret)
{
	sum_prefix(sum, ret);
	store_key_id(r->store, ret, sum == MEETING_SUM_SERIES ? "mailbox" : "erg", id);
}

int64_t
meeting_sum_get(struct reconciler *r, enum meeting_sum sum, const char *id)
{
	struct meta_record row;
	struct store_key key;

	sum_key(r, sum, id, &key);
	return store_get(r->store, TABLE_META, &key, &row) == ERR_OK ? (int64_t)row.number : 0;
}

void
meeting_sum_add(struct reconciler *r, enum meeting_sum sum, const char *id, int64_t by)
{
	int64_t now = meeting_sum_get(r, sum, id) + by;
	struct meta_record row = { now > 0 ? (uint64_t)now : 0 };
	struct store_key key;

	sum_key(r, sum, id, &key);
	if (row.number != 0)
		store_put(r->store, TABLE_META, &key, &row);
	else
		store_del(r->store, TABLE_META, &key);
}

int64_t
meeting_sum_total(struct reconciler *r, enum meeting_sum sum)
{
	struct store_cursor *c;
	struct store_key prefix;
	struct meta_record row;
	uint64_t total = 0;

	sum_prefix(sum, &prefix);
	c = store_seek(r->store, TABLE_META, &prefix, NULL);
	while (store_next(c, NULL, &row) == ERR_OK)
		total += row.number;
	store_cursor_close(c);
	return (int64_t)total;
}

void
meeting_sum_forget(struct reconciler *r, const struct erg_id *erg)
{
	static const enum meeting_sum sums[] = { MEETING_SUM_MAILS, MEETING_SUM_LIVE, MEETING_SUM_OPEN, MEETING_SUM_FAILED };

	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		meeting_sum_add(r, sums[i], erg->s, -meeting_sum_get(r, sums[i], erg->s));
}
