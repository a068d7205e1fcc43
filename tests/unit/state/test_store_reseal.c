/* Keys that are to go: of a tenant that was removed, and all of them when the master key changes. */
#include <fcntl.h>

#include "state/keyring.h"
#include "state/seal.h"
#include "state/store.h"
#include "state/store_reseal.h"
#include "unit/state/store_world.h"

static struct store_key
tenant_key(struct world *w, const char *id)
{
	struct store_key key;

	store_key_init(&key);
	store_key_id(w->store, &key, "tenant", id);
	return key;
}

static void
put_tenant(struct world *w, const char *id)
{
	struct tenant tenant = { .organizer = "somebody@example.org" };
	struct store_key key = tenant_key(w, id);

	(void)snprintf(tenant.id.s, sizeof(tenant.id.s), "%s", id);
	store_put(w->store, TABLE_TENANTS, &key, &tenant);
}

static void
put_erg_of(struct world *w, const char *id, const char *tenant)
{
	struct store_key key = erg_key(w, id);
	struct erg erg = { .generation = 7 };

	(void)snprintf(erg.id.s, sizeof(erg.id.s), "%s", id);
	(void)snprintf(erg.tenant.s, sizeof(erg.tenant.s), "%s", tenant);
	store_put(w->store, TABLE_ERGS, &key, &erg);
}

static void
put_member(struct world *w, const char *erg, person_id person)
{
	struct store_key key = erg_key(w, erg);
	struct member m = { .person = person };

	(void)snprintf(m.erg.s, sizeof(m.erg.s), "%s", erg);
	store_key_u64(&key, person);
	store_put(w->store, TABLE_MEMBERS, &key, &m);
}

static bool
member_there(struct world *w, const char *erg, person_id person)
{
	struct store_key key = erg_key(w, erg);
	struct member m;

	store_key_u64(&key, person);
	return store_get(w->store, TABLE_MEMBERS, &key, &m) == ERR_OK;
}

/* All bytes of data.mdb. */
static char *
data_file(struct world *w, size_t *ret_len)
{
	char path[PATH_MAX + 300], *data;
	struct stat st;
	int fd = open(scratch_file(&w->dir, "state/data.mdb", path), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size));
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	*ret_len = (size_t)st.st_size;
	return data;
}

/* How many values of that table, wherever they lie in the file (old pages, too), open with what the ring now holds. */
static unsigned
opens_anywhere(struct world *w, enum table t, const struct store_key *key)
{
	struct seal_place place = { table_name(t), key->b, key->len };
	char path[PATH_MAX + 300], why[256];
	uint8_t plain[8192];
	struct keyring *keys;
	unsigned opened = 0;
	size_t len, n;
	char *data = data_file(w, &len);

	assert_int_equal(
	    keyring_open(scratch_file(&w->dir, "state/keys", path), &w->options.key, NULL, &keys, why, sizeof(why)), ERR_OK);
	for (char *at = data; (at = memmem(at, (size_t)(data + len - at), key->b, key->len)) != NULL; at++) {
		uint8_t *value = (uint8_t *)at + key->len;
		size_t left = (size_t)((uint8_t *)data + len - value);
		struct seal *seal = keyring_by_id(keys, seal_key_id(value, left));

		/* Its length is in the page's head: any that opens is right. */
		for (n = SEAL_OVERHEAD; seal != NULL && n < left && n < 1500; n++) {
			size_t plain_len;

			if (seal_unwrap(seal, &place, value, n, plain, &plain_len) != ERR_OK)
				continue;
			opened++;
			break;
		}
	}
	keyring_free(keys);
	free(data);
	return opened;
}

