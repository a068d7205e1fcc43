/* render.c - tables, one screen of status, sentences. */
#include "ctl/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/timestamp.h"

#define CELL_SIZE    512
#define COLUMNS_MAX  12
#define PROBLEMS_MAX 16 /* the daemon names no more */
#define INDENT       4
#define INDENT_MAX   (4 * INDENT) /* objects deeper than that are not shown */

#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

/* ---------- cells ---------- */

/* Copies what can be shown, in whole characters: neither C0 nor C1 controls, nor the marks that turn the direction of text. */
static void
clean(const char *s, char *ret, size_t ret_size)
{
	size_t left = strlen(s), used = 0, step;
	uint32_t c;

	for (; left > 0 && (step = utf8_char(s, left, &c)) > 0; s += step, left -= step) {
		bool bad = c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);

		if (used + step + 1 > ret_size)
			break;
		if (bad)
			ret[used++] = '?';
		else
			memcpy(ret + used, s, step);
		used += bad ? 0 : step;
	}
	ret[used] = '\0';
}

static size_t
width_of(const char *s)
{
	size_t width = 0;

	for (; *s != '\0'; s++)
		width += ((unsigned char)*s & 0xc0) != 0x80;
	return width;
}

static void
cell(const json_t *value, char ret[CELL_SIZE])
{
	if (json_is_string(value) && json_string_length(value) > 0)
		clean(json_string_value(value), ret, CELL_SIZE);
	else if (json_is_integer(value))
		(void)snprintf(ret, CELL_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		(void)snprintf(ret, CELL_SIZE, "%s", json_is_true(value) ? "yes" : "no");
	else
		(void)snprintf(ret, CELL_SIZE, "-");
}

/* "members.app" */
static const json_t *
value_at(const json_t *o, const char *path)
{
	char name[64];

	while (o != NULL && *path != '\0') {
		size_t len = strcspn(path, ".");

		if (!str_copy_len(name, sizeof(name), path, len))
			return NULL;
		o = json_object_get(o, name);
		path += len + (path[len] == '.');
	}
	return o;
}

static int64_t
int_at(const json_t *o, const char *path)
{
	const json_t *value = value_at(o, path);

	return json_is_integer(value) ? json_integer_value(value) : 0;
}

static const char *
str_at(const json_t *o, const char *path)
{
	const char *s = json_string_value(value_at(o, path));

	return s != NULL ? s : "";
}

/* 0 when it is not a time. */
static int64_t
time_at(const json_t *o, const char *path)
{
	int64_t ms;

	return timestamp_parse(str_at(o, path), &ms) == ERR_OK ? ms : 0;
}

static void
add_padded(struct text *out, const char *s, size_t width, bool last)
{
	size_t have = width_of(s);

	text_adds(out, s);
	for (; !last && have < width + 2; have++)
		text_adds(out, " ");
}

/* ---------- tables ---------- */

void
render_table(const json_t *list, const struct column *columns, const char *none, struct text *out)
{
	size_t widths[COLUMNS_MAX], count = 0, i;
	const json_t *item;
	char shown[CELL_SIZE];

	if (json_array_size(list) == 0) {
		text_addf(out, "%s\n", none);
		return;
	}
	for (; count < COLUMNS_MAX && columns[count].title != NULL; count++) {
		widths[count] = width_of(columns[count].title);
		json_array_foreach(list, i, item)
		{
			cell(value_at(item, columns[count].path), shown);
			if (width_of(shown) > widths[count])
				widths[count] = width_of(shown);
		}
	}
	for (size_t k = 0; k < count; k++)
		add_padded(out, columns[k].title, widths[k], k + 1 == count);
	text_adds(out, "\n");
	json_array_foreach(list, i, item)
	{
		for (size_t k = 0; k < count; k++) {
			cell(value_at(item, columns[k].path), shown);
			add_padded(out, shown, widths[k], k + 1 == count);
		}
		text_adds(out, "\n");
	}
}

static void object_lines(const json_t *o, const char *prefix, unsigned indent, struct text *out);

static void
value_line(const char *path, const char *shown, unsigned indent, struct text *out)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "%s:", path);
	text_addf(out, "%*s%-22s %s\n", (int)indent, "", name, shown);
}

