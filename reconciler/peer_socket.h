/*
 * peer_socket.h - the reconciler's end of the datagrams with the listener (model/peer.h).
 *
 * A wake-up calls reconciler_wake. A lost datagram costs time, never data: the inbox is also looked at now and then.
 */
#ifndef RECONCILER_PEER_SOCKET_H
#define RECONCILER_PEER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct clock;
struct event_base;
struct peer_socket;
struct reconciler;

/* Binds runtime_directory/reconciler.sock, replacing what a former process left. Borrows all. Gives *ret; why says what failed. */
enum err peer_socket_new(struct event_base *base, struct clock *clock, const char *runtime_directory, struct peer_socket **ret,
    char *why, size_t why_size);
/* Binds it anew if somebody has removed its file, in a directory that is there. ERR_OK: it is, *ret_anew whether only now; else why
 * says what fails. */
enum err peer_socket_mend(struct peer_socket *p, bool *ret_anew, char *why, size_t why_size);
void peer_socket_free(struct peer_socket *p); /* NULL is fine; removes the socket; unanswered questions get NULL */
/* Wake-ups go to this one from now on; NULL = nobody. */
void peer_socket_attach(struct peer_socket *p, struct reconciler *r);

/* A reconciler_options.wake_listener; arg is the peer_socket. A listener that isn't there is fine. */
void peer_socket_consumed(void *arg, const uint8_t *epoch, uint64_t consumed);
/* Asks the listener for its metrics: cb gets the text (borrowed, not NUL-terminated), or NULL when no answer came within a second. */
void peer_socket_ask_stats(struct peer_socket *p, void (*cb)(void *arg, const char *text, size_t text_len), void *arg);

#endif
