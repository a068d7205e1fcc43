/* Text with a ceiling, UTF-8, durations and sizes. */
#include "base/text.h"

#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static void
grows_until_the_ceiling_and_stays_failed(void **state)
{
	struct text t;
	char *taken;

	(void)state;
	text_init(&t, 1000);
	for (int i = 0; i < 100; i++)
		text_addf(&t, "%09d|", i);
	assert_int_equal(text_err(&t), ERR_OK);
	assert_int_equal(t.len, 1000);
	assert_memory_equal(t.data + 990, "000000099|", 11);
	text_adds(&t, "x");
	assert_int_equal(text_err(&t), ERR_TOOBIG);
	text_adds(&t, "");
	assert_int_equal(t.len, 1000);
	assert_null(text_take(&t));

	text_reset(&t);
	assert_int_equal(text_err(&t), ERR_OK);
	text_addf(&t, "%s", "again");
	taken = text_take(&t);
	assert_string_equal(taken, "again");
	free(taken);
	taken = text_take(&t);
	assert_string_equal(taken, "");
	free(taken);
	text_done(&t);
}

static void
holds_bytes_of_any_value(void **state)
{
	struct text t;

	(void)state;
	text_init(&t, 10);
	text_add(&t, "a\0b", 3);
	text_add(&t, NULL, 0);
	assert_int_equal(t.len, 3);
	assert_memory_equal(t.data, "a\0b", 4);
	text_done(&t);
}

static void
copies_all_or_nothing(void **state)
{
	char small[4] = "xyz";

	(void)state;
	assert_true(str_copy(small, sizeof(small), "abc"));
	assert_string_equal(small, "abc");
	assert_true(str_copy(small, sizeof(small), small));
	assert_string_equal(small, "abc");
	assert_false(str_copy(small, sizeof(small), "abcd"));
	assert_string_equal(small, "");
	assert_false(str_copy(small, 0, ""));
	assert_true(str_copy_len(small, sizeof(small), "abcdef", 2));
	assert_string_equal(small, "ab");
}

static void
compares_ascii_without_case(void **state)
{
	(void)state;
	assert_true(str_equal_nocase("Retry-After", "rETRY-aFTER"));
	assert_false(str_equal_nocase("abc", "abcd"));
	assert_false(str_equal_nocase("[", "{"));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("a", "ab"));
}

