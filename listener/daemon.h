/*
 * daemon.h - ergsync-listener put together: opens everything, serves until told to stop, drains.
 */
#ifndef LISTENER_DAEMON_H
#define LISTENER_DAEMON_H

#include <stddef.h>

#include "base/err.h"

struct config;

/* What can be checked of a configuration without starting anything: certificate, keys. why says what is wrong. */
enum err daemon_check(const struct config *config, char *why, size_t why_size);

/*
 * Runs until SIGTERM or SIGINT and the drain after it; SIGHUP reads the configuration file and the certificate again.
 * Anything but ERR_OK: it could not start, and why says so. Borrows config, whose reloadable options it changes.
 */
enum err daemon_run(struct config *config, char *why, size_t why_size);

#endif
