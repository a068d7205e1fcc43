/*
 * Log lines: escaping, redaction against a corpus, cutting, pseudonyms, and the brake on repeats.
 *
 * Includes the module's source, to give the brake its time.
 */
#include "base/log.c" /* NOLINT(bugprone-suspicious-include) */

#include <fcntl.h>
#include <sys/stat.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static const char *
line_of(const char *value)
{
	static char line[LINE_MAX_BYTES];
	const struct log_field fields[] = { LS("k", value), { LOG_END, NULL, NULL, 0 } };
	size_t len = log_format(line, sizeof(line), LOG_WARN, "e", fields);

	assert_int_equal(len, strlen(line));
	assert_true(str_starts(line, "level=warn event=e k="));
	return line + strlen("level=warn event=e k=");
}

static void
escapes_values(void **state)
{
	static const struct {
		const char *value, *printed;
	} cases[] = {
		{ NULL, "-" },
		{ "", "\"\"" },
		{ "plain-value_1.5/x:y", "plain-value_1.5/x:y" },
		{ "two words", "\"two words\"" },
		{ "a=b", "\"a=b\"" },
		{ "say \"hi\"", "\"say \\\"hi\\\"\"" },
		{ "back\\slash", "\"back\\\\slash\"" },
		{ "line\nlevel=error event=forged", "\"line\\nlevel=error event=forged\"" },
		{ "cr\rtab\tbell\x07", "\"cr\\x0dtab\\tbell\\x07\"" },
		{ "\x1b[31mred", "\"\\x1b[31mred\"" },
		{ "caf\xc3\xa9", "\"caf\xc3\xa9\"" },
		{ "bad\xff\xc3utf8", "\"bad\\xff\\xc3utf8\"" },
		{ "c1\xc2\x85next", "\"c1\\x85next\"" },
		{ "bidi\xe2\x80\xaeright", "\"bidi\\u202eright\"" },
		{ "sep\xe2\x80\xa8line", "\"sep\\u2028line\"" },
		{ "\x7f", "\"\\x7f\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(line_of(cases[i].value), cases[i].printed);
}

#define JWT     "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJncmFwaCJ9.c2lnbmF0dXJl"
#define STATE86 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw"

static void
redacts_what_looks_secret(void **state)
{
	static const struct {
		const char *value, *printed;
	} cases[] = {
		{ "alice@contoso.com", "[redacted]" },
		{ "no such user alice.o'neil@contoso.com here", NULL },
		{ "user=alice%40contoso.com&x=1", "\"user=[redacted]&x=1\"" },
		{ "<alice@contoso.com>,bob@x", "<[redacted]>,[redacted]" },
		{ "\xc3\xa9lise@contoso.com", "\"[redacted]\"" },
		{ "alice_example.com#EXT#@tenant.onmicrosoft.com", "[redacted]" },
		{ "Authorization: Bearer abc.def-123~+/=", "\"Authorization: Bearer [redacted]\"" },
		{ "authorization:bearer  0123456789", "\"authorization:bearer  [redacted]\"" },
		{ "Basic dXNlcjpwYXNz", "\"Basic [redacted]\"" },
		{ "bearer of news", "\"bearer of news\"" },
		{ JWT, "[redacted]" },
		{ "token=" JWT "&y", "\"token=[redacted]&y\"" },
		{ "x_" JWT, "x_[redacted]" },
		{ "eyJ short", "\"eyJ short\"" },
		{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "[redacted]" },
		{ "key whsec_AA+/==, then", "\"key [redacted], then\"" },
		{ "v1." STATE86, "[redacted]" },
		{ "{\"clientState\":\"v1." STATE86 "\"}", "\"{\\\"clientState\\\":\\\"[redacted]\\\"}\"" },
		{ "v1.0/groups/x", "v1.0/groups/x" },
		{ "GET /v1.0/teams 404", "\"GET /v1.0/teams 404\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (cases[i].printed != NULL)
			assert_string_equal(line_of(cases[i].value), cases[i].printed);
		else
			assert_null(strstr(line_of(cases[i].value), "contoso"));
	}
}

/* A secret that starts before the cut must not show its first half. */
static void
cuts_long_values_after_redacting(void **state)
{
	char value[2000];
	const char *printed;

	(void)state;
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	printed = line_of(value);
	assert_int_equal(strlen(printed), LOG_VALUE_MAX + 3);
	assert_string_equal(printed + LOG_VALUE_MAX, "...");

	memset(value, ' ', 505);
	(void)snprintf(value + 505, sizeof(value) - 505, "secretary@contoso.com");
	assert_null(strstr(line_of(value), "secretary"));
	(void)snprintf(value + 505, sizeof(value) - 505, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	assert_null(strstr(line_of(value), "whsec"));
}

static void
cuts_the_line_at_its_room(void **state)
{
	const struct log_field fields[] = { LS("key", "some value that is long"), LI("n", 42), { LOG_END, NULL, NULL, 0 } };
	char whole[200], part[200];

	(void)state;
	(void)log_format(whole, sizeof(whole), LOG_INFO, "event_name", fields);
	assert_string_equal(whole, "level=info event=event_name key=\"some value that is long\" n=42");
	assert_int_equal(log_format(part, 0, LOG_INFO, "event_name", fields), 0);
	for (size_t size = 1; size <= sizeof(part); size++) {
		memset(part, '#', sizeof(part));
		assert_true(log_format(part, size, LOG_INFO, "event_name", fields) < size);
		assert_int_equal(strncmp(part, whole, strlen(part)), 0);
		for (size_t i = size; i < sizeof(part); i++)
			assert_int_equal(part[i], '#');
	}
}

static void
prints_integers(void **state)
{
	char line[200];

	(void)state;
	(void)log_format(line, sizeof(line), LOG_ERROR, "e",
	    (const struct log_field[]){ LI("a", INT64_MIN), LI("b", INT64_MAX), { LOG_END, NULL, NULL, 0 } });
	assert_string_equal(line, "level=error event=e a=-9223372036854775808 b=9223372036854775807");
}

static void
pseudonyms_hide_and_repeat(void **state)
{
	static const char id[] = "11111111-2222-3333-4444-555555555555";
	const struct log_field fields[] = { LP("who", id), LP("none", NULL), { LOG_END, NULL, NULL, 0 } };
	struct key32 key = { { 1 } };
	char random[200], once[200], twice[200];

	(void)state;
	(void)log_format(random, sizeof(random), LOG_INFO, "e", fields);
	log_set_pseudonym_key(&key);
	(void)log_format(once, sizeof(once), LOG_INFO, "e", fields);
	(void)log_format(twice, sizeof(twice), LOG_INFO, "e", fields);
	assert_string_equal(once, twice);
	assert_string_not_equal(once, random);
	assert_null(strstr(once, "1111"));
	assert_int_equal(strlen(once), strlen("level=info event=e who= none=-") + 12);
}

/* No byte string makes a second line, breaks UTF-8 or leaves a control character. */
static void
noise_stays_one_clean_line(void **state)
{
	struct rng rng = test_rng("log");

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char value[200];
		size_t len = rng_below(&rng, sizeof(value));
		const char *line;

		for (size_t i = 0; i < len; i++)
			value[i] = (char)(1 + rng_below(&rng, 255));
		value[len] = '\0';
		line = line_of(value);
		assert_true(utf8_valid(line, strlen(line)));
		for (const char *p = line; *p != '\0'; p++)
			assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
	}
}

static void
the_brake_holds_repeats_back_and_counts_them(void **state)
{
	(void)state;
	memset(brakes, 0, sizeof(brakes));
	for (int i = 0; i < LOG_BURST; i++)
		assert_true(brakes_admit(LOG_WARN, "often", 1000 + i));
	for (int i = 0; i < 5; i++)
		assert_false(brakes_admit(LOG_WARN, "often", 2000));
	assert_true(brakes_admit(LOG_WARN, "other", 2000));
	assert_int_equal(brakes[0].held_back, 5);
	/* A minute later any event brings the count out. */
	assert_true(brakes_admit(LOG_WARN, "other", 1000 + MINUTE_MS));
	assert_string_equal(brakes[0].event, "");
	assert_true(brakes_admit(LOG_WARN, "often", 1000 + MINUTE_MS));
	assert_int_equal(brakes[0].count, 1);
}

static void
the_brake_survives_many_events(void **state)
{
	(void)state;
	memset(brakes, 0, sizeof(brakes));
	for (int i = 0; i < 10 * BRAKES; i++) {
		char event[100];

		(void)snprintf(event, sizeof(event), "event_%d_%s", i,
		    i % 2 ? "" : "with_a_name_that_is_longer_than_what_a_brake_can_hold_of_it");
		assert_true(brakes_admit(LOG_INFO, event, i));
	}
}

/* An event whose name is longer than a brake holds is braked like any other. */
static void
the_brake_knows_long_names(void **state)
{
	static const char event[] = "an_event_with_a_name_that_is_longer_than_what_a_brake_can_hold_of_it";
	int admitted = 0;

	(void)state;
	memset(brakes, 0, sizeof(brakes));
	for (int i = 0; i < 2 * LOG_BURST; i++)
		admitted += brakes_admit(LOG_INFO, event, 5);
	assert_int_equal(admitted, LOG_BURST);
}

static void
writes_whole_lines_to_stderr(void **state)
{
	char path[] = "/tmp/ergsync_test_log_XXXXXX", text[400];
	int file = mkstemp(path), saved = dup(STDERR_FILENO);
	ssize_t len;

	(void)state;
	assert_true(file >= 0);
	memset(brakes, 0, sizeof(brakes));
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	log_init("ergsync-test", LOG_INFO);
	log_put(LOG_DEBUG, "dropped", LI("n", 1));
	log_put(LOG_INFO, "first", LI("n", 2));
	log_event(LOG_ERROR, "second");
	log_set_level(LOG_ERROR);
	log_event(LOG_WARN, "third");
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	len = pread(file, text, sizeof(text) - 1, 0);
	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text, "level=info event=first program=ergsync-test n=2\nlevel=error event=second\n");
	(void)close(file);
	(void)close(saved);
	(void)unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_values),
		cmocka_unit_test(redacts_what_looks_secret),
		cmocka_unit_test(cuts_long_values_after_redacting),
		cmocka_unit_test(cuts_the_line_at_its_room),
		cmocka_unit_test(prints_integers),
		cmocka_unit_test(pseudonyms_hide_and_repeat),
		cmocka_unit_test(noise_stays_one_clean_line),
		cmocka_unit_test(the_brake_holds_repeats_back_and_counts_them),
		cmocka_unit_test(the_brake_survives_many_events),
		cmocka_unit_test(the_brake_knows_long_names),
		cmocka_unit_test(writes_whole_lines_to_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
