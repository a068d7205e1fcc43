/*
 * The scanner against jansson with duplicates refused: the same bodies accepted, the same texts read, save where the table of
 * stricter cases says otherwise.
 */
#include "listener/envelope.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "unit/base/seed.h"

static const uint8_t hash_key[16] = { 1, 2, 3, 4 };

/* What the scanner told of one body. */
struct seen {
	size_t count;
	char text[4096];
	size_t len;
};

static void
see_text(struct seen *s, const struct rich_text *t)
{
	if (t->at == NULL) {
		s->len += (size_t)snprintf(s->text + s->len, s->len < sizeof(s->text) ? sizeof(s->text) - s->len : 0, "-|");
	} else {
		s->len += (size_t)snprintf(
		    s->text + s->len, s->len < sizeof(s->text) ? sizeof(s->text) - s->len : 0, "%.*s|", (int)t->len, t->at);
	}
	if (s->len > sizeof(s->text))
		s->len = sizeof(s->text);
}

static void
see_item(void *arg, const struct envelope_item *item)
{
	struct seen *s = arg;
	const struct rich_text *texts[] = { &item->id, &item->subscription_id, &item->client_state, &item->change_type,
		&item->lifecycle_event, &item->resource, &item->resource_id, &item->resource_etag, &item->rich.parts[RICH_DATA],
		&item->rich.parts[RICH_DATA_KEY], &item->rich.parts[RICH_SIGNATURE], &item->rich.parts[RICH_CERTIFICATE_ID],
		&item->rich.parts[RICH_THUMBPRINT] };

	s->count++;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		see_text(s, texts[i]);
}

static enum err
scan(const char *body, size_t len, struct seen *seen, struct envelope_result *result)
{
	struct envelope *e = envelope_new(hash_key);
	char *copy = malloc(len > 0 ? len : 1); /* of the exact size, so that a sanitizer sees a step too far */
	enum err err;

	assert_non_null(e);
	assert_non_null(copy);
	memcpy(copy, body, len);
	memset(seen, 0, sizeof(*seen));
	err = envelope_scan(e, copy, len, see_item, seen, result);
	free(copy);
	envelope_free(e);
	return err;
}

/* The same from jansson's tree. */

static size_t
depth_of(const json_t *j)
{
	size_t deepest = 0, i, depth;
	const char *key;
	json_t *child;

	if (json_is_object(j)) {
		json_object_foreach((json_t *)j, key, child) deepest = (depth = depth_of(child)) > deepest ? depth : deepest;
	} else if (json_is_array(j)) {
		json_array_foreach(j, i, child) deepest = (depth = depth_of(child)) > deepest ? depth : deepest;
	} else {
		return 0;
	}
	return deepest + 1;
}

static void
see_json(struct seen *s, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	struct rich_text t = { json_string_value(value), json_string_length(value) };

	see_text(s, &t);
}

static bool
oracle(const char *body, size_t len, struct seen *s)
{
	json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL), *value = json_object_get(root, "value"), *item;
	/* jansson loses a NUL that ends a number or a word; we refuse it everywhere. */
	bool good = memchr(body, 0, len) == NULL && json_is_array(value) && depth_of(root) <= ENVELOPE_DEPTH_MAX;
	size_t i;

	memset(s, 0, sizeof(*s));
	json_array_foreach(value, i, item)
	{
		const json_t *data = json_object_get(item, "resourceData"), *content = json_object_get(item, "encryptedContent");

		if (!good || !json_is_object(item))
			continue;
		s->count++;
		see_json(s, item, "id");
		see_json(s, item, "subscriptionId");
		see_json(s, item, "clientState");
		see_json(s, item, "changeType");
		see_json(s, item, "lifecycleEvent");
		see_json(s, item, "resource");
		see_json(s, data, "id");
		see_json(s, data, "@odata.etag");
		see_json(s, content, "data");
		see_json(s, content, "dataKey");
		see_json(s, content, "dataSignature");
		see_json(s, content, "encryptionCertificateId");
		see_json(s, content, "encryptionCertificateThumbprint");
	}
	json_decref(root);
	return good;
}

static void
compare(const char *body, size_t len)
{
	struct seen ours, theirs;
	struct envelope_result result;
	bool accepted = scan(body, len, &ours, &result) == ERR_OK, expected = oracle(body, len, &theirs);

	if (accepted != expected) {
		print_error("differs (%s): we %s at %zu (%s): %.*s\n", expected ? "jansson accepts" : "jansson refuses",
		    accepted ? "accept" : "refuse", result.at, result.why != NULL ? result.why : "", (int)len, body);
		fail();
	}
	if (!accepted)
		return;
	assert_int_equal(ours.count, theirs.count);
	assert_string_equal(ours.text, theirs.text);
}

