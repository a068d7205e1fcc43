/* resyncs.c - asking for a resync and watching it: a bar on a terminal, a line a second otherwise. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/render.h"

#define POLL_MS   1000
#define BAR_WIDTH 30
#define SCOPE_MAX 512

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

/* Takes resync. */
static int
watch(struct ctl *c, json_t *resync)
{
	const char *id = jx_get_str(resync, "id"), *state;
	struct text path;
	int status = EXIT_DONE;

	text_init(&path, 1024);
	text_adds(&path, "/v1/resyncs/");
	percent_encode(&path, id != NULL ? id : "");
	while (status == EXIT_DONE && is_running(resync)) {
		show_progress(c, resync);
		client_sleep(c->client, POLL_MS);
		json_decref(resync);
		resync = NULL;
		status = ctl_call(c, "GET", path.data, NULL, &resync);
	}
	if (status == EXIT_DONE) {
		show_end(c, resync);
		state = jx_get_str(resync, "state");
		status = state != NULL && strcmp(state, "done") == 0 ? EXIT_DONE : EXIT_FAILED;
	}
	json_decref(resync);
	text_done(&path);
	return status;
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
	if ((status = ctl_connect(c)) != EXIT_DONE ||
	    (status = ctl_call(c, "POST", "/v1/resyncs", json_pack("{s:s, s:b}", "scope", scope, "dry_run", dry_run), &resync)) !=
	        EXIT_DONE)
		return status;
	if (invocation_option(&c->call, "no-wait") == NULL)
		return watch(c, resync);
	if (c->call.json)
		ctl_print_json(resync);
	else
		printf("Resync %s of %s has begun.\n", jx_get_str(resync, "id") != NULL ? jx_get_str(resync, "id") : "", scope);
	json_decref(resync);
	return EXIT_DONE;
}
