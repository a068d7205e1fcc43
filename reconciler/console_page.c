/*
 * console_page.c - a verdict, what wants somebody, and tables of figures.
 *
 * No JavaScript: the page asks to be loaded again. A figure that wants a look has a mark and a word for those who do not see the mark,
 * besides its colour. Colours keep 4.5:1 against their ground in both schemes.
 */
#include "reconciler/console_page.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/attention.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/timestamp.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* clang-format off */
static const char style[] =
	":root{color-scheme:light dark;--ground:#f5f6f8;--card:#fff;--ink:#1c232d;--soft:#5a6472;--line:#e4e7ec;"
	"--well:#17633c;--well-ground:#e8f4ed;--now:#9c231f;--now-ground:#fcecea;--soon:#744a00;--soon-ground:#fcf2dc}"
	"@media(prefers-color-scheme:dark){:root{--ground:#111418;--card:#191d23;--ink:#e5e8ed;--soft:#9aa5b3;--line:#2a3039;"
	"--well:#86d6a8;--well-ground:#14261c;--now:#ffa198;--now-ground:#331b1b;--soon:#efc471;--soon-ground:#2d2413}}"
	"*{box-sizing:border-box}"
	"body{margin:0;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
	"-webkit-text-size-adjust:100%;overflow-wrap:break-word}"
	"header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}"
	"header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem;padding-top:1.5rem;color:var(--soft);font-size:.875rem}"
	"header p{margin:0}.name{font-weight:600;color:var(--ink)}"
	"h1{margin:0;font-size:1.75rem;line-height:1.25;font-weight:650;letter-spacing:-.015em}"
	"h2{margin:0 0 .5rem;font-size:.9375rem;font-weight:650}"
	".verdict{margin:1rem 0 1.25rem;padding:1.25rem 1.5rem;border-radius:.75rem;border-left:.375rem solid}"
	".verdict p{margin:.375rem 0 0;max-width:80ch}"
	".well{background:var(--well-ground);border-color:var(--well)}.well h1{color:var(--well)}"
	".now{background:var(--now-ground);border-color:var(--now)}.now h1{color:var(--now)}"
	".soon{background:var(--soon-ground);border-color:var(--soon)}.soon h1{color:var(--soon)}"
	".verdict ol{list-style:none;margin:1rem 0 0;padding:0;display:grid;gap:.75rem}"
	".verdict li{padding-top:.75rem;border-top:1px solid var(--line);display:grid;grid-template-columns:4.5rem 1fr;gap:0 .75rem}"
	".verdict li p{margin:0;max-width:none}.verdict li .next{grid-column:2;color:var(--soft);font-size:.9375rem}"
	".urgency{font-size:.75rem;font-weight:650;letter-spacing:.05em;text-transform:uppercase;line-height:1.5rem}"
	".urgency.now,.urgency.soon{background:none}.urgency.now{color:var(--now)}.urgency.soon{color:var(--soon)}"
	"code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--ink);background:var(--card);"
	"border:1px solid var(--line);border-radius:.3125rem;padding:.0625rem .3125rem}"
	".cards{columns:3 20rem;column-gap:1rem}"
	".card{break-inside:avoid;display:inline-block;width:100%;margin:0 0 1rem;padding:1rem 1.25rem;background:var(--card);"
	"border:1px solid var(--line);border-radius:.75rem}"
	"table{width:100%;border-collapse:collapse;font-size:.9375rem}"
	"tr+tr th,tr+tr td{border-top:1px solid var(--line)}"
	"th{text-align:left;font-weight:400;padding:.3125rem .75rem .3125rem 0;vertical-align:top}"
	"td{text-align:right;padding:.3125rem 0;vertical-align:top;white-space:nowrap;font-variant-numeric:tabular-nums}"
	"small{display:block;color:var(--soft);font-size:.8125rem;line-height:1.4}"
	".nil th,.nil td{color:var(--soft)}.look th,.look td{color:var(--now);font-weight:600}.look small{font-weight:400}"
	"progress{width:100%;height:.5rem;accent-color:var(--well)}"
	"footer{padding-top:.25rem;padding-bottom:2rem;color:var(--soft);font-size:.875rem}footer p{margin:.25rem 0}a{color:inherit}"
	".unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}"
	"@media(max-width:30rem){header,main,footer{padding-left:.75rem;padding-right:.75rem}.verdict{padding:1rem}h1{font-size:1.4375rem}"
	".verdict li{grid-template-columns:1fr}.verdict li .next{grid-column:1;margin-top:.25rem}.card{padding:.875rem 1rem}}"
	"@media print{body{background:none}.card,.verdict{break-inside:avoid}}";
