/* The words of the API: each enum's value is its place in the table. */
#include "model/policy.h"

#include "unit/base/check.h"

static void
names_match_their_enums(void **state)
{
	(void)state;
	assert_string_equal(membership_policy_names[MEMBERSHIP_TWO_WAY], "two-way");
	assert_string_equal(membership_policy_names[MEMBERSHIP_TEAMS], "teams");
	assert_string_equal(membership_policy_names[MEMBERSHIP_APP], "app");
	assert_string_equal(membership_policy_names[MEMBERSHIP_OFF], "off");
	assert_null(membership_policy_names[MEMBERSHIP_OFF + 1]);
	assert_string_equal(meetings_policy_names[MEETINGS_TWO_WAY], "two-way");
	assert_string_equal(meetings_policy_names[MEETINGS_APP], "app");
	assert_string_equal(meetings_policy_names[MEETINGS_OFF], "off");
	assert_null(meetings_policy_names[MEETINGS_OFF + 1]);
	assert_string_equal(role_names[ROLE_MEMBER], "member");
	assert_string_equal(role_names[ROLE_OWNER], "owner");
	assert_string_equal(role_names[ROLE_GUEST], "guest");
	assert_null(role_names[ROLE_GUEST + 1]);
	assert_string_equal(channel_type_names[CHANNEL_STANDARD], "standard");
	assert_string_equal(channel_type_names[CHANNEL_PRIVATE], "private");
	assert_string_equal(channel_type_names[CHANNEL_SHARED], "shared");
	assert_null(channel_type_names[CHANNEL_UNKNOWN + 1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_match_their_enums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
