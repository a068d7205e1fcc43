/* A snapshot is read in any pieces, and any damage to it is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/snapshot.h"
#include "base/random.h"

static const char good[] =
    "{\"member\":{\"user\":\"ann\",\"email\":\"ann@acme.example\",\"role\":\"owner\"}}\n"
    "{\"event\":{\"event\":\"tea\",\"subject\":\"Tea\",\"start\":\"2026-12-01T17:00:00\",\"end\":\"2026-12-01T18:00:00\","
    "\"time_zone\":\"UTC\"}}\r\n"
    "\n"
    "{\"event\":{\"event\":\"bad\",\"subject\":\"No time\"}}\n"
    "{\"member\":{\"user\":\"ben\",\"entra_id\":\"30000000-0000-4000-8000-000000000001\",\"role\":\"member\"}}\n"
    "{\"end\":true,\"members\":2,\"events\":2}\n";

static enum err
read_in(const char *text, size_t len, size_t piece, struct snapshot_reader *r)
{
	snapshot_reader_init(r);
	for (size_t at = 0; at < len; at += piece)
		if (!snapshot_reader_feed(r, text + at, len - at < piece ? len - at : piece))
			break;
	return snapshot_reader_finish(r);
}

static void
in_any_pieces(void **state)
{
	struct event_fields *fields;
	struct app_member_put put;
	struct snapshot_reader r;
	struct event_id event;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(good); piece += piece < 64 ? 1 : 13) {
		size_t at = 0;

		assert_int_equal(read_in(good, sizeof(good) - 1, piece, &r), ERR_OK);
		assert_int_equal(r.members, 2);
		assert_int_equal(r.events, 2);
		assert_true(snapshot_reader_next(&r, &at, &put));
		assert_string_equal(put.who.user.s, "ann");
		assert_int_equal(put.role, ROLE_OWNER);
		assert_true(snapshot_reader_next(&r, &at, &put));
		assert_string_equal(put.entra_id.s, "30000000-0000-4000-8000-000000000001");
		assert_false(snapshot_reader_next(&r, &at, &put));
		at = 0;
		assert_true(snapshot_reader_next_event(&r, &at, &event, &fields));
		assert_string_equal(event.s, "tea");
		assert_string_equal(fields->subject, "Tea");
		event_fields_free(fields);
		/* One that a PUT would refuse is left out alone. */
		assert_true(snapshot_reader_next_event(&r, &at, &event, &fields));
		assert_null(fields);
		assert_false(snapshot_reader_next_event(&r, &at, &event, &fields));
		snapshot_reader_done(&r);
	}
}

static void
cut_anywhere_it_is_no_snapshot(void **state)
{
	struct snapshot_reader r;

	(void)state;
	/* Without its very last end of line it is whole. */
	for (size_t len = 0; len < sizeof(good) - 2; len++) {
		assert_int_not_equal(read_in(good, len, 7, &r), ERR_OK);
		assert_true(strlen(r.detail) > 10);
		snapshot_reader_done(&r);
	}
}

static void
damage_never_crashes(void **state)
{
	const char *env = getenv("ERGSYNC_TEST_SEED");
	struct rng rng = rng_seeded(env != NULL ? strtoull(env, NULL, 10) : 1);
	char text[sizeof(good)];
	struct snapshot_reader r;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		memcpy(text, good, sizeof(good));
		for (unsigned k = 0; k < 3; k++)
			text[rng_below(&rng, sizeof(good) - 1)] = (char)rng_below(&rng, 256);
		(void)read_in(text, sizeof(good) - 1, 1 + (size_t)rng_below(&rng, 40), &r);
		snapshot_reader_done(&r);
	}
}

static void
a_line_without_end_is_refused(void **state)
{
	struct snapshot_reader r;
	char piece[1024];
	size_t n = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	snapshot_reader_init(&r);
	while (snapshot_reader_feed(&r, piece, sizeof(piece)))
		assert_true(n++ < 2 * SNAPSHOT_LINE_MAX / sizeof(piece));
	assert_int_equal(snapshot_reader_finish(&r), ERR_MALFORMED);
	snapshot_reader_done(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_any_pieces),
		cmocka_unit_test(cut_anywhere_it_is_no_snapshot),
		cmocka_unit_test(damage_never_crashes),
		cmocka_unit_test(a_line_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
