/*
 * sign_in.c - "tenant sign-in": shows the code that a person enters in a browser, and waits for what comes of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

#define POLL_MS  1000
#define START_MS 200 /* a person waits for the code */

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = jx_get_str(o, key);

	return s != NULL ? s : "";
}

static bool
is_state(const json_t *sign_in, const char *state)
{
	return strcmp(text_of(sign_in, "state"), state) == 0;
}

/* Once, when the code is there. Told to stderr where the answer itself is asked for as JSON. */
static void
show_code(const struct ctl *c, const json_t *sign_in)
{
	FILE *out = c->call.json ? stderr : stdout;

	(void)fprintf(out,
	    "Open   %s\nenter  %s\nand sign in with the account that ergsync is to use (until %s).\n"
	    "Waiting; it is safe to leave with Ctrl-C, the sign-in goes on.\n",
	    text_of(sign_in, "verification_uri"), text_of(sign_in, "user_code"), text_of(sign_in, "expires_at"));
	(void)fflush(out);
}

static int
show_end(const struct ctl *c, const json_t *sign_in)
{
	bool good = is_state(sign_in, "signed_in");

	if (c->call.json)
		ctl_print_json(sign_in);
	else if (good)
		printf("Signed in%s%s.\n", text_of(sign_in, "account")[0] != '\0' ? " as " : "", text_of(sign_in, "account"));
	else
		ctl_complain("%s", text_of(sign_in, "detail")[0] != '\0' ? text_of(sign_in, "detail")
		                                                         : "the sign-in was given up: the daemon was restarted");
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* Takes sign_in. */
static int
watch(struct ctl *c, const char *path, json_t *sign_in)
{
	bool shown = false;
	int status = EXIT_DONE;

	while (status == EXIT_DONE && (is_state(sign_in, "starting") || is_state(sign_in, "waiting"))) {
		if (!shown && is_state(sign_in, "waiting")) {
			show_code(c, sign_in);
			shown = true;
		}
		client_sleep(c->client, shown ? POLL_MS : START_MS);
		json_decref(sign_in);
		sign_in = NULL;
		status = ctl_call(c, "GET", path, NULL, &sign_in);
	}
	if (status == EXIT_DONE)
		status = show_end(c, sign_in);
	json_decref(sign_in);
	return status;
}

int
run_sign_in(struct ctl *c)
{
	json_t *sign_in = NULL;
	struct text path;
	int status = ctl_connect(c);

	text_init(&path, 2048);
	text_adds(&path, "/v1/tenants/");
	percent_encode(&path, c->call.args[0]);
	text_adds(&path, "/sign-in");
	if (status == EXIT_DONE && text_err(&path) != ERR_OK) {
		ctl_complain("that is no tenant's id");
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE)
		status = ctl_call(c, "POST", path.data, NULL, &sign_in);
	if (status == EXIT_DONE)
		status = watch(c, path.data, sign_in);
	text_done(&path);
	return status;
}
