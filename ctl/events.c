/* An ERG's events and how their meetings stand. */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ctl/render.h"

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

int
run_event_list(struct ctl *c)
{
	static const struct column columns[] = { { "EVENT", "event" }, { "START", "start" }, { "TIME ZONE", "time_zone" },
		{ "SUBJECT", "subject" }, { "STATUS", "status" }, { "YES", "responses.accepted" },
		{ "MAYBE", "responses.tentative" }, { "NO", "responses.declined" }, { "OPEN", "responses.none" },
		{ "DETAIL", "detail" }, { NULL, NULL } };
	char path[CTL_PATH_SIZE];
	json_t *json = NULL;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = ctl_get_list(c, ctl_path(path, "/v1/ergs/{}/events", c->call.args), "events", &json);
	if (status != EXIT_DONE)
		return status;
	sort_events(jx_get_array(json, "events"));
	return ctl_show_list(c, json, "events", columns, "The ERG has no events.");
}

int
run_event_show(struct ctl *c)
{
	return ctl_object(c, "GET", "/v1/ergs/{}/events/{}");
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

int
run_event_add(struct ctl *c)
{
	static const char *const needed[] = { "file", NULL };
	json_t *body = NULL;
	int status = ctl_options_needed(c, needed);

	if (status == EXIT_DONE)
		status = read_json(invocation_option(&c->call, "file"), &body);
	if (status != EXIT_DONE)
		return status;
	return ctl_write(c, "PUT", "/v1/ergs/{}/events/{}", body,
	    "The event is stored and its meeting will be scheduled. See how it stands: ergsyncctl event show {} {}");
}

int
run_event_cancel(struct ctl *c)
{
	json_t *body = json_object();

	if (!ctl_confirmed(c, "Cancel the meeting? Outlook tells its attendees.")) {
		json_decref(body);
		return EXIT_FAILED;
	}
	ctl_set_option(c, body, "comment", "comment");
	return ctl_write(c, "DELETE", "/v1/ergs/{}/events/{}", body, "The event is cancelled, its meeting will be.");
}