static void
a_removed_tenant_is_unreadable_on_old_pages(void **state)
{
	struct store_key gone, stays;
	struct tenant_id acme;
	struct world w;

	(void)state;
	world_make(&w);
	assert_true(tenant_id_parse("acme", &acme));
	put_tenant(&w, "acme");
	put_tenant(&w, "globex");
	put_erg_of(&w, "blue", "acme");
	put_erg_of(&w, "red", "globex");
	put_member(&w, "blue", 0x1122334455667788);
	put_member(&w, "red", 0x1122334455667788);
	put_number(&w, 1, 2);
	store_commit(w.store);
	gone = erg_key(&w, "blue");
	stays = erg_key(&w, "red");
	store_key_u64(&gone, 0x1122334455667788);
	store_key_u64(&stays, 0x1122334455667788);
	assert_true(opens_anywhere(&w, TABLE_MEMBERS, &gone) > 0);

	store_del(w.store, TABLE_MEMBERS, &gone);
	gone.len = 16;
	store_del(w.store, TABLE_ERGS, &gone);
	gone = tenant_key(&w, "acme");
	store_del(w.store, TABLE_TENANTS, &gone);
	store_commit(w.store);
	/* Deleted rows lie on old pages, and open there, as long as there is the key. */
	assert_true(opens_anywhere(&w, TABLE_TENANTS, &gone) > 0);
	assert_int_equal(store_retire_tenant(w.store, &acme), ERR_OK);
	assert_int_equal(reseal_all(&w, 3), 2);
	assert_int_equal(opens_anywhere(&w, TABLE_TENANTS, &gone), 0);
	gone = erg_key(&w, "blue");
	assert_int_equal(opens_anywhere(&w, TABLE_ERGS, &gone), 0);
	store_key_u64(&gone, 0x1122334455667788);
	assert_int_equal(opens_anywhere(&w, TABLE_MEMBERS, &gone), 0);
	assert_true(opens_anywhere(&w, TABLE_MEMBERS, &stays) > 0);
	store_close(w.store);
	reopen(&w);
	assert_true(member_there(&w, "red", 0x1122334455667788));
	assert_int_equal(w.failures, 0);
	world_done(&w);
}

/* An ERG that went from one tenant to another takes its members along before the first one's key is destroyed. */
static void
what_moved_away_survives_the_removal(void **state)
{
	struct tenant_id acme;
	struct world w;

	(void)state;
	world_make(&w);
	assert_true(tenant_id_parse("acme", &acme));
	put_erg_of(&w, "blue", "acme");
	put_member(&w, "blue", 5);
	store_commit(w.store);
	put_erg_of(&w, "blue", "globex");
	store_commit(w.store);
	assert_int_equal(store_retire_tenant(w.store, &acme), ERR_OK);
	assert_int_equal(reseal_all(&w, 100), 2);
	assert_true(member_there(&w, "blue", 5));
	store_close(w.store);
	reopen(&w);
	assert_true(member_there(&w, "blue", 5));
	world_done(&w);
}

static void
the_master_key_changes_under_way(void **state)
{
	struct key32 former;
	struct world w;
	char why[256];

	(void)state;
	world_make(&w);
	put_tenant(&w, "acme");
	put_erg_of(&w, "blue", "acme");
	for (person_id p = 1; p <= 200; p++)
		put_member(&w, "blue", p);
	store_close(w.store);
	former = w.options.key;
	w.options.key.b[0] ^= 1;
	assert_int_equal(try_open(&w, why), ERR_UNAUTHORIZED);
	w.options.previous_key = &former;
	reopen(&w);
	assert_true(store_rewrapped(w.store) && store_retiring(w.store));
	/* A crash in the middle: it begins anew, and passes over what is done. */
	for (int i = 0; i < 3; i++) {
		struct store_reseal now;

		assert_int_equal(store_reseal(w.store, 20, &now), ERR_OK);
		assert_false(now.done);
		put_member(&w, "blue", 300);
		store_commit(w.store);
	}
	store_drop(w.store);
	reopen(&w);
	assert_true(!store_rewrapped(w.store) && store_retiring(w.store));
	assert_int_equal(reseal_all(&w, 50), 2); /* the store's and acme's */
	for (person_id p = 1; p <= 200; p++)
		assert_true(member_there(&w, "blue", p));
	store_close(w.store);
	w.options.previous_key = NULL;
	reopen(&w);
	assert_false(store_retiring(w.store));
	assert_true(member_there(&w, "blue", 300));
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_tenant_is_unreadable_on_old_pages),
		cmocka_unit_test(what_moved_away_survives_the_removal),
		cmocka_unit_test(the_master_key_changes_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
