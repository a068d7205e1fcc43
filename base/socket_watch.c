#include "base/socket_watch.h"

#include <stdlib.h>

#include "base/log.h"

/* The service manager makes the directory anew before it starts us. */
static bool
is_managed(void)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");

	return directory != NULL && directory[0] == '/';
}

bool
socket_watch_note(struct socket_watch *w, enum err e, bool in_runtime_directory, bool anew, const char *why)
{
	if (e == ERR_OK) {
		if (anew || w->failures > 0)
			log_event(LOG_WARN, "socket_bound_anew");
		w->failures = w->lost = 0;
		return false;
	}
	if (w->failures++ == 0)
		log_put(LOG_ERROR, "socket_gone", LS("error", err_name(e)), LS("detail", why));
	/* A start would make no other directory, and fail for its lack. */
	w->lost = in_runtime_directory ? w->lost + 1 : 0;
	if (w->lost != SOCKET_WATCH_PATIENCE || !is_managed())
		return false;
	log_event(LOG_ERROR, "socket_lost");
	return true;
}
