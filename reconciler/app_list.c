#include "reconciler/app_list.h"

#include <stdlib.h>

#include "reconciler/chores.h"
#include "reconciler/identity.h"
#include "reconciler/intents.h"
#include "reconciler/people.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"

enum err
app_list_one(const struct roster_view *v, const struct app_member_put *put, struct person *ret, char why[DETAIL_SIZE])
{
	struct roster_app says = { .present = true, .role = put->role, .private_ = put->private_ };
	struct member m;
	enum err e = identity_of(v->r, v->erg, put, ret, why);

	if (e != ERR_OK)
		return e;
	roster_app_says(v, ret, &says);
	/* Repeated by the app: tried again at once. */
	if (member_load(v->r, &v->erg->id, ret->id, &m) == ERR_OK && intent_wanted(&m))
		chore_add(v->r, CHORE_PUSH, v->erg->id.s, 0);
	return ERR_OK;
}

void
app_list_leave_others(const struct roster_view *v, const person_id *listed, size_t count, int64_t *ret_removed)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct person person;
	struct member m;

	members_prefix(v->r, &v->erg->id, &prefix);
	c = store_seek(v->r->store, TABLE_MEMBERS, &prefix, NULL);
	while (store_next(c, NULL, &m) == ERR_OK) {
		if (!m.app.present ||
		    (count > 0 && bsearch(&m.person, listed, count, sizeof(*listed), people_by_number) != NULL) ||
		    person_load(v->r, m.person, &person) != ERR_OK)
			continue;
		*ret_removed += m.callback_seq == 0 || m.told.present;
		roster_app_says(v, &person, &(struct roster_app){ .present = false });
	}
	store_cursor_close(c);
}