/* clang-format on */

void
console_style_hash(char ret[CONSOLE_STYLE_HASH_SIZE])
{
	static const char name[] = "sha256-";
	const struct span part = { style, sizeof(style) - 1 };
	uint8_t hash[HASH_LEN];

	_Static_assert(sizeof(name) + BASE64_LEN(HASH_LEN) <= CONSOLE_STYLE_HASH_SIZE, "the hash fits");
	sha256(&part, 1, hash);
	memcpy(ret, name, sizeof(name));
	base64_encode(hash, sizeof(hash), ret + sizeof(name) - 1);
}

/* ---------- text ---------- */

void
console_escape(const char *s, struct text *ret)
{
	size_t left = strlen(s), step;
	uint32_t c;

	for (; left > 0; s += step, left -= step) {
		if ((step = utf8_char(s, left, &c)) == 0) {
			step = 1;
			text_adds(ret, "?");
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			text_adds(ret, "?");
		} else if (c == '&') {
			text_adds(ret, "&amp;");
		} else if (c == '<') {
			text_adds(ret, "&lt;");
		} else if (c == '>') {
			text_adds(ret, "&gt;");
		} else if (c == '"') {
			text_adds(ret, "&quot;");
		} else if (c == '\'') {
			text_adds(ret, "&#39;");
		} else {
			text_add(ret, s, step);
		}
	}
}

/* What stands between backticks is a command. */
static void
add_with_commands(const char *s, struct text *t)
{
	char part[ATTENTION_TEXT_SIZE];
	bool command = false;

	for (size_t len; *s != '\0'; s += len + (s[len] == '`')) {
		len = strcspn(s, "`");
		if (str_copy_len(part, sizeof(part), s, len) && len > 0) {
			text_adds(t, command ? "<code>" : "");
			console_escape(part, t);
			text_adds(t, command ? "</code>" : "");
		}
		command = !command;
	}
}

/* ---------- the verdict ---------- */

/* What being well means, in figures. */
static void
add_proof(const struct app_status *s, struct text *t)
{
	int64_t well = s->ergs[ERG_IN_SYNC], ergs = well + s->ergs[ERG_WORKING] + s->ergs[ERG_LINKING];
	char span[SPAN_SIZE];

	text_adds(t, "<p>");
	if (ergs == 0)
		text_adds(t, "No ERG is linked yet.");
	else if (ergs == 1 && well == 1)
		text_adds(t, "The one ERG is equal on both sides.");
	else if (ergs == well)
		text_addf(t, "All %" PRId64 " ERGs are equal on both sides.", ergs);
	else
		text_addf(
		    t, "%" PRId64 " of %" PRId64 " ERGs are equal on both sides, the others are being worked on.", well, ergs);
	format_span(s->as_of_wall_ms - s->unproved_wall_ms, span);
	if (ergs > 0 && s->unproved_wall_ms > 0)
		text_addf(t, " The oldest complete comparison was %s ago.", span);
	text_adds(t, "</p>\n");
}

static void
add_items(const struct attention *items, size_t count, struct text *t)
{
	static const char *const words[] = { "Now", "Soon" };

	text_adds(t, "<ol>\n");
	for (size_t i = 0; i < count; i++) {
		text_addf(t, "<li><p class=\"urgency %s\">%s</p><p>", attention_urgency_names[items[i].urgency],
		    words[items[i].urgency]);
		console_escape(items[i].what, t);
		text_adds(t, "</p><p class=\"next\">Next: ");
		add_with_commands(items[i].next, t);
		text_adds(t, "</p></li>\n");
	}
	text_adds(t, "</ol>\n");
}

static void
add_verdict(const struct app_status *s, const struct attention *items, size_t count, const char *verdict, struct text *t)
{
	text_addf(t, "<section class=\"verdict %s\" aria-labelledby=\"verdict\">\n<h1 id=\"verdict\">%s%s.</h1>\n",
	    count == 0 ? "well" : attention_urgency_names[items[0].urgency],
	    count == 0 ? "<span aria-hidden=\"true\">✓ </span>" : "<span aria-hidden=\"true\">▲ </span>", verdict);
	if (count == 0)
		add_proof(s, t);
	else
		add_items(items, count, t);
	text_adds(t, "</section>\n");
}

