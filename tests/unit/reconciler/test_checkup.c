/* What the doctor says: each fault in words an administrator can act on. */
#include "reconciler/checkup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "net/http_client.h"

#define NOW_S INT64_C(1795000000)
#define DAY_S INT64_C(86400)

static void
expect(const char *why, const struct app_check *c, enum app_verdict verdict, const char *detail, const char *next)
{
	if (c->verdict != verdict || strstr(c->detail, detail) == NULL || strstr(c->next, next) == NULL ||
	    (next[0] == '\0' && c->next[0] != '\0'))
		fail_msg("%s: %s: %s / %s", why, app_verdict_names[c->verdict], c->detail, c->next);
	assert_true(strlen(c->detail) > 5);
	if (verdict == APP_FAIL || verdict == APP_WARN)
		assert_true(c->next[0] != '\0');
}

static void
credentials(void **state)
{
	static const struct {
		bool certificate;
		int64_t expires_s;
		enum app_verdict verdict;
		const char *detail, *next;
	} cases[] = {
		{ true, NOW_S + 31 * DAY_S, APP_OK, "certificate is good until 2026-", "" },
		{ true, NOW_S + 29 * DAY_S, APP_WARN, "expires in 29 days", "upload it to the app registration" },
		{ true, NOW_S + 3 * DAY_S, APP_FAIL, "expires in 3 days", "client_certificate" },
		{ false, NOW_S - 1, APP_FAIL, "secret expired at 2026-", "client_secret_file" },
		{ false, 0, APP_UNKNOWN, "is not known", "client_secret_expires" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct app_check c;

		checkup_begin(&c, APP_CHECK_CREDENTIAL);
		expect("begin", &c, APP_UNKNOWN, "no answer", "again");
		checkup_credential(&c, cases[i].certificate, cases[i].expires_s, NOW_S);
		expect("credential", &c, cases[i].verdict, cases[i].detail, cases[i].next);
	}
}

static void
notification_keys(void **state)
{
	static const struct {
		int64_t expires_s;
		enum app_verdict verdict;
		const char *detail, *next;
	} cases[] = {
		{ 0, APP_OK, "basic", "" },
		{ NOW_S + 31 * DAY_S, APP_OK, "good until 2026-", "" },
		{ NOW_S + 29 * DAY_S, APP_WARN, "expires in 29 days", "ergsyncctl key notifications" },
		{ NOW_S + 3 * DAY_S, APP_FAIL, "expires in 3 days", "reload" },
		{ NOW_S - 1, APP_FAIL, "expired at 2026-", "ergsyncctl key notifications" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct app_check c;

		checkup_begin(&c, APP_CHECK_NOTIFICATION_KEY);
		checkup_notification_key(&c, cases[i].expires_s, 0, NOW_S);
		expect("notification key", &c, cases[i].verdict, cases[i].detail, cases[i].next);
	}
	{
		struct app_check c;

		checkup_begin(&c, APP_CHECK_NOTIFICATION_KEY);
		checkup_notification_key(&c, NOW_S + 300 * DAY_S, 3, NOW_S);
		expect("former", &c, APP_OK, "3 subscriptions name a former one still, whose file is needed", "");
	}
}

static const struct http_header plain = { "Content-Type", "text/plain; charset=utf-8" }, html = { "content-type", "text/html" };

static const struct {
	const char *why;
	struct http_answer a;
	bool subscribed;
	enum app_verdict verdict;
	const char *detail, *next;
} knocks[] = {
	{ "good", { ERR_OK, 200, &plain, 1, "token", 5, 3, "" }, false, APP_OK, "answers Graph's validation", "" },
	{ "encoded", { ERR_OK, 200, &plain, 1, "to%6ben", 7, 3, "" }, false, APP_FAIL, "does not answer as the listener",
	    "Point" },
	{ "a page", { ERR_OK, 200, &html, 1, "token", 5, 3, "" }, true, APP_FAIL, "does not answer as the listener", "Point" },
	{ "not found", { ERR_OK, 404, &plain, 1, "", 0, 3, "" }, true, APP_FAIL, "status 404", "Point" },
	{ "a redirect", { ERR_OK, 308, &plain, 1, "", 0, 3, "" }, true, APP_FAIL, "redirect (308)", "without a proxy" },
	{ "a login", { ERR_OK, 403, &plain, 1, "", 0, 3, "" }, true, APP_FAIL, "wants a sign-in", "without authentication" },
	{ "a bad chain", { ERR_TLS, 0, NULL, 0, "", 0, 3, "the certificate is not trusted: no issuer" }, false, APP_FAIL,
	    "TLS is refused: the certificate is not trusted", "full chain" },
	{ "nobody", { ERR_UNREACHABLE, 0, NULL, 0, "", 0, 3, "no connection" }, false, APP_FAIL, "cannot be reached",
	    "firewall" },
	{ "seen from outside only", { ERR_UNREACHABLE, 0, NULL, 0, "", 0, 3, "no connection" }, true, APP_WARN,
	    "Graph could reach it", "firewall" },
};

static void
endpoints(void **state)
{
	struct http_answer good = { .err = ERR_OK, .status = 200 };
	struct http_answer bad = { .err = ERR_TLS, .detail = "the TLS handshake failed" };
	struct http_answer nobody = { .err = ERR_UNREACHABLE, .detail = "no connection" };
	struct app_check c;

	(void)state;
	for (size_t i = 0; i < sizeof(knocks) / sizeof(knocks[0]); i++) {
		checkup_begin(&c, APP_CHECK_ENDPOINT);
		checkup_endpoint(&c, &knocks[i].a, "token", knocks[i].subscribed);
		expect(knocks[i].why, &c, knocks[i].verdict, knocks[i].detail, knocks[i].next);
	}
	checkup_tls(&c, &good, 2);
	expect("1.2", &c, APP_OK, "TLS 1.2 works", "");
	checkup_tls(&c, &bad, 2);
	expect("no 1.2", &c, APP_FAIL, "TLS 1.2 does not work", "Graph needs TLS 1.2");
	checkup_tls(&c, &bad, 3);
	expect("no 1.3", &c, APP_WARN, "TLS 1.3 does not work", "Allow TLS 1.3");
	checkup_tls(&c, &nobody, 2);
	expect("nobody", &c, APP_UNKNOWN, "Not looked at", "");
}

static void
clocks(void **state)
{
	struct app_check c;

	(void)state;
	checkup_begin(&c, APP_CHECK_CLOCK);
	checkup_clock(&c, false, 0);
	expect("not known", &c, APP_UNKNOWN, "", "again");
	checkup_clock(&c, true, -59000);
	expect("good", &c, APP_OK, "agrees", "");
	checkup_clock(&c, true, 61000);
	expect("ahead", &c, APP_WARN, "61 s ahead of Graph's", "set-ntp");
	checkup_clock(&c, true, -3600000);
	expect("behind", &c, APP_FAIL, "3600 s behind Graph's", "set-ntp");
}

static json_t *
claims_of(const char *name, const char *list)
{
	json_t *claims = json_object(), *roles = json_array();
	char copy[1024], *save = NULL;

	if (strcmp(name, "scp") == 0) {
		json_object_set_new(claims, name, json_string(list));
		json_decref(roles);
		return claims;
	}
	snprintf(copy, sizeof(copy), "%s", list);
	for (char *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		json_array_append_new(roles, json_string(word));
	json_object_set_new(claims, name, roles);
	return claims;
}

#define LINKS "User.Read.All Team.ReadBasic.All Channel.ReadBasic.All "
#define TEAM  "TeamMember.Read.All GroupMember.Read.All "

static const struct checkup_needs nothing = { .ergs = 0 }, reading = { .ergs = 1, .team = true },
                                  writing = { .ergs = 1, .team = true, .team_writes = true },
                                  channels = { .ergs = 1, .channel = true, .channel_writes = true },
                                  meetings = { .ergs = 1, .meetings = true };

static const struct {
	const char *why;
	const struct checkup_needs *needs;
	const char *claim, *granted;
	enum app_verdict missing, unneeded;
	const char *says_missing, *says_unneeded;
} grants[] = {
	{ "just right", &reading, "roles", LINKS TEAM, APP_OK, APP_OK, "", "" },
	{ "reading only", &writing, "roles", LINKS TEAM, APP_FAIL, APP_OK,
	    "TeamMember.ReadWrite.All (to change members of teams)", "" },
	{ "writing only", &writing, "roles", LINKS "GroupMember.Read.All TeamMember.ReadWrite.All", APP_FAIL, APP_OK,
	    "TeamMember.Read.All (to read and watch", "" },
	{ "too much", &reading, "roles", LINKS TEAM "Calendars.ReadWrite Mail.Read", APP_OK, APP_WARN, "",
	    "Calendars.ReadWrite, Mail.Read" },
	{ "a wider one instead", &reading, "roles", LINKS "TeamMember.Read.All Group.Read.All", APP_OK, APP_OK, "", "" },
	{ "a wider one beside", &reading, "roles", LINKS TEAM "Group.Read.All", APP_OK, APP_WARN, "", "Group.Read.All" },
	{ "channels", &channels, "roles", LINKS, APP_FAIL, APP_OK, "ChannelMember.Read.All", "" },
	{ "meetings", &meetings, "roles", LINKS "Calendars.ReadWrite", APP_FAIL, APP_OK, "Calendars.Read (to watch", "" },
	{ "nothing yet", &nothing, "roles", "User.Read.All Mail.Send", APP_OK, APP_OK, "", "no ERG yet" },
	{ "nothing at all", &nothing, "roles", "", APP_FAIL, APP_OK, "User.Read.All (to find people)", "" },
	{ "a person", &reading, "scp", LINKS TEAM "openid profile User.Read", APP_OK, APP_OK, "", "" },
	{ "a person with more", &reading, "scp", LINKS TEAM "openid Chat.Read", APP_OK, APP_WARN, "", "Chat.Read" },
};

/* Can the rosters still be read, and can anything? */
static void
what_is_left(void **state)
{
	static const struct {
		const char *claim, *granted;
		bool team, channel, lacks;
	} cases[] = {
		{ "roles", "TeamMember.Read.All", true, false, false },
		{ "roles", "TeamMember.ReadWrite.All", true, false, true },
		{ "roles", "TeamMember.Read.All", true, true, true },
		{ "roles", "ChannelMember.Read.All User.Read.All", false, true, false },
		{ "roles", "User.Read.All", false, false, false },
		{ "scp", "teammember.read.all openid", true, false, false },
		{ "scp", "openid", true, false, true },
	};
	json_t *claims;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct checkup_needs needs = { .ergs = 1, .team = cases[i].team, .channel = cases[i].channel };

		claims = claims_of(cases[i].claim, cases[i].granted);
		assert_int_equal(checkup_lacks_reading(&needs, strcmp(cases[i].claim, "scp") == 0, claims), cases[i].lacks);
		assert_int_equal(checkup_may_nothing(claims), strcmp(cases[i].claim, "scp") == 0);
		json_decref(claims);
	}
	assert_false(checkup_lacks_reading(&reading, false, NULL));
	assert_false(checkup_may_nothing(NULL));
	claims = json_pack("{s:[]}", "roles");
	assert_true(checkup_may_nothing(claims));
	json_decref(claims);
}

static void
permissions(void **state)
{
	struct app_check c;

	(void)state;
	for (size_t i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
		bool delegated = strcmp(grants[i].claim, "scp") == 0;
		json_t *claims = claims_of(grants[i].claim, grants[i].granted);

		checkup_begin(&c, APP_CHECK_PERMISSIONS);
		checkup_permissions(&c, grants[i].needs, delegated, claims);
		expect(grants[i].why, &c, grants[i].missing, grants[i].says_missing,
		    grants[i].missing == APP_OK ? ""
		    : delegated                 ? "delegated permissions"
		                                : "application permissions");
		checkup_begin(&c, APP_CHECK_UNNEEDED);
		checkup_unneeded(&c, grants[i].needs, delegated, claims);
		expect(grants[i].why, &c, grants[i].unneeded, grants[i].says_unneeded,
		    grants[i].unneeded == APP_OK ? "" : "Remove them");
		json_decref(claims);
	}
	checkup_permissions(&c, &reading, false, NULL);
	expect("unreadable", &c, APP_UNKNOWN, "does not say", "by hand");
	checkup_unneeded(&c, &reading, true, NULL);
	expect("unreadable", &c, APP_UNKNOWN, "does not say", "by hand");
}

static void
organizers_and_mailboxes(void **state)
{
	struct tenant tenant = { .organizer = "ergs@acme.example", .sign_in = SIGN_IN_DELEGATED };
	json_t *blocked = json_pack("{s:b}", "accountEnabled", 0);
	struct graph_answer good = { .err = ERR_OK, .status = 200 }, none = { .err = ERR_NOTFOUND, .status = 404 };
	struct graph_answer forbidden = { .err = ERR_FORBIDDEN, .status = 403, .error = { .code = "Forbidden" } };
	struct graph_answer policy = { .err = ERR_FORBIDDEN, .status = 403, .error = { .code = "ErrorAccessDenied" } };
	struct graph_answer off = { .err = ERR_OK, .status = 200, .json = blocked };
	struct graph_answer unasked = { .err = ERR_UNAUTHORIZED,
		.sign_in_failed = true,
		.tenant_state = TENANT_SIGN_IN_NEEDED,
		.detail = "The account's sign-in was revoked." };
	struct app_check c;

	(void)state;
	checkup_organizer(&c, &tenant, &good, "ERGS@acme.example");
	expect("good", &c, APP_OK, "exists", "");
	checkup_organizer(&c, &tenant, &good, "else@acme.example");
	expect("another account", &c, APP_WARN, "is not the organizer", "sign in as the organizer");
	checkup_organizer(&c, &tenant, &none, "");
	expect("nobody", &c, APP_FAIL, "does not exist", "another organizer");
	checkup_organizer(&c, &tenant, &forbidden, "");
	expect("refused", &c, APP_FAIL, "refuses", "User.Read.All");
	checkup_organizer(&c, &tenant, &off, "");
	expect("blocked", &c, APP_WARN, "blocked", "enable");
	checkup_begin(&c, APP_CHECK_ORGANIZER);
	checkup_organizer(&c, &tenant, &unasked, "");
	expect("unasked", &c, APP_UNKNOWN, "could not be looked up", "sign-in first");
	checkup_sign_in(&c, &tenant, &unasked);
	expect("sign-in", &c, APP_FAIL, "revoked", "ergsyncctl tenant sign-in");
	checkup_begin(&c, APP_CHECK_SIGN_IN);
	checkup_sign_in(&c, &tenant, &good);
	expect("signed in", &c, APP_OK, "account is signed in", "");
	checkup_begin(&c, APP_CHECK_MAILBOX);
	checkup_mailbox(&c, false, &policy);
	expect("policy", &c, APP_FAIL, "application access policy", "New-ApplicationAccessPolicy");
	checkup_mailbox(&c, false, &forbidden);
	expect("permission", &c, APP_FAIL, "refuses the organizer's calendar", "Calendars.ReadWrite");
	checkup_mailbox(&c, false, &none);
	expect("no mailbox", &c, APP_FAIL, "no mailbox", "licence");
	checkup_mailbox(&c, false, &good);
	expect("application", &c, APP_OK, "only Exchange tells", "Test-ApplicationAccessPolicy");
	checkup_mailbox(&c, true, &good);
	expect("delegated", &c, APP_OK, "and no other", "");
	checkup_mailbox(&c, true, NULL);
	expect("off", &c, APP_OK, "no ERG", "");
	json_decref(blocked);
}

static void
subscriptions(void **state)
{
	struct checkup_subscriptions s = { .active = 3, .next_expiry_wall_ms = NOW_S * 1000 + 3600000 };
	struct app_check c;

	(void)state;
	checkup_begin(&c, APP_CHECK_SUBSCRIPTIONS);
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("good", &c, APP_OK, "3 active; the next one would expire in 60 min", "");
	s.silent = true;
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("silent", &c, APP_OK, "3 active, one of them for all teams, which keep their own until", "");
	s.silent = false;
	s.covered = 4;
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("wide", &c, APP_OK, "3 active, one of them for all teams, 4 of which have an ERG;", "");
	s.former = 2;
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("moving", &c, APP_WARN, "2 subscriptions are on the way from a former public_url", "Keep the former address");
	s.unreached = true;
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("stuck", &c, APP_FAIL, "Graph does not reach public_url: 2 subscriptions stay", "Keep the former address");
	s.former = 0;
	s.wanted = 1;
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("wanted", &c, APP_WARN, "not made yet", "again");
	s.overdue = 2;
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("overdue", &c, APP_WARN, "2 subscriptions were not renewed", "ergsyncctl subscriptions");
	s.failing = 1;
	snprintf(s.detail, sizeof(s.detail), "The quota is reached.");
	checkup_subscriptions(&c, &s, NOW_S * 1000);
	expect("failing", &c, APP_FAIL, "1 of 5 subscriptions fail: The quota is reached.", "ergsyncctl subscriptions");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(credentials),
		cmocka_unit_test(notification_keys),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(clocks),
		cmocka_unit_test(permissions),
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(organizers_and_mailboxes),
		cmocka_unit_test(subscriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
