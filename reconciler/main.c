/* ergsync-reconciler: command line and exit codes; the daemon itself is daemon.c. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/log.h"
#include "base/service.h"
#include "reconciler/daemon.h"

#define PROGRAM "ergsync-reconciler"

/* contract.md section 1. */
enum { EXIT_START_FAILED = 1, EXIT_BAD_USAGE = 2 };

const char *argp_program_version = PROGRAM " " ERGSYNC_VERSION;

static const char doc[] =
    "Keeps employee resource groups of an ERG platform and their Microsoft Teams channels equal."
    "\v"
    "The reconciler is the Graph client of ergsync. It reads what ergsync-listener has stored, re-reads the teams concerned, "
    "works "
    "out who changed what since both sides last agreed, and tells the ERG platform by signed callbacks and a change feed. It "
    "serves the app API, and metrics on the admin endpoint. It is not reachable from the internet.\n\n"
    "Microsoft Graph or the ERG platform being away does not stop it: what is due waits on disk.\n\n"
    "ENDPOINTS\n"
    "  [app] listen     the app API: tenants, ERGs, members, resyncs, changes, status\n"
    "  [admin] listen   GET /metrics (both daemons), /healthz, /readyz\n\n"
    "SIGNALS\n"
    "  SIGHUP           reads the configuration file and the secrets again; if one is bad, all stay as they were, and the log "
    "says so\n"
    "  SIGTERM, SIGINT  answers what is under way and exits 0; a second one exits at once\n\n"
    "EXIT STATUS\n"
    "  0  after SIGTERM\n"
    "  1  it could not start: key file, secret, store or port; the message on stderr says what to do\n"
    "  2  wrong usage, or mistakes in the configuration file, all of which are listed with file and line\n\n"
    "FILES\n"
    "  /etc/ergsync/ergsync.conf   configuration: sections [graph], [app], [admin], [state], [sync] and [log]\n"
    "  [state] directory/state     what both sides last said, sealed with [state] key_file\n"
    "  [state] directory/inbox     notifications, written by ergsync-listener\n"
    "  $RUNTIME_DIRECTORY, or [state] runtime_directory   reconciler.sock, over which the listener wakes it";

enum { KEY_CHECK = 256, KEY_DUMP };

static const struct argp_option argp_options[] = {
	{ "config", 'c', "FILE", 0, "Configuration file (default: /etc/ergsync/ergsync.conf)", 0 },
	{ "check", KEY_CHECK, NULL, 0, "Check configuration, keys and secrets, report every mistake, start nothing", 0 },
	{ "dump-config", KEY_DUMP, NULL, 0, "Print the configuration in effect, each option with its meaning", 0 },
	{ 0 },
};

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

static const struct argp argp = { argp_options, on_argument, NULL, doc, NULL, NULL, NULL };

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
check(const struct config *config)
{
	char why[512] = "";

	if (daemon_check(config, why, sizeof(why)) != ERR_OK) {
		(void)fprintf(stderr, PROGRAM ": %s\n", why);
		return EXIT_START_FAILED;
	}
	(void)printf("%s: ok\n", config->file);
	return 0;
}

static int
run(struct config *config)
{
	char why[512] = "";

	log_init(PROGRAM, (enum log_level)config->log_level);
	if (daemon_run(config, why, sizeof(why)) == ERR_OK)
		return 0;
	(void)fprintf(stderr, PROGRAM ": cannot start: %s\n", why);
	return EXIT_START_FAILED;
}

int
main(int argc, char **argv)
{
	struct arguments a = { "/etc/ergsync/ergsync.conf", false, false };
	struct config *config = NULL;
	int status;

	argp_err_exit_status = EXIT_BAD_USAGE;
	process_harden();
	if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
		return EXIT_BAD_USAGE;
	if (config_load(a.config, FOR_RECONCILER, report, NULL, &config) != ERR_OK)
		return EXIT_BAD_USAGE;
	if (a.dump) {
		config_dump(config, stdout);
		status = 0;
	} else if (a.check) {
		status = check(config);
	} else {
		status = run(config);
	}
	config_free(config);
	return status;
}