/* ---------- tables ---------- */

static void
card_open(const char *id, const char *title, struct text *t)
{
	text_addf(t, "<section class=\"card\">\n<h2 id=\"%s\">%s</h2>\n<table aria-labelledby=\"%s\">\n", id, title, id);
}

static void
card_close(struct text *t)
{
	text_adds(t, "</table>\n</section>\n");
}

enum tone { PLAIN, NIL, LOOK }; /* nothing is there; somebody should look */

/* Up to the value, which is the caller's, as is the end of the row. */
static void
row_open(struct text *t, enum tone tone, const char *label, const char *note)
{
	static const char *const classes[] = { "", " class=\"nil\"", " class=\"look\"" };
	static const char mark[] = "<span aria-hidden=\"true\">▲ </span><span class=\"unseen\">wants a look: </span>";

	text_addf(t, "<tr%s><th scope=\"row\">%s", classes[tone], label);
	if (note[0] != '\0')
		text_addf(t, "<small>%s</small>", note);
	text_addf(t, "</th><td>%s", tone == LOOK ? mark : "");
}

static void __attribute__((format(printf, 5, 6)))
row(struct text *t, enum tone tone, const char *label, const char *note, const char *format, ...)
{
	char value[160];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	row_open(t, tone, label, note);
	console_escape(value, t);
	text_adds(t, "</td></tr>\n");
}

/* Of what is not there no more is said. */
static void
row_count(struct text *t, const char *label, const char *note, int64_t n, bool look)
{
	row(t, n == 0 ? NIL : look ? LOOK : PLAIN, label, n == 0 ? "" : note, "%" PRId64, n);
}

enum when { WAS, WILL_BE };

/* "3 h ago" or "in 3 h", with the instant below it. What should be ahead and is not wants a look. */
static void
row_time(struct text *t, const char *label, const char *none, int64_t at_wall_ms, int64_t now_wall_ms, enum when when)
{
	char at[TIMESTAMP_SIZE], span[SPAN_SIZE];
	bool ahead = at_wall_ms > now_wall_ms, late = when == WILL_BE && !ahead;

	if (at_wall_ms == 0) {
		row(t, NIL, label, "", "%s", none);
		return;
	}
	timestamp_format(at_wall_ms / 1000 * 1000, at);
	format_span(ahead ? at_wall_ms - now_wall_ms : now_wall_ms - at_wall_ms, span);
	row_open(t, late ? LOOK : PLAIN, label, "");
	text_addf(t, "%s%s%s<small><time datetime=\"%s\">%.10s %.5s UTC</time></small></td></tr>\n", ahead ? "in " : "", span,
	    ahead ? "" : " ago", at, at, at + 11);
}

/* One row for each state, in the order in which they are of interest. */
struct state {
	unsigned state;
	const char *label, *note;
	bool look;
};

static void
rows_of_states(struct text *t, const struct state *states, size_t count, const int64_t *counts)
{
	for (size_t i = 0; i < count; i++)
		row_count(t, states[i].label, states[i].note, counts[states[i].state], states[i].look);
}

static void
card_ergs(const struct app_status *s, struct text *t)
{
	static const struct state states[] = {
		{ ERG_IN_SYNC, "In sync", "", false },
		{ ERG_WORKING, "Working", "a change is on its way", false },
		{ ERG_LINKING, "Linking", "the team is being looked up", false },
		{ ERG_HELD, "Held", "a plan waits for a decision", true },
		{ ERG_BROKEN, "Broken", "team or channel out of reach", true },
		{ ERG_OFF, "Off", "", false },
	};

	_Static_assert(COUNT(states) == APP_ERG_STATES, "each state has a row");
	card_open("ergs", "ERGs", t);
	rows_of_states(t, states, COUNT(states), s->ergs);
	row_time(t, "Oldest proof", s->unproved_erg.s[0] == '\0' ? "none" : "one has none yet", s->unproved_wall_ms,
	    s->as_of_wall_ms, WAS);
	if (s->additions_only > 0)
		row_count(t, "Additions only", "nobody is removed until a full comparison is through", s->additions_only, true);
	card_close(t);
}

