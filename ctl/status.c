/* How the whole stands, and the subscriptions by which Graph tells of changes. */
#include "ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "ctl/client.h"
#include "ctl/render.h"

int
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
		text_init(&out, CTL_OUTPUT_MAX);
		render_status(json, client_wall_ms(c->client), c->color, &out);
		ctl_print(&out);
	}
	json_decref(json);
	return EXIT_DONE;
}

/* What is one and the same: resources of two tenants may be spelt alike. */
static bool
subscription_seen(json_t *seen, const json_t *erg, const char *resource)
{
	const char *tenant = jx_get_str(erg, "tenant");
	json_t *of_tenant = json_object_get(seen, tenant != NULL ? tenant : "");
	bool known;

	if (of_tenant == NULL) {
		of_tenant = json_object();
		json_object_set_new(seen, tenant != NULL ? tenant : "", of_tenant);
	}
	known = json_object_get(of_tenant, resource) != NULL;
	json_object_set_new(of_tenant, resource, json_true());
	return known;
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

			if (resource == NULL || subscription_seen(seen, erg, resource))
				continue;
			copy = json_copy(s);
			json_object_set(copy, "erg", json_object_get(erg, "erg"));
			json_object_set(copy, "tenant", json_object_get(erg, "tenant"));
			json_object_set(copy, "proved_at", json_object_get(erg, "proved_at"));
			json_array_append_new(list, copy);
		}
	}
	json_decref(seen);
	return list;
}

/* By the count of all there are, also of those that no ERG shows. */
static int
say_where(struct ctl *c)
{
	json_t *json = NULL;
	int status = ctl_call(c, "GET", "/v1/status", NULL, &json);
	int64_t former;

	if (status != EXIT_DONE)
		return status;
	former = jx_get_int(json_object_get(json, "subscriptions"), "at_former_address", 0);
	if (former == 0)
		printf("None is at a former public_url: the present one is all that is needed.\n");
	else
		printf("%" PRId64 " %s still a former public_url: keep that address answering.\n", former,
		    former == 1 ? "needs" : "need");
	json_decref(json);
	return EXIT_DONE;
}

int
run_subscriptions(struct ctl *c)
{
	static const struct column columns[] = { { "TENANT", "tenant" }, { "ERG", "erg" }, { "STATE", "state" },
		{ "ADDRESS", "address" }, { "EXPIRES", "expires_at" }, { "RENEWED", "renewed_at" }, { "PROVED", "proved_at" },
		{ "RESOURCE", "resource" }, { "DETAIL", "detail" }, { NULL, NULL } };
	json_t *ergs = NULL, *json;
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = ctl_get_list(c, "/v1/ergs", "ergs", &ergs);
	if (status != EXIT_DONE)
		return status;
	json = json_pack("{s:o}", "subscriptions", subscriptions_of(jx_get_array(ergs, "ergs")));
	json_decref(ergs);
	status = ctl_show_list(c, json, "subscriptions", columns, "There are no subscriptions: no ERG needs one.");
	return status == EXIT_DONE && !c->call.json ? say_where(c) : status;
}