/* The first line of each item gets a dash. */
static void
array_lines(const json_t *list, const char *path, unsigned indent, struct text *out)
{
	char shown[CELL_SIZE];
	const json_t *item;
	size_t i;

	value_line(path, json_array_size(list) == 0 ? "none" : "", indent, out);
	json_array_foreach(list, i, item)
	{
		size_t begin = out->len;

		if (json_is_object(item) && indent < INDENT_MAX) {
			object_lines(item, "", indent + INDENT, out);
			if (text_err(out) == ERR_OK && out->len > begin + indent + INDENT)
				out->data[begin + indent + INDENT - 2] = '-';
		} else {
			cell(item, shown);
			text_addf(out, "%*s- %s\n", (int)indent + INDENT - 2, "", shown);
		}
	}
}

static void
object_lines(const json_t *o, const char *prefix, unsigned indent, struct text *out)
{
	const char *key;
	json_t *value;
	char path[200], shown[CELL_SIZE];

	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		(void)snprintf(path, sizeof(path), "%.120s%s%.64s", prefix, prefix[0] != '\0' ? "." : "", key);
		if (json_is_object(value) && indent < INDENT_MAX && strlen(path) < 100) {
			object_lines(value, path, indent, out);
		} else if (json_is_array(value)) {
			array_lines(value, path, indent, out);
		} else {
			cell(value, shown);
			value_line(path, shown, indent, out);
		}
	}
}

void
render_object(const json_t *o, struct text *out)
{
	object_lines(o, "", 0, out);
}

/* ---------- problems ---------- */

void
render_problem(const json_t *problem, int status, struct text *out)
{
	const char *detail = str_at(problem, "detail"), *title = str_at(problem, "title");
	const json_t *errors = jx_get_array(problem, "errors"), *error;
	char shown[CELL_SIZE];
	size_t i;

	clean(detail, shown, sizeof(shown));
	if (shown[0] != '\0' && json_array_size(errors) == 0) {
		text_addf(out, "%s\n", shown); /* the title says the same, only less of it */
		return;
	}
	clean(title, shown, sizeof(shown));
	if (shown[0] == '\0')
		text_addf(out, "The daemon answered %d.\n", status);
	else
		text_addf(out, "%s.\n", shown);
	json_array_foreach(errors, i, error)
	{
		const char *pointer = str_at(error, "pointer");

		clean(pointer[0] == '/' ? pointer + 1 : str_at(error, "parameter"), shown, sizeof(shown));
		text_addf(out, "  %s: ", shown[0] != '\0' ? shown : "body");
		clean(str_at(error, "detail"), shown, sizeof(shown));
		text_addf(out, "%s\n", shown);
	}
}

/* ---------- status ---------- */

/* What wants somebody, in the daemon's words. */
static void
attention_lines(const json_t *status, struct text *out)
{
	const json_t *item;
	char shown[CELL_SIZE];
	size_t i;

	json_array_foreach(jx_get_array(status, "attention"), i, item)
	{
		clean(str_at(item, "what"), shown, sizeof(shown));
		text_addf(out, "  - %s\n", shown);
		clean(str_at(item, "next"), shown, sizeof(shown));
		if (shown[0] != '\0')
			text_addf(out, "    next: %s\n", shown);
	}
}

/* How many from the i-th on say the same; 0: one before it did. */
static size_t
problem_likes(const json_t *problems, size_t i)
{
	const char *detail = str_at(json_array_get(problems, i), "detail");
	size_t likes = 0;

	for (size_t k = 0; k < json_array_size(problems); k++) {
		if (strcmp(str_at(json_array_get(problems, k), "detail"), detail) != 0)
			continue;
		if (k < i)
			return 0;
		likes++;
	}
	return likes;
}

/* The daemon's own words about single tenants and ERGs: each of its sentences once. */
static void
problem_lines(const json_t *status, struct text *out)
{
	const json_t *problems = jx_get_array(status, "problems"), *problem;
	char subject[CELL_SIZE], detail[CELL_SIZE];
	size_t i, likes;

	json_array_foreach(problems, i, problem)
	{
		clean(str_at(problem, "subject"), subject, sizeof(subject));
		clean(str_at(problem, "detail"), detail, sizeof(detail));
		if (str_starts(subject, "store:") || (likes = problem_likes(problems, i)) == 0)
			continue; /* that is among what wants attention, or has been said */
		text_addf(out, "  %s", subject);
		if (likes > 1)
			text_addf(
			    out, " and %s%zu more", json_array_size(problems) >= PROBLEMS_MAX ? "at least " : "", likes - 1);
		text_addf(out, "%s%s\n", subject[0] != '\0' ? ": " : "", detail);
	}
}

