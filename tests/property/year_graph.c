/* What goes over the wire says which subscription lives until when, and when Graph may pause it for want of an authorisation. */
#include "property/year.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/timestamp.h"

#define SUBSCRIPTIONS "/subscriptions"

static enum weather
weather_of(void *arg, unsigned tenant)
{
	const struct year *y = arg;
	const struct customer *c = &y->tenants[tenant <= y->o.tenants ? tenant : 0];

	if (y->cut_until_ms > year_now(y))
		return WEATHER_CUT;
	return c->trouble_until_ms > year_now(y) ? c->weather : WEATHER_FINE;
}

/* ---------- what Graph has ---------- */

int64_t
team_covered_until(const struct team *t)
{
	return later(t->own.ends_ms, t->own.customer->wide.ends_ms);
}

/* All teams that it tells of. */
static uint64_t
teams_of(const struct watch *x, struct team **ret)
{
	*ret = x->team != NULL ? x->team : x->customer->teams;
	return x->team != NULL ? 1 : x->customer->team_count;
}

void
watch_forget(struct year *y, struct watch *x)
{
	if (x->id[0] != '\0')
		sim_map_del(&y->by_id, x->id);
	x->id[0] = '\0';
	x->wanted_ms = 0;
	if (x->ends_ms > year_now(y))
		x->ends_ms = year_now(y);
}

static void
know(struct year *y, struct watch *x, const char *id)
{
	if (strcmp(x->id, id) == 0)
		return;
	if (x->id[0] != '\0')
		sim_map_del(&y->by_id, x->id);
	str_copy(x->id, sizeof(x->id), id);
	sim_map_put(&y->by_id, x->id, x);
}

/* When an expiry that was asked for comes, by Graph's clock; 0 = none was. */
static int64_t
expiry_of(struct year *y, const char *body)
{
	static const char name[] = "\"expirationDateTime\":\"";
	const char *at = body != NULL ? strstr(body, name) : NULL;
	char text[TIMESTAMP_SIZE] = "";
	int64_t wall_ms = 0;

	if (at == NULL)
		return 0;
	at += sizeof(name) - 1;
	str_copy_len(text, sizeof(text), at, strcspn(at, "\""));
	if (timestamp_parse(text, &wall_ms) != ERR_OK)
		fail(y->w, "an expiry that is none: %s", text);
	return year_now(y) + wall_ms - clock_wall_ms(y->w->graph_clock);
}

/* Expiry and authorisation begin anew, at the earliest when that was asked for: an answer may have waited in a machine that slept. */
static void
prolong(struct year *y, struct watch *x, const char *body, int64_t asked_ms)
{
	int64_t now_ms = year_now(y), ends_ms = expiry_of(y, body);
	struct team *t;
	uint64_t count = teams_of(x, &t);

	if (ends_ms == 0)
		return;
	for (uint64_t i = 0; i < count; i++)
		if (t[i].uncovered_ms == 0 && team_covered_until(&t[i]) < asked_ms)
			t[i].uncovered_ms = team_covered_until(&t[i]);
	x->ends_ms = ends_ms < asked_ms + AUTHORISATION_MS ? ends_ms : asked_ms + AUTHORISATION_MS;
	for (uint64_t i = 0; i < count; i++)
		if (x->ends_ms > now_ms && t[i].covered_ms <= t[i].uncovered_ms)
			t[i].covered_ms = now_ms;
}

static void
on_created(struct year *y, unsigned tenant, const char *asked, int status, const char *body, int64_t asked_ms)
{
	struct team *t = year_team(y, asked);
	struct watch *x = t != NULL ? &t->own : &y->tenants[tenant].wide;
	json_t *told = NULL;

	y->n.creations++;
	y->n.wide_creations += status == 201 && t == NULL;
	y->n.wide_refusals += status / 100 == 4 && status != 409 && t == NULL;
	if (status != 201)
		return;
	if (jx_parse(body, strlen(body), &told, NULL, 0) == ERR_OK && jx_get_str(told, "id") != NULL)
		know(y, x, jx_get_str(told, "id"));
	json_decref(told);
	x->made_ms = asked_ms;
	x->patched_ms = x->wanted_ms = 0;
	prolong(y, x, asked, asked_ms);
	for (uint64_t i = 0, count = teams_of(x, &t); i < count; i++)
		t[i].lost = false;
}

