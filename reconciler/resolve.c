#include "reconciler/resolve.h"

#include <stdio.h>

#include "base/clock.h"
#include "graph/teams.h"
#include "reconciler/chores.h"
#include "reconciler/identity.h"
#include "reconciler/intents.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

static void
unresolved(struct reconciler *r, struct person *person, enum resolution how, const char *detail, int64_t again_ms)
{
	struct person before = *person;

	person->resolution = how;
	snprintf(person->resolution_detail, sizeof(person->resolution_detail), "%s", detail);
	person->resolve_again_wall_ms = clock_wall_ms(r->clock) + again_ms;
	people_store(r, &before, person);
}

static void
kind_known(struct reconciler *r, struct person *person, bool guest)
{
	struct person before = *person;

	person->kind = guest ? PERSON_GUEST : PERSON_MEMBER;
	person->resolution_detail[0] = '\0';
	person->resolve_again_wall_ms = 0;
	if (person->kind != before.kind)
		people_store(r, &before, person);
}

static const char forbidden[] = "Graph refuses to look people up: grant the application User.Read.All.";

static void
kind_not_told(struct reconciler *r, struct person *person)
{
	struct person before = *person;

	snprintf(person->resolution_detail, sizeof(person->resolution_detail), "%s", forbidden);
	person->resolve_again_wall_ms = clock_wall_ms(r->clock) + CHORE_PROBE_MS;
	people_store(r, &before, person);
}

static void
resolved(const struct roster_view *v, struct person *person, const struct graph_user *user)
{
	struct person other;
	bool known = people_find_entra(v->r, &person->tenant, &user->id, NULL, &other) == ERR_OK;

	if (!user->enabled && !known)
		unresolved(
		    v->r, person, RESOLUTION_DISABLED, "The account with this e-mail address is disabled.", RESOLVE_AGAIN_MS);
	else if (identity_resolved(v->r, v->erg, person, &user->id, user->name) != ERR_OK)
		unresolved(v->r, person, RESOLUTION_NOT_FOUND,
		    "The account with this e-mail address belongs to somebody the app knows by another id.", RESOLVE_AGAIN_MS);
	else
		kind_known(v->r, person, user->guest);
}

/* The other ERGs that wait for the same person. */
static void
wake_ergs(struct reconciler *r, person_id person)
{
	struct store_cursor *c;
	struct store_key prefix;
	struct erg_ref ref;

	store_key_init(&prefix);
	store_key_u64(&prefix, person);
	c = store_seek(r->store, TABLE_PERSON_ERGS, &prefix, NULL);
	while (store_next(c, NULL, &ref) == ERR_OK)
		if (intents_any(r, &ref.erg))
			chore_add(r, CHORE_PUSH, ref.erg.s, 0);
	store_cursor_close(c);
}

bool
resolve_take(const struct roster_view *v, struct person *person, const struct graph_answer *answer)
{
	struct graph_user user;
	struct member m;
	enum err e = graph_user_find_read(answer, person->email, &user);

	if (e == ERR_OK)
		resolved(v, person, &user);
	else if (answer->err == ERR_OK && e == ERR_NOTFOUND)
		unresolved(v->r, person, RESOLUTION_NOT_FOUND, "Nobody in the tenant's directory has this e-mail address.",
		    RESOLVE_AGAIN_MS);
	else if (answer->err == ERR_OK && e == ERR_CONFLICT)
		unresolved(v->r, person, RESOLUTION_NOT_FOUND,
		    "Several people in the tenant's directory have this e-mail address.", RESOLVE_AGAIN_MS);
	else if (answer->err == ERR_FORBIDDEN && !answer->sign_in_failed)
		unresolved(v->r, person, RESOLUTION_FAILED, forbidden, CHORE_PROBE_MS);
	else
		return false;
	if (member_load(v->r, &v->erg->id, person->id, &m) == ERR_OK)
		roster_look(v, &m);
	wake_ergs(v->r, person->id);
	return true;
}

bool
resolve_take_kind(const struct roster_view *v, struct person *person, const struct graph_answer *answer)
{
	struct graph_user user;
	struct member m;
	enum err e = graph_user_read(answer, &user);

	if (answer->sign_in_failed || (e != ERR_OK && e != ERR_NOTFOUND && e != ERR_FORBIDDEN))
		return false;
	if (e == ERR_OK)
		kind_known(v->r, person, user.guest);
	else if (e == ERR_FORBIDDEN)
		kind_not_told(v->r, person);
	if (member_load(v->r, &v->erg->id, person->id, &m) != ERR_OK)
		return true;
	if (e == ERR_NOTFOUND)
		roster_refused(v, person, &m, "Nobody in the tenant's directory has this Entra id.",
		    clock_wall_ms(v->r->clock) + RESOLVE_AGAIN_MS);
	else
		roster_look(v, &m);
	return true;
}

bool
resolve_due(const struct person *person, int64_t back_wall_ms, int64_t now_wall_ms)
{
	bool refused = person->resolution == RESOLUTION_FAILED || person->entra_id.s[0] != '\0';

	return person->resolve_again_wall_ms <= now_wall_ms ||
	       (refused && back_wall_ms <= now_wall_ms && person->resolve_again_wall_ms - CHORE_PROBE_MS < back_wall_ms);
}
