#include "reconciler/listing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Texts of a million people with long names: more is not a roster. */
#define LISTING_TEXTS_MAX ((size_t)1 << 30)

struct listed {
	struct guid user, home;
	uint8_t role;
	size_t membership_at, name_at, email_at; /* into texts */
};

void
listing_init(struct listing *l)
{
	memset(l, 0, sizeof(*l));
}

void
listing_done(struct listing *l)
{
	free(l->rows);
	free(l->texts);
	listing_init(l);
}

static enum err
text_store(struct listing *l, const char *s, size_t *ret_at)
{
	size_t len = strlen(s) + 1, cap = l->texts_cap;
	char *grown;

	if (l->texts_len + len > LISTING_TEXTS_MAX)
		return ERR_TOOBIG;
	while (cap < l->texts_len + len)
		cap = cap == 0 ? 4096 : cap * 2;
	if (cap != l->texts_cap) {
		if ((grown = realloc(l->texts, cap)) == NULL)
			return ERR_NOMEM;
		l->texts = grown;
		l->texts_cap = cap;
	}
	memcpy(l->texts + l->texts_len, s, len);
	*ret_at = l->texts_len;
	l->texts_len += len;
	return ERR_OK;
}

enum err
listing_add(struct listing *l, const struct graph_member *m)
{
	struct listed row = { .user = m->user_id, .home = m->tenant_id, .role = (uint8_t)m->role };
	size_t cap = l->cap == 0 ? 64 : l->cap * 2;
	struct listed *grown;
	enum err e;

	if (l->count == l->cap) {
		if ((grown = realloc(l->rows, cap * sizeof(*grown))) == NULL)
			return ERR_NOMEM;
		l->rows = grown;
		l->cap = cap;
	}
	if ((e = text_store(l, m->membership_id, &row.membership_at)) != ERR_OK)
		return e;
	if ((e = text_store(l, m->display_name, &row.name_at)) != ERR_OK)
		return e;
	if ((e = text_store(l, m->email, &row.email_at)) != ERR_OK)
		return e;
	l->rows[l->count++] = row;
	return ERR_OK;
}

struct roster_seen
listing_get(const struct listing *l, size_t i)
{
	const struct listed *row = &l->rows[i];

	return (struct roster_seen){
		.user = row->user,
		.home_tenant = row->home,
		.role = (enum role)row->role,
		.membership_id = l->texts + row->membership_at,
		.name = l->texts + row->name_at,
		.email = l->texts + row->email_at,
	};
}

struct roster_seen
roster_seen_of(const struct graph_member *m)
{
	return (struct roster_seen){
		.user = m->user_id,
		.home_tenant = m->tenant_id,
		.role = m->role,
		.membership_id = m->membership_id,
		.name = m->display_name,
		.email = m->email,
	};
}