static void
card_tenants(const struct app_status *s, struct text *t)
{
	static const struct state states[] = {
		{ TENANT_ACTIVE, "Active", "", false },
		{ TENANT_CONSENT_MISSING, "Consent missing", "an administrator has to consent", true },
		{ TENANT_SIGN_IN_NEEDED, "Sign-in needed", "of the dedicated account", true },
		{ TENANT_UNREACHABLE, "Unreachable", "sign-in or Graph fails", true },
		{ TENANT_REMOVING, "Being removed", "", false },
	};

	_Static_assert(COUNT(states) == APP_TENANT_STATES, "each state has a row");
	card_open("tenants", "Tenants", t);
	rows_of_states(t, states, COUNT(states), s->tenants);
	if (s->permission_missing > 0)
		row_count(t, "Permission missing", "their ERGs need more than was granted", s->permission_missing, true);
	card_close(t);
}

static void
row_listener(const struct app_listener_status *l, struct text *t)
{
	static const struct {
		enum tone tone;
		const char *word;
	} is[] = {
		[APP_LISTENER_UNKNOWN] = { NIL, "not asked yet" },
		[APP_LISTENER_AWAY] = { LOOK, "does not answer" },
		[APP_LISTENER_UP] = { PLAIN, "up" },
	};

	if (l->presence == APP_LISTENER_UP && !l->can_store)
		row(t, LOOK, "Listener", "", "cannot store");
	else
		row(t, is[l->presence].tone, "Listener", "", "%s%s%s", is[l->presence].word,
		    l->version[0] != '\0' ? ", version " : "", l->version);
}

static void
card_from_teams(const struct app_status *s, struct text *t)
{
	card_open("notifications", "Heard from Teams", t);
	row_listener(&s->listener, t);
	row_time(t, "Its certificate ends", "not known", s->listener.certificate_end_wall_ms, s->as_of_wall_ms, WILL_BE);
	row_count(t, "Notifications waiting", "", s->inbox_backlog, false);
	row_count(t, "Lists to read", "", s->dirty, false);
	card_close(t);
}

static void
card_subscriptions(const struct app_status *s, struct text *t)
{
	static const struct state states[] = {
		{ SUBSCRIPTION_ACTIVE, "Active", "", false },
		{ SUBSCRIPTION_WANTED, "Being made", "", false },
		{ SUBSCRIPTION_FAILING, "Failing", "changes are found by comparing only", true },
		{ SUBSCRIPTION_LEAVING, "Being deleted", "", false },
		{ SUBSCRIPTION_COVERED, "Teams without one", "their tenant has one for all", false },
		{ SUBSCRIPTION_REFUSED, "Refused for all teams", "in these tenants each team has its own", false },
	};

	_Static_assert(COUNT(states) == APP_SUBSCRIPTION_STATES, "each state has a row");
	card_open("subscriptions", "Subscriptions", t);
	rows_of_states(t, states, COUNT(states), s->subscriptions);
	if (s->subscriptions_former > 0)
		row_count(t, "At a former address", "which must go on answering", s->subscriptions_former, true);
	row_time(t, "Next expiry", "none", s->subscription_expiry_wall_ms, s->as_of_wall_ms, WILL_BE);
	card_close(t);
}

static void
card_to_app(const struct app_status *s, struct text *t)
{
	card_open("callbacks", "Told to the app", t);
	row(t, PLAIN, "Changes so far", "", "%" PRIu64, s->feed_seq);
	row_count(t, "Callbacks waiting", "", s->callback_backlog, false);
	row_time(t, "Oldest of them", "none waits", s->callback_oldest_wall_ms, s->as_of_wall_ms, WAS);
	card_close(t);
}

static void
card_meetings(const struct app_status *s, struct text *t)
{
	card_open("meetings", "Meetings", t);
	row_count(t, "Scheduled", "", s->meetings.scheduled, false);
	row_count(t, "Pending", "to be written to Outlook", s->meetings.pending, false);
	row_count(t, "Failed", "Outlook refused; the app was told why", s->meetings.failed, true);
	card_close(t);
}

static void
card_resyncs(const struct app_status *s, struct text *t)
{
	card_open("resyncs", "Resyncs", t);
	row_count(t, "Running", "", s->resyncs_running, false);
	if (s->resyncs_running > 0) {
		row(t, PLAIN, "ERGs compared", "", "%" PRId64 " of %" PRId64, s->resync_ergs_done, s->resync_ergs_total);
		text_addf(t,
		    "<tr><td colspan=\"2\"><progress max=\"%" PRId64 "\" value=\"%" PRId64
		    "\" aria-labelledby=\"resyncs\"></progress></td></tr>\n",
		    s->resync_ergs_total > 0 ? s->resync_ergs_total : 1, s->resync_ergs_done);
	}
	card_close(t);
}