static void
tells_valid_utf8(void **state)
{
	static const struct {
		const char *s;
		bool valid;
	} cases[] = {
		{ "", true },
		{ "plain", true },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", true },
		{ "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", true },
		{ "\xc0\x80", false }, /* overlong */
		{ "\xc1\xbf", false },
		{ "\xe0\x80\xaf", false },
		{ "\xf0\x80\x80\xaf", false },
		{ "\xed\xa0\x80", false },     /* surrogate */
		{ "\xf4\x90\x80\x80", false }, /* beyond U+10FFFF */
		{ "\xf8\x88\x80\x80\x80", false },
		{ "\x80", false },
		{ "\xe2\x82", false },
		{ "\xe2\x28\xa1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(utf8_valid(cases[i].s, strlen(cases[i].s)), cases[i].valid);
	assert_true(utf8_valid("a\0b", 3));
}

static void
reads_numbers(void **state)
{
	static const struct {
		const char *s;
		enum err err;
		uint64_t value;
	} cases[] = {
		{ "0", ERR_OK, 0 },
		{ "007", ERR_OK, 7 },
		{ "18446744073709551615", ERR_OK, UINT64_MAX },
		{ "18446744073709551616", ERR_INVALID, 0 },
		{ "99999999999999999999999999", ERR_INVALID, 0 },
		{ "99999999999999999999999999x", ERR_MALFORMED, 0 },
		{ "", ERR_MALFORMED, 0 },
		{ "-1", ERR_MALFORMED, 0 },
		{ "+1", ERR_MALFORMED, 0 },
		{ " 1", ERR_MALFORMED, 0 },
		{ "1 ", ERR_MALFORMED, 0 },
		{ "0x10", ERR_MALFORMED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t value = 0;

		assert_int_equal(parse_u64(cases[i].s, &value), cases[i].err);
		assert_int_equal(value, cases[i].value);
	}
}

static void
reads_and_writes_durations(void **state)
{
	static const struct {
		const char *s, *shortest;
		enum err err;
		int64_t ms;
	} cases[] = {
		{ "250ms", "250ms", ERR_OK, 250 },
		{ "90s", "90s", ERR_OK, 90000 },
		{ "60s", "1m", ERR_OK, 60000 },
		{ "15m", "15m", ERR_OK, 900000 },
		{ "24h", "24h", ERR_OK, 86400000 },
		{ "1d", "24h", ERR_OK, 86400000 },
		{ "7d", "7d", ERR_OK, 604800000 },
		{ "400d", "400d", ERR_OK, INT64_C(34560000000) },
		{ "0s", "0s", ERR_OK, 0 },
		{ "15", NULL, ERR_MALFORMED, 0 },
		{ "m", NULL, ERR_MALFORMED, 0 },
		{ "", NULL, ERR_MALFORMED, 0 },
		{ "1.5h", NULL, ERR_MALFORMED, 0 },
		{ "15 m", NULL, ERR_MALFORMED, 0 },
		{ "-1s", NULL, ERR_MALFORMED, 0 },
		{ "15M", NULL, ERR_MALFORMED, 0 },
		{ "1m30s", NULL, ERR_MALFORMED, 0 },
		{ "99999999999999999999d", NULL, ERR_INVALID, 0 },
		{ "213503982334602d", NULL, ERR_INVALID, 0 },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = 0;

		assert_int_equal(parse_duration_ms(cases[i].s, &ms), cases[i].err);
		assert_int_equal(ms, cases[i].ms);
		if (cases[i].shortest != NULL) {
			format_duration_ms(ms, text, sizeof(text));
			assert_string_equal(text, cases[i].shortest);
		}
	}
}

static void
reads_and_writes_sizes(void **state)
{
	static const struct {
		const char *s, *shortest;
		enum err err;
		uint64_t bytes;
	} cases[] = {
		{ "0", "0", ERR_OK, 0 },
		{ "1000", "1000", ERR_OK, 1000 },
		{ "1024", "1KiB", ERR_OK, 1024 },
		{ "64KiB", "64KiB", ERR_OK, 65536 },
		{ "1MiB", "1MiB", ERR_OK, 1048576 },
		{ "16GiB", "16GiB", ERR_OK, UINT64_C(17179869184) },
		{ "1536KiB", "1536KiB", ERR_OK, 1572864 },
		{ "1TiB", "1TiB", ERR_OK, UINT64_C(1) << 40 },
		{ "1KB", NULL, ERR_MALFORMED, 0 },
		{ "1k", NULL, ERR_MALFORMED, 0 },
		{ "1 MiB", NULL, ERR_MALFORMED, 0 },
		{ "-1MiB", NULL, ERR_MALFORMED, 0 },
		{ "17179869184GiB", NULL, ERR_INVALID, 0 },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t bytes = 0;

		assert_int_equal(parse_size(cases[i].s, &bytes), cases[i].err);
		assert_int_equal(bytes, cases[i].bytes);
		if (cases[i].shortest != NULL) {
			format_size(bytes, text, sizeof(text));
			assert_string_equal(text, cases[i].shortest);
		}
	}
}

static void
what_is_written_reads_back(void **state)
{
	struct rng rng = test_rng("text");
	char text[32];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		uint64_t number = rng_u64(&rng) >> (1 + rng_below(&rng, 63)), bytes;
		int64_t ms;

		format_duration_ms((int64_t)number, text, sizeof(text));
		assert_int_equal(parse_duration_ms(text, &ms), ERR_OK);
		assert_int_equal(ms, number);
		format_size(number, text, sizeof(text));
		assert_int_equal(parse_size(text, &bytes), ERR_OK);
		assert_int_equal(bytes, number);
	}
}

static void
spans_and_sizes_for_people(void **state)
{
	static const struct {
		int64_t ms;
		const char *shown;
	} spans[] = { { -5, "0 s" }, { 0, "0 s" }, { 119999, "119 s" }, { 120000, "2 min" }, { 7199999, "119 min" },
		{ 7200000, "2 h" }, { 172799999, "47 h" }, { 172800000, "2 d" }, { INT64_MAX, "106751991167 d" },
		{ INT64_MIN, "0 s" } };
	static const struct {
		uint64_t bytes;
		const char *shown;
	} sizes[] = { { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1 KiB" }, { 1536, "1.5 KiB" }, { 1u << 20, "1 MiB" },
		{ 200u << 20, "200 MiB" }, { UINT64_C(16) << 30, "16 GiB" }, { UINT64_MAX, "1677721 TiB" } };
	char shown[SPAN_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(spans); i++) {
		format_span(spans[i].ms, shown);
		assert_string_equal(shown, spans[i].shown);
	}
	for (size_t i = 0; i < COUNT(sizes); i++) {
		format_size_short(sizes[i].bytes, shown);
		assert_string_equal(shown, sizes[i].shown);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_until_the_ceiling_and_stays_failed),
		cmocka_unit_test(holds_bytes_of_any_value),
		cmocka_unit_test(copies_all_or_nothing),
		cmocka_unit_test(compares_ascii_without_case),
		cmocka_unit_test(tells_valid_utf8),
		cmocka_unit_test(reads_numbers),
		cmocka_unit_test(reads_and_writes_durations),
		cmocka_unit_test(reads_and_writes_sizes),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(spans_and_sizes_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