static void
verdict(const json_t *status, bool color, struct text *out)
{
	const json_t *attention = jx_get_array(status, "attention");
	bool well = attention != NULL && json_array_size(attention) == 0;
	char shown[CELL_SIZE];

	clean(str_at(status, "verdict"), shown, sizeof(shown));
	text_addf(out, "%s%s%s%s\n",
	    !color ? ""
	    : well ? GREEN
	           : YELLOW,
	    shown[0] != '\0' ? shown : "The daemon gives no verdict", well ? "." : ":", color ? PLAIN : "");
	attention_lines(status, out);
	problem_lines(status, out);
}

/* "in_sync 3, held 1" of an object of counts, without zeros and without the total. */
static void
counts_line(const json_t *status, const char *title, const char *path, struct text *out)
{
	const json_t *counts = value_at(status, path);
	const char *key;
	json_t *value;
	bool first = true;

	text_addf(out, "%-15s %4" PRId64 "   ", title, int_at(counts, "total"));
	json_object_foreach((json_t *)(uintptr_t)counts, key, value)
	{
		if (strcmp(key, "total") == 0 || !json_is_integer(value) || json_integer_value(value) == 0)
			continue;
		text_addf(out, "%s%s %" JSON_INTEGER_FORMAT, first ? "" : ", ", key, json_integer_value(value));
		first = false;
	}
	text_adds(out, first ? "none\n" : "\n");
}

static void
when_line(const json_t *status, const char *title, const char *path, int64_t now_wall_ms, bool ahead, struct text *out)
{
	int64_t at = time_at(status, path);
	char span[SPAN_SIZE];

	if (at == 0)
		return;
	format_span(ahead ? at - now_wall_ms : now_wall_ms - at, span);
	text_addf(out, "%-15s        %s%s%s (%s)\n", title, ahead ? "in " : "", span, ahead ? "" : " ago", str_at(status, path));
}

static void
resyncs_line(const json_t *status, struct text *out)
{
	int64_t running = int_at(status, "resyncs.running");

	text_addf(out, "%-15s %4" PRId64 "   running", "Resyncs", running);
	if (running > 0)
		text_addf(out, "; %" PRId64 " of %" PRId64 " ERGs compared", int_at(status, "resyncs.ergs_done"),
		    int_at(status, "resyncs.ergs_total"));
	text_adds(out, "\n");
}

void
render_status(const json_t *status, int64_t now_wall_ms, bool color, struct text *out)
{
	char shown[CELL_SIZE];

	verdict(status, color, out);
	text_adds(out, "\n");
	counts_line(status, "Tenants", "tenants", out);
	counts_line(status, "ERGs", "ergs", out);
	text_addf(out, "%-15s %4" PRId64 "   scheduled; %" PRId64 " pending, %" PRId64 " failed\n", "Meetings",
	    int_at(status, "meetings.scheduled"), int_at(status, "meetings.pending"), int_at(status, "meetings.failed"));
	counts_line(status, "Subscriptions", "subscriptions", out);
	if (int_at(status, "subscriptions.at_former_address") > 0)
		text_addf(out, "%-15s %4" PRId64 "   for which Graph needs a former public_url, too\n", "",
		    int_at(status, "subscriptions.at_former_address"));
	when_line(status, "  next expiry", "subscriptions.next_expiry_at", now_wall_ms, true, out);
	clean(str_at(status, "listener.state"), shown, sizeof(shown));
	text_addf(out, "%-15s        %s\n", "Listener", shown[0] != '\0' ? shown : "unknown");
	text_addf(out, "%-15s %4" PRId64 "   waiting; %" PRId64 " lists to be read from Teams\n", "Notifications",
	    int_at(status, "inbox.backlog"), int_at(status, "inbox.dirty"));
	clean(str_at(status, "callbacks.detail"), shown, sizeof(shown));
	text_addf(out, "%-15s %4" PRId64 "   waiting%s%s\n", "Callbacks", int_at(status, "callbacks.backlog"),
	    shown[0] != '\0' ? "; last: " : "", shown);
	resyncs_line(status, out);
	if (json_is_object(value_at(status, "oldest_unproved"))) {
		clean(str_at(status, "oldest_unproved.erg"), shown, sizeof(shown));
		text_addf(out, "%-15s        %s%s\n", "Oldest proof", shown,
		    time_at(status, "oldest_unproved.proved_at") == 0 ? ", never proved equal yet" : "");
		when_line(status, "  proved equal", "oldest_unproved.proved_at", now_wall_ms, false, out);
	}
	when_line(status, "Running since", "started_at", now_wall_ms, false, out);
}

