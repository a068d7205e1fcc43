/*
 * keys.c - another state key, while the daemons run. key_file says all: its first line is the key, a second line the one before, as
 * long as something needs that. So an interrupted change is gone on with by running it again.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "base/durable_file.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "base/secret_file.h"
#include "ctl/client.h"
#include "ctl/ctl.h"

#define POLL_MS       500
#define KEY_TEXT_SIZE 64

/* ---------- the file ---------- */

/* Never half written: the key is all that opens the state. Owner and mode stay. */
static bool
replace(const char *path, const char *text)
{
	char fresh[PATH_MAX];
	struct stat st;
	int error;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh) || stat(path, &st) != 0)
		return false;
	(void)unlink(fresh);
	if (durable_file_replace(path, fresh, text, strlen(text), &st))
		return true;
	error = errno;
	(void)unlink(fresh);
	errno = error;
	return false;
}

static bool
store_keys(const char *path, const struct key32 *key, const struct key32 *previous)
{
	char text[2 * KEY_TEXT_SIZE], one[KEY_TEXT_SIZE], two[KEY_TEXT_SIZE] = "";
	bool good;

	base64_encode(key->b, sizeof(key->b), one);
	if (previous != NULL)
		base64_encode(previous->b, sizeof(previous->b), two);
	(void)snprintf(text, sizeof(text), "%s\n%s%s", one, two, previous != NULL ? "\n" : "");
	if (!(good = replace(path, text)))
		ctl_complain("%s cannot be written: %s", path, strerror(errno));
	secret_wipe(text, sizeof(text));
	secret_wipe(one, sizeof(one));
	secret_wipe(two, sizeof(two));
	return good;
}

/* ---------- the change ---------- */

struct keys {
	struct key32 key, previous;
	bool two;
};

/* Makes the new key, unless a change is under way already. */
static int
keys_prepare(struct ctl *c, struct keys *k)
{
	const char *path = c->config->key_file;
	struct rng rng = rng_system();
	char why[1024];

	if (path == NULL) {
		ctl_complain("the configuration names no [state] key_file");
		return EXIT_FAILED;
	}
	if (key_pair_read(path, &k->key, &k->previous, &k->two, why, sizeof(why)) != ERR_OK) {
		ctl_complain("%s", why);
		return EXIT_FAILED;
	}
	if (k->two)
		return EXIT_DONE;
	if (!ctl_confirmed(c, "Make another state key, and seal everything anew with it?"))
		return EXIT_FAILED;
	k->previous = k->key;
	rng_bytes(&rng, &k->key, sizeof(k->key));
	k->two = true;
	return store_keys(path, &k->key, &k->previous) ? EXIT_DONE : EXIT_FAILED;
}

static void
show_progress(const struct ctl *c, const json_t *rotation)
{
	if (!c->terminal || c->call.json)
		return;
	printf("\r\033[K%" PRId64 " of %" PRId64 " records", jx_get_int(rotation, "resealed", 0),
	    jx_get_int(rotation, "to_reseal", 0));
	(void)fflush(stdout);
}

/* Until nothing needs the former key. */
static int
wait_until_done(struct ctl *c, const struct key32 *key)
{
	char check[KEY_CHECK_LEN + 1];
	json_t *rotation = NULL;
	bool done = false;
	int status = EXIT_DONE;

	key_check_text(key, check);
	while (status == EXIT_DONE && !done) {
		status = ctl_call(c, "POST", "/v1/keys/rotate", json_pack("{s:s}", "check", check), &rotation);
		if (status != EXIT_DONE)
			break;
		done = jx_get_bool(rotation, "done", false);
		if (!done) {
			show_progress(c, rotation);
			client_sleep(c->client, POLL_MS);
		}
		json_decref(rotation);
	}
	if (c->terminal && !c->call.json)
		printf("\r\033[K");
	return status;
}

static int
rotate(struct ctl *c, struct keys *k)
{
	const char *path = c->config->key_file;
	int status;

	if ((status = keys_prepare(c, k)) != EXIT_DONE)
		return status;
	if ((status = wait_until_done(c, &k->key)) != EXIT_DONE) {
		ctl_complain("%s holds the new key and the former one; run this again to go on", path);
		return status;
	}
	if (!store_keys(path, &k->key, NULL))
		return EXIT_FAILED;
	if (c->call.json)
		printf("{\"done\": true}\n");
	else
		printf("Everything is sealed with the new key, and %s holds it alone. Put a copy of it away. The former key\n"
		       "opens backups that were made before; without a need for those, destroy it.\n",
		    path);
	return EXIT_DONE;
}

int
run_key_rotate(struct ctl *c)
{
	struct keys keys = { .two = false };
	int status = ctl_connect(c);

	if (status == EXIT_DONE)
		status = rotate(c, &keys);
	secret_wipe(&keys, sizeof(keys));
	return status;
}
