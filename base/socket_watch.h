/*
 * socket_watch.h - what follows when a daemon looks whether its Unix sockets are still where others find them.
 *
 * Somebody may clean the runtime directory under a running daemon. Each owner binds its socket anew; this tells of it once, and
 * decides when only a restart helps: a confined service cannot make the directory, but systemd does so before it starts one
 * ($RUNTIME_DIRECTORY says that it made it).
 */
#ifndef BASE_SOCKET_WATCH_H
#define BASE_SOCKET_WATCH_H

#include <stdbool.h>

#include "base/err.h"

#define SOCKET_WATCH_MS       2000
#define SOCKET_WATCH_PATIENCE 8 /* looks in vain before a restart is wanted */

struct socket_watch {
	unsigned failures; /* in a row, of whichever socket */
	unsigned lost;     /* in a row, of one in the runtime directory */
};

/* The outcome of one look: e and why of what fails, in_runtime_directory whether it is there, or anew whether something was bound
 * again. True: end, and be started anew. */
bool socket_watch_note(struct socket_watch *w, enum err e, bool in_runtime_directory, bool anew, const char *why);

#endif