static void
on_subscription(struct year *y, unsigned tenant, const char *method, const char *path, const char *asked, int status,
    const char *body, int64_t asked_ms)
{
	struct watch *x;

	if (strcmp(method, "POST") == 0 && strcmp(path, SUBSCRIPTIONS) == 0) {
		on_created(y, tenant, asked, status, body, asked_ms);
		return;
	}
	x = strlen(path) > sizeof(SUBSCRIPTIONS) ? sim_map_get(&y->by_id, path + sizeof(SUBSCRIPTIONS)) : NULL;
	if (strcmp(method, "PATCH") == 0) {
		y->n.patches++;
		if (status != 200 || x == NULL)
			return;
		year_judge_renewal(y, x, asked_ms);
		x->patched_ms = asked_ms;
		x->wanted_ms = 0;
		prolong(y, x, asked, asked_ms);
	} else if (strcmp(method, "DELETE") == 0) {
		y->n.deletions++;
		if (x != NULL && status == 204)
			watch_forget(y, x);
	}
}

/* How many there were in the window that ends now: the ring holds one more than may be. */
static void
count_list(struct year *y)
{
	uint64_t in_window = 0;

	y->listed_ms[y->n.lists++ % (LISTS_A_WINDOW + 1)] = year_now(y);
	for (uint64_t i = 0; i <= LISTS_A_WINDOW && i < y->n.lists; i++)
		in_window += year_now(y) - y->listed_ms[i] < LIST_WINDOW_MS;
	if (in_window > y->n.most_lists)
		y->n.most_lists = in_window;
}

/* ---------- the wire ---------- */

static void
asked(void *arg, unsigned tenant, const char *method, const char *path)
{
	struct year *y = arg;

	(void)tenant;
	(void)method;
	if (strstr(path, "/oauth2/") != NULL)
		y->n.sign_ins++;
	else if (strstr(path, "/reauthorize") != NULL)
		y->n.reauthorisations++;
}

static void
answered(void *arg, unsigned tenant, const char *method, const char *path, const char *asked, int status, const char *body,
    long long asked_ms)
{
	struct year *y = arg;
	struct team *t;

	if (strncmp(path, SUBSCRIPTIONS, sizeof(SUBSCRIPTIONS) - 1) == 0) {
		if (strcmp(method, "GET") == 0)
			count_list(y);
		else
			on_subscription(y, tenant, method, path, asked, status, body, asked_ms);
		return;
	}
	y->n.signed_in += status == 200 && strstr(path, "/oauth2/") != NULL;
	/* The simulator shows all members of so small a team on one page. */
	if (strcmp(method, "GET") != 0 || status != 200 || strncmp(path, "/teams/", 7) != 0 || strstr(path, "/members") == NULL ||
	    strstr(path, "/members/") != NULL || (t = year_team(y, path)) == NULL)
		return;
	y->n.reads++;
	t->read_ms = later(t->read_ms, asked_ms); /* two may overtake each other */
}

const struct wire_options year_wire = { weather_of, asked, answered, NULL };

/* ---------- the truth ---------- */

static struct watch *
watch_of(struct year *y, const json_t *item)
{
	struct team *t = year_team(y, jx_get_str(item, "resource"));
	const char *directory = jx_get_str(item, "tenant");
	uint64_t n = directory != NULL && strlen(directory) == GUID_SIZE - 1 ? strtoull(directory + 24, NULL, 10) : 0;

	if (t != NULL)
		return &t->own;
	return n >= 1 && n <= y->o.tenants ? &y->tenants[n].wide : NULL;
}

static void
forget_unless(struct year *y, struct watch *x, const struct map *there)
{
	if (x->id[0] != '\0' && sim_map_get(there, x->id) == NULL)
		watch_forget(y, x);
}

void
year_look_at_graph(struct year *y)
{
	json_t *answer = ask(y->w, "GET", "/_sim/subscriptions", NULL), *item;
	struct map there = { 0 };
	struct watch *x;
	size_t i;

	json_array_foreach(jx_get_array(answer, "subscriptions"), i, item)
	{
		sim_map_put(&there, jx_get_str(item, "id"), item);
		if ((x = watch_of(y, item)) != NULL)
			know(y, x, jx_get_str(item, "id"));
	}
	for (i = 0; i < y->o.ergs; i++)
		forget_unless(y, &y->teams[i].own, &there);
	for (i = 1; i <= y->o.tenants; i++)
		forget_unless(y, &y->tenants[i].wide, &there);
	sim_map_done(&there);
	json_decref(answer);
}
