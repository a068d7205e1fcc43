/*
 * A round walks the tenants, and each tenant's ERGs fifty teams at a time, one call after the other: it keeps two places in the
 * store and one chunk of teams in memory, however many there are.
 */
#include "reconciler/drift.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "graph/delta.h"
#include "reconciler/dirty.h"
#include "reconciler/keeper_wide.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/scope.h"
#include "reconciler/tables.h"

#define LOOK_MAX    500 /* ERGs passed over in one turn */
#define CHUNK_LEN   32  /* hex digits that stand for the teams of a link */
#define DEADLINE_MS 300000

struct drift {
	struct reconciler *r;
	struct timer *timer;
	struct graph_pages *pages;
	bool walking; /* a round is under way */
	struct store_key tenant_place, erg_place;
	bool in_tenant;
	struct tenant_id tenant;
	struct guid directory;
	unsigned chunk; /* of the tenant */
	struct guid teams[GRAPH_DELTA_GROUPS_MAX];
	size_t team_count;
	bool anew; /* the chunk is asked for without a link */
};

/* ---------- which teams ---------- */

static bool
takes_part(const struct erg *erg)
{
	return erg->membership != MEMBERSHIP_OFF && erg->channel_type == CHANNEL_STANDARD && erg->first_read_done &&
	       erg->state != ERG_LINKING && erg->state != ERG_BROKEN;
}

static void
team_add(struct drift *d, const struct guid *team)
{
	for (size_t i = 0; i < d->team_count; i++)
		if (strcmp(d->teams[i].s, team->s) == 0)
			return;
	d->teams[d->team_count++] = *team;
}

/* False: the tenant's walk is at its end. */
static bool
fill_chunk(struct drift *d)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct erg_ref ref;
	struct erg erg;
	bool more = true;

	store_key_init(&prefix);
	store_key_id(d->r->store, &prefix, "tenant", d->tenant.s);
	c = store_seek(d->r->store, TABLE_TENANT_ERGS, &prefix, d->erg_place.len > 0 ? &d->erg_place : NULL);
	d->team_count = 0;
	for (unsigned n = 0; more && n < LOOK_MAX && d->team_count < GRAPH_DELTA_GROUPS_MAX; n++) {
		more = store_next(c, &d->erg_place, &ref) == ERR_OK;
		if (more && erg_load(d->r, &ref.erg, &erg) == ERR_OK && takes_part(&erg))
			team_add(d, &erg.team_id);
	}
	store_cursor_close(c);
	return more;
}

static bool
next_tenant(struct drift *d)
{
	struct store_cursor *c = store_seek(d->r->store, TABLE_TENANTS, NULL, d->tenant_place.len > 0 ? &d->tenant_place : NULL);
	struct tenant tenant;
	bool found = false;

	while (!found && store_next(c, &d->tenant_place, &tenant) == ERR_OK)
		found = tenant.state == TENANT_ACTIVE;
	store_cursor_close(c);
	if (!found)
		return false;
	d->in_tenant = true;
	d->tenant = tenant.id;
	d->directory = tenant.directory_id;
	d->erg_place.len = 0;
	d->chunk = 0;
	return true;
}

/* ---------- links ---------- */

static void
link_key(struct drift *d, struct store_key *ret)
{
	char name[APP_ID_SIZE + 32];

	snprintf(name, sizeof(name), "drift:%s:%u", d->tenant.s, d->chunk);
	store_key_init(ret);
	store_key_id(d->r->store, ret, "cursor", name);
}

/* A link is for the teams it was made with. */
static void
chunk_name(const struct drift *d, char ret[CHUNK_LEN + 1])
{
	struct span part = { d->teams, d->team_count * sizeof(d->teams[0]) };
	uint8_t hash[HASH_LEN];

	sha256(&part, 1, hash);
	hex_encode(hash, CHUNK_LEN / 2, ret);
}

static bool
link_load(struct drift *d, struct cursor_record *ret)
{
	char name[CHUNK_LEN + 1];
	struct store_key key;

	link_key(d, &key);
	chunk_name(d, name);
	return store_get(d->r->store, TABLE_CURSORS, &key, ret) == ERR_OK && strncmp(ret->text, name, CHUNK_LEN) == 0 &&
	       ret->text[CHUNK_LEN] == ' ';
}

static void
link_store(struct drift *d, const char *link)
{
	static struct cursor_record cursor; /* 8 KB; one thread */
	char name[CHUNK_LEN + 1];
	struct store_key key;
	int len;

	memset(&cursor, 0, sizeof(cursor));
	chunk_name(d, name);
	link_key(d, &key);
	len = snprintf(cursor.text, sizeof(cursor.text), "%s %s", name, link);
	if (len < 0 || (size_t)len >= sizeof(cursor.text)) {
		store_del(d->r->store, TABLE_CURSORS, &key);
		return;
	}
	cursor.updated_wall_ms = clock_wall_ms(d->r->clock);
	store_put(d->r->store, TABLE_CURSORS, &key, &cursor);
}

