/* Teams links: every spelling that is accepted, and the reason given for each that is not. */
#include "model/teams_link.h"

#include <stdio.h>
#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define GID  "11111111-AAAA-2222-3333-444444444444"
#define GID_ "11111111-aaaa-2222-3333-444444444444"
#define TID  "99999999-8888-7777-6666-555555555555"
#define CID  "19:Ab_Cd-0123456789@thread.tacv2"
#define ENC  "19%3aAb_Cd-0123456789%40thread.tacv2"
#define HOST "https://teams.microsoft.com"
#define IDS  "?groupId=" GID "&tenantId=" TID

static void
accepts_every_spelling(void **state)
{
	static const struct {
		const char *url;
		enum teams_link_kind kind;
		bool has_tenant;
		const char *channel_id; /* NULL: CID */
	} cases[] = {
		{ HOST "/l/channel/" ENC "/General" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/19%3AAb_Cd-0123456789%40thread.tacv2/Sch%C3%B6n%20hier" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/" CID "/A%2520B" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/19%253aAb_Cd-0123456789%2540thread.tacv2/A" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/" ENC IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/" ENC "/?groupId=" GID, TEAMS_LINK_CHANNEL, false, NULL },
		{ HOST "/l/channel/" ENC "/A?groupId=" GID "&tenantId=", TEAMS_LINK_CHANNEL, false, NULL },
		{ HOST "/l/channel/" ENC "/A?tenantId=" TID "&groupId=" GID "&ngc=true&allowXTenantAccess=true",
		    TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/" ENC "/A?context=%7B%22x%22%3A1%7D&GROUPID=" GID "&TenantID=" TID, TEAMS_LINK_CHANNEL, true,
		    NULL },
		{ HOST "/l/channel/" ENC "/A" IDS "#fragment", TEAMS_LINK_CHANNEL, true, NULL },
		{ HOST "/l/channel/" ENC "/A?groupId=" GID "&groupId=" GID_, TEAMS_LINK_CHANNEL, false, NULL },
		{ HOST "/_#/l/channel/" ENC "/A" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ "HTTPS://Teams.Microsoft.COM/L/Channel/" ENC "/A" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ "https://teams.cloud.microsoft/l/channel/" ENC "/A" IDS, TEAMS_LINK_CHANNEL, true, NULL },
		{ "https://teams.cloud.microsoft/l/team/" ENC "/conversations" IDS, TEAMS_LINK_TEAM, true, NULL },
		{ HOST "/l/team/19%3aold0123%40thread.skype/conversations" IDS, TEAMS_LINK_TEAM, true,
		    "19:old0123@thread.skype" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct teams_link link;
		char why[256] = "";

		if (teams_link_parse(cases[i].url, &link, why, sizeof(why)) != ERR_OK)
			fail_msg("%s: %s", cases[i].url, why);
		assert_int_equal(link.kind, cases[i].kind);
		assert_string_equal(link.team_id.s, GID_);
		assert_string_equal(link.tenant_id.s, cases[i].has_tenant ? TID : "");
		assert_string_equal(link.channel_id, cases[i].channel_id == NULL ? CID : cases[i].channel_id);
	}
}

static void
refuses_with_a_reason(void **state)
{
	static const struct {
		const char *url, *why; /* why: a part of it */
	} cases[] = {
		{ "", "must begin with https://" },
		{ "https://", "must begin with https://" },
		{ "http://teams.microsoft.com/l/channel/" ENC "/A" IDS, "must begin with https://" },
		{ "teams.microsoft.com/l/channel/" ENC "/A" IDS, "must begin with https://" },
		{ "https://teams.microsoft.com:443/l/channel/" ENC "/A" IDS, "user name or a port" },
		{ "https://teams.microsoft.com@evil.example/l/channel/" ENC "/A" IDS, "user name or a port" },
		{ "https://evil.example/teams.microsoft.com/l/channel/" ENC "/A" IDS, "not a link of Microsoft Teams" },
		{ "https://teams.microsoft.com.evil.example/l/channel/" ENC "/A" IDS, "not a link of Microsoft Teams" },
		{ "https://xteams.microsoft.com/l/channel/" ENC "/A" IDS, "not a link of Microsoft Teams" },
		{ "https://teams.microsoft.com\\@evil.example/", "space, a control character" },
		{ "https://teams.live.com/l/channel/" ENC "/A" IDS, "personal Teams" },
		{ HOST "/l/message/" ENC "/1700000000000" IDS, "link to one message" },
		{ HOST "/l/meetup-join/19%3ameeting_x%40thread.v2/0", "join a meeting" },
		{ HOST "/meet/12345?p=x", "join a meeting" },
		{ HOST "/l/chat/0/0?users=a@b", "link to a chat" },
		{ HOST "/l/entity/x/y", "link to a tab or an app" },
		{ HOST "/l/channel/19%3ameeting_abc%40thread.v2/A" IDS, "chat of a meeting" },
		{ HOST "/l/channel/19%3aabc%40thread.v2/A" IDS, "link to a chat" },
		{ HOST "/l/channel/19%3aabc%40unq.gbl.spaces/A" IDS, "link to a chat" },
		{ HOST "/l/channel/A" IDS, "has no channel id" },
		{ HOST "/l/channel/", "has no channel id" },
		{ HOST "/l/channel/19%3a%40thread.tacv2/A" IDS, "has no channel id" },
		{ HOST "/l/channel/19%3aa%2fb%40thread.tacv2/A" IDS, "has no channel id" },
		{ HOST "/l/channel/19%3aab%40thread.tacv2x/A" IDS, "has no channel id" },
		{ HOST "/l/channel/19%3a%40thread.tacv2%00/A" IDS, "broken escape" },
		{ HOST "/l/channel/" ENC "/A%E2%80%AE" IDS, "turns text around" },
		{ HOST "/l/channel/" ENC "/A%25E2%2580%25AE" IDS, "turns text around" },
		{ HOST "/l/channel/" ENC "/A%0A" IDS, "control character" },
		{ HOST "/l/channel/" ENC "/A%FF" IDS, "control character" },
		{ HOST "/l/channel/" ENC "/A%" IDS, "broken escape" },
		{ HOST "/l/channel/" ENC "/\xc3\xa9" IDS, "beyond ASCII" },
		{ HOST "/l/channel/" ENC "/A" IDS "\n", "control character" },
		{ HOST "/l/channel/" ENC "/A B" IDS, "space" },
		{ HOST "/l/channel/" ENC "/A?tenantId=" TID, "no groupId" },
		{ HOST "/l/channel/" ENC "/A", "no groupId" },
		{ HOST "/l/channel/" ENC "/A?groupId=&tenantId=" TID, "no groupId" },
		{ HOST "/l/channel/" ENC "/A?groupId=7", "groupId is not one GUID" },
		{ HOST "/l/channel/" ENC "/A?groupId=" GID "&groupId=" TID, "groupId is not one GUID" },
		{ HOST "/l/channel/" ENC "/A?groupId=" GID "&tenantId=x", "tenantId is not one GUID" },
		{ HOST "/l/team/conversations" IDS, "has no channel id" },
		{ HOST, "not a link to a team or a channel" },
		{ HOST "/", "not a link to a team or a channel" },
		{ HOST "/_#/conversations/General?threadId=" CID, "not a link to a team or a channel" },
		{ HOST "/v2/", "not a link to a team or a channel" },
		{ HOST "/l/l/l/l/l/l/l/l/l/l/l", "path is too long" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct teams_link link = { .kind = TEAMS_LINK_TEAM, .channel_id = "untouched" };
		char why[256] = "";

		assert_int_equal(teams_link_parse(cases[i].url, &link, why, sizeof(why)), ERR_INVALID);
		if (strstr(why, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].url, why);
		assert_string_equal(link.channel_id, "untouched");
		assert_int_equal(teams_link_parse(cases[i].url, &link, NULL, 0), ERR_INVALID);
	}
}

static void
length_is_limited(void **state)
{
	char url[TEAMS_LINK_MAX + 2];
	struct teams_link link;
	char why[256];
	int len = snprintf(url, sizeof(url), "%s", HOST "/l/channel/" ENC "/A" IDS "&x=");

	(void)state;
	memset(url + len, 'x', sizeof(url) - (size_t)len);
	url[TEAMS_LINK_MAX] = '\0';
	assert_int_equal(teams_link_parse(url, &link, why, sizeof(why)), ERR_OK);
	url[TEAMS_LINK_MAX] = 'x';
	url[TEAMS_LINK_MAX + 1] = '\0';
	assert_int_equal(teams_link_parse(url, &link, why, sizeof(why)), ERR_INVALID);
	assert_non_null(strstr(why, "longer than"));
}

static void
channel_ids(void **state)
{
	char longest[CHANNEL_ID_SIZE + 1] = "19:";

	(void)state;
	assert_true(channel_id_valid(CID));
	assert_false(channel_id_valid(""));
	assert_false(channel_id_valid("19:"));
	assert_false(channel_id_valid("18:a@thread.tacv2"));
	assert_false(channel_id_valid("19:a b@thread.tacv2"));
	assert_false(channel_id_valid("19:a@THREAD.tacv2"));
	memset(longest + 3, 'x', sizeof(longest) - 3);
	memcpy(longest + CHANNEL_ID_SIZE - 14, "@thread.tacv2", 14);
	assert_true(channel_id_valid(longest));
	memset(longest + 3, 'x', sizeof(longest) - 3);
	memcpy(longest + CHANNEL_ID_SIZE - 13, "@thread.tacv2", 14);
	assert_false(channel_id_valid(longest));
}

/* Damaged links are refused or read, but never crash; what is read is well-formed. */
static void
noise_is_survived(void **state)
{
	static const char good[] = HOST "/_#/l/channel/" ENC "/Gen%2520eral" IDS "&x=%7B";
	static const char letters[] = "%/?#&=:@l2A0\\\x80";
	struct rng rng = test_rng("teams_link");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char url[sizeof(good)], why[256];
		struct teams_link link;

		memcpy(url, good, sizeof(good));
		for (uint64_t n = rng_below(&rng, 4); n > 0; n--)
			url[20 + rng_below(&rng, sizeof(good) - 21)] = letters[rng_below(&rng, sizeof(letters) - 1)];
		if (rng_below(&rng, 4) == 0)
			url[rng_below(&rng, sizeof(good))] = '\0';
		if (teams_link_parse(url, &link, why, sizeof(why)) == ERR_OK) {
			struct guid guid;

			assert_true(channel_id_valid(link.channel_id));
			assert_true(guid_parse(link.team_id.s, &guid));
			assert_true(link.tenant_id.s[0] == '\0' || guid_parse(link.tenant_id.s, &guid));
		} else {
			assert_true(strlen(why) > 10);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_every_spelling),
		cmocka_unit_test(refuses_with_a_reason),
		cmocka_unit_test(length_is_limited),
		cmocka_unit_test(channel_ids),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
