#include "reconciler/sign_in.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/device.h"
#include "graph/graph.h"
#include "reconciler/chores.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

/* A code under way, or how the last one ended. */
struct flow {
	struct reconciler *r;
	struct tenant_id tenant;
	struct graph_device *device;
	LIST_ENTRY(flow) link;
};

/* Something graph is to be told once this turn is on disk. */
struct written {
	struct sign_ins *all;
	struct guid directory;
	bool anew; /* somebody signed in; else a refresh token was kept */
	LIST_ENTRY(written) link;
};

struct sign_ins {
	struct reconciler *r;
	LIST_HEAD(, flow) flows;
	LIST_HEAD(, written) written;
};

enum err
sign_ins_new(struct reconciler *r, struct sign_ins **ret)
{
	struct sign_ins *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	s->r = r;
	LIST_INIT(&s->flows);
	LIST_INIT(&s->written);
	*ret = s;
	return ERR_OK;
}

static void
flow_end(struct flow *f)
{
	graph_device_free(f->device);
	free(f);
}

static void
flow_free(struct flow *f)
{
	LIST_REMOVE(f, link);
	flow_end(f);
}

static void
written_free(struct written *w)
{
	LIST_REMOVE(w, link);
	free(w);
}

void
sign_ins_free(struct sign_ins *s)
{
	struct flow *f, *next_flow;
	struct written *w, *next_written;

	if (s == NULL)
		return;
	for (f = LIST_FIRST(&s->flows); f != NULL; f = next_flow) {
		next_flow = LIST_NEXT(f, link);
		flow_end(f);
	}
	for (w = LIST_FIRST(&s->written); w != NULL; w = next_written) {
		next_written = LIST_NEXT(w, link);
		free(w);
	}
	free(s);
}

/* ---------- the record ---------- */

static void
key_of(struct reconciler *r, const struct tenant_id *tenant, struct store_key *ret)
{
	store_key_init(ret);
	store_key_id(r->store, ret, "tenant", tenant->s);
}

static enum err
record_load(struct reconciler *r, const struct tenant_id *tenant, struct sign_in_record *ret)
{
	struct store_key key;

	key_of(r, tenant, &key);
	return store_get(r->store, TABLE_SIGN_INS, &key, ret);
}

static void
record_store(struct reconciler *r, const struct sign_in_record *record)
{
	struct store_key key;

	key_of(r, &record->tenant, &key);
	store_put(r->store, TABLE_SIGN_INS, &key, record);
}

static void
on_written(void *arg)
{
	struct written *w = arg;
	struct graph *g = w->all->r->graph;
	struct guid directory = w->directory;
	bool anew = w->anew;

	written_free(w);
	if (anew)
		graph_tenant_sign_in_anew(g, &directory);
	else
		graph_tenant_kept(g, &directory);
}

/* Without memory for it the old token serves on until it ends, or the call waits for the next start. */
static void
when_written(struct reconciler *r, const struct guid *directory, bool anew)
{
	struct written *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		log_event(LOG_ERROR, "sign_in_out_of_memory");
		return;
	}
	w->all = r->sign_ins;
	w->directory = *directory;
	w->anew = anew;
	LIST_INSERT_HEAD(&r->sign_ins->written, w, link);
	store_after_commit(r->store, on_written, w);
}

enum tenant_sign_in
sign_in_of(void *arg, const struct guid *directory, char ret_refresh[REFRESH_TOKEN_SIZE])
{
	struct reconciler *r = arg;
	struct sign_in_record record;
	struct tenant tenant;

	ret_refresh[0] = '\0';
	if (tenant_load_by_directory(r, directory, &tenant) != ERR_OK || tenant.sign_in != SIGN_IN_DELEGATED)
		return SIGN_IN_APPLICATION;
	if (record_load(r, &tenant.id, &record) == ERR_OK)
		(void)str_copy(ret_refresh, REFRESH_TOKEN_SIZE, record.refresh);
	secret_wipe(&record, sizeof(record));
	return SIGN_IN_DELEGATED;
}

void
sign_in_keep(void *arg, const struct guid *directory, const char *refresh)
{
	struct reconciler *r = arg;
	struct sign_in_record record;
	struct tenant tenant;

	if (tenant_load_by_directory(r, directory, &tenant) == ERR_OK && record_load(r, &tenant.id, &record) == ERR_OK) {
		(void)str_copy(record.refresh, sizeof(record.refresh), refresh);
		record.renewed_wall_ms = clock_wall_ms(r->clock);
		record_store(r, &record);
		secret_wipe(&record, sizeof(record));
	}
	when_written(r, directory, false);
}

void
sign_in_account(struct reconciler *r, const struct tenant_id *tenant, char ret[UPN_SIZE], struct guid *ret_object_id)
{
	struct sign_in_record record;

	ret[0] = '\0';
	ret_object_id->s[0] = '\0';
	if (record_load(r, tenant, &record) == ERR_OK) {
		(void)str_copy(ret, UPN_SIZE, record.account);
		*ret_object_id = record.object_id;
	}
	secret_wipe(&record, sizeof(record));
}

