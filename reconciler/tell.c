#include "reconciler/tell.h"

#include <stdio.h>
#include <string.h>

#include "app/api.h"
#include "app/callback.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "reconciler/consent.h"
#include "reconciler/deliver.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/feed.h"

/* Whom a change is about. */
struct subject {
	const struct tenant_id *tenant; /* NULL: none */
	const struct erg_id *erg;       /* NULL: none */
	person_id person;               /* 0: none */
	const char *name;               /* CloudEvents subject */
	const struct guid *entra;       /* the person's; NULL or empty: none or not known */
	const struct event_id *event;   /* NULL: none */
};

bool
tell_waits(const struct reconciler *r)
{
	return r->config->callback_url != NULL;
}

/* A random UUID, version 4. */
static void
id_make(struct rng *rng, char ret[CHANGE_ID_SIZE])
{
	uint8_t b[16];

	rng_bytes(rng, b, sizeof(b));
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(ret, CHANGE_ID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	    b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* One order for each person and each event of an ERG, one for each ERG, tenant or resync itself. Whoever was forgotten and comes back has another
 * number, but must not overtake what still waits. */
static void
order_make(const struct subject *s, uint8_t ret[OUTBOX_ORDER_LEN])
{
	struct span parts[] = { { s->name, s->name != NULL ? strlen(s->name) + 1 : 0 }, { &s->person, sizeof(s->person) } };
	uint8_t hash[HASH_LEN];

	if (s->entra != NULL && s->entra->s[0] != '\0')
		parts[1] = (struct span){ s->entra->s, strlen(s->entra->s) };
	if (s->event != NULL)
		parts[1] = (struct span){ s->event->s, strlen(s->event->s) };
	sha256(parts, 2, hash);
	memcpy(ret, hash, OUTBOX_ORDER_LEN);
}

static void
on_committed(void *arg)
{
	struct reconciler *r = arg;

	r->changes_told = false;
	if (r->on_changes != NULL)
		r->on_changes(r->on_changes_arg);
}

/* Whoever waits for the feed is called once a turn, when it is on disk. */
static void
arrived(struct reconciler *r)
{
	if (tell_waits(r))
		deliver_kick(r);
	if (r->changes_told)
		return;
	r->changes_told = true;
	store_after_commit(r->store, on_committed, r);
}

static uint64_t
tell(struct reconciler *r, enum change_type type, const struct subject *s, json_t *data)
{
	static struct feed_record f; /* 20 KB: too much for the stack of a deep call; one thread */
	struct callback_event event = {
		.id = f.id, .type = type, .tenant = s->tenant != NULL ? s->tenant->s : NULL, .subject = s->name
	};
	uint8_t order[OUTBOX_ORDER_LEN];
	enum err e;

	memset(&f, 0, sizeof(f));
	id_make(r->rng, f.id);
	f.type = type;
	f.created_wall_ms = event.time_wall_ms = clock_wall_ms(r->clock);
	f.person = s->person;
	if (s->tenant != NULL)
		f.tenant = *s->tenant;
	if (s->erg != NULL)
		f.erg = *s->erg;
	if (s->event != NULL)
		f.event = *s->event;
	if ((e = callback_body(&event, data, f.body, sizeof(f.body))) != ERR_OK) {
		log_put(LOG_ERROR, "change_not_told", LS("type", change_type_name(type)), LS("err", err_name(e)));
		return 0;
	}
	order_make(s, order);
	feed_append(r->store, &f, order, tell_waits(r));
	arrived(r);
	return f.seq;
}

uint64_t
tell_member(struct reconciler *r, enum change_type type, const struct erg *erg, const struct person *person, enum role role)
{
	struct subject s = { &erg->tenant, &erg->id, person->id, erg->id.s, &person->entra_id, NULL };

	return tell(r, type, &s, callback_data_member(erg->id.s, person, role));
}

uint64_t
tell_member_trouble(
    struct reconciler *r, enum change_type type, const struct erg *erg, const struct person *person, const char *detail)
{
	struct subject s = { &erg->tenant, &erg->id, person->id, erg->id.s, &person->entra_id, NULL };

	return tell(r, type, &s, callback_data_member_trouble(erg->id.s, person, detail));
}

uint64_t
tell_meeting(struct reconciler *r, enum change_type type, const struct event *event, const struct event_fields *fields,
    unsigned mask, const char *detail)
{
	struct subject s = { &event->tenant, &event->erg, 0, event->erg.s, NULL, &event->id };

	return tell(r, type, &s, callback_data_meeting(event, fields, mask, detail));
}

uint64_t
tell_erg(struct reconciler *r, enum change_type type, const struct erg *erg, const char *detail)
{
	struct subject s = { &erg->tenant, &erg->id, 0, erg->id.s, NULL, NULL };

	return tell(r, type, &s, callback_data_erg(erg->id.s, detail));
}

uint64_t
tell_plan(struct reconciler *r, const struct erg *erg, const char *detail, const char *hash, int64_t removals)
{
	struct subject s = { &erg->tenant, &erg->id, 0, erg->id.s, NULL, NULL };

	return tell(r, CHANGE_PLAN_HELD, &s, callback_data_plan(erg->id.s, detail, hash, removals));
}

uint64_t
tell_tenant(struct reconciler *r, const struct tenant *tenant)
{
	struct subject s = { &tenant->id, NULL, 0, tenant->id.s, NULL, NULL };
	struct tenant_view view = { .tenant = *tenant };

	consent_url(r, tenant, view.consent_url, sizeof(view.consent_url));
	return tell(r, tenant->state == TENANT_SIGN_IN_NEEDED ? CHANGE_TENANT_SIGN_IN_NEEDED : CHANGE_TENANT_CONSENT_MISSING, &s,
	    callback_data_tenant(&view));
}

uint64_t
tell_resync(struct reconciler *r, const struct resync *resync)
{
	struct tenant_id tenant = { "" };
	struct subject s = { NULL, NULL, 0, resync->id, NULL, NULL };
	struct erg_id erg_id;
	struct erg erg;

	if (resync->scope.kind == RESYNC_TENANT && tenant_id_parse(resync->scope.id, &tenant))
		s.tenant = &tenant;
	if (resync->scope.kind == RESYNC_ERG && erg_id_parse(resync->scope.id, &erg_id) && erg_load(r, &erg_id, &erg) == ERR_OK)
		s.tenant = &erg.tenant;
	return tell(r, CHANGE_RESYNC_DONE, &s, callback_data_resync(resync));
}
