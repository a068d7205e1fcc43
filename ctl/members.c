/* An ERG's members, on the app's side. */
#include "ctl/ctl.h"

#include "ctl/render.h"

int
run_member_list(struct ctl *c)
{
	static const struct column columns[] = { { "USER", "user" }, { "EMAIL", "email" }, { "ROLE", "role" },
		{ "APP", "in_app" }, { "TEAMS", "in_teams" }, { "STATUS", "status" }, { "SINCE", "since" },
		{ "ENTRA ID", "entra_id" }, { "DETAIL", "detail" }, { NULL, NULL } };

	return ctl_list(c, "/v1/ergs/{}/members", "members", columns, "The ERG has no members.");
}

int
run_member_add(struct ctl *c)
{
	json_t *body = json_pack("{s:s}", "role", "member");

	ctl_set_option(c, body, "email", "email");
	ctl_set_option(c, body, "entra-id", "entra_id");
	ctl_set_option(c, body, "role", "role");
	if (invocation_option(&c->call, "private") != NULL)
		json_object_set_new(body, "private", json_true());
	return ctl_write(c, "PUT", "/v1/ergs/{}/members/{}", body, "The member is stored and will be added to Teams.");
}

int
run_member_remove(struct ctl *c)
{
	return ctl_write(c, "DELETE", "/v1/ergs/{}/members/{}", NULL, "The member will be removed.");
}