static void
card_graph(const struct app_status *s, struct text *t)
{
	const struct app_graph_status *g = &s->graph;

	card_open("graph", "Microsoft Graph", t);
	row_time(t, "Last answer", "none yet", g->answer_wall_ms, s->as_of_wall_ms, WAS);
	row(t, PLAIN, "Requests", "since the start", "%" PRId64, g->requests);
	row_count(t, "Throttled", "answers that asked to wait; some are normal", g->throttled, false);
	row_count(t, "Calls waiting", "", g->queued, false);
	row_count(t, "Paused", "tenants and services that failed too often; tried again by itself", g->paused, true);
	row_time(t, g->by_certificate ? "Certificate ends" : "Secret ends", "not known", g->credential_end_wall_ms,
	    s->as_of_wall_ms, WILL_BE);
	card_close(t);
}

static void
card_store(const struct app_status *s, struct text *t)
{
	char used[32], limit[32];

	format_size_short((uint64_t)s->store.used_bytes, used);
	format_size_short((uint64_t)s->store.limit_bytes, limit);
	card_open("store", "Store", t);
	row(t, s->store.full ? LOOK : PLAIN, "Used", "", "%s of %s", used, limit);
	row_count(t, "Damaged records", "taken out, and read anew", s->damaged_records, true);
	if (s->reseal_total > 0)
		row(t, PLAIN, "Sealed with the new key", "", "%" PRId64 " of %" PRId64, s->reseal_rows, s->reseal_total);
	card_close(t);
}

/* ---------- the page ---------- */

static void
add_head(const char *verdict, bool still, struct text *t)
{
	text_addf(t, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	             "<meta name=\"robots\" content=\"noindex\">\n");
	if (!still)
		text_addf(t, "<meta http-equiv=\"refresh\" content=\"%d\">\n", CONSOLE_REFRESH_S);
	text_addf(t, "<title>%s – ergsync</title>\n<style>%s</style>\n</head>\n<body>\n", verdict, style);
}

/* Some cannot read a page that is replaced while they do. */
static void
add_foot(bool still, struct text *t)
{
	text_adds(t,
	    "</main>\n<footer><p>This page names nobody. Which tenant or ERG it is, <code>ergsyncctl status</code> tells on the "
	    "machine itself.</p>");
	if (still)
		text_adds(t, "<p>It stays as it is. <a href=\"?\">Load it again and again</a></p>");
	else
		text_addf(
		    t, "<p>It is loaded again every %d seconds. <a href=\"?still\">Keep it still</a></p>", CONSOLE_REFRESH_S);
	text_adds(t, "</footer>\n</body>\n</html>\n");
}

static void
add_banner(const struct app_status *s, struct text *t)
{
	char at[TIMESTAMP_SIZE], span[SPAN_SIZE];

	timestamp_format(s->as_of_wall_ms / 1000 * 1000, at);
	format_span(s->as_of_wall_ms - s->started_wall_ms, span);
	text_adds(t, "<header><p><span class=\"name\">ergsync</span> ");
	console_escape(ERGSYNC_VERSION, t);
	text_addf(t, ", running for %s</p><p>As of <time datetime=\"%s\">%.10s %.8s UTC</time></p></header>\n<main>\n", span, at,
	    at, at + 11);
}

void
console_page(const struct app_status *s, bool still, struct text *t)
{
	static void (*const cards[])(const struct app_status *s, struct text *t) = { card_ergs, card_tenants, card_from_teams,
		card_subscriptions, card_to_app, card_meetings, card_graph, card_resyncs, card_store };
	struct attention items[ATTENTION_MAX];
	size_t count = attention_of(s, items);
	char verdict[ATTENTION_TEXT_SIZE];

	attention_verdict(count, verdict);
	add_head(verdict, still, t);
	add_banner(s, t);
	add_verdict(s, items, count, verdict, t);
	text_adds(t, "<div class=\"cards\">\n");
	for (size_t i = 0; i < COUNT(cards); i++)
		cards[i](s, t);
	text_adds(t, "</div>\n");
	add_foot(still, t);
}
