/* erasing.c - removing a tenant, and waiting for the receipt of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

#define POLL_MS        500
#define PATH_MAX_BYTES 1024

static const struct {
	const char *key, *what;
} counts[] = {
	{ "ergs", "ERGs" },
	{ "members", "memberships" },
	{ "people", "people" },
	{ "meetings", "meetings" },
	{ "subscriptions", "subscriptions, on Graph as well" },
	{ "changes", "changes of the feed" },
	{ "callbacks", "callbacks that waited" },
	{ "sign_ins", "signed-in accounts" },
};

static void
show_receipt(const struct ctl *c, const json_t *receipt)
{
	const json_t *removed = jx_get_object(receipt, "removed");
	struct text out;

	if (c->call.json) {
		ctl_print_json(receipt);
		return;
	}
	text_init(&out, 65536);
	text_addf(&out, "Receipt %s\n", jx_get_str(receipt, "id") != NULL ? jx_get_str(receipt, "id") : "");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		text_addf(&out, "%8" PRId64 "  %s\n", jx_get_int(removed, counts[i].key, 0), counts[i].what);
	text_addf(&out, "Erased at %s; the keys of it were destroyed at %s.\n",
	    jx_get_str(receipt, "erased_at") != NULL ? jx_get_str(receipt, "erased_at") : "?",
	    jx_get_str(receipt, "keys_destroyed_at") != NULL ? jx_get_str(receipt, "keys_destroyed_at") : "?");
	text_adds(&out, "Backups made before still hold it: delete them, or let them expire.\n");
	ctl_print(&out);
}

static bool
is_done(const json_t *receipt)
{
	const char *state = jx_get_str(receipt, "state");

	return state != NULL && strcmp(state, "done") == 0;
}

static int
wait_for(struct ctl *c, const char *id)
{
	char path[PATH_MAX_BYTES];
	json_t *receipt = NULL;
	int status;

	(void)snprintf(path, sizeof(path), "/v1/receipts/%s", id);
	while ((status = ctl_call(c, "GET", path, NULL, &receipt)) == EXIT_DONE && !is_done(receipt)) {
		json_decref(receipt);
		client_sleep(c->client, POLL_MS);
	}
	if (status != EXIT_DONE)
		return status;
	show_receipt(c, receipt);
	json_decref(receipt);
	return EXIT_DONE;
}

int
run_tenant_remove(struct ctl *c)
{
	json_t *tenant = NULL;
	struct text path;
	const char *id;
	int status;

	if (!ctl_confirmed(c, "Remove the tenant with its subscriptions and everything stored about it?"))
		return EXIT_FAILED;
	text_init(&path, PATH_MAX_BYTES);
	text_adds(&path, "/v1/tenants/");
	percent_encode(&path, c->call.args[0]);
	if ((status = ctl_connect(c)) == EXIT_DONE)
		status = ctl_call(c, "DELETE", path.data != NULL ? path.data : "/", NULL, &tenant);
	text_done(&path);
	if (status != EXIT_DONE)
		return status;
	id = jx_get_str(tenant, "receipt");
	if (id != NULL && invocation_option(&c->call, "no-wait") == NULL) {
		status = wait_for(c, id);
	} else if (c->call.json) {
		ctl_print_json(tenant);
	} else {
		printf("The tenant is being removed; its receipt is %s.\n", id != NULL ? id : "not known");
	}
	json_decref(tenant);
	return status;
}

int
run_receipt_show(struct ctl *c)
{
	char path[PATH_MAX_BYTES];
	json_t *receipt = NULL;
	uint64_t number;
	int status;

	if (parse_u64(c->call.args[0], &number) != ERR_OK) {
		ctl_complain("a receipt is a number, as tenant remove prints it");
		return EXIT_USAGE;
	}
	(void)snprintf(path, sizeof(path), "/v1/receipts/%" PRIu64, number);
	if ((status = ctl_connect(c)) == EXIT_DONE)
		status = ctl_call(c, "GET", path, NULL, &receipt);
	if (status != EXIT_DONE)
		return status;
	show_receipt(c, receipt);
	json_decref(receipt);
	return EXIT_DONE;
}
