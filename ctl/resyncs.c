/* resyncs.c - asking for a resync, or joining the one that runs, and watching it: a bar on a terminal, a line a second otherwise. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/render.h"
#include "model/resync.h"

#define POLL_MS        1000
#define AWAY_POLLS_MAX 300 /* a slow start of the daemon, and a person who mends its configuration */
#define BAR_WIDTH      30
#define SCOPE_MAX      512
#define HTTP_CONFLICT  409

/* "erg:ID" of the one option that was given; "" for none, NULL for several. */
static const char *
scope_of(const struct invocation *call, char ret[SCOPE_MAX])
{
	const char *tenant = invocation_option(call, "tenant"), *erg = invocation_option(call, "erg");
	int given = (tenant != NULL) + (erg != NULL) + (invocation_option(call, "all") != NULL);

	if (given > 1)
		return NULL;
	if (tenant != NULL || erg != NULL)
		(void)snprintf(ret, SCOPE_MAX, "%s%s", tenant != NULL ? "tenant:" : "erg:", tenant != NULL ? tenant : erg);
	else
		(void)snprintf(ret, SCOPE_MAX, "all");
	return ret;
}

static void
show_progress(const struct ctl *c, const json_t *resync)
{
	struct text line;

	if (c->call.json)
		return;
	text_init(&line, 4096);
	if (c->terminal)
		text_adds(&line, "\r\033[K");
	render_progress(resync, c->terminal ? BAR_WIDTH : 0, &line);
	if (!c->terminal)
		text_adds(&line, "\n");
	ctl_print(&line);
}

static void
show_end(const struct ctl *c, const json_t *resync)
{
	struct text out;

	if (c->call.json) {
		ctl_print_json(resync);
		return;
	}
	text_init(&out, 1u << 20);
	if (c->terminal)
		text_adds(&out, "\r\033[K");
	render_resync(resync, &out);
	ctl_print(&out);
}

static bool
is_running(const json_t *resync)
{
	const char *state = jx_get_str(resync, "state");

	return state != NULL && strcmp(state, "running") == 0;
}

/* A reconciler that is being restarted goes on with its resyncs, and we go on watching. */
static int
ask_patiently(struct ctl *c, const char *path, json_t **ret)
{
	char why[1024];
	int status = 0;

	for (unsigned i = 0; client_call(c->client, "GET", path, NULL, &status, ret, why, sizeof(why)) != ERR_OK; i++) {
		if (i == AWAY_POLLS_MAX) {
			ctl_complain("%s", why);
			return EXIT_UNREACHABLE;
		}
		if (i == 0)
			ctl_complain("the daemon does not answer; the resync goes on when it is back");
		client_sleep(c->client, POLL_MS);
	}
	return status >= 200 && status <= 299 ? EXIT_DONE : ctl_refused(*ret, status);
}

static int
get(struct ctl *c, const char *id, json_t **ret)
{
	struct text path;
	int status;

	text_init(&path, 1024);
	text_adds(&path, "/v1/resyncs/");
	percent_encode(&path, id);
	status = text_err(&path) == ERR_OK ? ask_patiently(c, path.data, ret) : EXIT_FAILED;
	text_done(&path);
	return status;
}

/* One that is done has compared some of its ERGs; what it could not compare is among its errors. */
static bool
all_compared(const json_t *resync)
{
	const char *state = jx_get_str(resync, "state");

	return state != NULL && strcmp(state, "done") == 0 && json_array_size(jx_get_array(resync, "errors")) == 0;
}

/* Takes resync. */
static int
watch(struct ctl *c, json_t *resync)
{
	char id[RESYNC_ID_SIZE];
	const char *state = jx_get_str(resync, "id");
	int status = EXIT_DONE;

	(void)str_copy(id, sizeof(id), state != NULL ? state : "");
	while (status == EXIT_DONE && is_running(resync)) {
		show_progress(c, resync);
		client_sleep(c->client, POLL_MS);
		json_decref(resync);
		resync = NULL;
		status = get(c, id, &resync);
	}
	if (status == EXIT_DONE) {
		show_end(c, resync);
		status = all_compared(resync) ? EXIT_DONE : EXIT_FAILED;
	}
	json_decref(resync);
	return status;
}

static const char *
text_of(const json_t *resync, const char *name)
{
	const char *text = jx_get_str(resync, name);

	return text != NULL ? text : "";
}

/* Somebody has asked for the same before: theirs serves both, unless one wants changes and the other none. Takes problem. */
static int
join(struct ctl *c, json_t *problem, const char *scope, bool dry_run, json_t **ret)
{
	char id[RESYNC_ID_SIZE];
	bool other;
	int status;

	if (!str_copy(id, sizeof(id), text_of(problem, "resync")) || id[0] == '\0')
		return ctl_refused(problem, HTTP_CONFLICT);
	json_decref(problem);
	if ((status = get(c, id, ret)) != EXIT_DONE)
		return status;
	other = json_is_true(json_object_get(*ret, "dry_run")) != dry_run;
	if (other)
		ctl_complain("resync %s of %s is running since %s, and is %s dry run: ask again when it has ended", id, scope,
		    text_of(*ret, "started_at"), dry_run ? "not a" : "a");
	else if (!c->call.json)
		printf("Resync %s of %s is running since %s%s.\n", id, scope, text_of(*ret, "started_at"),
		    invocation_option(&c->call, "no-wait") == NULL ? "; this follows it" : "");
	if (other)
		json_decref(*ret);
	return other ? EXIT_FAILED : EXIT_DONE;
}

static int
start(struct ctl *c, const char *scope, bool dry_run, json_t **ret)
{
	json_t *body = json_pack("{s:s, s:b}", "scope", scope, "dry_run", dry_run);
	char why[1024];
	int status = 0;
	enum err e = client_call(c->client, "POST", "/v1/resyncs", body, &status, ret, why, sizeof(why));

	json_decref(body);
	if (e != ERR_OK) {
		ctl_complain("%s", why);
		return EXIT_UNREACHABLE;
	}
	if (status == HTTP_CONFLICT)
		return join(c, *ret, scope, dry_run, ret);
	if (status < 200 || status > 299)
		return ctl_refused(*ret, status);
	if (!c->call.json && invocation_option(&c->call, "no-wait") != NULL)
		printf("Resync %s of %s has begun.\n", text_of(*ret, "id"), scope);
	return EXIT_DONE;
}

int
run_resync(struct ctl *c)
{
	char scope[SCOPE_MAX];
	json_t *resync = NULL;
	bool dry_run = invocation_option(&c->call, "dry-run") != NULL;
	int status;

	if (scope_of(&c->call, scope) == NULL) {
		ctl_complain("--all, --tenant and --erg exclude each other");
		return EXIT_USAGE;
	}
	if ((status = ctl_connect(c)) != EXIT_DONE || (status = start(c, scope, dry_run, &resync)) != EXIT_DONE)
		return status;
	if (invocation_option(&c->call, "no-wait") == NULL)
		return watch(c, resync);
	if (c->call.json)
		ctl_print_json(resync);
	json_decref(resync);
	return EXIT_DONE;
}
