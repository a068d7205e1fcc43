/* JSON from others: what is refused before a tree is built, and the strict reader's errors. */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

static json_t *
parsed(const char *text)
{
	json_t *root;

	assert_int_equal(jx_parse(text, strlen(text), &root, NULL, 0), ERR_OK);
	return root;
}

/* An error list as "pointer: detail; pointer: detail". Takes errors. */
static const char *
told(json_t *errors)
{
	static char list[2000];
	size_t i, len = 0;
	json_t *error;

	list[0] = '\0';
	json_array_foreach(errors, i, error) len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s: %s",
	    i > 0 ? "; " : "", jx_get_str(error, "pointer"), jx_get_str(error, "detail"));
	json_decref(errors);
	return list;
}

static void
refuses_bad_documents_with_a_place(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "'[' or '{' expected near end of file at line 1, column 0" },
		{ "{\"a\":1,\"a\":2}", "duplicate object key at line 1, column 10" },
		{ "{\"a\":\n tru}", "invalid token at line 2, column 4" },
		{ "{} x", "end of file expected at line 1, column 4" },
		{ "{\"a\":\"\\u0000\"}", "\\u0000 is not allowed at line 1, column 13" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char why[200];
		json_t *root = (json_t *)why;

		assert_int_equal(jx_parse(cases[i].text, strlen(cases[i].text), &root, why, sizeof(why)), ERR_MALFORMED);
		assert_null(root);
		assert_string_equal(why, cases[i].why);
	}
}

static void
does_not_quote_input(void **state)
{
	static const char text[] = "{\"client_secret\": \"s3cr3t\" oops-s3cr3t}";
	char why[200];
	json_t *root;

	(void)state;
	assert_int_equal(jx_parse(text, strlen(text), &root, why, sizeof(why)), ERR_MALFORMED);
	assert_null(strstr(why, "s3cr3t"));
	assert_null(strstr(why, "oops"));
}

static void
limits_depth_before_building(void **state)
{
	static char deep[1000000];
	char why[200];
	json_t *root;

	(void)state;
	memset(deep, '[', JSON_DEPTH_MAX);
	memset(deep + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(jx_parse(deep, 2 * JSON_DEPTH_MAX, &root, why, sizeof(why)), ERR_OK);
	json_decref(root);

	memset(deep, '[', sizeof(deep));
	deep[3] = '\n';
	assert_int_equal(jx_parse(deep, sizeof(deep), &root, why, sizeof(why)), ERR_MALFORMED);
	assert_string_equal(why, "nested deeper than 64 at line 2, column 62");

	/* Brackets in strings do not count, behind escaped quotes neither. */
	root = parsed("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[\\\\\"]");
	json_decref(root);
}

static void
lenient_access_never_fails(void **state)
{
	json_t *root = parsed("{\"s\":\"x\",\"i\":7,\"r\":7.5,\"b\":true,\"n\":null,\"a\":[1],\"o\":{\"p\":{\"q\":\"deep\"}}}");

	(void)state;
	assert_string_equal(jx_get_str(root, "s"), "x");
	assert_null(jx_get_str(root, "i"));
	assert_null(jx_get_str(root, "n"));
	assert_null(jx_get_str(NULL, "s"));
	assert_int_equal(jx_get_int(root, "i", 1), 7);
	assert_int_equal(jx_get_int(root, "r", 1), 1);
	assert_int_equal(jx_get_int(root, "absent", 1), 1);
	assert_true(jx_get_bool(root, "b", false));
	assert_true(jx_get_bool(root, "s", true));
	assert_non_null(jx_get_array(root, "a"));
	assert_null(jx_get_array(root, "o"));
	assert_non_null(jx_get_object(root, "o"));
	assert_null(jx_get_object(root, "a"));
	assert_string_equal(json_string_value(jx_path(root, "o", "p", "q", NULL)), "deep");
	assert_null(jx_path(root, "o", "x", "q", NULL));
	assert_null(jx_path(root, "s", "p", NULL));
	assert_ptr_equal(jx_path(root, NULL), root);
	json_decref(root);
}

static void
sets_strings_and_times(void **state)
{
	json_t *o = json_object();
	char *text;

	(void)state;
	assert_int_equal(jx_set_str(o, "a", "x"), 0);
	assert_int_equal(jx_set_str(o, "b", NULL), 0);
	assert_int_equal(jx_set_str(o, "c", "\xff"), -1);
	assert_int_equal(jx_set_time(o, "d", INT64_C(1795334400000)), 0);
	assert_int_equal(jx_set_time(o, "e", 0), 0);
	text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"a\":\"x\",\"b\":null,\"d\":\"2026-11-22T08:00:00Z\",\"e\":null}");
	free(text);
	json_decref(o);
}

