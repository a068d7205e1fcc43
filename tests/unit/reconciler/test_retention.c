/* The change feed forgets what is older than [app] feed_keep, never what the app still has to hear. */
#include "unit/reconciler/rig.h"

#define HOUR (3600 * 1000)
#define DAY  (24 * HOUR)

static size_t
entries(struct rig *rig)
{
	struct store_cursor *c = store_seek(rig->r->store, TABLE_FEED, NULL, NULL);
	struct feed_record f;
	size_t n = 0;

	while (store_next(c, NULL, &f) == ERR_OK)
		n++;
	store_cursor_close(c);
	return n;
}

static void
old_entries_go_once_they_are_delivered(void **state)
{
	struct rig rig;

	(void)state;
	rig_make(&rig, 61, 10, 5);
	rig.config.feed_keep_ms = DAY;
	rig_link(&rig);
	rig_run(&rig, HOUR);
	assert_int_equal(entries(&rig), 5);
	rig_run(&rig, 20 * HOUR);
	assert_int_equal(entries(&rig), 5);

	rig.app_status = 503;
	rig_member(&rig, "add", 7, "member");
	rig_run(&rig, 10 * HOUR);
	assert_int_equal(entries(&rig), 1);
	assert_int_equal(feed_trimmed(rig.r->store), 5);
	rig_restart(&rig);
	rig_run(&rig, 30 * HOUR);
	assert_int_equal(entries(&rig), 1);

	rig.app_status = 204;
	rig_run(&rig, 4 * HOUR);
	assert_int_equal(rig_count(&rig, "ergsync.member.added", 5), 1);
	assert_int_equal(entries(&rig), 0);
	assert_int_equal(feed_last(rig.r->store), 6);
	rig_done(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(old_entries_go_once_they_are_delivered) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
