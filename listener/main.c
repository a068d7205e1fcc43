/* ergsync-listener: what --help says; the daemon itself is daemon.c. */
#include "base/config_option.h"
#include "base/program.h"
#include "listener/daemon.h"
#include "listener/record_memory.h"

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

static const struct program program = {
	.name = "ergsync-listener",
	.doc = doc,
	.checked = "Check configuration, keys and certificate, report every mistake, start nothing",
	.used_by = FOR_LISTENER,
	.check = daemon_check,
	.run = daemon_run,
};

int
main(int argc, char **argv)
{
	record_memory_install();
	return program_main(&program, argc, argv);
}
