/* A tenant's removal: counted as it goes, and nothing that names it or its people is left in any record, or opens on any old page. */
#include "unit/reconciler/app_side.h"

#include <fcntl.h>

#include "reconciler/receipts.h"
#include "state/codec.h"
#include "state/keyring.h"
#include "state/seal.h"
#include "state/store_reseal.h"

#define HOUR_MS (3600 * 1000LL)

static struct receipt
receipt_of(struct rig *rig, uint64_t number)
{
	struct receipt receipt;
	struct problem p = { 0 };

	assert_int_equal(backend_ops.receipt_get(rig->r, number, &receipt, &p), ERR_OK);
	return receipt;
}

static uint64_t
remove_tenant(struct rig *rig)
{
	struct tenant_view view = { 0 };
	struct problem p = { 0 };
	struct tenant_id id;

	assert_true(tenant_id_parse("acme", &id));
	assert_int_equal(backend_ops.tenant_remove(rig->r, &id, &view, &p), ERR_OK);
	assert_string_not_equal(view.receipt, "");
	return strtoull(view.receipt, NULL, 10);
}

static bool
tenant_there(struct rig *rig)
{
	struct tenant tenant;
	struct tenant_id id;

	assert_true(tenant_id_parse("acme", &id));
	return tenant_load(rig->r, &id, &tenant) == ERR_OK;
}

static const char *const telling[] = { "acme", "pride", "u3@acme", "app4", "30000000-0000-4000-8000-00000000000",
	"20000000-0000-4000", "10000000-0000-4000" };

/* Opens every record, as it is decoded, and looks for what would tell of the tenant. */
static void
no_record_tells(struct rig *rig)
{
	static uint8_t record[RECORD_SIZE_MAX];
	struct store_key key;

	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		struct store_cursor *c = store_seek(rig->r->store, (enum table)t, NULL, NULL);

		while (store_next(c, &key, record) == ERR_OK)
			for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
				if (memmem(record, table_schema((enum table)t)->record_size, telling[i], strlen(telling[i])) !=
				    NULL)
					fail_msg("%s still tells of %s", table_name((enum table)t), telling[i]);
		store_cursor_close(c);
	}
}

/* The seven bytes of a value's head that are not random: its layout and key id. */
static unsigned
values_with_key(const char *data, size_t len, uint32_t id)
{
	uint8_t head[5] = { 2, (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
	unsigned n = 0;

	for (const char *at = data; (at = memmem(at, (size_t)(data + len - at), head, sizeof(head))) != NULL; at++)
		n++;
	return n;
}

static char *
file_bytes(struct rig *rig, const char *name, size_t *ret_len)
{
	char path[PATH_MAX + 300], *data;
	struct stat st;
	int fd = open(scratch_file(&rig->dir, name, path), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_non_null(data = malloc((size_t)st.st_size + 1));
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	(void)close(fd);
	*ret_len = (size_t)st.st_size;
	return data;
}

/* Old pages are full of values of the tenant; the ring opens none of them. */
static void
no_page_opens(struct rig *rig, uint32_t before)
{
	char path[PATH_MAX + 300], why[256];
	struct keyring *keys;
	size_t len;
	char *data = file_bytes(rig, "state/data.mdb", &len);
	unsigned on_pages = 0;

	assert_int_equal(
	    keyring_file(scratch_file(&rig->dir, "state/keys", path), &rig->state_key, NULL, &keys, why, sizeof(why)), ERR_OK);
	for (uint32_t id = 1; id <= before; id++) {
		on_pages += values_with_key(data, len, id);
		assert_null(keyring_by_id(keys, id));
	}
	assert_true(on_pages > 0); /* or the test looks at the wrong thing */
	keyring_free(keys);
	free(data);
}

/* The highest id a data key has now. */
static uint32_t
newest_key(struct rig *rig)
{
	char path[PATH_MAX + 300], why[256];
	struct keyring *keys;
	uint32_t newest = 0;

	assert_int_equal(
	    keyring_file(scratch_file(&rig->dir, "state/keys", path), &rig->state_key, NULL, &keys, why, sizeof(why)), ERR_OK);
	for (uint32_t id = 1; id < 100; id++)
		newest = keyring_by_id(keys, id) != NULL ? id : newest;
	keyring_free(keys);
	return newest;
}

static void
make(struct rig *rig)
{
	rig_make(rig, 11, 20, 6);
	rig_link(rig);
	name_all(rig, 6);
	join(rig, 9);
	rig_run(rig, HOUR_MS);
	assert_int_equal(rig_erg(rig).state, ERG_IN_SYNC);
}

static void
removed(struct rig *rig, uint64_t number, uint32_t before)
{
	struct receipt x = receipt_of(rig, number);

	assert_false(tenant_there(rig));
	assert_int_equal(x.ergs, 1);
	assert_int_equal(x.members, 7);
	assert_int_equal(x.people, 7);
	assert_int_equal(x.subscriptions, 1);
	assert_true(x.changes >= 6);
	assert_true(
	    x.requested_wall_ms > 0 && x.erased_wall_ms >= x.requested_wall_ms && x.keys_destroyed_wall_ms >= x.erased_wall_ms);
	assert_false(store_retiring(rig->r->store));
	no_record_tells(rig);
	no_page_opens(rig, before);
}

static void
nothing_of_it_is_left(void **state)
{
	struct rig rig;
	uint64_t number;
	uint32_t before;

	(void)state;
	make(&rig);
	rig_run(&rig, 24 * HOUR_MS); /* sweeps, drift checks, renewals: they leave rows, too */
	before = newest_key(&rig);
	number = remove_tenant(&rig);
	assert_int_equal(receipt_of(&rig, number).erased_wall_ms, 0);
	rig_run(&rig, HOUR_MS);
	removed(&rig, number, before);
	assert_int_equal(violations(&rig), 0);
	rig_done(&rig);
}

/* A folder where the ring's new file would be made, as good as a full disk: the receipt does not say what is not so, and nobody
 * waits for a restart. */
static void
a_key_is_destroyed_once_the_ring_can_be_written(void **state)
{
	char path[PATH_MAX + 300];
	struct rig rig;
	uint64_t number;
	uint32_t before;

	(void)state;
	make(&rig);
	before = newest_key(&rig);
	assert_int_equal(mkdir(scratch_file(&rig.dir, "state/keys.new", path), 0700), 0);
	number = remove_tenant(&rig);
	rig_run(&rig, HOUR_MS);
	assert_true(receipt_of(&rig, number).erased_wall_ms > 0);
	assert_int_equal(receipt_of(&rig, number).keys_destroyed_wall_ms, 0);
	assert_int_equal(newest_key(&rig), before);
	assert_int_equal(rmdir(path), 0);
	rig_run(&rig, 5 * 60 * 1000LL);
	removed(&rig, number, before);
	rig_done(&rig);
}

/* Killed after every bit of time, it goes on where it was. */
static void
crashes_on_the_way_change_nothing(void **state)
{
	struct rng rng = scratch_rng();
	struct rig rig;
	uint64_t number;
	uint32_t before;

	(void)state;
	make(&rig);
	before = newest_key(&rig);
	number = remove_tenant(&rig);
	rig_run(&rig, 0);
	for (int i = 0; i < 40; i++) {
		rig_run(&rig, (int64_t)rng_below(&rng, 150));
		rig_crash(&rig);
	}
	rig_run(&rig, HOUR_MS);
	removed(&rig, number, before);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_it_is_left),
		cmocka_unit_test(a_key_is_destroyed_once_the_ring_can_be_written),
		cmocka_unit_test(crashes_on_the_way_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