/* ---------- differences ---------- */

/* news: it is known that something changed. */
static void
read_team(struct drift *d, const struct guid *team, bool news)
{
	struct store_cursor *c = team_ergs(d->r, team);
	struct subscription scope;
	struct erg_ref ref;
	struct erg erg;
	bool found = false;

	while (!found && store_next(c, NULL, &ref) == ERR_OK)
		found =
		    erg_load(d->r, &ref.erg, &erg) == ERR_OK && takes_part(&erg) && scope_of_erg(d->r, &erg, &scope) == ERR_OK;
	store_cursor_close(c);
	if (!found)
		return;
	/* A notification that is still to be read is none that was lost. */
	if (!dirty_pending(d->r, &scope.scope)) {
		d->r->counters.missed_drift++;
		if (news)
			keeper_wide_missed(d->r, &scope.scope);
	}
	dirty_mark(d->r, &scope.scope, 0);
}

/* A write of ours that is still looked for is no news. */
static bool
is_news(const struct member *m, bool present)
{
	return present ? !m->teams.present && m->teams_write != PENDING_ADD
	               : m->teams.present && m->teams_write != PENDING_REMOVE;
}

static bool
differs(struct drift *d, const struct guid *team, const struct graph_delta_member *change)
{
	struct store_cursor *c = team_ergs(d->r, team);
	static const struct member nobody;
	bool news = false, known;
	struct person person;
	struct member m;
	struct erg_ref ref;
	struct erg erg;

	known = people_find_entra(d->r, &d->tenant, &change->user, NULL, &person) == ERR_OK;
	while (!news && store_next(c, NULL, &ref) == ERR_OK) {
		if (erg_load(d->r, &ref.erg, &erg) != ERR_OK || !takes_part(&erg))
			continue;
		if (!known || member_load(d->r, &ref.erg, person.id, &m) != ERR_OK)
			m = nobody;
		news = is_news(&m, !change->removed);
	}
	store_cursor_close(c);
	return news;
}

static void
on_group(void *arg, const void *record)
{
	struct drift *d = arg;
	const struct graph_delta_group *group = record;
	struct graph_delta_member change;
	bool news = group->removed;

	for (size_t i = 0; !news && i < graph_delta_member_count(group); i++)
		news = graph_delta_member(group, i, &change) == ERR_OK && differs(d, &group->id, &change);
	if (news)
		read_team(d, &group->id, true);
}

/* ---------- a round ---------- */

static void ask(struct drift *d, const char *link);

static void
on_end(void *arg, const struct graph_page_end *end)
{
	struct drift *d = arg;

	d->pages = NULL;
	if (end->err == ERR_GONE && !d->anew) {
		/* What happened since the lost link is not known. */
		for (size_t i = 0; i < d->team_count; i++)
			read_team(d, &d->teams[i], false);
		ask(d, NULL);
		return;
	}
	if (end->err == ERR_OK && end->delta_link != NULL)
		link_store(d, end->delta_link);
	else if (end->err != ERR_OK)
		log_put(LOG_WARN, "drift_check_failed", LS("tenant", d->tenant.s), LS("err", err_name(end->err)),
		    LS("detail", end->detail));
	d->chunk++;
	timer_arm(d->timer, 0);
}

static void
ask(struct drift *d, const char *link)
{
	const struct graph_where where = { .directory = d->directory, .priority = GRAPH_SWEEP, .deadline_ms = DEADLINE_MS };

	d->anew = link == NULL;
	d->pages = link != NULL ? graph_delta_next(d->r->graph, &where, link, on_group, on_end, d)
	                        : graph_delta_start(d->r->graph, &where, d->teams, d->team_count, true, on_group, on_end, d);
	if (d->pages == NULL) {
		d->chunk++;
		timer_arm(d->timer, DEADLINE_MS);
	}
}

static void
on_timer(void *arg)
{
	static struct cursor_record cursor;
	struct drift *d = arg;

	if (!d->walking) {
		d->walking = true;
		d->in_tenant = false;
		d->tenant_place.len = 0;
	}
	if (!d->in_tenant && !next_tenant(d)) {
		d->walking = false;
		timer_arm(d->timer, d->r->config->drift_check_ms);
		return;
	}
	if (!fill_chunk(d))
		d->in_tenant = false;
	if (d->team_count > 0)
		ask(d, link_load(d, &cursor) ? cursor.text + CHUNK_LEN + 1 : NULL);
	else
		timer_arm(d->timer, 0);
}

enum err
drift_new(struct reconciler *r, struct drift **ret)
{
	struct drift *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return ERR_NOMEM;
	d->r = r;
	if ((d->timer = timer_new(r->clock, on_timer, d)) == NULL) {
		free(d);
		return ERR_NOMEM;
	}
	timer_arm(d->timer, r->config->drift_check_ms);
	*ret = d;
	return ERR_OK;
}

void
drift_free(struct drift *d)
{
	if (d == NULL)
		return;
	graph_pages_cancel(d->pages);
	timer_free(d->timer);
	free(d);
}
