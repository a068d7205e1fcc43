/*
 * copies.c - backup, restore and state check: ergsync-state does them, beside this program or where it was installed; here its answer
 * is shown.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "ctl/ctl.h"

#define HELPER     "ergsync-state"
#define ANSWER_MAX (1u << 20)
#define ARGS_MAX   10

/* ---------- running it ---------- */

static void
helper_path(char ret[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - sizeof(HELPER) - 1);
	char *slash;

	ret[n > 0 ? n : 0] = '\0';
	if ((slash = strrchr(ret, '/')) != NULL)
		memcpy(slash + 1, HELPER, sizeof(HELPER)); /* room was kept */
	if (slash == NULL || access(ret, X_OK) != 0)
		(void)snprintf(ret, PATH_MAX, "%s/" HELPER, ERGSYNC_SBINDIR);
}

static void
become(char *const *argv, const int ends[2])
{
	if (dup2(ends[1], STDOUT_FILENO) >= 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		execv(argv[0], argv);
	}
	ctl_complain("%s cannot be run: %s", argv[0], strerror(errno));
	_exit(EXIT_FAILED);
}

/* All it prints, as JSON; NULL when it printed nothing. */
static json_t *
answer_read(int fd)
{
	struct text text;
	char chunk[4096];
	json_t *answer = NULL;
	ssize_t n;

	text_init(&text, ANSWER_MAX);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			text_add(&text, chunk, (size_t)n);
	if (text_err(&text) == ERR_OK && text.len > 0)
		(void)jx_parse(text.data, text.len, &answer, NULL, 0);
	text_done(&text);
	return answer;
}

static int
status_of(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) <= EXIT_USAGE)
		return WEXITSTATUS(status);
	ctl_complain(HELPER " ended unexpectedly");
	return EXIT_FAILED;
}

/* Its exit status; *ret (given) is what it printed, or NULL. */
static int
helper_run(char *const *argv, json_t **ret)
{
	int ends[2];
	pid_t pid;

	*ret = NULL;
	if (pipe(ends) != 0 || (pid = fork()) < 0) {
		ctl_complain("%s", strerror(errno));
		return EXIT_FAILED;
	}
	if (pid == 0)
		become(argv, ends);
	(void)close(ends[1]);
	*ret = answer_read(ends[0]);
	(void)close(ends[0]);
	return status_of(pid);
}

static int
helper_call(struct ctl *c, const char *command, json_t **ret)
{
	char path[PATH_MAX];
	const char *key_file = invocation_option(&c->call, "key-file"), *argv[ARGS_MAX];
	size_t n = 0;

	helper_path(path);
	argv[n++] = path;
	argv[n++] = "--config";
	argv[n++] = c->config_file;
	if (key_file != NULL) {
		argv[n++] = "--key-file";
		argv[n++] = key_file;
	}
	if (invocation_option(&c->call, "set-aside") != NULL)
		argv[n++] = "--set-aside";
	if (isatty(STDERR_FILENO) && strcmp(command, "backup") == 0)
		argv[n++] = "--progress";
	argv[n++] = command;
	if (c->call.arg_count > 0)
		argv[n++] = c->call.args[0];
	argv[n] = NULL;
	return helper_run((char *const *)(uintptr_t)argv, ret);
}

/* ---------- showing ---------- */

/* Prints as JSON when that is wanted; takes json then. */
static bool
shown_as_json(const struct ctl *c, json_t *json)
{
	if (!c->call.json || json == NULL)
		return false;
	ctl_print_json(json);
	json_decref(json);
	return true;
}

static void
print_number(struct text *out, const char *what, const json_t *json, const char *key)
{
	text_addf(out, "%-12s %" PRId64 "\n", what, jx_get_int(json, key, 0));
}

static void
print_text(struct text *out, const char *what, const json_t *json, const char *key)
{
	const char *value = jx_get_str(json, key);

	if (value != NULL && value[0] != '\0')
		text_addf(out, "%-12s %s\n", what, value);
}

static void
print_copy(struct ctl *c, json_t *copy, const char *done)
{
	struct text out;

	text_init(&out, 65536);
	text_addf(&out, "%s\n", done);
	print_text(&out, "made at", copy, "made_at");
	print_text(&out, "by version", copy, "version");
	print_number(&out, "records", copy, "records");
	print_text(&out, "sha-256", copy, "digest");
	print_text(&out, "set aside", copy, "set_aside");
	ctl_print(&out);
	json_decref(copy);
	(void)c;
}

int
run_backup(struct ctl *c)
{
	json_t *copy;
	int status = helper_call(c, "backup", &copy);

	if (!shown_as_json(c, copy) && copy != NULL)
		print_copy(c, copy, "The backup is complete, and every record of it opens.");
	return status;
}

int
run_restore(struct ctl *c)
{
	json_t *copy;
	int status = helper_call(c, "restore", &copy);

	if (!shown_as_json(c, copy) && copy != NULL)
		print_copy(c, copy,
		    "The backup is restored. Start ergsync-reconciler: it compares both sides completely, and until that has\n"
		    "passed the guard it adds people, but removes nobody. \"ergsyncctl status\" tells how far it is.");
	return status;
}

static void
print_tables(struct text *out, const json_t *examined)
{
	json_t *tables = jx_get_object(examined, "tables"), *table;
	const char *name;

	text_addf(out, "%-16s %10s %10s\n", "TABLE", "RECORDS", "DAMAGED");
	json_object_foreach(tables, name, table) text_addf(
	    out, "%-16s %10" PRId64 " %10" PRId64 "\n", name, jx_get_int(table, "records", 0), jx_get_int(table, "damaged", 0));
}

int
run_state_check(struct ctl *c)
{
	json_t *examined, *one;
	const char *detail;
	struct text out;
	int status = helper_call(c, "check", &examined);
	size_t i;

	if (shown_as_json(c, examined) || examined == NULL)
		return status;
	text_init(&out, ANSWER_MAX);
	print_tables(&out, examined);
	json_array_foreach(jx_get_array(examined, "damaged_records"), i, one)
	    text_addf(&out, "damaged: %s %s...\n", jx_get_str(one, "table"), jx_get_str(one, "key"));
	if ((detail = jx_get_str(examined, "detail")) != NULL && detail[0] != '\0')
		text_addf(&out, "The file itself is damaged: %s\n", detail);
	if (jx_get_int(examined, "quarantined", 0) > 0)
		text_addf(&out, "%" PRId64 " records were found damaged before and taken out.\n",
		    jx_get_int(examined, "quarantined", 0));
	text_adds(&out, status == EXIT_DONE ? "Every record opens.\n" : "Not all is well.\n");
	ctl_print(&out);
	json_decref(examined);
	return status;
}
