/* ergsync-reconciler: what --help says; the daemon itself is daemon.c. */
#include "base/config_option.h"
#include "base/program.h"
#include "reconciler/daemon.h"

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

static const struct program program = {
	.name = "ergsync-reconciler",
	.doc = doc,
	.checked = "Check configuration, keys and secrets, report every mistake, start nothing",
	.used_by = FOR_RECONCILER,
	.check = daemon_check,
	.run = daemon_run,
};

int
main(int argc, char **argv)
{
	return program_main(&program, argc, argv);
}
