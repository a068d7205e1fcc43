/* The console's page: what it says, that it is well-formed whatever the figures are, and that it names nobody. */
#include "reconciler/console_page.h"

#include <string.h>

#include "unit/base/check.h"
#include "unit/base/seed.h"

#define NOW_MS INT64_C(1795334400000) /* 2026-11-22T08:00:00Z */
#define HOUR   INT64_C(3600000)

static struct app_status
well(void)
{
	struct app_status s = { .as_of_wall_ms = NOW_MS, .started_wall_ms = NOW_MS - 3 * HOUR, .inbox_present = true };

	s.tenants[TENANT_ACTIVE] = 2;
	s.ergs[ERG_IN_SYNC] = 3;
	s.subscriptions[SUBSCRIPTION_ACTIVE] = 4;
	s.subscription_expiry_wall_ms = NOW_MS + HOUR;
	str_copy(s.unproved_erg.s, APP_ID_SIZE, "secret-erg");
	s.unproved_wall_ms = NOW_MS - 2 * HOUR;
	s.graph.answer_wall_ms = NOW_MS - 60000;
	s.listener = (struct app_listener_status){ APP_LISTENER_UP, true, NOW_MS + 1000 * HOUR, ERGSYNC_VERSION };
	return s;
}

/* Every element is closed in order, every < begins a tag, and no tag is of those that could fetch or run anything. */
static void
assert_well_formed(const char *html)
{
	static const char *const never[] = { "script", "img", "link", "iframe", "form", "object" };
	char open[32][16], name[16];
	size_t depth = 0;

	assert_true(str_starts(html, "<!DOCTYPE html>\n"));
	html += strlen("<!DOCTYPE html>\n");
	for (const char *at; (at = strchr(html, '<')) != NULL; html = strchr(at, '>')) {
		bool closes = at[1] == '/';
		const char *word = at + 1 + closes;

		assert_true(str_copy_len(name, sizeof(name), word, strcspn(word, " >")));
		assert_true(name[0] >= 'a' && name[0] <= 'z');
		assert_non_null(strchr(at, '>'));
		assert_true(strcspn(at + 1, "<") > strcspn(at + 1, ">"));
		for (size_t i = 0; i < COUNT(never); i++)
			assert_string_not_equal(name, never[i]);
		if (strcmp(name, "meta") == 0)
			continue;
		if (closes) {
			assert_true(depth > 0);
			assert_string_equal(name, open[--depth]);
		} else {
			assert_true(depth < COUNT(open));
			memcpy(open[depth++], name, sizeof(name));
		}
	}
	assert_int_equal(depth, 0);
}

static void
page_of(const struct app_status *s, struct text *page)
{
	text_init(page, 1u << 18);
	console_page(s, s->dirty % 2 == 1, page);
	assert_int_equal(text_err(page), ERR_OK);
	assert_well_formed(page->data);
}

struct shown {
	void (*change)(struct app_status *s);
	const char *words[6];
};

static void
nothing(struct app_status *s)
{
	(void)s;
}
static void
empty(struct app_status *s)
{
	s->ergs[ERG_IN_SYNC] = 0;
	s->unproved_erg.s[0] = '\0';
	s->unproved_wall_ms = 0;
}
static void
held(struct app_status *s)
{
	s->ergs[ERG_HELD] = 2;
}
static void
consent(struct app_status *s)
{
	s->tenants[TENANT_CONSENT_MISSING] = 1;
}
static void
away(struct app_status *s)
{
	s->listener = (struct app_listener_status){ .presence = APP_LISTENER_AWAY };
}
static void
resync(struct app_status *s)
{
	s->resyncs_running = 1;
	s->resync_ergs_done = 7;
	s->resync_ergs_total = 40;
}
static void
soon(struct app_status *s)
{
	s->graph.credential_end_wall_ms = NOW_MS + 24 * 10 * HOUR;
}
static void
working(struct app_status *s)
{
	s->ergs[ERG_WORKING] = 1;
}
static void
still(struct app_status *s)
{
	s->dirty = 1;
}
static void
overdue(struct app_status *s)
{
	s->subscription_expiry_wall_ms = NOW_MS - HOUR;
}

