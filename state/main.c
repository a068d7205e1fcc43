/*
 * ergsync-state: backup, restore and check, for ergsyncctl, which knows nothing of how the state is stored. Prints one JSON object.
 */
#include <argp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/config.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/log.h"
#include "base/secret_file.h"
#include "base/service.h"
#include "state/backup.h"
#include "state/keyring.h"
#include "state/store.h"

#define PROGRAM "ergsync-state"

/* As ergsyncctl's. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_BAD_USAGE = 2 };

const char *argp_program_version = PROGRAM " " ERGSYNC_VERSION;

static const char doc[] =
    "Makes, restores and checks copies of ergsync's state. ergsyncctl backup, restore and state check run it; its answer is JSON."
    "\v"
    "  backup FILE    copies the store, while it is in use, and verifies the copy\n"
    "  restore FILE   verifies the copy and puts it where a store is to be; only while ergsync-reconciler is stopped\n"
    "  check [FILE]   opens every record, of the store or of a copy\n";

enum { KEY_SET_ASIDE = 256, KEY_KEY_FILE, KEY_PROGRESS };

static const struct argp_option argp_options[] = {
	{ "config", 'c', "FILE", 0, "Configuration file (default: /etc/ergsync/ergsync.conf)", 0 },
	{ "set-aside", KEY_SET_ASIDE, NULL, 0, "restore: rename a store that is there", 0 },
	{ "key-file", KEY_KEY_FILE, "FILE", 0, "The state key the copy was made with, where it is not that of the configuration",
	    0 },
	{ "progress", KEY_PROGRESS, NULL, 0, "backup: tell on stderr how much is copied", 0 },
	{ 0 },
};

struct arguments {
	const char *config_file, *key_file;
	const char *words[2];
	unsigned count;
	bool set_aside, progress;
};

struct work {
	const struct arguments *args;
	const struct config *config;
	struct backup_keys keys;
	struct key32 previous;
	char store[PATH_MAX];
};

static error_t
on_argument(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c': a->config_file = arg; return 0;
	case KEY_SET_ASIDE: a->set_aside = true; return 0;
	case KEY_KEY_FILE: a->key_file = arg; return 0;
	case KEY_PROGRESS: a->progress = true; return 0;
	case ARGP_KEY_ARG:
		if (a->count == 2)
			argp_error(state, "unexpected argument \"%s\"", arg);
		else
			a->words[a->count++] = arg;
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = { argp_options, on_argument, "COMMAND [FILE]", doc, NULL, NULL, NULL };

/* ---------- telling ---------- */

static int
failed(const char *why)
{
	(void)fprintf(stderr, PROGRAM ": %s\n", why);
	return EXIT_FAILED;
}

/* Takes root. */
static void
print(json_t *root)
{
	(void)json_dumpf(root, stdout, JSON_INDENT(2));
	(void)fputc('\n', stdout);
	json_decref(root);
}

static json_t *
manifest_json(const struct backup_manifest *m)
{
	uint64_t bytes = m->image_len + m->keys_len + m->manifest_len;
	json_t *root = json_pack("{s:s, s:s, s:I, s:I}", "digest", m->digest, "version", m->version, "records",
	    (json_int_t)m->rows, "bytes", (json_int_t)bytes);

	if (root != NULL)
		(void)jx_set_time(root, "made_at", m->made_wall_ms);
	return root;
}

static json_t *
examined_json(const struct examined *x)
{
	json_t *tables = json_object(), *damaged = json_array();
	char mark[2 * EXAMINE_MARK_LEN + 1];

	for (unsigned t = 0; t < TABLE_COUNT; t++)
		(void)json_object_set_new(tables, table_name((enum table)t),
		    json_pack("{s:I, s:I}", "records", (json_int_t)x->rows[t], "damaged", (json_int_t)x->damaged[t]));
	for (size_t i = 0; i < x->list_count; i++) {
		hex_encode(x->list[i].mark, EXAMINE_MARK_LEN, mark);
		(void)json_array_append_new(damaged, json_pack("{s:s, s:s}", "table", table_name(x->list[i].table), "key", mark));
	}
	return json_pack("{s:b, s:I, s:I, s:I, s:s, s:o, s:o}", "ok", x->err == ERR_OK && x->damaged_total == 0, "records",
	    (json_int_t)x->rows_total, "damaged", (json_int_t)x->damaged_total, "quarantined", (json_int_t)x->quarantined,
	    "detail", x->why, "tables", tables, "damaged_records", damaged);
}

static void
on_progress(void *arg, uint64_t done_bytes)
{
	static uint64_t last;

	(void)arg;
	if (done_bytes >> 20 == last >> 20)
		return;
	last = done_bytes;
	(void)fprintf(stderr, "\r%" PRIu64 " MiB copied", done_bytes >> 20);
}

/* ---------- commands ---------- */

