#include "reconciler/people.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "reconciler/reconciler.h"
#include "reconciler/tables.h"
#include "state/store.h"

#define INDEX_VALUE_SIZE 320

/* A guest of a shared channel is known by home tenant and object id together (graph-facts 8.1). */
static void
entra_value(const struct guid *entra, const struct guid *home_tenant, char ret[INDEX_VALUE_SIZE])
{
	if (home_tenant == NULL || home_tenant->s[0] == '\0')
		snprintf(ret, INDEX_VALUE_SIZE, "%s", entra->s);
	else
		snprintf(ret, INDEX_VALUE_SIZE, "%s@%s", entra->s, home_tenant->s);
}

/* Directories compare addresses without case. */
static void
email_value(const char *email, char ret[INDEX_VALUE_SIZE])
{
	size_t i = 0;

	for (; i < INDEX_VALUE_SIZE - 1 && email[i] != '\0'; i++)
		ret[i] = (char)tolower((unsigned char)email[i]);
	ret[i] = '\0';
}

static void
index_key(struct reconciler *r, const struct tenant_id *tenant, const char *kind, const char *value, struct store_key *ret)
{
	store_key_init(ret);
	store_key_id(r->store, ret, "tenant", tenant->s);
	store_key_id(r->store, ret, kind, value);
}

static bool
answers_to(const struct person *p, const char *kind, const char *value)
{
	char is[INDEX_VALUE_SIZE] = "";

	if (strcmp(kind, "user") == 0)
		return strcmp(p->user.s, value) == 0;
	if (p->entra_id.s[0] == '\0')
		return false;
	if (strcmp(kind, "foreign") == 0)
		return p->home_tenant.s[0] != '\0' && strcmp(p->entra_id.s, value) == 0;
	if (strcmp(kind, "email") == 0)
		email_value(p->email, is);
	else
		entra_value(&p->entra_id, &p->home_tenant, is);
	return strcmp(is, value) == 0;
}

/* The row is damaged: somebody who is known must not become another person for that. All rows of whoever it is are put again. */
static enum err
index_search(struct reconciler *r, const struct tenant_id *tenant, const char *kind, const char *value, struct person *ret)
{
	struct store_cursor *c = store_seek(r->store, TABLE_PEOPLE, NULL, NULL);
	enum err e = ERR_NOTFOUND;

	while (e != ERR_OK && store_next(c, NULL, ret) == ERR_OK)
		if (strcmp(ret->tenant.s, tenant->s) == 0 && answers_to(ret, kind, value))
			e = ERR_OK;
	store_cursor_close(c);
	if (e == ERR_OK)
		people_index(r, ret);
	return e;
}

static enum err
index_find(struct reconciler *r, const struct tenant_id *tenant, const char *kind, const char *value, struct person *ret)
{
	struct person_ref ref;
	struct store_key key;
	enum err e;

	index_key(r, tenant, kind, value, &key);
	if ((e = store_get(r->store, TABLE_PERSON_INDEX, &key, &ref)) == ERR_CORRUPT)
		return index_search(r, tenant, kind, value, ret);
	if (e != ERR_OK)
		return e;
	return person_load(r, ref.person, ret);
}

/* A row that leads to somebody else by now stays. */
static void
index_set(struct reconciler *r, const struct person *p, const char *kind, const char *value, bool present)
{
	struct person_ref ref = { p->id }, there;
	struct store_key key;

	if (value[0] == '\0')
		return;
	index_key(r, &p->tenant, kind, value, &key);
	if (present)
		store_put(r->store, TABLE_PERSON_INDEX, &key, &ref);
	else if (store_get(r->store, TABLE_PERSON_INDEX, &key, &there) == ERR_OK && there.person == p->id)
		store_del(r->store, TABLE_PERSON_INDEX, &key);
}

static void
index_all(struct reconciler *r, const struct person *p, bool present)
{
	char entra[INDEX_VALUE_SIZE] = "", email[INDEX_VALUE_SIZE] = "";

	if (p->entra_id.s[0] != '\0') {
		entra_value(&p->entra_id, &p->home_tenant, entra);
		email_value(p->email, email);
	}
	index_set(r, p, "entra", entra, present);
	if (p->home_tenant.s[0] != '\0')
		index_set(r, p, "foreign", p->entra_id.s, present);
	index_set(r, p, "email", email, present);
	index_set(r, p, "user", p->user.s, present);
}

enum err
people_find_user(struct reconciler *r, const struct tenant_id *tenant, const struct user_id *user, struct person *ret)
{
	return index_find(r, tenant, "user", user->s, ret);
}

enum err
people_find_entra(struct reconciler *r, const struct tenant_id *tenant, const struct guid *entra, const struct guid *home_tenant,
    struct person *ret)
{
	char value[INDEX_VALUE_SIZE];

	entra_value(entra, home_tenant, value);
	return index_find(r, tenant, "entra", value, ret);
}

enum err
people_find_object(struct reconciler *r, const struct tenant_id *tenant, const struct guid *entra, struct person *ret)
{
	enum err e = people_find_entra(r, tenant, entra, NULL, ret);

	return e == ERR_NOTFOUND ? index_find(r, tenant, "foreign", entra->s, ret) : e;
}

enum err
people_find_email(struct reconciler *r, const struct tenant_id *tenant, const char *email, struct person *ret)
{
	char value[INDEX_VALUE_SIZE];

	email_value(email, value);
	return value[0] == '\0' ? ERR_NOTFOUND : index_find(r, tenant, "email", value, ret);
}

static void
person_key(person_id id, struct store_key *ret)
{
	store_key_init(ret);
	store_key_u64(ret, id);
}

void
people_store(struct reconciler *r, const struct person *before, struct person *p)
{
	struct store_key key;

	if (before != NULL)
		index_all(r, before, false);
	else
		p->id = number_next(r, "n:person");
	person_key(p->id, &key);
	store_put(r->store, TABLE_PEOPLE, &key, p);
	index_all(r, p, true);
}

void
people_erase(struct reconciler *r, const struct person *p)
{
	struct store_key key;

	index_all(r, p, false);
	person_key(p->id, &key);
	store_del(r->store, TABLE_PEOPLE, &key);
}

void
people_forget_if_unused(struct reconciler *r, person_id id)
{
	struct store_key prefix;
	struct store_cursor *c;
	struct erg_ref ref;
	struct person p;
	bool used;

	person_key(id, &prefix);
	c = store_seek(r->store, TABLE_PERSON_ERGS, &prefix, NULL);
	used = store_next(c, NULL, &ref) == ERR_OK;
	store_cursor_close(c);
	if (!used && person_load(r, id, &p) == ERR_OK && p.user.s[0] == '\0')
		people_erase(r, &p);
}

void
people_index(struct reconciler *r, const struct person *p)
{
	index_all(r, p, true);
}

int
people_by_number(const void *a, const void *b)
{
	person_id x = *(const person_id *)a, y = *(const person_id *)b;

	return x < y ? -1 : x > y;
}
