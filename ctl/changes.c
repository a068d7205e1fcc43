/* The change feed, as it is or as it comes. */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "ctl/render.h"

#define FOLLOW_WAIT_S 20
#define FOLLOW_LIMIT  500

/* One JSON object a line, so that a stream can be read as it comes. */
static void
show_changes(const struct ctl *c, const json_t *changes)
{
	struct text out;
	size_t i;
	json_t *change;

	text_init(&out, CTL_OUTPUT_MAX);
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

int
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
	while (status == EXIT_DONE && (more || follow) && ferror(stdout) == 0)
		status = changes_page(c, &after, FOLLOW_LIMIT, follow ? FOLLOW_WAIT_S : 0, &more);
	return status;
}