static const char *const fruits[] = { "apple", "pear", "plum", NULL };

static void
reads_a_good_object(void **state)
{
	json_t *root = parsed("{\"s\":\"x\",\"i\":-7,\"b\":false,\"a\":[1,2],\"e\":\"pear\",\"null\":null}");
	struct jx_reader r;
	const char *s = NULL;
	const json_t *a = NULL;
	int64_t i = 0;
	bool b = true;
	int e = 0;
	json_t *errors;

	(void)state;
	jx_open(&r, root);
	assert_true(jx_str(&r, "s", true, 1, 1, &s));
	assert_string_equal(s, "x");
	assert_true(jx_int(&r, "i", true, -7, -7, &i));
	assert_int_equal(i, -7);
	assert_true(jx_bool(&r, "b", true, &b));
	assert_false(b);
	assert_true(jx_array(&r, "a", true, 2, &a));
	assert_true(jx_enum(&r, "e", true, fruits, &e));
	assert_int_equal(e, 1);
	assert_false(jx_str(&r, "absent", false, 0, 1, &s));
	assert_false(jx_str(&r, "null", false, 0, 1, &s));
	assert_true(jx_close(&r, &errors));
	assert_null(errors);
	json_decref(root);
}

static void
collects_every_mistake(void **state)
{
	json_t *root = parsed(
	    "{\"s\":7,\"long\":\"xxxxx\",\"empty\":\"\",\"i\":11,\"r\":1.5,\"b\":\"true\",\"a\":[1,2,3],\"o\":{},\"e\":\"fig\","
	    "\"a/b~c\":1,\"stray\":null}");
	struct jx_reader r;
	const char *s = NULL;
	const json_t *a = NULL;
	int64_t i = 0;
	bool b = true;
	int e = 0;
	json_t *errors;

	(void)state;
	jx_open(&r, root);
	assert_false(jx_str(&r, "s", true, 0, 9, &s));
	assert_false(jx_str(&r, "long", false, 1, 4, &s));
	assert_false(jx_str(&r, "empty", false, 1, 4, &s));
	assert_false(jx_str(&r, "missing", true, 1, 4, &s));
	assert_false(jx_int(&r, "i", true, 0, 10, &i));
	assert_false(jx_int(&r, "r", true, 0, 10, &i));
	assert_false(jx_bool(&r, "b", true, &b));
	assert_false(jx_array(&r, "a", true, 2, &a));
	assert_false(jx_array(&r, "o", true, 2, &a));
	assert_false(jx_enum(&r, "e", true, fruits, &e));
	jx_fail(&r, "i", "is not %s", "lucky");
	jx_fail(&r, NULL, "is odd");
	assert_false(jx_close(&r, &errors));
	assert_string_equal(told(errors),
	    "/s: must be a string; /long: must be 1 to 4 bytes long, is 5; /empty: must not be empty; /missing: is required; "
	    "/i: must be a whole number from 0 to 10; /r: must be a whole number from 0 to 10; /b: must be true or false; "
	    "/a: must have at most 2 items, has 3; /o: must be an array; /e: must be apple, pear or plum; /i: is not lucky; : is "
	    "odd; "
	    "/a~1b~0c: is not known here; /stray: is not known here");
	json_decref(root);
}

