#include "reconciler/backend.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/secret_file.h"
#include "base/text.h"
#include "reconciler/backend_ops.h"
#include "reconciler/plan.h"
#include "reconciler/receipts.h"
#include "reconciler/reconciler.h"
#include "reconciler/rekey.h"
#include "reconciler/resync.h"
#include "reconciler/summary.h"
#include "reconciler/tables.h"
#include "state/feed.h"
#include "state/store.h"
#include "state/store_reseal.h"

static void
after_commit(void *ctx, void (*cb)(void *arg), void *arg)
{
	struct reconciler *r = ctx;

	store_after_commit(r->store, cb, arg);
}

enum err
backend_check_room(struct reconciler *r, struct problem *p)
{
	return store_has_room(r->store) ? ERR_OK
	                                : problem_set(p, PROBLEM_STORE_FULL, "The store is nearly full; nothing more is taken.");
}

/* ---------- resyncs ---------- */

static enum err
resync_start_op(void *ctx, const struct resync_scope *scope, bool dry_run, struct resync *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	char why[DETAIL_SIZE] = "";
	enum err e = backend_check_room(r, p);

	if (e != ERR_OK)
		return e;
	e = resync_start(r, scope, dry_run, ret, why, sizeof(why));
	if (e == ERR_CONFLICT) {
		str_copy(p->resync, sizeof(p->resync), ret->id);
		return problem_set(p, PROBLEM_RESYNC_RUNNING, "%s", why[0] != '\0' ? why : "A resync of that scope is running.");
	}
	if (e == ERR_NOTFOUND)
		return problem_field(p, "/scope", "%s", why[0] != '\0' ? why : "There is no such tenant or ERG.");
	return e;
}

static enum err
unknown_resync(struct problem *p, const char *id)
{
	return problem_set(p, PROBLEM_UNKNOWN_RESYNC, "There is no resync %s.", id);
}

static enum err
resync_get_op(void *ctx, const char *id, struct resync *ret, struct problem *p)
{
	enum err e = resync_get(ctx, id, ret);

	return e == ERR_NOTFOUND ? unknown_resync(p, id) : e;
}

static enum err
resync_list_op(
    void *ctx, const struct app_page *page, app_resync_emit emit, void *arg, struct app_cursor *ret_next, struct problem *p)
{
	struct resync *list = calloc(page->limit, sizeof(*list));
	size_t count = 0;
	bool more = false;
	enum err e;

	if (list == NULL)
		return ERR_NOMEM;
	if ((e = resync_list(ctx, page->after, list, page->limit, &count, &more)) == ERR_OK) {
		for (size_t i = 0; i < count; i++)
			emit(arg, &list[i]);
		if (more && count > 0)
			str_copy(ret_next->s, sizeof(ret_next->s), list[count - 1].id);
	} else if (e == ERR_NOTFOUND || e == ERR_MALFORMED) {
		e = problem_set(p, PROBLEM_BAD_PARAMETER, "after is not a cursor of this list.");
	}
	free(list);
	return e;
}

static enum err
resync_cancel_op(void *ctx, const char *id, struct resync *ret, struct problem *p)
{
	enum err e = resync_cancel(ctx, id, ret);

	if (e == ERR_NOTFOUND)
		return unknown_resync(p, id);
	/* It has ended before: asking again for what is so is fine. */
	return e == ERR_CONFLICT ? ERR_OK : e;
}

/* ---------- plans ---------- */

static enum err
plan_get(void *ctx, const struct erg_id *id, app_plan_emit emit, void *arg, struct app_plan *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	plan_show(r, &erg, emit, arg, ret);
	return ERR_OK;
}

static enum err
plan_decide_op(void *ctx, const struct erg_id *id, bool approve, const char *hash, struct problem *p)
{
	struct reconciler *r = ctx;
	struct erg erg;
	enum err e;

	if (erg_load(r, id, &erg) != ERR_OK)
		return backend_unknown_erg(p, id);
	e = plan_decide(r, &erg, approve, hash);
	if (e == ERR_NOTFOUND)
		return problem_set(p, PROBLEM_NO_PLAN, "No plan of this ERG is held.");
	if (e == ERR_CONFLICT)
		return problem_set(p, PROBLEM_PLAN_MOVED, "The plan is another one by now; look at it again.");
	if (e == ERR_OK)
		erg_store(r, &erg);
	return e;
}

/* ---------- changes ---------- */

struct change_reading {
	app_change_emit emit;
	void *arg;
};

static bool
on_change(void *arg, const struct feed_record *f)
{
	const struct change_reading *reading = arg;

	return reading->emit(reading->arg, f->seq, f->body);
}

