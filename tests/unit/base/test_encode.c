/* Encodings: known answers, strictness, and random rounds against OpenSSL's encoder. */
#include "base/encode.h"

#include <openssl/evp.h>
#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static void
base64_has_one_spelling_per_value(void **state)
{
	static const char *const bad[] = {
		"A",
		"AA",
		"AAA",
		"AA==AA==",
		"A===",
		"====",
		"AB==",
		"AAB=",
		"AA=A",
		"AAA\n",
		" AAA",
		"AA-_",
		"AA.A",
		"AAAA=",
		"AAAA====",
	};
	uint8_t bytes[32];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), bytes, &len), ERR_MALFORMED);
	assert_int_equal(base64_decode("", 0, bytes, &len), ERR_OK);
	assert_int_equal(len, 0);
	assert_int_equal(base64_decode("//79", 4, bytes, &len), ERR_OK);
	assert_memory_equal(bytes, "\xff\xfe\xfd", 3);
}

static void
base64url_has_no_padding(void **state)
{
	static const char *const bad[] = { "A", "AA==", "AB", "AAB", "AA+/", "AA A", "AAAAA" };
	uint8_t bytes[32];
	char text[32];
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(base64url_decode(bad[i], strlen(bad[i]), bytes, &len), ERR_MALFORMED);
	base64url_encode("\xff\xfe", 2, text);
	assert_string_equal(text, "__4");
	assert_int_equal(base64url_decode(text, 3, bytes, &len), ERR_OK);
	assert_int_equal(len, 2);
	assert_memory_equal(bytes, "\xff\xfe", 2);
}

static void
base64_agrees_with_openssl(void **state)
{
	struct rng rng = test_rng("encode");

	(void)state;
	for (int round = 0; round < 2000; round++) {
		uint8_t data[100], back[BASE64_LEN(100) / 4 * 3 + 3];
		char ours[BASE64_LEN(100) + 1], url[BASE64URL_LEN(100) + 1];
		unsigned char theirs[BASE64_LEN(100) + 1];
		size_t len = rng_below(&rng, sizeof(data) + 1), back_len;

		rng_bytes(&rng, data, len);
		base64_encode(data, len, ours);
		assert_int_equal(EVP_EncodeBlock(theirs, data, (int)len), BASE64_LEN(len));
		assert_int_equal(strlen(ours), BASE64_LEN(len));
		assert_string_equal(ours, (char *)theirs);
		assert_int_equal(base64_decode(ours, strlen(ours), back, &back_len), ERR_OK);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, data, len);

		base64url_encode(data, len, url);
		assert_int_equal(strlen(url), BASE64URL_LEN(len));
		for (char *p = ours; *p != '\0'; p++)
			*p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? '\0' : *p;
		assert_string_equal(url, ours);
		assert_int_equal(base64url_decode(url, strlen(url), back, &back_len), ERR_OK);
		assert_int_equal(back_len, len);
		assert_memory_equal(back, data, len);
	}
}

/* Whatever a decoder accepts, the encoder makes again. */
static void
noise_is_refused_or_reads_back(void **state)
{
	static const char letters[] = "ABCdef019+/-_=%\n ";
	struct rng rng = test_rng("encode noise");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[13], again[BASE64_LEN(16) + 1];
		uint8_t bytes[16];
		size_t len = rng_below(&rng, sizeof(text)), bytes_len;

		for (size_t i = 0; i < len; i++)
			text[i] = letters[rng_below(&rng, sizeof(letters) - 1)];
		text[len] = '\0';
		if (base64_decode(text, len, bytes, &bytes_len) == ERR_OK) {
			base64_encode(bytes, bytes_len, again);
			assert_string_equal(again, text);
		}
		if (base64url_decode(text, len, bytes, &bytes_len) == ERR_OK) {
			base64url_encode(bytes, bytes_len, again);
			assert_string_equal(again, text);
		}
	}
}

static void
hex_reads_either_case(void **state)
{
	uint8_t bytes[4];
	char text[9];

	(void)state;
	hex_encode("\x00\xab\xCD\x7f", 4, text);
	assert_string_equal(text, "00abcd7f");
	assert_int_equal(hex_decode("00ABcd7F", 8, bytes), ERR_OK);
	assert_memory_equal(bytes, "\x00\xab\xcd\x7f", 4);
	assert_int_equal(hex_decode("0", 1, bytes), ERR_MALFORMED);
	assert_int_equal(hex_decode("0g", 2, bytes), ERR_MALFORMED);
	assert_int_equal(hex_decode("", 0, bytes), ERR_OK);
}

static void
percent_encodes_all_but_unreserved(void **state)
{
	struct text t;

	(void)state;
	text_init(&t, 100);
	percent_encode(&t, "aZ0-._~ /?&=+%19:x@\xc3\xa9");
	assert_int_equal(text_err(&t), ERR_OK);
	assert_string_equal(t.data, "aZ0-._~%20%2F%3F%26%3D%2B%2519%3Ax%40%C3%A9");
	text_done(&t);
}

static void
percent_decodes_strictly(void **state)
{
	static const struct {
		const char *src;
		int plus;
		const char *result; /* NULL: refused */
	} cases[] = {
		{ "", 0, "" },
		{ "plain", 0, "plain" },
		{ "%3a%3A", 0, "::" },
		{ "a+b", 0, "a+b" },
		{ "a+b%2b", 1, "a b+" },
		{ "%2520", 0, "%20" },
		{ "%C3%A9", 0, "\xc3\xa9" },
		{ "%", 0, NULL },
		{ "%4", 0, NULL },
		{ "%4g", 0, NULL },
		{ "%%41", 0, NULL },
		{ "%00", 0, NULL },
		{ "a%0", 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char ret[32];
		size_t len;
		enum err e;

		assert_true(str_copy(ret, sizeof(ret), cases[i].src));
		e = percent_decode(ret, strlen(ret), cases[i].plus, ret, &len);
		assert_int_equal(e, cases[i].result == NULL ? ERR_MALFORMED : ERR_OK);
		if (e == ERR_OK) {
			assert_string_equal(ret, cases[i].result);
			assert_int_equal(len, strlen(ret));
		}
	}
}

static void
percent_round_trip(void **state)
{
	struct rng rng = test_rng("percent");

	(void)state;
	for (int round = 0; round < 500; round++) {
		char data[41], back[200];
		size_t len = rng_below(&rng, 40), back_len;
		struct text t;

		for (size_t i = 0; i < len; i++)
			data[i] = (char)(1 + rng_below(&rng, 255));
		data[len] = '\0';
		text_init(&t, 200);
		percent_encode(&t, data);
		text_add(&t, "", 0);
		assert_int_equal(percent_decode(t.data, t.len, 1, back, &back_len), ERR_OK);
		assert_string_equal(back, data);
		text_done(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_has_one_spelling_per_value),
		cmocka_unit_test(base64url_has_no_padding),
		cmocka_unit_test(base64_agrees_with_openssl),
		cmocka_unit_test(noise_is_refused_or_reads_back),
		cmocka_unit_test(hex_reads_either_case),
		cmocka_unit_test(percent_encodes_all_but_unreserved),
		cmocka_unit_test(percent_decodes_strictly),
		cmocka_unit_test(percent_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
