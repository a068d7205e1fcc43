/* Ids: what is one and what is not. */
#include "model/ids.h"

#include <string.h>

#include "unit/base/check.h"

static void
app_ids(void **state)
{
	char longest[APP_ID_SIZE + 1];
	struct erg_id erg;
	struct tenant_id tenant;
	struct event_id event;

	(void)state;
	assert_true(app_id_valid("a"));
	assert_true(app_id_valid("AZaz09._~-"));
	assert_false(app_id_valid(NULL));
	assert_false(app_id_valid(""));
	assert_false(app_id_valid("a b"));
	assert_false(app_id_valid("a/b"));
	assert_false(app_id_valid("a:b"));
	assert_false(app_id_valid("a%20"));
	assert_false(app_id_valid("\xc3\xa9"));
	memset(longest, 'x', sizeof(longest));
	longest[128] = '\0';
	assert_true(erg_id_parse(longest, &erg));
	assert_string_equal(erg.s, longest);
	longest[128] = 'x';
	longest[129] = '\0';
	assert_false(erg_id_parse(longest, &erg));
	assert_string_equal(erg.s, "");
	assert_true(tenant_id_parse("t1", &tenant));
	assert_false(event_id_parse(NULL, &event));
	assert_string_equal(event.s, "");
}

static void
guids(void **state)
{
	static const char *const bad[] = {
		"",
		"1234",
		"01234567-89ab-cdef-0123-456789abcde",
		"01234567-89ab-cdef-0123-456789abcdef0",
		"{01234567-89ab-cdef-0123-456789abcdef}",
		"01234567x89ab-cdef-0123-456789abcdef",
		"01234567-89ab-cdef-0123-456789abcdeg",
		"0123456-789ab-cdef-0123-456789abcdef",
		"01234567-89ab-cdef-0123-456789abcdef ",
		"0123456789abcdef0123456789abcdef0000",
	};
	struct guid guid;

	(void)state;
	assert_true(guid_parse("01234567-89AB-cdef-0123-456789ABCDEF", &guid));
	assert_string_equal(guid.s, "01234567-89ab-cdef-0123-456789abcdef");
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(guid_parse(bad[i], &guid));
		assert_string_equal(guid.s, "");
	}
	assert_false(guid_parse(NULL, &guid));
}

static void
people_have_two_kinds_of_name(void **state)
{
	struct user_id user;
	struct guid entra;

	(void)state;
	assert_true(person_ref_parse("alice", &user, &entra));
	assert_string_equal(user.s, "alice");
	assert_string_equal(entra.s, "");
	assert_true(person_ref_parse("entra:01234567-89AB-CDEF-0123-456789abcdef", &user, &entra));
	assert_string_equal(user.s, "");
	assert_string_equal(entra.s, "01234567-89ab-cdef-0123-456789abcdef");
	assert_false(person_ref_parse("entra:alice", &user, &entra));
	assert_false(person_ref_parse("entra:", &user, &entra));
	assert_false(person_ref_parse("Entra:01234567-89ab-cdef-0123-456789abcdef", &user, &entra));
	assert_false(person_ref_parse(NULL, &user, &entra));
	assert_true(person_ref_parse("entra", &user, &entra));
}

static void
guids_are_packed(void **state)
{
	static const char *const texts[] = { "01234567-89ab-cdef-0123-456789abcdef", "ffffffff-ffff-ffff-ffff-ffffffffffff", "" };
	uint8_t bytes[GUID_BYTES];
	struct guid guid, back;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		(void)guid_parse(texts[i], &guid);
		guid_pack(&guid, bytes);
		guid_unpack(bytes, &back);
		assert_string_equal(back.s, texts[i]);
	}
	memcpy(guid.s, "no guid", sizeof("no guid"));
	guid_pack(&guid, bytes);
	guid_unpack(bytes, &back);
	assert_string_equal(back.s, "");
}

static void
emails(void **state)
{
	static const char *const good[] = {
		"a@b",
		"alice@contoso.com",
		"o'neil+x@contoso.com",
		"\xc3\xa9lise@contoso.com",
		"alice_x.com#EXT#@t.onmicrosoft.com",
	};
	static const char *const bad[] = {
		"",
		"a",
		"@",
		"a@",
		"@b",
		"a@b@c",
		"a b@c",
		"a@b\n",
		"a@b\x7f",
		"\xff@b",
		"Alice <a@b>",
	};
	char longest[300];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(email_plausible(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(email_plausible(bad[i]));
	assert_false(email_plausible(NULL));
	memset(longest, 'x', sizeof(longest));
	longest[100] = '@';
	longest[254] = '\0';
	assert_true(email_plausible(longest));
	longest[254] = 'x';
	longest[255] = '\0';
	assert_false(email_plausible(longest));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(app_ids),
		cmocka_unit_test(guids),
		cmocka_unit_test(guids_are_packed),
		cmocka_unit_test(people_have_two_kinds_of_name),
		cmocka_unit_test(emails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
