/*
 * doctor.c - "doctor": lets the daemon look at one tenant or all, waits, and shows each finding with its next step.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/render.h"

#define POLL_MS    300
#define POLLS_MAX  200 /* the daemon gives up after 20 s */
#define REPORT_MAX (1u << 20)

/* Gives *ret, a finished report. */
static int
report_get(struct ctl *c, const char *tenant, json_t **ret)
{
	struct text path;
	json_t *report = NULL;
	int status = EXIT_DONE;

	text_init(&path, 2048);
	text_adds(&path, "/v1/tenants/");
	percent_encode(&path, tenant);
	text_adds(&path, "/doctor");
	for (int i = 0; status == EXIT_DONE && i < POLLS_MAX; i++) {
		const char *state;

		json_decref(report);
		report = NULL;
		status = ctl_call(c, "GET", path.data, NULL, &report);
		state = jx_get_str(report, "state");
		if (status != EXIT_DONE || state == NULL || strcmp(state, "running") != 0)
			break;
		client_sleep(c->client, POLL_MS);
	}
	text_done(&path);
	if (status == EXIT_DONE)
		*ret = report;
	return status;
}

static bool
is_healthy(const json_t *report)
{
	const char *verdict = jx_get_str(report, "verdict");

	return verdict != NULL && strcmp(verdict, "fail") != 0;
}

/* One report after the other; what concerns the installation is shown with the first. */
static int
show(struct ctl *c, const char *tenant, json_t *reports, bool *healthy)
{
	json_t *report = NULL;
	struct text out;
	int status = report_get(c, tenant, &report);

	if (status != EXIT_DONE)
		return status;
	*healthy = *healthy && is_healthy(report);
	if (!c->call.json) {
		text_init(&out, REPORT_MAX);
		render_doctor(report, json_array_size(reports) == 0, c->color, &out);
		ctl_print(&out);
	}
	json_array_append_new(reports, report);
	return EXIT_DONE;
}

static int
show_all(struct ctl *c, json_t *reports, bool *healthy)
{
	json_t *page = NULL, *tenant;
	size_t i;
	int status = ctl_get_list(c, "/v1/tenants", "tenants", &page);

	if (status != EXIT_DONE)
		return status;
	json_array_foreach(jx_get_array(page, "tenants"), i, tenant)
	{
		const char *id = jx_get_str(tenant, "tenant");

		if (id != NULL && (status = show(c, id, reports, healthy)) != EXIT_DONE)
			break;
	}
	if (status == EXIT_DONE && json_array_size(reports) == 0 && !c->call.json)
		printf("There is no tenant to look at. Add one: ergsyncctl tenant add\n");
	json_decref(page);
	return status;
}

int
run_doctor(struct ctl *c)
{
	json_t *reports = json_array();
	bool healthy = true;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = c->call.arg_count > 0 ? show(c, c->call.args[0], reports, &healthy) : show_all(c, reports, &healthy);
	if (status == EXIT_DONE && c->call.json)
		ctl_print_json(c->call.arg_count > 0 ? json_array_get(reports, 0) : reports);
	json_decref(reports);
	return status == EXIT_DONE && !healthy ? EXIT_FAILED : status;
}
