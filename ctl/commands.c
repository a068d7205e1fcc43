/*
 * commands.c - the commands that ask the daemon something and show its answer, and the table of all commands.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/encode.h"
#include "base/json.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/render.h"

#define PATH_MAX_BYTES 4096
#define OUTPUT_MAX     (64u << 20)
#define FOLLOW_WAIT_S  20
#define FOLLOW_LIMIT   500
#define COUNT(table)   (sizeof(table) / sizeof((table)[0]))

/* ---------- telling ---------- */

void
ctl_complain(const char *format, ...)
{
	va_list args;

	(void)fprintf(stderr, "ergsyncctl: ");
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	(void)fprintf(stderr, "\n");
}

void
ctl_report(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	if (line > 0)
		(void)fprintf(stderr, "%s:%d: %s\n", file, line, message);
	else
		(void)fprintf(stderr, "%s: %s\n", file, message);
}

void
ctl_print(struct text *t)
{
	if (text_err(t) != ERR_OK)
		ctl_complain("the answer cannot be shown: %s", err_text(text_err(t)));
	else if (t->data != NULL)
		(void)fwrite(t->data, 1, t->len, stdout);
	(void)fflush(stdout);
	text_done(t);
}

void
ctl_print_json(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2));
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
}

/* ---------- calling ---------- */

int
ctl_connect(struct ctl *c)
{
	char why[512];

	if (c->client != NULL)
		return EXIT_DONE;
	if (config_load(c->config_file, FOR_CTL, ctl_report, NULL, &c->config) != ERR_OK)
		return EXIT_FAILED;
	if (client_new(c->config, &c->client, why, sizeof(why)) == ERR_OK)
		return EXIT_DONE;
	ctl_complain("%s", why);
	return EXIT_FAILED;
}

int
ctl_refused(json_t *problem, int status)
{
	struct text out;

	text_init(&out, 65536);
	render_problem(problem, status, &out);
	(void)fprintf(stderr, "ergsyncctl: %s", out.data != NULL ? out.data : "refused\n");
	text_done(&out);
	json_decref(problem);
	return EXIT_FAILED;
}

int
ctl_call(struct ctl *c, const char *method, const char *path, json_t *body, json_t **ret)
{
	char why[1024];
	int status = 0;
	json_t *json = NULL;
	enum err e = client_call(c->client, method, path, body, &status, &json, why, sizeof(why));

	json_decref(body);
	if (e != ERR_OK) {
		ctl_complain("%s", why);
		return EXIT_UNREACHABLE;
	}
	if (status < 200 || status > 299)
		return ctl_refused(json, status);
	*ret = json;
	return EXIT_DONE;
}

/* "/v1/ergs/{}/members/{}": each {} is one argument, encoded. */
static const char *
path_of(char ret[PATH_MAX_BYTES], const char *template, const char *const *args)
{
	struct text path;
	const char *mark;

	text_init(&path, PATH_MAX_BYTES - 1);
	for (; (mark = strstr(template, "{}")) != NULL; template = mark + 2) {
		text_add(&path, template, (size_t)(mark - template));
		percent_encode(&path, *args++);
	}
	text_adds(&path, template);
	/* A path that is too long names nothing: the daemon says so. */
	if (text_err(&path) != ERR_OK || path.data == NULL || !str_copy(ret, PATH_MAX_BYTES, path.data))
		(void)str_copy(ret, PATH_MAX_BYTES, "/");
	text_done(&path);
	return ret;
}

/* All pages of a list, as one: {"<name>": [...], "next": null}. */
static int
get_list(struct ctl *c, const char *path, const char *name, json_t **ret)
{
	json_t *all = json_array(), *page = NULL;
	char url[PATH_MAX_BYTES];
	struct text after;
	int status = EXIT_DONE;
	const char *next = "";

	text_init(&after, 1024);
	while (status == EXIT_DONE && next != NULL) {
		(void)snprintf(
		    url, sizeof(url), "%s?limit=1000%s%s", path, after.len > 0 ? "&after=" : "", after.len > 0 ? after.data : "");
		if ((status = ctl_call(c, "GET", url, NULL, &page)) != EXIT_DONE)
			break;
		json_array_extend(all, jx_get_array(page, name));
		next = jx_get_str(page, "next");
		text_reset(&after);
		if (next != NULL)
			percent_encode(&after, next);
		json_decref(page);
	}
	text_done(&after);
	if (status == EXIT_DONE)
		*ret = json_pack("{s:O, s:n}", name, all, "next");
	json_decref(all);
	return status;
}

/* Takes json. */
static int
show_object(const struct ctl *c, json_t *json)
{
	struct text out;

	if (c->call.json) {
		ctl_print_json(json);
	} else {
		text_init(&out, OUTPUT_MAX);
		render_object(json, &out);
		ctl_print(&out);
	}
	json_decref(json);
	return EXIT_DONE;
}

