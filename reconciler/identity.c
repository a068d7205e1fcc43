#include "reconciler/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/roster.h"
#include "reconciler/standing.h"
#include "reconciler/tables.h"
#include "state/store.h"

static bool
named(const struct person *p)
{
	return p->user.s[0] != '\0';
}

/* ---------- moving what the app said from one record to another ---------- */

static void
move_in(struct reconciler *r, struct erg *erg, const struct person *from, const struct person *to)
{
	struct roster_view v = { .r = r, .erg = erg };
	struct tenant tenant;
	struct member m;

	if (tenant_load(r, &erg->tenant, &tenant) == ERR_OK)
		v.directory = tenant.directory_id;
	if (member_load(r, &erg->id, from->id, &m) != ERR_OK)
		return;
	if (m.app.present)
		roster_app_says(&v, to, &(struct roster_app){ .present = true, .role = m.app.role, .private_ = m.private_ });
	roster_app_says(&v, from, &(struct roster_app){ .present = false });
}

/* Wherever the app lists `from`, it means `to`. held is the ERG the caller has loaded, or NULL. */
static void
move_all(struct reconciler *r, struct erg *held, const struct person *from, const struct person *to)
{
	struct store_cursor *c;
	struct store_key prefix;
	struct erg_ref ref;
	struct erg erg;

	store_key_init(&prefix);
	store_key_u64(&prefix, from->id);
	c = store_seek(r->store, TABLE_PERSON_ERGS, &prefix, NULL);
	while (store_next(c, NULL, &ref) == ERR_OK) {
		if (held != NULL && strcmp(held->id.s, ref.erg.s) == 0) {
			move_in(r, held, from, to);
		} else if (erg_load(r, &ref.erg, &erg) == ERR_OK) {
			move_in(r, &erg, from, to);
			erg_settle(r, &erg);
			erg_store(r, &erg);
		}
	}
	store_cursor_close(c);
}

/* from, who has no Entra id, turns out to be to. */
static void
merge(struct reconciler *r, struct erg *held, struct person *from, struct person *to)
{
	struct person before = *to, gone;

	to->user = from->user;
	if (from->email[0] != '\0')
		memcpy(to->email, from->email, sizeof(to->email));
	gone = *from;
	gone.user.s[0] = '\0';
	people_store(r, from, &gone);
	people_store(r, &before, to);
	move_all(r, held, &gone, to);
	if (person_load(r, gone.id, &gone) == ERR_OK)
		people_erase(r, &gone);
}

/* The app means another account by the same name from now on. */
static void
rebind(struct reconciler *r, struct erg *held, struct person *from, struct person *to)
{
	struct person before = *to, former = *from;

	to->user = from->user;
	from->user.s[0] = '\0';
	people_store(r, &former, from);
	people_store(r, &before, to);
	move_all(r, held, from, to);
	people_forget_if_unused(r, from->id);
}

/* ---------- what the app says ---------- */

static void
person_new(struct reconciler *r, const struct tenant_id *tenant, const struct app_member_put *put, const struct guid *entra,
    struct person *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->tenant = *tenant;
	ret->user = put->who.user;
	ret->entra_id = *entra;
	memcpy(ret->email, put->email, sizeof(ret->email));
	if (entra->s[0] != '\0') {
		ret->resolution = RESOLUTION_DONE;
		ret->resolved_wall_ms = clock_wall_ms(r->clock);
	}
	people_store(r, NULL, ret);
}

/* Repeated by the app: worth another look at once. */
static void
person_update(struct reconciler *r, const struct app_member_put *put, struct person *p)
{
	struct person before = *p;

	if (put->email[0] != '\0')
		memcpy(p->email, put->email, sizeof(p->email));
	if (p->entra_id.s[0] == '\0')
		p->resolve_again_wall_ms = 0;
	people_store(r, &before, p);
}

static enum err
conflict(char why[DETAIL_SIZE], const struct person *other)
{
	snprintf(why, DETAIL_SIZE, "That person is already known as user %s.", other->user.s);
	return ERR_CONFLICT;
}

/* The entry has an Entra id. p: who has the app's id, or NULL. */
static enum err
of_entra(struct reconciler *r, struct erg *erg, const struct app_member_put *put, const struct guid *entra, struct person *p,
    struct person *ret, char why[DETAIL_SIZE])
{
	bool known = people_find_object(r, &erg->tenant, entra, ret) == ERR_OK;
	struct person before;

