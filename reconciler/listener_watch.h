/*
 * listener_watch.h - is the listener there, and can it store: asked over the peer socket every few seconds.
 *
 * So that whoever wants to know need not wait for its answer. Gone is who has not answered twice in a row. Event-loop thread only.
 */
#ifndef RECONCILER_LISTENER_WATCH_H
#define RECONCILER_LISTENER_WATCH_H

#include <stddef.h>

#include "app/api.h"
#include "base/err.h"

struct clock;
struct listener_watch;
struct peer_socket;

/* Borrows both; asks at once. Gives *ret. */
enum err listener_watch_new(struct clock *clock, struct peer_socket *peer, struct listener_watch **ret);
/* After the peer socket: its questions are answered when it goes. NULL is fine. */
void listener_watch_free(struct listener_watch *w);

/* w NULL: nothing is known. */
void listener_watch_status(const struct listener_watch *w, struct app_listener_status *ret);
/* Pure: what the listener's metrics say. text is not NUL-terminated; NULL: no answer came. */
void listener_watch_read(const char *text, size_t text_len, struct app_listener_status *ret);

#endif