/* Takes json, an answer with a list. */
static int
show_list(const struct ctl *c, json_t *json, const char *name, const struct column *columns, const char *none)
{
	struct text out;

	if (c->call.json) {
		ctl_print_json(json);
	} else {
		text_init(&out, OUTPUT_MAX);
		render_table(jx_get_array(json, name), columns, none, &out);
		ctl_print(&out);
	}
	json_decref(json);
	return EXIT_DONE;
}

static int
list_command(struct ctl *c, const char *template, const char *name, const struct column *columns, const char *none)
{
	char path[PATH_MAX_BYTES];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = get_list(c, path_of(path, template, c->call.args), name, &json);
	return status == EXIT_DONE ? show_list(c, json, name, columns, none) : status;
}

/* A call without a body, whose answer is one object. */
static int
object_command(struct ctl *c, const char *method, const char *template)
{
	char path[PATH_MAX_BYTES];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = ctl_call(c, method, path_of(path, template, c->call.args), NULL, &json);
	return status == EXIT_DONE ? show_object(c, json) : status;
}

/* The sentence for people: each {} is one argument. The daemon has taken the same ones as ids: they need no escaping. */
static void
print_sentence(const char *sentence, const char *const *args)
{
	const char *mark;

	for (; (mark = strstr(sentence, "{}")) != NULL; sentence = mark + 2)
		printf("%.*s%s", (int)(mark - sentence), sentence, *args++);
	printf("%s\n", sentence);
}

/* A write; done is the sentence for people. Takes body. */
static int
write_command(struct ctl *c, const char *method, const char *template, json_t *body, const char *done)
{
	char path[PATH_MAX_BYTES];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status != EXIT_DONE) {
		json_decref(body);
		return status;
	}
	status = ctl_call(c, method, path_of(path, template, c->call.args), body, &json);
	if (status != EXIT_DONE)
		return status;
	if (c->call.json)
		ctl_print_json(json);
	else
		print_sentence(done, c->call.args);
	json_decref(json);
	return EXIT_DONE;
}