#define REAL                                                                                                                     \
	"{\"value\":[{\"subscriptionId\":\"s\",\"changeType\":\"created\",\"tenantId\":\"t\",\"clientState\":\"v1.abc\","        \
	"\"subscriptionExpirationDateTime\":\"2026-01-04T02:00:00.1234567-08:00\",\"resource\":\"teams('x')/members('y')\","     \
	"\"resourceData\":{\"id\":\"MCMjMSM=\",\"@odata.type\":\"#Microsoft.Graph.aadUserConversationMember\","                  \
	"\"@odata.id\":\"teams('x')/members('y')\",\"@odata.etag\":\"W/\\\"1\\\"\"}}]}"

static const char *const bodies[] = {
	REAL,
	"{\"value\":[{\"changeType\":\"updated\",\"resource\":\"Groups/"
	"g\",\"clientState\":\"c\",\"subscriptionId\":\"s\",\"tenantId\":\"t\","
	"\"resourceData\":{\"@odata.type\":\"#Microsoft.Graph.Group\",\"@odata.id\":\"Groups/"
	"g\",\"id\":\"g\",\"sequenceNumber\":636784480202455800,"
	"\"members@delta\":[{\"id\":\"u\"},{\"id\":\"w\",\"@removed\":\"deleted\"}]}}],\"validationTokens\":[\"a.b.c\",null,true,"
	"false,-1.5e-3]}",
	"{\"value\":[{\"lifecycleEvent\":\"missed\",\"clientState\":\"\\u0063\\ud83d\\ude00\\n\",\"subscriptionId\":null}, 5, "
	"\"x\", [], {}]}",
	" { \"x\" : [ { \"value\" : [ ] } ] , \"value\" : [ { \"id\" : \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" , "
	"\"resourceData\" : null } ] } ",
};

static void
test_real_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct seen seen;
		struct envelope_result result;

		assert_int_equal(scan(bodies[i], strlen(bodies[i]), &seen, &result), ERR_OK);
		compare(bodies[i], strlen(bodies[i]));
	}
}

static void
test_texts(void **state)
{
	struct seen seen;
	struct envelope_result result;

	(void)state;
	assert_int_equal(scan(REAL, strlen(REAL), &seen, &result), ERR_OK);
	assert_string_equal(seen.text, "-|s|v1.abc|created|-|teams('x')/members('y')|MCMjMSM=|W/\"1\"|-|-|-|-|-|");
	assert_int_equal(scan(bodies[2], strlen(bodies[2]), &seen, &result), ERR_OK);
	assert_int_equal(result.items, 5);
	assert_int_equal(result.not_objects, 3);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.text, "-|-|c\xf0\x9f\x98\x80\n|-|missed|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|-|");
}