/* ---------- resyncs ---------- */

/* 1234567 as 1,234,567 */
static void
add_grouped(struct text *out, int64_t n)
{
	char digits[32];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, n < 0 ? 0 : n);

	for (size_t i = 0; i < len; i++)
		text_addf(out, "%s%c", i > 0 && (len - i) % 3 == 0 ? "," : "", digits[i]);
}

void
render_progress(const json_t *resync, unsigned width, struct text *out)
{
	int64_t total = int_at(resync, "ergs_total"), done = int_at(resync, "ergs_done");
	unsigned filled = total > 0 && done > 0 ? (unsigned)((done < total ? done : total) * width / total) : 0;

	if (width > 0) {
		text_adds(out, "[");
		for (unsigned i = 0; i < width; i++)
			text_adds(out, i < filled ? "#" : "-");
		text_adds(out, "] ");
	}
	add_grouped(out, done);
	text_adds(out, "/");
	add_grouped(out, total);
	text_adds(out, " ERGs, ");
	add_grouped(out, int_at(resync, "members_compared"));
	text_adds(out, " members compared");
}

static const struct {
	const char *path, *done, *dry;
} resync_counts[] = {
	{ "changes.added_to_app", "added to the app", "would be added to the app" },
	{ "changes.removed_from_app", "removed from the app", "would be removed from the app" },
	{ "changes.added_to_teams", "added to Teams", "would be added to Teams" },
	{ "changes.removed_from_teams", "removed from Teams", "would be removed from Teams" },
	{ "changes.meetings_created", "meetings created", "meetings would be created" },
	{ "changes.meetings_updated", "meetings updated", "meetings would be updated" },
	{ "changes.meetings_cancelled", "meetings cancelled", "meetings would be cancelled" },
	{ "changes.held", "held for a decision", "would be held for a decision" },
};

void
render_resync(const json_t *resync, struct text *out)
{
	const json_t *error;
	char shown[CELL_SIZE];
	int64_t sum = 0;
	bool dry = json_is_true(value_at(resync, "dry_run"));
	size_t i;

	clean(str_at(resync, "state"), shown, sizeof(shown));
	text_addf(out, "%s %s: ", dry ? "Comparison" : "Resync", shown);
	render_progress(resync, 0, out);
	text_adds(out, ".\n");
	for (i = 0; i < sizeof(resync_counts) / sizeof(resync_counts[0]); i++) {
		int64_t n = int_at(resync, resync_counts[i].path);

		sum += n;
		if (n > 0)
			text_addf(out, "  %6" PRId64 " %s\n", n, dry ? resync_counts[i].dry : resync_counts[i].done);
	}
	if (sum == 0 && strcmp(shown, "done") == 0 && json_array_size(jx_get_array(resync, "errors")) == 0)
		text_adds(out, "  Both sides were equal.\n");
	json_array_foreach(jx_get_array(resync, "errors"), i, error)
	{
		cell(error, shown);
		text_addf(out, "  failed: %s\n", shown);
	}
}

/* ---------- changes and plans ---------- */

void
render_change(const json_t *change, struct text *out)
{
	static const char *const fields[] = { "event", "user", "entra_id", "email", "role", "join_url", "detail", "hash",
		"removals", "state" };
	char shown[CELL_SIZE];

	cell(value_at(change, "seq"), shown);
	text_addf(out, "%s", shown);
	clean(str_at(change, "time"), shown, sizeof(shown));
	text_addf(out, "  %s", shown);
	clean(str_at(change, "type"), shown, sizeof(shown));
	text_addf(out, "  %s", shown);
	clean(str_at(change, "subject"), shown, sizeof(shown));
	text_addf(out, "  %s", shown);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const json_t *value = json_object_get(json_object_get(change, "data"), fields[i]);

		if (value == NULL || json_is_null(value))
			continue;
		cell(value, shown);
		text_addf(out, "  %s=%s", fields[i], shown);
	}
	text_adds(out, "\n");
}

