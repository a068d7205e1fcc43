/* ergsync-listener: command line and exit codes; the daemon itself is daemon.c. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/log.h"
#include "base/service.h"
#include "listener/daemon.h"
#include "listener/record_memory.h"

#define PROGRAM "ergsync-listener"

/* contract.md section 1. */
enum { EXIT_START_FAILED = 1, EXIT_BAD_USAGE = 2 };

const char *argp_program_version = PROGRAM " " ERGSYNC_VERSION;

static const char doc[] =
    "Receives Microsoft Graph's change notifications over HTTPS and keeps them on disk until ergsync-reconciler has dealt with "
    "them."
    "\v"
    "The listener is the only part of ergsync that is reachable from the internet. It checks that a notification carries a "
    "clientState made with the intake key, stores what may have changed, and answers 202 only when that is on disk. It has no "
    "credential for Microsoft Graph, no member data, and opens no connection.\n\n"
    "ENDPOINTS\n"
    "  POST /graph/notifications   change notifications, and Graph's validation of the URL\n"
    "  POST /graph/lifecycle       lifecycle notifications, and Graph's validation of the URL\n"
    "  GET /healthz                200 while it accepts and can store, else 503\n\n"
    "SIGNALS\n"
    "  SIGHUP           reads the configuration file and the certificate again; if either is bad, the old one stays, and the log "
    "says so\n"
    "  SIGTERM, SIGINT  stops accepting, finishes what is under way within 10 seconds, exits 0; a second one exits at once\n\n"
    "EXIT STATUS\n"
    "  0  after SIGTERM\n"
    "  1  it could not start: certificate, key file, store or port; the message on stderr says what to do\n"
    "  2  wrong usage, or mistakes in the configuration file, all of which are listed with file and line\n\n"
    "FILES\n"
    "  /etc/ergsync/ergsync.conf   configuration: sections [listener], [state] and [log]\n"
    "  [state] directory/inbox     what has been accepted and not yet reconciled\n"
    "  $RUNTIME_DIRECTORY, or [state] runtime_directory   listener.sock, over which the reconciler is woken\n\n"
    "Under systemd, sockets passed by ergsync-listener.socket are used instead of [listener] listen.";

enum { KEY_CHECK = 256, KEY_DUMP };

static const struct argp_option argp_options[] = {
	{ "config", 'c', "FILE", 0, "Configuration file (default: /etc/ergsync/ergsync.conf)", 0 },
	{ "check", KEY_CHECK, NULL, 0, "Check configuration, keys and certificate, report every mistake, start nothing", 0 },
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
	if (why[0] != '\0')
		(void)fprintf(stderr, PROGRAM ": warning: %s\n", why);
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

	record_memory_install();
	argp_err_exit_status = EXIT_BAD_USAGE;
	process_harden();
	if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
		return EXIT_BAD_USAGE;
	if (config_load(a.config, FOR_LISTENER, report, NULL, &config) != ERR_OK)
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