/* ---------- codes ---------- */

static struct flow *
flow_find(const struct reconciler *r, const struct tenant_id *tenant)
{
	struct flow *f;

	LIST_FOREACH(f, &r->sign_ins->flows, link)
	if (strcmp(f->tenant.s, tenant->s) == 0)
		break;
	return f;
}

static void
on_done(void *arg, const struct graph_device_result *result)
{
	struct flow *f = arg;
	struct reconciler *r = f->r;
	struct sign_in_record record;
	struct tenant tenant;

	/* A failed one stays, to be shown. */
	if (result->refresh == NULL || tenant_load(r, &f->tenant, &tenant) != ERR_OK || tenant.sign_in != SIGN_IN_DELEGATED)
		return;
	memset(&record, 0, sizeof(record));
	record.tenant = tenant.id;
	memcpy(record.account, result->account, sizeof(record.account));
	record.object_id = result->object_id;
	(void)str_copy(record.refresh, sizeof(record.refresh), result->refresh);
	record.signed_in_wall_ms = record.renewed_wall_ms = clock_wall_ms(r->clock);
	record_store(r, &record);
	secret_wipe(&record, sizeof(record));
	log_put(LOG_INFO, "account_signed_in", LS("tenant", tenant.id.s));
	when_written(r, &tenant.directory_id, true);
	chore_add(r, CHORE_TENANT, tenant.id.s, 0);
	flow_free(f);
}

static bool
under_way(const struct flow *f)
{
	struct graph_device_view view;

	graph_device_show(f->device, &view);
	return view.state == GRAPH_DEVICE_ASKING || view.state == GRAPH_DEVICE_WAITING;
}

enum err
sign_in_begin(struct reconciler *r, const struct tenant *tenant, struct app_sign_in *ret)
{
	struct flow *f = flow_find(r, &tenant->id);

	if (f != NULL && !under_way(f)) {
		flow_free(f);
		f = NULL;
	}
	if (f == NULL) {
		if ((f = calloc(1, sizeof(*f))) == NULL)
			return ERR_NOMEM;
		f->r = r;
		f->tenant = tenant->id;
		LIST_INSERT_HEAD(&r->sign_ins->flows, f, link);
		if ((f->device = graph_device_start(r->graph, r->clock, &tenant->directory_id, on_done, f)) == NULL) {
			flow_free(f);
			return ERR_NOMEM;
		}
	}
	sign_in_show(r, tenant, ret);
	return ERR_OK;
}

static void
show_flow(const struct reconciler *r, const struct flow *f, struct app_sign_in *ret)
{
	static const enum app_sign_in_state states[] = {
		[GRAPH_DEVICE_ASKING] = APP_SIGN_IN_STARTING,
		[GRAPH_DEVICE_WAITING] = APP_SIGN_IN_WAITING,
		[GRAPH_DEVICE_DONE] = APP_SIGN_IN_SIGNED_IN,
		[GRAPH_DEVICE_FAILED] = APP_SIGN_IN_FAILED,
	};
	struct graph_device_view view;

	graph_device_show(f->device, &view);
	ret->state = states[view.state];
	(void)str_copy(ret->detail, sizeof(ret->detail), view.detail);
	if (view.state != GRAPH_DEVICE_WAITING)
		return;
	(void)str_copy(ret->user_code, sizeof(ret->user_code), view.user_code);
	(void)str_copy(ret->verification_uri, sizeof(ret->verification_uri), view.verification_uri);
	ret->expires_wall_ms = clock_wall_ms(r->clock) + view.expires_boot_ms - clock_boot_ms(r->clock);
}

void
sign_in_show(struct reconciler *r, const struct tenant *tenant, struct app_sign_in *ret)
{
	const struct flow *f = flow_find(r, &tenant->id);
	struct sign_in_record record;

	memset(ret, 0, sizeof(*ret));
	ret->tenant = tenant->id;
	ret->sign_in = tenant->sign_in;
	if (record_load(r, &tenant->id, &record) == ERR_OK) {
		ret->state = APP_SIGN_IN_SIGNED_IN;
		memcpy(ret->account, record.account, sizeof(ret->account));
		ret->signed_in_wall_ms = record.signed_in_wall_ms;
		ret->renewed_wall_ms = record.renewed_wall_ms;
	}
	secret_wipe(&record, sizeof(record));
	if (f != NULL)
		show_flow(r, f, ret);
	else if (ret->state == APP_SIGN_IN_SIGNED_IN && tenant->state == TENANT_SIGN_IN_NEEDED)
		ret->state = APP_SIGN_IN_FAILED;
	if (f == NULL && tenant->state == TENANT_SIGN_IN_NEEDED)
		(void)str_copy(ret->detail, sizeof(ret->detail), tenant->detail);
}

void
sign_in_forget(struct reconciler *r, const struct tenant_id *tenant)
{
	struct flow *f = flow_find(r, tenant);
	struct store_key key;

	if (f != NULL)
		flow_free(f);
	key_of(r, tenant, &key);
	store_del(r->store, TABLE_SIGN_INS, &key);
}