/* The items about members, or those about events. */
static json_t *
plan_part(const json_t *plan, bool events)
{
	json_t *part = json_array(), *item;
	size_t i;

	json_array_foreach(jx_get_array(plan, "items"), i, item)
	{
		if ((json_object_get(item, "event") != NULL) == events)
			json_array_append(part, item);
	}
	return part;
}

static void
plan_meetings(const json_t *plan, const json_t *meetings, struct text *out)
{
	static const struct column columns[] = { { "ACTION", "action" }, { "EVENT", "event" }, { "SUBJECT", "subject" },
		{ "MAILS", "mails" }, { "REASON", "reason" }, { NULL, NULL } };

	render_table(meetings, columns, "", out);
	text_addf(out, "\nMails to attendees: %" PRId64 "\n", int_at(plan, "mails"));
}

void
render_plan(const json_t *plan, struct text *out)
{
	static const struct column columns[] = { { "ACTION", "action" }, { "USER", "user" }, { "EMAIL", "email" },
		{ "ROLE", "role" }, { "REASON", "reason" }, { NULL, NULL } };
	json_t *members = plan_part(plan, false), *meetings = plan_part(plan, true);
	char shown[CELL_SIZE];

	if (json_is_true(value_at(plan, "held"))) {
		clean(str_at(plan, "detail"), shown, sizeof(shown));
		text_addf(out, "Held, waits for a decision%s%s\n", shown[0] != '\0' ? ": " : ".", shown);
	}
	if (json_array_size(members) > 0 || json_array_size(meetings) == 0)
		render_table(members, columns, "There is nothing to do: both sides are equal.", out);
	if (json_array_size(members) > 0 && json_array_size(meetings) > 0)
		text_adds(out, "\n");
	if (json_array_size(meetings) > 0)
		plan_meetings(plan, meetings, out);
	json_decref(members);
	json_decref(meetings);
	clean(str_at(plan, "hash"), shown, sizeof(shown));
	if (shown[0] != '\0')
		text_addf(out, "\nHash: %s\n", shown);
}

/* ---------- doctor ---------- */

static const struct {
	const char *verdict, *mark, *color;
} marks[] = {
	{ "ok", "ok     ", GREEN },
	{ "warn", "warn   ", YELLOW },
	{ "fail", "FAIL   ", YELLOW },
};

static void
check_line(const json_t *check, bool color, struct text *out)
{
	const char *verdict = str_at(check, "verdict"), *mark = "unknown", *paint = "";
	char name[CELL_SIZE], text[4 * CELL_SIZE];

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strcmp(marks[i].verdict, verdict) == 0) {
			mark = marks[i].mark;
			paint = marks[i].color;
		}
	clean(str_at(check, "check"), name, sizeof(name));
	clean(str_at(check, "detail"), text, sizeof(text));
	text_addf(out, "  %s%s%s %-21s %s\n", color ? paint : "", mark, color && paint[0] != '\0' ? PLAIN : "", name, text);
	clean(str_at(check, "next"), text, sizeof(text));
	if (text[0] != '\0')
		text_addf(out, "          %-21s next: %s\n", "", text);
}

void
render_doctor(const json_t *report, bool with_installation, bool color, struct text *out)
{
	static const char *const scopes[] = { "installation", "tenant" };
	char name[CELL_SIZE];
	const json_t *check;
	size_t i;

	clean(str_at(report, "tenant"), name, sizeof(name));
	for (int scope = with_installation ? 0 : 1; scope < 2; scope++) {
		text_addf(out, "%s%s\n", scope == 0 ? "This installation" : "Tenant ", scope == 0 ? "" : name);
		json_array_foreach(jx_get_array(report, "checks"), i,
		    check) if (strcmp(str_at(check, "scope"), scopes[scope]) == 0) check_line(check, color, out);
	}
}
