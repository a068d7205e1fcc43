/* Tenants are listed, shown and added; what else is done with them is in sign_in.c and erasing.c. */
#include "ctl/ctl.h"

#include "ctl/render.h"

int
run_tenant_list(struct ctl *c)
{
	static const struct column columns[] = { { "TENANT", "tenant" }, { "STATE", "state" }, { "ERGS", "ergs" },
		{ "ORGANIZER", "organizer" }, { "DETAIL", "detail" }, { NULL, NULL } };

	return ctl_list(c, "/v1/tenants", "tenants", columns, "There are no tenants. Add one: ergsyncctl tenant add");
}

int
run_tenant_show(struct ctl *c)
{
	return ctl_object(c, "GET", "/v1/tenants/{}");
}

int
run_tenant_add(struct ctl *c)
{
	static const char *const needed[] = { "directory-id", "organizer", NULL };
	json_t *body;
	int status = ctl_options_needed(c, needed);

	if (status != EXIT_DONE)
		return status;
	body = json_object();
	ctl_set_option(c, body, "directory-id", "directory_id");
	ctl_set_option(c, body, "organizer", "organizer");
	ctl_set_option(c, body, "sign-in", "sign_in");
	ctl_set_option(c, body, "meetings", "meetings");
	return ctl_write(c, "PUT", "/v1/tenants/{}", body, "The tenant is stored. See how it stands: ergsyncctl tenant show {}");
}