	if (known && (p == NULL || p->id == ret->id)) {
		if (put->who.user.s[0] != '\0' && named(ret) && strcmp(ret->user.s, put->who.user.s) != 0)
			return conflict(why, ret);
		if (put->who.user.s[0] != '\0' && !named(ret)) {
			before = *ret;
			ret->user = put->who.user;
			people_store(r, &before, ret);
		}
	} else if (known) {
		if (named(ret))
			return conflict(why, ret);
		(p->entra_id.s[0] == '\0' ? merge : rebind)(r, erg, p, ret);
	} else if (p != NULL && p->entra_id.s[0] == '\0') {
		*ret = *p;
		before = *p;
		ret->entra_id = *entra;
		ret->resolution = RESOLUTION_DONE;
		ret->resolution_detail[0] = '\0';
		people_store(r, &before, ret);
	} else {
		struct app_member_put unnamed = *put;

		if (p != NULL)
			unnamed.who.user.s[0] = '\0';
		person_new(r, &erg->tenant, &unnamed, entra, ret);
		if (p != NULL)
			rebind(r, erg, p, ret);
	}
	person_update(r, put, ret);
	return ERR_OK;
}

/* Somebody without a name in the app whom this directory has told by that address: what another says of its people proves nothing here. */
static bool
known_by_email(struct reconciler *r, const struct tenant_id *tenant, const char *email, struct person *ret)
{
	return people_find_email(r, tenant, email, ret) == ERR_OK && !named(ret) && ret->home_tenant.s[0] == '\0';
}

/* The entry has an address only. */
static enum err
of_email(struct reconciler *r, struct erg *erg, const struct app_member_put *put, struct person *p, struct person *ret)
{
	static const struct guid none;
	struct person q, before;

	if (p != NULL) {
		*ret = *p;
		if (ret->entra_id.s[0] == '\0' && known_by_email(r, &erg->tenant, put->email, &q)) {
			merge(r, erg, ret, &q);
			*ret = q;
		}
		person_update(r, put, ret);
		return ERR_OK;
	}
	if (known_by_email(r, &erg->tenant, put->email, &q)) {
		before = q;
		*ret = q;
		ret->user = put->who.user;
		people_store(r, &before, ret);
		return ERR_OK;
	}
	person_new(r, &erg->tenant, put, &none, ret);
	return ERR_OK;
}

enum err
identity_of(struct reconciler *r, struct erg *erg, const struct app_member_put *put, struct person *ret, char why[DETAIL_SIZE])
{
	const struct guid *entra = put->who.entra_id.s[0] != '\0' ? &put->who.entra_id : &put->entra_id;
	struct person p;
	bool known = put->who.user.s[0] != '\0' && people_find_user(r, &erg->tenant, &put->who.user, &p) == ERR_OK;

	if (entra->s[0] != '\0')
		return of_entra(r, erg, put, entra, known ? &p : NULL, ret, why);
	return of_email(r, erg, put, known ? &p : NULL, ret);
}

/* ---------- what Graph says ---------- */

enum err
identity_resolved(struct reconciler *r, struct erg *erg, struct person *p, const struct guid *entra, const char *name)
{
	struct person q, before = *p;

	if (people_find_entra(r, &p->tenant, entra, NULL, &q) == ERR_OK && q.id != p->id) {
		if (named(&q))
			return ERR_CONFLICT;
		merge(r, erg, p, &q);
		*p = q;
		before = q;
	}
	p->entra_id = *entra;
	if (name[0] != '\0')
		snprintf(p->name, sizeof(p->name), "%s", name);
	p->resolution = RESOLUTION_DONE;
	p->resolution_detail[0] = '\0';
	p->resolved_wall_ms = clock_wall_ms(r->clock);
	p->resolve_again_wall_ms = 0;
	people_store(r, &before, p);
	return ERR_OK;
}

void
identity_named(struct reconciler *r, struct erg *erg, person_id person, const struct user_id *user)
{
	struct person p, other, before;

	if (user->s[0] == '\0' || person_load(r, person, &p) != ERR_OK || strcmp(p.user.s, user->s) == 0)
		return;
	if (people_find_user(r, &p.tenant, user, &other) == ERR_OK) {
		/* Somebody with an account of their own having that name already is a mistake we do not make worse. */
		if (other.entra_id.s[0] != '\0' || named(&p))
			log_put(LOG_WARN, "user_named_twice", LS("erg", erg->id.s), LP("user", user->s));
		else
			merge(r, erg, &other, &p);
		return;
	}
	before = p;
	p.user = *user;
	people_store(r, &before, &p);
}
