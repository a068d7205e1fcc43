/* program.c - argp, configuration, and one of: run, check, dump. */
#include "base/program.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "base/service.h"

enum { EXIT_START_FAILED = 1, EXIT_BAD_USAGE = 2 };
enum { KEY_CHECK = 256, KEY_DUMP };

#define DEFAULT_FILE "/etc/ergsync/ergsync.conf"

struct arguments {
	const char *config;
	bool check, dump;
};

static error_t
on_argument(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'c': a->config = arg; return 0;
	case KEY_CHECK: a->check = true; return 0;
	case KEY_DUMP: a->dump = true; return 0;
	case ARGP_KEY_ARG: argp_error(state, "unexpected argument \"%s\"", arg); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static void
report(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	if (line > 0)
		(void)fprintf(stderr, "%s:%d: %s\n", file, line, message);
	else if (strncmp(message, file, strlen(file)) == 0)
		(void)fprintf(stderr, "%s\n", message); /* it is about the file itself, and names it */
	else
		(void)fprintf(stderr, "%s: %s\n", file, message);
}

/* arg is the program. */
static void
warn(void *arg, const char *file, int line, const char *message)
{
	const struct program *p = arg;

	(void)line;
	(void)fprintf(stderr, "%s: warning: %s%s%s\n", p->name, file, file[0] != '\0' ? ": " : "", message);
}

static int
check(const struct program *p, const struct config *config)
{
	char why[2048] = "", *rest = why, *line;

	if (p->check(config, why, sizeof(why)) != ERR_OK) {
		(void)fprintf(stderr, "%s: %s\n", p->name, why);
		return EXIT_START_FAILED;
	}
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			warn((void *)(uintptr_t)p, "", 0, line);
	if ((p->used_by & FOR_RECONCILER) != 0)
		config_doubts(config, warn, (void *)(uintptr_t)p);
	(void)printf("%s: ok\n", config->file);
	return 0;
}

static int
run(const struct program *p, struct config *config)
{
	char why[512] = "";

	log_init(p->name, (enum log_level)config->log_level);
	if (p->run(config, why, sizeof(why)) == ERR_OK) {
		log_flush();
		return 0;
	}
	log_flush();
	if (why[0] != '\0')
		(void)fprintf(stderr, "%s: cannot start: %s\n", p->name, why);
	return EXIT_START_FAILED;
}

static bool
arguments_parse(const struct program *p, int argc, char **argv, struct arguments *ret)
{
	static char version[64];
	const struct argp_option options[] = {
		{ "config", 'c', "FILE", 0, "Configuration file (default: " DEFAULT_FILE ")", 0 },
		{ "check", KEY_CHECK, NULL, 0, p->checked, 0 },
		{ "dump-config", KEY_DUMP, NULL, 0, "Print the configuration in effect, each option with its meaning", 0 },
		{ 0 },
	};
	const struct argp argp = { options, on_argument, NULL, p->doc, NULL, NULL, NULL };

	(void)snprintf(version, sizeof(version), "%s %s", p->name, ERGSYNC_VERSION);
	argp_program_version = version;
	argp_err_exit_status = EXIT_BAD_USAGE;
	return argp_parse(&argp, argc, argv, 0, NULL, ret) == 0;
}

int
program_main(const struct program *p, int argc, char **argv)
{
	struct arguments a = { DEFAULT_FILE, false, false };
	struct config *config = NULL;
	int status = 0;

	process_harden();
	if (!arguments_parse(p, argc, argv, &a) || config_load(a.config, p->used_by, report, NULL, &config) != ERR_OK)
		return EXIT_BAD_USAGE;
	if (a.dump)
		config_dump(config, stdout);
	else if (a.check)
		status = check(p, config);
	else
		status = run(p, config);
	config_free(config);
	return status;
}
