#include "reconciler/staging.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "reconciler/reconciler.h"
#include "state/store.h"

#define PART_MAX       (DOCUMENT_PART_SIZE - 1)
#define SWEPT_PER_TURN 256
#define KIND_LISTED    "l"
#define KIND_MARKED    "m"

struct staging {
	struct stagings *all;
	struct staging *next;
	struct erg_id erg;
	uint64_t number;
	uint64_t written, read; /* parts */
	struct document_part part;
};

struct stagings {
	struct reconciler *r;
	struct timer *sweep;
	struct staging *first;
};

/* ---------- keys ---------- */

static struct store_key
key_of(const struct staging *s)
{
	struct store_key k;

	store_key_init(&k);
	store_key_u64(&k, s->number);
	return k;
}

static struct store_key
part_key(const struct staging *s, uint64_t part)
{
	struct store_key k = key_of(s);

	store_key_u64(&k, part);
	return k;
}

static struct store_key
listed_key(const struct staging *s, const struct app_person_ref *who)
{
	bool by_user = who->user.s[0] != '\0';
	struct store_key k = key_of(s);

	store_key_bytes(&k, KIND_LISTED, 1);
	store_key_id(s->all->r->store, &k, by_user ? "user" : "entra", by_user ? who->user.s : who->entra_id.s);
	return k;
}

static struct store_key
marked_prefix(const struct staging *s)
{
	struct store_key k = key_of(s);

	store_key_bytes(&k, KIND_MARKED, 1);
	return k;
}

/* ---------- the bytes ---------- */

static void
put_part(struct staging *s)
{
	struct store_key k = part_key(s, s->written++);

	s->part.text[s->part.len] = '\0';
	store_put(s->all->r->store, TABLE_SNAPSHOT_PARTS, &k, &s->part);
	s->part.len = 0;
}

bool
staging_add(struct staging *s, const char *data, size_t len)
{
	while (len > 0) {
		size_t room = PART_MAX - (size_t)s->part.len, n = len < room ? len : room;

		memcpy(s->part.text + s->part.len, data, n);
		s->part.len += n;
		data += n;
		len -= n;
		if (s->part.len < PART_MAX)
			continue;
		if (!store_has_room(s->all->r->store))
			return false;
		put_part(s);
	}
	return true;
}

void
staging_complete(struct staging *s)
{
	if (s->part.len > 0)
		put_part(s);
}

enum err
staging_next(struct staging *s, const char **ret, size_t *ret_len)
{
	struct store_key k = part_key(s, s->read);

	if (s->read == s->written)
		return ERR_NOTFOUND;
	if (store_get(s->all->r->store, TABLE_SNAPSHOT_PARTS, &k, &s->part) != ERR_OK || strlen(s->part.text) != s->part.len)
		return ERR_CORRUPT;
	store_del(s->all->r->store, TABLE_SNAPSHOT_PARTS, &k);
	s->read++;
	*ret = s->part.text;
	*ret_len = (size_t)s->part.len;
	return ERR_OK;
}

/* ---------- people ---------- */

void
staging_list(struct staging *s, const struct app_person_ref *who)
{
	struct store_key k = listed_key(s, who);

	store_put(s->all->r->store, TABLE_SNAPSHOT_PEOPLE, &k, &(struct person_ref){ 0 });
}

bool
staging_listed(struct staging *s, const struct app_person_ref *who)
{
	struct store_key k = listed_key(s, who);

	return store_has(s->all->r->store, TABLE_SNAPSHOT_PEOPLE, &k);
}

void
stagings_said(struct stagings *all, const struct erg_id *erg, const struct app_person_ref *who)
{
	for (struct staging *s = all->first; s != NULL; s = s->next)
		if (strcmp(s->erg.s, erg->s) == 0)
			staging_list(s, who);
}

void
staging_mark(struct staging *s, person_id person)
{
	struct store_key k = marked_prefix(s);

	store_key_u64(&k, person);
	store_put(s->all->r->store, TABLE_SNAPSHOT_PEOPLE, &k, &(struct person_ref){ person });
}

struct store_cursor *
staging_marked(struct staging *s)
{
	struct store_key k = marked_prefix(s);

	return store_seek(s->all->r->store, TABLE_SNAPSHOT_PEOPLE, &k, NULL);
}

/* ---------- life ---------- */

static bool
is_live(const struct stagings *all, const struct store_key *key)
{
	struct store_key number = { .len = sizeof(uint64_t) };
	const struct staging *s = all->first;

	memcpy(number.b, key->b, sizeof(uint64_t));
	while (s != NULL && s->number != store_key_number(&number))
		s = s->next;
	return s != NULL;
}

/* Behind all rows of the staging that key is of. */
static struct store_key
end_of(const struct store_key *key)
{
	struct store_key k = { .len = STORE_KEY_MAX };

	memset(k.b, 0xff, sizeof(k.b));
	memcpy(k.b, key->b, sizeof(uint64_t));
	return k;
}

/* How many rows went, max at most. */
static unsigned
sweep_table(struct stagings *all, enum table t, void *row, unsigned max)
{
	struct store *store = all->r->store;
	struct store_cursor *c = store_seek(store, t, NULL, NULL);
	struct store_key key;
	unsigned n = 0;

	while (n < max && store_next(c, &key, row) == ERR_OK) {
		if (is_live(all, &key)) {
			key = end_of(&key);
			store_cursor_close(c);
			c = store_seek(store, t, NULL, &key);
			continue;
		}
		store_del(store, t, &key);
		n++;
	}
	store_cursor_close(c);
	return n;
}

static void
on_sweep(void *arg)
{
	struct stagings *all = arg;
	struct document_part part;
	struct person_ref person;
	unsigned n = sweep_table(all, TABLE_SNAPSHOT_PARTS, &part, SWEPT_PER_TURN);

	n += sweep_table(all, TABLE_SNAPSHOT_PEOPLE, &person, SWEPT_PER_TURN - n);
	if (n == SWEPT_PER_TURN)
		timer_arm_sooner(all->sweep, 0);
}

struct staging *
staging_new(struct stagings *all, const struct erg_id *erg)
{
	struct staging *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->all = all;
	s->erg = *erg;
	s->number = store_next_number(all->r->store, "snapshot");
	s->next = all->first;
	all->first = s;
	return s;
}

void
staging_free(struct staging *s)
{
	struct staging **at;

	if (s == NULL)
		return;
	for (at = &s->all->first; *at != s;)
		at = &(*at)->next;
	*at = s->next;
	timer_arm_sooner(s->all->sweep, 0);
	free(s);
}

bool
stagings_any(const struct stagings *all)
{
	return all->first != NULL;
}

enum err
stagings_new(struct reconciler *r, struct stagings **ret)
{
	struct stagings *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return ERR_NOMEM;
	all->r = r;
	if ((all->sweep = timer_new(r->clock, on_sweep, all)) == NULL) {
		free(all);
		return ERR_NOMEM;
	}
	timer_arm(all->sweep, 0);
	*ret = all;
	return ERR_OK;
}

void
stagings_free(struct stagings *all)
{
	if (all == NULL)
		return;
	timer_free(all->sweep);
	free(all);
}
