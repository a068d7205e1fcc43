/* What would be done now: shown, approved, rejected. */
#include "ctl/ctl.h"

#include "base/json.h"
#include "ctl/render.h"

static int
get_plan(struct ctl *c, json_t **ret)
{
	char path[CTL_PATH_SIZE];
	int status = ctl_connect(c);

	return status != EXIT_DONE ? status : ctl_call(c, "GET", ctl_path(path, "/v1/ergs/{}/plan", c->call.args), NULL, ret);
}

static void
show_plan(const json_t *plan)
{
	struct text out;

	text_init(&out, CTL_OUTPUT_MAX);
	render_plan(plan, &out);
	ctl_print(&out);
}

int
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
	return ctl_write(c, "POST", "/v1/ergs/{}/plan",
	    json_pack("{s:s, s:s}", "decision", decision, "hash", given != NULL ? given : hash), done);
}

int
run_plan_approve(struct ctl *c)
{
	return decide(c, "approve", "Apply exactly this plan?", "The plan is approved and being applied.");
}

int
run_plan_reject(struct ctl *c)
{
	return decide(c, "reject", "Undo these removals, so that both sides are equal again?",
	    "The plan is rejected; its removals are undone.");
}