static void
each_state_is_said_in_words(void **state)
{
	static const struct shown cases[] = {
		{ nothing, { "<title>All is well – ergsync</title>", "verdict well", "All is well.", "All 3 ERGs are equal",
		               "was 2 h ago.", "<time datetime=\"2026-11-22T08:00:00Z\">2026-11-22 08:00:00 UTC</time>" } },
		{ empty, { "All is well.", "No ERG is linked yet." } },
		{ held, { "<title>1 thing needs attention – ergsync</title>", "verdict now",
		            "2 ERGs have plans that wait for a decision.", "<code>ergsyncctl plan show ERG</code>",
		            "wants a look: </span>2" } },
		{ consent, { "1 tenant lacks consent.", "<code>ergsyncctl tenant show TENANT</code>" } },
		{ away, { "does not answer", "<code>systemctl status ergsync-listener</code>" } },
		{ resync, { "All is well.", "7 of 40", "<progress max=\"40\" value=\"7\"" } },
		{ soon, { "verdict soon", "expires in 10 d.", ">Soon<" } },
		{ working, { "All is well.", "3 of 4 ERGs", "http-equiv=\"refresh\"", "?still" } },
		{ still, { "All is well.", "It stays as it is." } },
		{ overdue, { "A subscription has expired", "60 min ago" } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct app_status s = well();
		struct text page;

		cases[i].change(&s);
		page_of(&s, &page);
		for (size_t k = 0; k < COUNT(cases[i].words) && cases[i].words[k] != NULL; k++)
			if (strstr(page.data, cases[i].words[k]) == NULL)
				fail_msg("not there: %s\n%s", cases[i].words[k], strstr(page.data, "<body>"));
		text_done(&page);
	}
}

/* As /metrics and /healthz, it is for whoever reaches the address: whatever a status has of names and texts stays away. */
static void
nobody_is_named(void **state)
{
	struct rng rng = test_rng("console page");

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct app_status s = well();
		struct text page;
		int64_t *counts[] = { &s.tenants[0], &s.ergs[0], &s.subscriptions[0], &s.unproved_wall_ms, &s.callback_backlog,
			&s.callback_oldest_wall_ms, &s.subscription_expiry_wall_ms, &s.inbox_backlog, &s.dirty,
			&s.meetings.failed, &s.additions_only, &s.damaged_records, &s.reseal_total, &s.graph.clock_ahead_ms,
			&s.graph.credential_end_wall_ms, &s.listener.certificate_end_wall_ms, &s.store.used_bytes,
			&s.store.limit_bytes, &s.resyncs_running, &s.resync_ergs_total, &s.rebuilt_wall_ms, &s.tenants_noted };

		for (size_t i = 0; i < COUNT(counts); i++)
			if (rng_below(&rng, 3) == 0)
				*counts[i] = (int64_t)(rng_u64(&rng) >> (1 + rng_below(&rng, 63)));
		for (size_t i = 0; i < APP_ERG_STATES; i++)
			s.ergs[i] = (int64_t)rng_below(&rng, 3);
		for (size_t i = 0; i < APP_TENANT_STATES; i++)
			s.tenants[i] = (int64_t)rng_below(&rng, 3);
		s.listener.presence = (enum app_listener_presence)rng_below(&rng, 3);
		s.store.full = rng_below(&rng, 2) == 0;
		str_copy(s.unproved_erg.s, APP_ID_SIZE, "secret-erg");
		str_copy(s.callback_detail, DETAIL_SIZE, "<b>secret</b> answered");
		str_copy(s.problems[0].subject, sizeof(s.problems[0].subject), "erg:secret-erg");
		str_copy(s.problems[0].detail, DETAIL_SIZE, "<secret@example.org>");
		s.problem_count = 1;
		page_of(&s, &page);
		assert_null(strstr(page.data, "secret-"));
		assert_null(strstr(page.data, "secret@"));
		assert_null(strstr(page.data, "<b>"));
		text_done(&page);
	}
}

static void
texts_are_escaped(void **state)
{
	static const struct {
		const char *text, *html;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "<a href=\"x\" id='y'>&amp;</a>", "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;" },
		{ "Caf\xc3\xa9", "Caf\xc3\xa9" },
		{ "a\xff\xc3z\x01\x1b", "a??z??" },
		{ "\xc2\x9b", "?" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text html;

		text_init(&html, 4096);
		text_adds(&html, "");
		console_escape(cases[i].text, &html);
		assert_string_equal(html.data != NULL ? html.data : "", cases[i].html);
		text_done(&html);
	}
}

static void
any_bytes_are_escaped(void **state)
{
	struct rng rng = test_rng("console escape");

	(void)state;
	for (int round = 0; round < 20000; round++) {
		char bytes[24];
		struct text html;
		size_t len = (size_t)rng_below(&rng, sizeof(bytes));

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(1 + rng_below(&rng, 255));
		bytes[len] = '\0';
		text_init(&html, 4096);
		text_adds(&html, ".");
		console_escape(bytes, &html);
		assert_int_equal(text_err(&html), ERR_OK);
		assert_true(utf8_valid(html.data, html.len));
		assert_int_equal(strcspn(html.data, "<>\"'"), html.len);
		for (const char *c = html.data; (c = strchr(c, '&')) != NULL; c++)
			assert_true(str_starts(c, "&amp;") || str_starts(c, "&lt;") || str_starts(c, "&gt;") ||
			            str_starts(c, "&quot;") || str_starts(c, "&#39;"));
		text_done(&html);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_said_in_words),
		cmocka_unit_test(nobody_is_named),
		cmocka_unit_test(texts_are_escaped),
		cmocka_unit_test(any_bytes_are_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