static int64_t
now_wall_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int
run_backup(struct work *w)
{
	struct backup_options o = {
		.store = w->store,
		.file = w->args->words[1],
		.keys = w->keys,
		.now_wall_ms = now_wall_ms(),
		.progress = w->args->progress ? on_progress : NULL,
	};
	struct backup_manifest m;
	struct examined x;
	char why[512] = "";
	enum err e;

	if (o.file == NULL)
		return EXIT_BAD_USAGE;
	e = backup_write(&o, &m, &x, why, sizeof(why));
	if (w->args->progress)
		(void)fputs("\r\033[K", stderr);
	if (e != ERR_OK)
		return failed(why[0] != '\0' ? why : err_text(e));
	print(manifest_json(&m));
	return EXIT_DONE;
}

static int
run_restore(struct work *w)
{
	struct restore_options o = {
		.file = w->args->words[1],
		.state_directory = w->config->state_directory,
		.keys = w->keys,
		.now_wall_ms = now_wall_ms(),
		.map_size_bytes = (uint64_t)w->config->map_size_bytes,
		.set_aside = w->args->set_aside,
	};
	struct backup_manifest m;
	char why[512] = "", aside[PATH_MAX];
	json_t *root;
	enum err e;

	if (o.file == NULL)
		return EXIT_BAD_USAGE;
	if ((e = backup_restore(&o, &m, aside, why, sizeof(why))) != ERR_OK)
		return failed(why[0] != '\0' ? why : err_text(e));
	root = manifest_json(&m);
	(void)jx_set_str(root, "set_aside", aside[0] != '\0' ? aside : NULL);
	print(root);
	return EXIT_DONE;
}

static enum err
store_keys(struct work *w, struct keyring **ret, char *why, size_t why_size)
{
	char path[PATH_MAX + 16];
	enum err e;

	(void)snprintf(path, sizeof(path), "%s/" STORE_KEYS_FILE, w->store);
	if ((e = keyring_file(path, &w->keys.key, w->keys.previous, ret, why, why_size)) == ERR_NOTFOUND)
		(void)snprintf(why, why_size, "there is no store in %s", w->store);
	return e;
}

static int
check_store(struct work *w, struct examined *x, char *why, size_t why_size)
{
	char path[PATH_MAX + 16];
	struct keyring *keys;
	struct stat st = { 0 };

	if (store_keys(w, &keys, why, why_size) != ERR_OK)
		return EXIT_FAILED;
	(void)snprintf(path, sizeof(path), "%s/data.mdb", w->store);
	(void)stat(path, &st);
	examine(w->store, false, (uint64_t)st.st_size, keys, x);
	keyring_free(keys);
	return EXIT_DONE;
}

static int
run_check(struct work *w)
{
	struct backup_manifest m;
	struct examined x = { 0 };
	char why[512] = "";
	enum err e = ERR_OK;
	bool good;

	if (w->args->words[1] != NULL)
		e = backup_verify(w->args->words[1], &w->keys, &m, &x, why, sizeof(why));
	else if (check_store(w, &x, why, sizeof(why)) != EXIT_DONE)
		return failed(why);
	/* Nothing was walked: there is nothing to print but why. */
	if (e != ERR_OK && x.err == ERR_OK && x.damaged_total == 0)
		return failed(why[0] != '\0' ? why : err_text(e));
	good = x.err == ERR_OK && x.damaged_total == 0;
	print(examined_json(&x));
	return good ? EXIT_DONE : EXIT_FAILED;
}

/* ---------- starting ---------- */

static void
report(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	if (line > 0)
		(void)fprintf(stderr, "%s:%d: %s\n", file, line, message);
	else
		(void)fprintf(stderr, "%s: %s\n", file, message);
}

static int
run(struct work *w)
{
	static const struct {
		const char *name;
		int (*run)(struct work *w);
	} commands[] = { { "backup", run_backup }, { "restore", run_restore }, { "check", run_check } };
	const char *key_file = w->args->key_file != NULL ? w->args->key_file : w->config->key_file;
	char why[512];
	bool has_previous;

	if (key_file == NULL)
		return failed("the configuration names no [state] key_file");
	if (key_pair_read(key_file, &w->keys.key, &w->previous, &has_previous, why, sizeof(why)) != ERR_OK)
		return failed(why);
	w->keys.previous = has_previous ? &w->previous : NULL;
	(void)snprintf(w->store, sizeof(w->store), "%s/state", w->config->state_directory);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, w->args->words[0]) == 0)
			return commands[i].run(w);
	return EXIT_BAD_USAGE;
}

int
main(int argc, char **argv)
{
	struct arguments a = { .config_file = "/etc/ergsync/ergsync.conf" };
	struct config *config = NULL;
	struct work w = { .args = &a };
	int status;

	argp_err_exit_status = EXIT_BAD_USAGE;
	process_harden();
	log_init(PROGRAM, LOG_WARN);
	if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0 || a.count == 0)
		return EXIT_BAD_USAGE;
	if (config_load(a.config_file, FOR_CTL, report, NULL, &config) != ERR_OK)
		return EXIT_FAILED;
	w.config = config;
	status = run(&w);
	if (status == EXIT_BAD_USAGE)
		(void)fprintf(stderr, PROGRAM ": see --help\n");
	secret_wipe(&w, sizeof(w));
	config_free(config);
	return status;
}
