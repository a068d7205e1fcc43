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

/* What a sink was told. */
struct told {
	unsigned members, events, refused, stop_at;
	char text[256]; /* "ann ben" */
};

static bool
tell_member(void *arg, const struct app_member_put *put)
{
	struct told *t = arg;

	snprintf(t->text + strlen(t->text), sizeof(t->text) - strlen(t->text), "%s:%u:%s ", put->who.user.s, (unsigned)put->role,
	    put->entra_id.s);
	return ++t->members != t->stop_at;
}

static bool
tell_event(void *arg, const struct event_id *id, const struct event_fields *fields)
{
	struct told *t = arg;

	t->events++;
	t->refused += fields == NULL;
	snprintf(t->text + strlen(t->text), sizeof(t->text) - strlen(t->text), "%s:%s ", id->s,
	    fields != NULL ? fields->subject : "refused");
	return true;
}

static enum err
read_with(const char *text, size_t len, size_t piece, const struct snapshot_sink *sink, struct snapshot_reader *r)
{
	snapshot_reader_init(r, sink);
	for (size_t at = 0; at < len; at += piece)
		if (!snapshot_reader_feed(r, text + at, len - at < piece ? len - at : piece))
			break;
	return snapshot_reader_finish(r);
}

static enum err
read_in(const char *text, size_t len, size_t piece, struct snapshot_reader *r)
{
	return read_with(text, len, piece, NULL, r);
}

static void
in_any_pieces(void **state)
{
	struct snapshot_reader r;

	(void)state;
	for (size_t piece = 1; piece <= sizeof(good); piece += piece < 64 ? 1 : 13) {
		struct told t = { 0 };
		const struct snapshot_sink sink = { tell_member, tell_event, &t };

		assert_int_equal(read_in(good, sizeof(good) - 1, piece, &r), ERR_OK);
		assert_int_equal(r.members, 2);
		assert_int_equal(r.events, 2);
		snapshot_reader_done(&r);
		assert_int_equal(read_with(good, sizeof(good) - 1, piece, &sink, &r), ERR_OK);
		/* An event that a PUT would refuse is told of, without its fields. */
		assert_string_equal(t.text, "ann:1: tea:Tea bad:refused ben:0:30000000-0000-4000-8000-000000000001 ");
		snapshot_reader_done(&r);
	}
}

static void
a_sink_may_stop_it(void **state)
{
	struct told t = { .stop_at = 1 };
	const struct snapshot_sink sink = { tell_member, tell_event, &t };
	struct snapshot_reader r;

	(void)state;
	assert_int_equal(read_with(good, sizeof(good) - 1, sizeof(good), &sink, &r), ERR_CONFLICT);
	assert_int_equal(t.members, 1);
	assert_int_equal(t.events, 0);
	snapshot_reader_done(&r);
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
	snapshot_reader_init(&r, NULL);
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
		cmocka_unit_test(a_sink_may_stop_it),
		cmocka_unit_test(cut_anywhere_it_is_no_snapshot),
		cmocka_unit_test(damage_never_crashes),
		cmocka_unit_test(a_line_without_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
