/* ERGs: listed, shown, linked and unlinked. */
#include "ctl/ctl.h"

#include "ctl/render.h"

int
run_erg_list(struct ctl *c)
{
	static const struct column columns[] = { { "ERG", "erg" }, { "TENANT", "tenant" }, { "NAME", "name" },
		{ "STATE", "state" }, { "APP", "members.app" }, { "TEAMS", "members.teams" }, { "PENDING", "members.pending" },
		{ "PROVED EQUAL", "proved_at" }, { "DETAIL", "detail" }, { NULL, NULL } };

	return ctl_list(c, "/v1/ergs", "ergs", columns, "There are no ERGs. Add one: ergsyncctl erg add");
}

int
run_erg_show(struct ctl *c)
{
	return ctl_object(c, "GET", "/v1/ergs/{}");
}

int
run_erg_add(struct ctl *c)
{
	static const char *const needed[] = { "tenant", "name", "channel-url", NULL };
	json_t *body = json_pack("{s:s, s:s}", "membership", "two-way", "meetings", "two-way");
	int status = ctl_options_needed(c, needed);

	ctl_set_option(c, body, "tenant", "tenant");
	ctl_set_option(c, body, "name", "name");
	ctl_set_option(c, body, "channel-url", "channel_url");
	ctl_set_option(c, body, "membership", "membership");
	ctl_set_option(c, body, "meetings", "meetings");
	ctl_set_option(c, body, "organizer", "organizer");
	if (status == EXIT_DONE)
		status = ctl_set_number(c, body, "removal-limit", "removal_limit");
	if (status == EXIT_DONE)
		status = ctl_set_number(c, body, "removal-percent", "removal_percent");
	if (status != EXIT_DONE) {
		json_decref(body);
		return status;
	}
	return ctl_write(
	    c, "PUT", "/v1/ergs/{}", body, "The ERG is stored and being linked. See how it stands: ergsyncctl erg show {}");
}

int
run_erg_remove(struct ctl *c)
{
	if (!ctl_confirmed(c, "Unlink the ERG? Nobody is removed from Teams or from the app."))
		return EXIT_FAILED;
	return ctl_write(c, "DELETE", "/v1/ergs/{}", NULL, "The ERG is unlinked.");
}