static enum err
changes_read(void *ctx, uint64_t after, unsigned limit, app_change_emit emit, void *arg, struct problem *p)
{
	struct reconciler *r = ctx;
	struct change_reading reading = { emit, arg };
	uint64_t newest = feed_last(r->store), trimmed = feed_trimmed(r->store);

	if (after > newest)
		return problem_set(p, PROBLEM_CHANGES_GONE,
		    "The newest change has number %" PRIu64
		    ": the state is another one than that whose numbers you know. Read the "
		    "members of each ERG, then go on after %" PRIu64 ".",
		    newest, newest);
	if (after > 0 && after < trimmed)
		return problem_set(p, PROBLEM_CHANGES_GONE,
		    "Changes up to number %" PRIu64
		    " are no longer kept ([app] feed_keep). Read the members of each ERG, then go on "
		    "after %" PRIu64 ".",
		    trimmed, newest);
	feed_read(r->store, after, limit, on_change, &reading);
	return ERR_OK;
}

/* ---------- status, receipts, keys ---------- */

static enum err
status(void *ctx, struct app_status *ret, struct problem *p)
{
	(void)p;
	summary_take(ctx, SUMMARY_NOW, ret);
	return ERR_OK;
}

static enum err
receipt_get(void *ctx, uint64_t number, struct receipt *ret, struct problem *p)
{
	struct reconciler *r = ctx;

	if (receipt_load(r, number, ret) != ERR_OK)
		return problem_set(p, PROBLEM_UNKNOWN_RECEIPT, "There is no receipt %" PRIu64 ".", number);
	return ERR_OK;
}

/* From key_file, which names the new key and the one before it. */
static enum err
master_change(struct reconciler *r, const char *check, struct problem *p)
{
	struct key32 key, previous;
	char why[DETAIL_SIZE], is[APP_KEY_CHECK_LEN + 1];
	bool two = false;
	enum err e = key_pair_read(r->config->key_file, &key, &previous, &two, why, sizeof(why));

	if (e != ERR_OK)
		return problem_set(p, PROBLEM_KEY_NOT_SEEN, "%s", why);
	key_check_text(&key, is);
	if (strcmp(is, check) != 0)
		e = problem_set(p, PROBLEM_KEY_NOT_SEEN,
		    "The daemon sees another key in key_file than the one that is meant: restart ergsync-reconciler, so that it "
		    "gets the file "
		    "as it is now.");
	else if ((e = store_change_master(r->store, &key, two ? &previous : NULL)) == ERR_UNAUTHORIZED)
		e = problem_set(p, PROBLEM_KEY_NOT_SEEN,
		    "The second line of key_file must be the key that is in use, so that what it sealed can be opened.");
	secret_wipe(&key, sizeof(key));
	secret_wipe(&previous, sizeof(previous));
	return e;
}

static enum err
key_rotate(void *ctx, const char *check, struct app_key_rotation *ret, struct problem *p)
{
	struct reconciler *r = ctx;
	struct rekey_progress progress;
	enum err e = master_change(r, check, p);

	if (e != ERR_OK)
		return e;
	rekey_kick(r);
	rekey_progress(r, &progress);
	ret->done = !progress.running;
	ret->resealed = (int64_t)progress.rows;
	ret->to_reseal = (int64_t)progress.total;
	return ERR_OK;
}

/* ---------- the table ---------- */

const struct app_ops backend_ops = {
	.after_commit = after_commit,
	.tenant_put = backend_tenant_put,
	.tenant_get = backend_tenant_get,
	.tenant_list = backend_tenant_list,
	.tenant_remove = backend_tenant_remove,
	.tenant_sign_in_start = backend_tenant_sign_in_start,
	.tenant_sign_in_get = backend_tenant_sign_in_get,
	.tenant_doctor = backend_tenant_doctor,
	.erg_put = backend_erg_put,
	.erg_get = backend_erg_get,
	.erg_list = backend_erg_list,
	.erg_remove = backend_erg_remove,
	.member_get = backend_member_get,
	.member_list = backend_member_list,
	.member_put = backend_member_put,
	.member_remove = backend_member_remove,
	.members_replace = backend_members_replace,
	.event_get = backend_event_get,
	.event_list = backend_event_list,
	.event_put = backend_event_put,
	.event_cancel = backend_event_cancel,
	.resync_start = resync_start_op,
	.resync_get = resync_get_op,
	.resync_list = resync_list_op,
	.resync_cancel = resync_cancel_op,
	.plan_get = plan_get,
	.plan_decide = plan_decide_op,
	.changes_read = changes_read,
	.status = status,
	.receipt_get = receipt_get,
	.key_rotate = key_rotate,
};