/* Each as the value of a member beside an empty "value" array, and alone. */
static const struct {
	const char *why, *json;
	bool good;
} pieces[] = {
	{ "zero", "0", true },
	{ "minus zero", "-0", true },
	{ "leading zero", "01", false },
	{ "minus alone", "-", false },
	{ "plus", "+1", false },
	{ "largest integer", "9223372036854775807", true },
	{ "beyond it", "9223372036854775808", false },
	{ "smallest integer", "-9223372036854775808", true },
	{ "below it", "-9223372036854775809", false },
	{ "point without fraction", "1.", false },
	{ "point without whole", ".5", false },
	{ "exponent without digits", "1e", false },
	{ "exponent sign without digits", "1e+", false },
	{ "capital exponent", "1E+2", true },
	{ "zero with exponent", "0e5", true },
	{ "zero, enormous exponent", "0.000e999999999999999999999", true },
	{ "largest double", "1.7976931348623157e308", true },
	{ "rounds down to it", "1.797693134862315807e308", true },
	{ "rounds up to infinity", "1.7976931348623159e308", false },
	{ "infinity with a shifted point", "17976931348623159000e289", false },
	{ "infinity with leading zeros", "0.00017976931348623159e312", false },
	{ "too large", "1e309", false },
	{ "underflow is zero", "1e-400", true },
	{ "hexadecimal", "0x10", false },
	{ "NaN", "NaN", false },
	{ "words", "[true,false,null]", true },
	{ "cut word", "tru", false },
	{ "long word", "truee", false },
	{ "capital word", "True", false },
	{ "empty string", "\"\"", true },
	{ "all escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"", true },
	{ "unknown escape", "\"\\x\"", false },
	{ "escape at the end", "\"\\", false },
	{ "short unicode escape", "\"\\u12\"", false },
	{ "bad hex", "\"\\u12g4\"", false },
	{ "NUL", "\"\\u0000\"", false },
	{ "surrogate pair", "\"\\ud83d\\uDE00\"", true },
	{ "lone high surrogate", "\"\\ud83d\"", false },
	{ "high surrogate, then text", "\"\\ud83dabcdef\"", false },
	{ "lone low surrogate", "\"\\ude00\"", false },
	{ "two high surrogates", "\"\\ud83d\\ud83d\"", false },
	{ "line feed in a string", "\"a\nb\"", false },
	{ "DEL in a string", "\"\x7f\"", true },
	{ "overlong UTF-8", "\"\xc0\xaf\"", false },
	{ "overlong, three bytes", "\"\xe0\x80\xaf\"", false },
	{ "UTF-8 surrogate", "\"\xed\xa0\x80\"", false },
	{ "beyond Unicode", "\"\xf4\x90\x80\x80\"", false },
	{ "last of Unicode", "\"\xf4\x8f\xbf\xbf\"", true },
	{ "lone continuation", "\"\x80\"", false },
	{ "cut sequence", "\"\xe2\x82\"", false },
	{ "byte order mark",
	    "\xef\xbb\xbf"
	    "1",
	    false },
	{ "empty containers", "[[],{}]", true },
	{ "trailing comma", "[1,]", false },
	{ "leading comma", "[,1]", false },
	{ "missing comma", "[1 2]", false },
	{ "trailing comma in an object", "{\"a\":1,}", false },
	{ "missing colon", "{\"a\" 1}", false },
	{ "name not a string", "{1:1}", false },
	{ "mismatched brackets", "[1}", false },
	{ "duplicate", "{\"a\":1,\"a\":2}", false },
	{ "duplicate, escaped", "{\"a\":1,\"\\u0061\":2}", false },
	{ "same name in other objects", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", true },
	{ "name with NUL", "{\"a\\u0000\":1}", false },
	{ "comment", "/* */ 1", false },
	{ "single quotes", "'a'", false },
	{ "form feed as space", "\f1", false },
};

static void
test_pieces(void **state)
{
	char body[512];

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct seen seen;
		struct envelope_result result;
		int n = snprintf(body, sizeof(body), "{\"x\":%s,\"value\":[]}", pieces[i].json);

		if ((scan(body, (size_t)n, &seen, &result) == ERR_OK) != pieces[i].good)
			fail_msg("%s", pieces[i].why);
		compare(body, (size_t)n);
		n = snprintf(body, sizeof(body), "{\"value\":[%s]}", pieces[i].json);
		compare(body, (size_t)n);
		compare(pieces[i].json, strlen(pieces[i].json));
	}
}

/* Where we are stricter than jansson; all else is equal. */
static const struct {
	const char *why, *json;
} stricter[] = {
	{ "an array as root", "[]" },
	{ "no value", "{}" },
	{ "value not an array", "{\"value\":{}}" },
	{ "value is null", "{\"value\":null}" },
	{ "value deeper down", "{\"x\":{\"value\":[]}}" },
};

static void
test_stricter(void **state)
{
	struct envelope_result result;
	struct seen seen;

	(void)state;
	for (size_t i = 0; i < sizeof(stricter) / sizeof(stricter[0]); i++) {
		json_t *root = json_loads(stricter[i].json, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(root);
		json_decref(root);
		assert_int_equal(scan(stricter[i].json, strlen(stricter[i].json), &seen, &result), ERR_MALFORMED);
	}
	assert_int_equal(scan("{\"value\":[],\"a\":1\0}", 19, &seen, &result), ERR_MALFORMED);
}

static void
test_depth(void **state)
{
	(void)state;
	for (size_t depth = 30; depth <= 34; depth++) {
		for (int objects = 0; objects < 2; objects++) {
			struct text body;
			struct seen seen;
			struct envelope_result result;

			/* The root is the first level. */
			text_init(&body, 512);
			text_adds(&body, "{\"value\":[],\"x\":");
			for (size_t i = 1; i < depth; i++)
				text_adds(&body, objects ? "{\"a\":" : "[");
			text_adds(&body, "1");
			for (size_t i = 1; i < depth; i++)
				text_adds(&body, objects ? "}" : "]");
			text_adds(&body, "}");
			assert_int_equal(text_err(&body), ERR_OK);
			assert_int_equal(
			    scan(body.data, body.len, &seen, &result), depth <= ENVELOPE_DEPTH_MAX ? ERR_OK : ERR_MALFORMED);
			compare(body.data, body.len);
			text_done(&body);
		}
	}
}

/* count names in one object; the last equals the one with index same, if that is below count. */
static char *
many_names(size_t count, size_t same, size_t *ret_len)
{
	char *body = malloc(count * 16 + 64);
	size_t len;

	assert_non_null(body);
	len = (size_t)sprintf(body, "{\"value\":[]");
	for (size_t i = 0; i + 1 < count; i++)
		len += (size_t)sprintf(body + len, ",\"k%zu\":0", i);
	len += (size_t)sprintf(body + len, ",\"k%zu\":0}", same < count ? same : count);
	*ret_len = len;
	return body;
}

static void
test_many_names(void **state)
{
	static const size_t counts[] = { 1, 2, ENVELOPE_SMALL - 2, ENVELOPE_SMALL - 1, ENVELOPE_SMALL, ENVELOPE_SMALL + 1, 1000,
		20000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		const size_t sames[] = { SIZE_MAX, 0, counts[i] / 2 };

		for (size_t k = 0; k < 3; k++) {
			size_t len;
			char *body = many_names(counts[i], sames[k] == counts[i] - 1 ? SIZE_MAX : sames[k], &len);

			compare(body, len);
			free(body);
		}
	}
}

static void
test_too_many_names(void **state)
{
	size_t len;
	char *body = many_names(ENVELOPE_MEMBERS_MAX + 2, SIZE_MAX, &len);
	struct seen seen;
	struct envelope_result result;

	(void)state;
	assert_int_equal(scan(body, len, &seen, &result), ERR_MALFORMED);
	assert_string_equal(result.why, "too many members");
	free(body);
}

/* Real bodies with bytes flipped, cut, doubled, and pieces of JSON put in. */
static size_t
mutate(struct rng *rng, char *body, size_t len, size_t cap)
{
	static const char *const words[] = { "\"", "\\", "{", "}", "[", "]", ",", ":", "\\u0000", "\\ud83d", "\\ude00", "1e999",
		"-0", "null", "\"value\"", "\"id\":", "\"clientState\":\"x\",", "\xc3", "\xe2\x82\xac", " ", "\n",
		"9223372036854775808", "{\"a\":1,\"a\":1}" };
	size_t at = rng_below(rng, len + 1), n;
	const char *word = words[rng_below(rng, sizeof(words) / sizeof(words[0]))];

	switch (rng_below(rng, 5)) {
	case 0:
		if (at < len)
			body[at] = (char)rng_below(rng, 256);
		return len;
	case 1:
		n = rng_below(rng, 8);
		n = n > len - at ? len - at : n;
		memmove(body + at, body + at + n, len - at - n);
		return len - n;
	case 2:
		n = rng_below(rng, 40);
		n = n > len - at ? len - at : n;
		if (len + n > cap)
			return len;
		memmove(body + at + n, body + at, len - at);
		return len + n;
	default:
		n = strlen(word);
		if (len + n > cap)
			return len;
		memmove(body + at + n, body + at, len - at);
		memcpy(body + at, word, n);
		return len + n;
	}
}

static void
test_mutations(void **state)
{
	struct rng rng = test_rng("envelope mutations");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		const char *from = bodies[rng_below(&rng, sizeof(bodies) / sizeof(bodies[0]))];
		char body[2048];
		size_t len = strlen(from), edits = 1 + rng_below(&rng, 3);

		memcpy(body, from, len);
		while (edits-- > 0)
			len = mutate(&rng, body, len, sizeof(body));
		compare(body, len);
	}
}

/* Tokens belong to the whole body, before or behind the items; what is no text among them is passed over. */
static void
test_validation_tokens(void **state)
{
	static const struct {
		const char *body, *first;
		size_t count;
	} cases[] = {
		{ "{\"value\":[],\"validationTokens\":[\"a.b.c\",\"d\"]}", "a.b.c", 2 },
		{ "{\"validationTokens\":[\"a\\u002eb\"],\"value\":[{}]}", "a.b", 1 },
		{ "{\"value\":[],\"validationTokens\":null}", NULL, 0 },
		{ "{\"value\":[],\"validationTokens\":\"a\"}", NULL, 0 },
		{ "{\"value\":[],\"validationTokens\":[1,null,[\"a\"],{\"b\":\"c\"},\"d\"]}", "d", 1 },
		{ "{\"value\":[{\"validationTokens\":[\"a\"]}]}", NULL, 0 },
		{ "{\"value\":[],\"validationTokens\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"]}", "1", 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct envelope *e = envelope_new(hash_key);
		struct envelope_result result;
		struct seen seen = { 0 };
		char *copy = strdup(cases[i].body);

		assert_non_null(copy);
		assert_int_equal(envelope_scan(e, copy, strlen(copy), see_item, &seen, &result), ERR_OK);
		assert_int_equal(result.token_count, cases[i].count);
		if (cases[i].first != NULL) {
			assert_int_equal(result.tokens[0].len, strlen(cases[i].first));
			assert_memory_equal(result.tokens[0].at, cases[i].first, result.tokens[0].len);
		}
		free(copy);
		envelope_free(e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_validation_tokens),
		cmocka_unit_test(test_real_bodies),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_stricter),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_too_many_names),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