bool
ctl_confirmed(const struct ctl *c, const char *question)
{
	char answer[16];

	if (invocation_option(&c->call, "yes") != NULL || !isatty(STDIN_FILENO) || !c->terminal)
		return true;
	printf("%s [y/N] ", question);
	(void)fflush(stdout);
	return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

/* An option as a member of body, where it was given. */
static void
set_option(const struct ctl *c, json_t *body, const char *option, const char *member)
{
	const char *value = invocation_option(&c->call, option);

	if (value != NULL)
		json_object_set_new(body, member, json_string(value));
}

/* 0, or EXIT_USAGE when it is not a whole number. */
static int
set_number(const struct ctl *c, json_t *body, const char *option, const char *member)
{
	const char *value = invocation_option(&c->call, option);
	uint64_t number;

	if (value == NULL)
		return EXIT_DONE;
	if (parse_u64(value, &number) != ERR_OK || number > INT32_MAX) {
		ctl_complain("--%s must be a whole number", option);
		return EXIT_USAGE;
	}
	json_object_set_new(body, member, json_integer((json_int_t)number));
	return EXIT_DONE;
}

/* Names the options that are needed and missing. */
static int
options_needed(const struct ctl *c, const char *const *names)
{
	int status = EXIT_DONE;

	for (; *names != NULL; names++) {
		if (invocation_option(&c->call, *names) != NULL)
			continue;
		ctl_complain("'%s' needs --%s", c->call.command->name, *names);
		status = EXIT_USAGE;
	}
	return status;
}

/* ---------- status, subscriptions ---------- */

static int
run_status(struct ctl *c)
{
	json_t *json = NULL;
	struct text out;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = ctl_call(c, "GET", "/v1/status", NULL, &json);
	if (status != EXIT_DONE)
		return status;
	if (c->call.json) {
		ctl_print_json(json);
	} else {
		text_init(&out, OUTPUT_MAX);
		render_status(json, client_wall_ms(c->client), c->color, &out);
		ctl_print(&out);
	}
	json_decref(json);
	return EXIT_DONE;
}

/* Shared subscriptions are shown once, under the first ERG that needs them, with its last proof that nothing was missed. */
static json_t *
subscriptions_of(const json_t *ergs)
{
	json_t *list = json_array(), *seen = json_object(), *erg, *s;
	size_t i, k;

	json_array_foreach(ergs, i, erg)
	{
		json_array_foreach(jx_get_array(erg, "subscriptions"), k, s)
		{
			const char *resource = jx_get_str(s, "resource");
			json_t *copy;

			if (resource == NULL || json_object_get(seen, resource) != NULL)
				continue;
			copy = json_copy(s);
			json_object_set_new(seen, resource, json_true());
			json_object_set(copy, "erg", json_object_get(erg, "erg"));
			json_object_set(copy, "tenant", json_object_get(erg, "tenant"));
			json_object_set(copy, "proved_at", json_object_get(erg, "proved_at"));
			json_array_append_new(list, copy);
		}
	}
	json_decref(seen);
	return list;
}

static int
run_subscriptions(struct ctl *c)
{
	static const struct column columns[] = { { "TENANT", "tenant" }, { "ERG", "erg" }, { "STATE", "state" },
		{ "EXPIRES", "expires_at" }, { "RENEWED", "renewed_at" }, { "PROVED", "proved_at" }, { "RESOURCE", "resource" },
		{ "DETAIL", "detail" }, { NULL, NULL } };
	json_t *ergs = NULL, *json;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = get_list(c, "/v1/ergs", "ergs", &ergs);
	if (status != EXIT_DONE)
		return status;
	json = json_pack("{s:o}", "subscriptions", subscriptions_of(jx_get_array(ergs, "ergs")));
	json_decref(ergs);
	return show_list(c, json, "subscriptions", columns, "There are no subscriptions: no ERG needs one.");
}

/* ---------- tenants ---------- */

static int
run_tenant_list(struct ctl *c)
{
	static const struct column columns[] = { { "TENANT", "tenant" }, { "STATE", "state" }, { "ERGS", "ergs" },
		{ "ORGANIZER", "organizer" }, { "DETAIL", "detail" }, { NULL, NULL } };

	return list_command(c, "/v1/tenants", "tenants", columns, "There are no tenants. Add one: ergsyncctl tenant add");
}

static int
run_tenant_show(struct ctl *c)
{
	return object_command(c, "GET", "/v1/tenants/{}");
}

static int
run_tenant_add(struct ctl *c)
{
	static const char *const needed[] = { "directory-id", "organizer", NULL };
	json_t *body;
	int status = options_needed(c, needed);

	if (status != EXIT_DONE)
		return status;
	body = json_object();
	set_option(c, body, "directory-id", "directory_id");
	set_option(c, body, "organizer", "organizer");
	set_option(c, body, "sign-in", "sign_in");
	set_option(c, body, "meetings", "meetings");
	return write_command(
	    c, "PUT", "/v1/tenants/{}", body, "The tenant is stored. See how it stands: ergsyncctl tenant show {}");
}

/* ---------- ERGs ---------- */

static int
run_erg_list(struct ctl *c)
{
	static const struct column columns[] = { { "ERG", "erg" }, { "TENANT", "tenant" }, { "NAME", "name" },
		{ "STATE", "state" }, { "APP", "members.app" }, { "TEAMS", "members.teams" }, { "PENDING", "members.pending" },
		{ "PROVED EQUAL", "proved_at" }, { "DETAIL", "detail" }, { NULL, NULL } };

	return list_command(c, "/v1/ergs", "ergs", columns, "There are no ERGs. Add one: ergsyncctl erg add");
}

static int
run_erg_show(struct ctl *c)
{
	return object_command(c, "GET", "/v1/ergs/{}");
}

static int
run_erg_add(struct ctl *c)
{
	static const char *const needed[] = { "tenant", "name", "channel-url", NULL };
	json_t *body = json_pack("{s:s, s:s}", "membership", "two-way", "meetings", "two-way");
	int status = options_needed(c, needed);

	set_option(c, body, "tenant", "tenant");
	set_option(c, body, "name", "name");
	set_option(c, body, "channel-url", "channel_url");
	set_option(c, body, "membership", "membership");
	set_option(c, body, "meetings", "meetings");
	set_option(c, body, "organizer", "organizer");
	if (status == EXIT_DONE)
		status = set_number(c, body, "removal-limit", "removal_limit");
	if (status == EXIT_DONE)
		status = set_number(c, body, "removal-percent", "removal_percent");
	if (status != EXIT_DONE) {
		json_decref(body);
		return status;
	}
	return write_command(
	    c, "PUT", "/v1/ergs/{}", body, "The ERG is stored and being linked. See how it stands: ergsyncctl erg show {}");
}

static int
run_erg_remove(struct ctl *c)
{
	if (!ctl_confirmed(c, "Unlink the ERG? Nobody is removed from Teams or from the app."))
		return EXIT_FAILED;
	return write_command(c, "DELETE", "/v1/ergs/{}", NULL, "The ERG is unlinked.");
}

/* ---------- members ---------- */

static int
run_member_list(struct ctl *c)
{
	static const struct column columns[] = { { "USER", "user" }, { "EMAIL", "email" }, { "ROLE", "role" },
		{ "APP", "in_app" }, { "TEAMS", "in_teams" }, { "STATUS", "status" }, { "SINCE", "since" },
		{ "ENTRA ID", "entra_id" }, { "DETAIL", "detail" }, { NULL, NULL } };

	return list_command(c, "/v1/ergs/{}/members", "members", columns, "The ERG has no members.");
}

static int
run_member_add(struct ctl *c)
{
	json_t *body = json_pack("{s:s}", "role", "member");

	set_option(c, body, "email", "email");
	set_option(c, body, "entra-id", "entra_id");
	set_option(c, body, "role", "role");
	if (invocation_option(&c->call, "private") != NULL)
		json_object_set_new(body, "private", json_true());
	return write_command(c, "PUT", "/v1/ergs/{}/members/{}", body, "The member is stored and will be added to Teams.");
}

static int
run_member_remove(struct ctl *c)
{
	return write_command(c, "DELETE", "/v1/ergs/{}/members/{}", NULL, "The member will be removed.");
}

/* ---------- events ---------- */

static int
by_start(const void *a, const void *b)
{
	const char *x = jx_get_str(*(json_t *const *)a, "start"), *y = jx_get_str(*(json_t *const *)b, "start");

	return strcmp(x != NULL ? x : "", y != NULL ? y : "");
}

/* The daemon's order means nothing to people. */
static void
sort_events(json_t *list)
{
	size_t count = json_array_size(list);
	json_t **items = calloc(count + 1, sizeof(json_t *));

	if (items == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		items[i] = json_incref(json_array_get(list, i));
	qsort(items, count, sizeof(json_t *), by_start);
	for (size_t i = 0; i < count; i++)
		json_array_set_new(list, i, items[i]);
	free(items);
}

static int
run_event_list(struct ctl *c)
{
	static const struct column columns[] = { { "EVENT", "event" }, { "START", "start" }, { "TIME ZONE", "time_zone" },
		{ "SUBJECT", "subject" }, { "STATUS", "status" }, { "YES", "responses.accepted" },
		{ "MAYBE", "responses.tentative" }, { "NO", "responses.declined" }, { "OPEN", "responses.none" },
		{ "DETAIL", "detail" }, { NULL, NULL } };
	char path[PATH_MAX_BYTES];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = get_list(c, path_of(path, "/v1/ergs/{}/events", c->call.args), "events", &json);
	if (status != EXIT_DONE)
		return status;
	sort_events(jx_get_array(json, "events"));
	return show_list(c, json, "events", columns, "The ERG has no events.");
}

static int
run_event_show(struct ctl *c)
{
	return object_command(c, "GET", "/v1/ergs/{}/events/{}");
}

/* A whole file, "-" for standard input, as JSON. */
static int
read_json(const char *file, json_t **ret)
{
	json_error_t error;
	bool in = strcmp(file, "-") == 0;

	*ret = in ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &error) : json_load_file(file, JSON_REJECT_DUPLICATES, &error);
	if (*ret != NULL)
		return EXIT_DONE;
	if (error.line > 0)
		ctl_complain("%s:%d: %s", in ? "standard input" : file, error.line, error.text);
	else
		ctl_complain("%s", error.text);
	return EXIT_FAILED;
}

static int
run_event_add(struct ctl *c)
{
	static const char *const needed[] = { "file", NULL };
	json_t *body = NULL;
	int status = options_needed(c, needed);

	if (status == EXIT_DONE)
		status = read_json(invocation_option(&c->call, "file"), &body);
	if (status != EXIT_DONE)
		return status;
	return write_command(c, "PUT", "/v1/ergs/{}/events/{}", body,
	    "The event is stored and its meeting will be scheduled. See how it stands: ergsyncctl event show {} {}");
}

static int
run_event_cancel(struct ctl *c)
{
	json_t *body = json_object();

	if (!ctl_confirmed(c, "Cancel the meeting? Outlook tells its attendees.")) {
		json_decref(body);
		return EXIT_FAILED;
	}
	set_option(c, body, "comment", "comment");
	return write_command(c, "DELETE", "/v1/ergs/{}/events/{}", body, "The event is cancelled, its meeting will be.");
}

/* ---------- plans ---------- */

static int
get_plan(struct ctl *c, json_t **ret)
{
	char path[PATH_MAX_BYTES];
	int status = ctl_connect(c);

	return status != EXIT_DONE ? status : ctl_call(c, "GET", path_of(path, "/v1/ergs/{}/plan", c->call.args), NULL, ret);
}

static void
show_plan(const json_t *plan)
{
	struct text out;

	text_init(&out, OUTPUT_MAX);
	render_plan(plan, &out);
	ctl_print(&out);
}

static int
run_plan_show(struct ctl *c)
{
	json_t *plan = NULL;
	int status = get_plan(c, &plan);

	if (status != EXIT_DONE)
		return status;
	if (c->call.json)
		ctl_print_json(plan);
	else
		show_plan(plan);
	json_decref(plan);
	return EXIT_DONE;
}

/* Shows what would be decided, and remembers its hash: the daemon refuses if the plan has changed by then. */
static int
plan_hash(struct ctl *c, const char *question, char *ret, size_t ret_size)
{
	json_t *plan = NULL;
	int status = get_plan(c, &plan);
	const char *hash = jx_get_str(plan, "hash");

	if (status == EXIT_DONE && (hash == NULL || !str_copy(ret, ret_size, hash))) {
		ctl_complain("there is nothing to decide");
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE && !c->call.json)
		show_plan(plan);
	if (status == EXIT_DONE && !ctl_confirmed(c, question))
		status = EXIT_FAILED;
	json_decref(plan);
	return status;
}

static int
decide(struct ctl *c, const char *decision, const char *question, const char *done)
{
	const char *given = invocation_option(&c->call, "hash");
	char hash[128] = "";
	int status = EXIT_DONE;

	if (given == NULL)
		status = plan_hash(c, question, hash, sizeof(hash));
	if (status != EXIT_DONE)
		return status;
	return write_command(c, "POST", "/v1/ergs/{}/plan",
	    json_pack("{s:s, s:s}", "decision", decision, "hash", given != NULL ? given : hash), done);
}

static int
run_plan_approve(struct ctl *c)
{
	return decide(c, "approve", "Apply exactly this plan?", "The plan is approved and being applied.");
}

static int
run_plan_reject(struct ctl *c)
{
	return decide(c, "reject", "Undo these removals, so that both sides are equal again?",
	    "The plan is rejected; its removals are undone.");
}

/* ---------- changes ---------- */

/* One JSON object a line, so that a stream can be read as it comes. */
static void
show_changes(const struct ctl *c, const json_t *changes)
{
	struct text out;
	size_t i;
	json_t *change;

	text_init(&out, OUTPUT_MAX);
	json_array_foreach(changes, i, change)
	{
		char *line = c->call.json ? json_dumps(change, JSON_COMPACT) : NULL;

		if (line != NULL)
			text_addf(&out, "%s\n", line);
		else
			render_change(change, &out);
		free(line);
	}
	ctl_print(&out);
}

/* *after moves to the end of the page; *ret_full tells whether there may be more. */
static int
changes_page(struct ctl *c, uint64_t *after, uint64_t limit, unsigned wait_s, bool *ret_full)
{
	char path[128];
	json_t *page = NULL;
	int status;

	(void)snprintf(path, sizeof(path), "/v1/changes?after=%" PRIu64 "&limit=%" PRIu64 "&wait=%u", *after, limit, wait_s);
	if ((status = ctl_call(c, "GET", path, NULL, &page)) != EXIT_DONE)
		return status;
	show_changes(c, jx_get_array(page, "changes"));
	*ret_full = json_array_size(jx_get_array(page, "changes")) > 0;
	*after = (uint64_t)jx_get_int(page, "next", (int64_t)*after);
	json_decref(page);
	return EXIT_DONE;
}

static int
run_changes(struct ctl *c)
{
	const char *given = invocation_option(&c->call, "after");
	bool follow = invocation_option(&c->call, "follow") != NULL, more = true;
	uint64_t after = 0;
	int status;

	if (given != NULL && (parse_u64(given, &after) != ERR_OK || after > INT64_MAX)) {
		ctl_complain("--after must be the number of a change");
		return EXIT_USAGE;
	}
	if ((status = ctl_connect(c)) != EXIT_DONE)
		return status;
	while (status == EXIT_DONE && (more || follow))
		status = changes_page(c, &after, FOLLOW_LIMIT, follow ? FOLLOW_WAIT_S : 0, &more);
	return status;
}

/* ---------- completion ---------- */

static int
run_completion(struct ctl *c)
{
	struct text out;

	(void)c;
	text_init(&out, 65536);
	command_completion(commands, command_count, &out);
	ctl_print(&out);
	return EXIT_DONE;
}

/* ---------- the table ---------- */

#define YES                                                                                                                      \
	{                                                                                                                        \
		"yes", NULL, "Do not ask first."                                                                                 \
	}

const struct command commands[] = {
	{ "init", "", 0, 0, "Make missing keys, folders and a configuration",
	    "Makes what a new installation lacks: an example configuration if there is none, the key files and\n"
	    "secrets that the configuration names (32 random bytes each, readable by their owner only), the state\n"
	    "and the runtime directory. Nothing that exists is ever changed or overwritten. Prints what it has made\n"
	    "and what is left to do.\n\n"
	    "The state key seals everything that is stored: keep a copy of it away from this machine. Without it\n"
	    "the stored state cannot be read.\n\n"
	    "Examples:\n"
	    "  ergsyncctl init\n"
	    "  ergsyncctl init --directory ~/ergsync-trial    (all below one folder)\n",
	    run_init, { { "directory", "DIR", "Keep configuration, keys, state and sockets in this folder." } } },
	{ "key notifications", "", 0, 0, "Make a new key for rich notifications",
	    "Makes one more file in [graph] notification_keys: a self-signed certificate and its RSA key, named after the\n"
	    "day. With [graph] notifications = rich, Graph encrypts to it what it tells of members; init makes the first one.\n"
	    "To rotate: run this, restart the reconciler, and remove the old file a day later, when every subscription has\n"
	    "been renewed. Nothing that exists is changed.\n\n"
	    "Example:\n"
	    "  CREDENTIALS_DIRECTORY=/etc/ergsync ergsyncctl key notifications\n"
	    "  systemctl restart ergsync-reconciler\n",
	    run_notification_key, { { NULL, NULL, NULL } } },
	{ "check", "", 0, 0, "Check configuration, keys, certificate and folders",
	    "Reads the whole configuration as both daemons do and reports every mistake with file and line. Then\n"
	    "checks that certificates and keys fit and have not expired, and tells all that is doubtful about them;\n"
	    "that the folders can be written by this user, and whether the daemon answers. Changes nothing. Run it\n"
	    "as the user the daemons run as.\n\n"
	    "Example:\n"
	    "  sudo -u ergsync ergsyncctl check\n",
	    run_check, { { NULL, NULL, NULL } } },
	{ "status", "", 0, 0, "Tell whether all is well, on one screen",
	    "The first line is the verdict. What needs attention follows, each with the next step; then tenants,\n"
	    "ERGs, meetings, subscriptions, waiting notifications and callbacks, and the ERG that was proved equal\n"
	    "longest ago. The console on the admin address says the same in a browser, without names.\n\n"
	    "Examples:\n"
	    "  ergsyncctl status\n"
	    "  ergsyncctl status --json | jq .ergs\n",
	    run_status, { { NULL, NULL, NULL } } },
	{ "doctor", "[TENANT]", 0, 1, "Look for what is wrong, and say what to do",
	    "Looks at the app's secret or certificate, the notification key, the listener from outside (chain, TLS 1.2 and\n"
	    "1.3, validation), the clock, and for the tenant or all of them at sign-in, permissions missing and not needed,\n"
	    "organizer, mailbox and its access policy, and subscriptions. Each gets a verdict (ok, warn, fail, unknown) and\n"
	    "the next step. Changes nothing; takes 20 seconds at most for a tenant. Fails if anything does.\n\n"
	    "Examples:\n"
	    "  ergsyncctl doctor acme\n"
	    "  ergsyncctl doctor --json | jq '.[].checks[] | select(.verdict != \"ok\")'\n",
	    run_doctor, { { NULL, NULL, NULL } } },
	{ "tenant list", "", 0, 0, "List tenants",
	    "One line a tenant, with its state: active, consent_missing, sign_in_needed, unreachable or\n"
	    "removing.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant list\n",
	    run_tenant_list, { { NULL, NULL, NULL } } },
	{ "tenant show", "TENANT", 1, 1, "Show one tenant",
	    "Everything known of the tenant, with the link by which its administrator gives consent.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant show acme\n",
	    run_tenant_show, { { NULL, NULL, NULL } } },
	{ "tenant add", "TENANT", 1, 1, "Add or change a tenant",
	    "TENANT is the app's own id of the customer. Adding it again changes it, and probes at once whether\n"
	    "consent has been given.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant add acme --organizer ergs@acme.example \\\n"
	    "      --directory-id 0a1b2c3d-0000-4000-8000-000000000001\n",
	    run_tenant_add,
	    { { "directory-id", "GUID", "The customer's Microsoft Entra directory (tenant) id." },
	        { "organizer", "ACCOUNT", "User principal name or object id of the account that organises meetings." },
	        { "sign-in", "WHO", "Whose permissions are used: application (default), or delegated: an account's." },
	        { "meetings", "WHETHER", "on (default), or off: the tenant's ERGs get no meetings." } } },
	{ "tenant sign-in", "TENANT", 1, 1, "Sign in the account that is used in the tenant",
	    "For tenants with \"sign_in\": \"delegated\". Shows a code and the page where a person enters it, signed in as\n"
	    "the dedicated account, and waits for the outcome. From then on the account's permissions are used; the\n"
	    "sign-in renews itself until it is revoked or was not used for 90 days. Signing in again replaces it.\n\n"
	    "Examples:\n"
	    "  ergsyncctl tenant add acme --sign-in delegated --organizer ergs@acme.example \\\n"
	    "      --directory-id 0a1b2c3d-0000-4000-8000-000000000001\n"
	    "  ergsyncctl tenant sign-in acme\n",
	    run_sign_in, { { NULL, NULL, NULL } } },
	{ "tenant remove", "TENANT", 1, 1, "Remove a tenant and all that is stored about it",
	    "Deletes the tenant's subscriptions on Graph and erases its tokens, references and sealed data; then the\n"
	    "key they were sealed with is destroyed. Nobody is removed from any team. Waits for the end and prints\n"
	    "the receipt: how much of what was removed, and when.\n\n"
	    "Example:\n"
	    "  ergsyncctl tenant remove acme\n",
	    run_tenant_remove, { { "no-wait", NULL, "Do not wait for the end." }, YES } },
	{ "receipt show", "RECEIPT", 1, 1, "Show what was removed with a tenant",
	    "RECEIPT is the number that \"tenant remove\" and the app's DELETE tell.\n\n"
	    "Example:\n"
	    "  ergsyncctl receipt show 1\n",
	    run_receipt_show, { { NULL, NULL, NULL } } },
	{ "erg list", "", 0, 0, "List ERGs",
	    "One line an ERG: state, how many members each side has, and when both were last proved equal.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg list\n",
	    run_erg_list, { { NULL, NULL, NULL } } },
	{ "erg show", "ERG", 1, 1, "Show one ERG",
	    "Everything known of the ERG, with its subscriptions.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg show pride\n",
	    run_erg_show, { { NULL, NULL, NULL } } },
	{ "erg add", "ERG", 1, 1, "Link an ERG to a Teams channel, or change it",
	    "ERG is the app's own id. The channel is named by the link that Teams gives with \"Get link to channel\"\n"
	    "(or \"Get link to team\"): quote it, for it holds characters that mean something to a shell. On the first\n"
	    "link nobody is removed: both sides get the union of their members.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg add pride --tenant acme --name 'Pride' \\\n"
	    "      --channel-url 'https://teams.microsoft.com/l/channel/19%3A...'\n",
	    run_erg_add,
	    { { "tenant", "TENANT", "Whose ERG it is." }, { "name", "NAME", "What people call it." },
	        { "channel-url", "URL", "Link to the team or channel." },
	        { "membership", "POLICY", "Who decides on members: two-way (default), teams, app or off." },
	        { "meetings", "POLICY", "Who decides on meetings: two-way (default), app or off." },
	        { "removal-limit", "N", "Hold plans that remove more people than this, and ..." },
	        { "removal-percent", "N", "... more than this share of a side." },
	        { "organizer", "ACCOUNT", "Another organiser than the tenant's." } } },
	{ "erg remove", "ERG", 1, 1, "Unlink an ERG",
	    "Nobody is removed from Teams or from the app. Subscriptions that no other ERG needs are deleted.\n\n"
	    "Example:\n"
	    "  ergsyncctl erg remove pride\n",
	    run_erg_remove, { YES } },
	{ "member list", "ERG", 1, 1, "List an ERG's members and how each stands",
	    "A USER that begins with entra: is somebody only Teams knows so far.\n\n"
	    "Example:\n"
	    "  ergsyncctl member list pride\n",
	    run_member_list, { { NULL, NULL, NULL } } },
	{ "member add", "ERG USER", 2, 2, "Add a member on the app's side, or change one",
	    "USER is the app's own id of the person. An e-mail address or an object id says who that is in Teams.\n"
	    "The app should rather do this itself: it does not learn of members that are added here.\n\n"
	    "Example:\n"
	    "  ergsyncctl member add pride u42 --email ada@acme.example --role owner\n",
	    run_member_add,
	    { { "email", "ADDRESS", "E-mail address or user principal name." },
	        { "entra-id", "GUID", "Object id in the directory." }, { "role", "ROLE", "member (default) or owner." },
	        { "private", NULL, "Never show this person in Teams." } } },
	{ "member remove", "ERG USER", 2, 2, "Remove a member on the app's side",
	    "Example:\n"
	    "  ergsyncctl member remove pride u42\n",
	    run_member_remove, { { NULL, NULL, NULL } } },
	{ "event list", "ERG", 1, 1, "List an ERG's events and how each meeting stands",
	    "By their start. STATUS is pending, scheduled, cancelled, failed or off; the counts are the attendees' answers.\n\n"
	    "Example:\n"
	    "  ergsyncctl event list pride\n",
	    run_event_list, { { NULL, NULL, NULL } } },
	{ "event show", "ERG EVENT", 2, 2, "Show one event with its join link and answers",
	    "Everything known of the event; of one that failed, why and what to do.\n\n"
	    "Example:\n"
	    "  ergsyncctl event show pride picnic\n",
	    run_event_show, { { NULL, NULL, NULL } } },
	{ "event add", "ERG EVENT", 2, 2, "Schedule an event as a Teams meeting, or change it",
	    "The file holds the event as the app API's PUT takes it, in JSON. Outlook invites the attendees as soon as\n"
	    "the meeting is made. The app should rather do this itself: it does not learn of events that are added here.\n\n"
	    "Example:\n"
	    "  ergsyncctl event add pride picnic --file - <<'EOF'\n"
	    "  {\"subject\": \"Picnic\", \"time_zone\": \"Europe/Warsaw\",\n"
	    "   \"start\": \"2027-06-01T12:00:00\", \"end\": \"2027-06-01T14:00:00\",\n"
	    "   \"attendees\": [{\"email\": \"ada@acme.example\"}]}\n"
	    "  EOF\n",
	    run_event_add, { { "file", "FILE", "The event as JSON; - is standard input." } } },
	{ "event cancel", "ERG EVENT", 2, 2, "Cancel an event and its meeting",
	    "Outlook tells the attendees. The event is shown as cancelled for 30 days.\n\n"
	    "Example:\n"
	    "  ergsyncctl event cancel pride picnic --comment 'It rains.'\n",
	    run_event_cancel, { { "comment", "TEXT", "What the attendees read." }, YES } },
	{ "resync", "", 0, 0, "Compare both sides completely, and make them equal",
	    "Reads Teams afresh and compares all members, or with --dry-run only tells what it would do. Waits for\n"
	    "the end and shows the progress; fails if any ERG could not be compared. Where one of the same scope is\n"
	    "running already, that one is followed. It survives a restart of the reconciler, and so does the waiting.\n\n"
	    "Examples:\n"
	    "  ergsyncctl resync --all\n"
	    "  ergsyncctl resync --erg pride --dry-run\n"
	    "  ergsyncctl resync --tenant acme --no-wait\n",
	    run_resync,
	    { { "all", NULL, "Everything (the default)." }, { "tenant", "TENANT", "The ERGs of one tenant." },
	        { "erg", "ERG", "One ERG." }, { "dry-run", NULL, "Change nothing." },
	        { "no-wait", NULL, "Do not wait for the end." } } },
	{ "plan show", "ERG", 1, 1, "Show what would be done now",
	    "Item by item, each with its reason. A plan that would remove too many people is held until somebody\n"
	    "approves or rejects it.\n\n"
	    "Example:\n"
	    "  ergsyncctl plan show pride\n",
	    run_plan_show, { { NULL, NULL, NULL } } },
	{ "plan approve", "ERG", 1, 1, "Apply a held plan, exactly as it is",
	    "Shows the plan and asks, unless told the hash that \"plan show\" printed. If reality has moved since,\n"
	    "the hash no longer fits and nothing is done.\n\n"
	    "Example:\n"
	    "  ergsyncctl plan approve pride\n",
	    run_plan_approve, { { "hash", "HASH", "The plan that is meant." }, YES } },
	{ "plan reject", "ERG", 1, 1, "Undo the removals of a held plan",
	    "Whoever was taken out on one side is put back there, so that both sides are equal again.\n\n"
	    "Example:\n"
	    "  ergsyncctl plan reject pride\n",
	    run_plan_reject, { { "hash", "HASH", "The plan that is meant." }, YES } },
	{ "changes", "", 0, 0, "Show what the app has been told",
	    "The change feed, oldest first. With --json one object a line.\n\n"
	    "Examples:\n"
	    "  ergsyncctl changes --after 1200\n"
	    "  ergsyncctl changes --follow --json | jq -r .type\n",
	    run_changes,
	    { { "follow", NULL, "Go on and show changes as they come." }, { "after", "SEQ", "Begin after this one." } } },
	{ "subscriptions", "", 0, 0, "List the subscriptions on Graph",
	    "Which resources are watched, until when, and which of them fail and why.\n\n"
	    "Example:\n"
	    "  ergsyncctl subscriptions\n",
	    run_subscriptions, { { NULL, NULL, NULL } } },
	{ "backup", "FILE", 1, 1, "Copy the stored state into a file",
	    "May be done at any time, also while the daemons run: the copy is one state of the\n"
	    "store. Every record of it is opened before FILE is replaced. Its values stay sealed\n"
	    "with the state key, which is not in it. A backup keeps what it was made of: keep as\n"
	    "many as you need, and none for longer. Run it as the daemons' user, or as root.\n\n"
	    "Examples:\n"
	    "  ergsyncctl backup /var/backups/ergsync/today\n"
	    "  systemctl enable --now ergsync-backup.timer    (daily, keeps seven)\n",
	    run_backup, { { "key-file", "KEY", "Another state key than the configuration's." } } },
	{ "restore", "FILE", 1, 1, "Put a backup where the stored state is to be",
	    "Only while ergsync-reconciler is stopped. A store that is there is never overwritten:\n"
	    "--set-aside keeps it under another name. What a backup knows may be outdated, so after\n"
	    "it nobody is removed anywhere until a full comparison has passed the guard: it starts\n"
	    "by itself, and removals it would lead to are shown as a held plan. Needs the state key\n"
	    "that was in use when the backup was made.\n\n"
	    "Example:\n"
	    "  systemctl stop ergsync-reconciler\n"
	    "  ergsyncctl restore /var/backups/ergsync/today --set-aside\n"
	    "  systemctl start ergsync-reconciler\n",
	    run_restore,
	    { { "set-aside", NULL, "Rename the store that is there." },
	        { "key-file", "KEY", "Another state key than the configuration's." } } },
	{ "state check", "[FILE]", 0, 1, "Open every record of the state or a backup",
	    "Counts records by table and names those that do not open, by the beginning of their\n"
	    "keys, which tell nothing of anybody. Changes nothing, and may run while the daemons do.\n"
	    "Exit status 1: something is damaged.\n\n"
	    "Examples:\n"
	    "  ergsyncctl state check\n"
	    "  ergsyncctl state check /var/backups/ergsync/today\n",
	    run_state_check, { { "key-file", "KEY", "Another state key than the configuration's." } } },
	{ "key rotate", "", 0, 0, "Change the state key, while the daemons run",
	    "Makes another key and writes it into key_file, before the one in use; the daemon then wraps\n"
	    "its keys anew and seals every record anew, in the background. At the end key_file holds the\n"
	    "new key alone. May be interrupted anywhere: run it again. If the daemon got key_file as a\n"
	    "credential of its service, it must be restarted once in between; this says so.\n\n"
	    "Example:\n"
	    "  CREDENTIALS_DIRECTORY=/etc/ergsync ergsyncctl key rotate\n",
	    run_key_rotate, { YES } },
	{ "completion", "", 0, 0, "Print a completion script for bash",
	    "Example:\n"
	    "  source <(ergsyncctl completion)\n",
	    run_completion, { { NULL, NULL, NULL } } },
};

const size_t command_count = COUNT(commands);
