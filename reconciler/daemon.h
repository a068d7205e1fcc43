/*
 * daemon.h - ergsync-reconciler as a process: keys and secrets, sockets, signals, and the loop that runs until SIGTERM.
 */
#ifndef RECONCILER_DAEMON_H
#define RECONCILER_DAEMON_H

#include <stddef.h>

#include "base/err.h"

struct config;

/* Reads keys and secrets, checks URLs; starts nothing. why says what is wrong and what to do. */
enum err daemon_check(const struct config *config, char *why, size_t why_size);
/* Borrows config, reloads it in place on SIGHUP. ERR_OK after SIGTERM or SIGINT; else it could not start, and why says why. */
enum err daemon_run(struct config *config, char *why, size_t why_size);

#endif