static void
parts_have_their_place_in_the_whole(void **state)
{
	json_t *root = parsed("{\"members\":[{\"user\":\"u\"},7,{\"x\":1}]}");
	struct jx_reader whole, part;
	const json_t *members = NULL;
	const char *user;
	json_t *errors;

	(void)state;
	jx_open(&whole, root);
	assert_true(jx_array(&whole, "members", true, 10, &members));
	for (size_t i = 0; i < json_array_size(members); i++) {
		char pointer[32];

		(void)snprintf(pointer, sizeof(pointer), "/members/%zu", i);
		jx_open_at(&part, json_array_get(members, i), pointer);
		(void)jx_str(&part, "user", true, 1, 128, &user);
		(void)jx_close(&part, &errors);
		jx_absorb(&whole, errors);
	}
	assert_false(jx_close(&whole, &errors));
	assert_string_equal(
	    told(errors), "/members/1: must be an object; /members/2/user: is required; /members/2/x: is not known here");
	json_decref(root);
}

static void
not_an_object_is_one_error(void **state)
{
	json_t *root = parsed("[]"), *errors;
	struct jx_reader r;
	const char *s;

	(void)state;
	jx_open(&r, root);
	assert_false(jx_str(&r, "a", true, 1, 2, &s));
	assert_false(jx_close(&r, &errors));
	assert_string_equal(told(errors), ": must be an object");
	jx_open(&r, NULL);
	assert_false(jx_close(&r, NULL));
	json_decref(root);
}

/* A body of mistakes makes a small answer; long names are cut between characters. */
static void
errors_have_a_ceiling(void **state)
{
	json_t *root = json_object(), *errors;
	struct jx_reader r;
	char name[1500];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "m%d", i);
		assert_int_equal(json_object_set_new(root, name, json_null()), 0);
	}
	jx_open(&r, root);
	assert_false(jx_close(&r, &errors));
	assert_int_equal(json_array_size(errors), 50);
	json_decref(errors);

	for (size_t shift = 0; shift < 4; shift++) {
		json_object_clear(root);
		memset(name, 'x', shift);
		for (size_t i = shift; i + 3 <= sizeof(name); i += 3)
			memcpy(name + i, "\xe2\x82\xac", 3);
		name[shift + 1200] = '\0';
		assert_int_equal(json_object_set_new(root, name, json_null()), 0);
		jx_open(&r, root);
		assert_false(jx_close(&r, &errors));
		assert_int_equal(json_array_size(errors), 1);
		assert_true(strlen(jx_get_str(json_array_get(errors, 0), "pointer")) > 400);
		json_decref(errors);
	}
	json_decref(root);
}

static void
noise_never_crashes(void **state)
{
	static const char *const pieces[] = { "{", "}", "[", "]", "\"", "a", ":", ",", "1", "-", "e", "true", "null", "\\",
		"\\u12", "\xff", " ", "\n" };
	struct rng rng = test_rng("json");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[200] = "", why[100];
		json_t *root;
		size_t count = rng_below(&rng, 30);

		for (size_t i = 0; i < count; i++)
			(void)snprintf(
			    text + strlen(text), sizeof(text) - strlen(text), "%s", pieces[rng_below(&rng, COUNT(pieces))]);
		if (jx_parse(text, strlen(text), &root, why, sizeof(why)) == ERR_OK)
			json_decref(root);
		else
			assert_null(root);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_documents_with_a_place),
		cmocka_unit_test(does_not_quote_input),
		cmocka_unit_test(limits_depth_before_building),
		cmocka_unit_test(lenient_access_never_fails),
		cmocka_unit_test(sets_strings_and_times),
		cmocka_unit_test(reads_a_good_object),
		cmocka_unit_test(collects_every_mistake),
		cmocka_unit_test(parts_have_their_place_in_the_whole),
		cmocka_unit_test(not_an_object_is_one_error),
		cmocka_unit_test(errors_have_a_ceiling),
		cmocka_unit_test(noise_never_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
