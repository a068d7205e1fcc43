/*
 * peer.h - what the two daemons tell each other: small datagrams on Unix sockets in the runtime directory.
 *
 * One message is one datagram of text, "ergsync/1 WORD[ ...]", so that it can be read in a trace. Losing one costs time,
 * never data: both sides repeat themselves (a start reads the inbox without a wake-up; a later "consumed" covers an earlier).
 * Trust is the directory's: only its owner can write there. Pure.
 *
 *	listener   -> reconciler   wake                     records wait in the inbox; at most one such message is under way
 *	listener   -> reconciler   consent SCOPE            an administrator has consented; SCOPE is 32 hex digits
 *	reconciler -> listener     consumed EPOCH N         all up to N is safe in state/: may be trimmed
 *	reconciler -> listener     stats?                   answered to the socket that asked, which must be bound to a path
 *	listener   -> reconciler   stats\nTEXT              the listener's metrics in Prometheus text format
 */
#ifndef MODEL_PEER_H
#define MODEL_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/client_state.h"

struct sockaddr_un;

/* Names below the runtime directory; each daemon binds its own, and sends from it. */
#define PEER_LISTENER_SOCKET   "listener.sock"
#define PEER_RECONCILER_SOCKET "reconciler.sock"

/* Of the inbox: a "consumed" for another epoch than the present one must not trim. */
#define PEER_EPOCH_LEN 16

/* The largest datagram, and so the largest metrics text: about three times what the table of metrics makes today. */
#define PEER_MESSAGE_MAX 32768

enum peer_kind { PEER_WAKE, PEER_CONSUMED, PEER_STATS_REQUEST, PEER_STATS, PEER_CONSENT };

struct peer_message {
	enum peer_kind kind;
	struct scope_id scope;         /* PEER_CONSENT */
	uint8_t epoch[PEER_EPOCH_LEN]; /* PEER_CONSUMED */
	uint64_t consumed;             /* PEER_CONSUMED: the last sequence number that is safe to trim */
	const char *text;              /* PEER_STATS: borrowed; not NUL-terminated after decoding */
	size_t text_len;
};

/* Writes the datagram of m into ret. ERR_TOOBIG when it does not fit. */
enum err peer_encode(const struct peer_message *m, char *ret, size_t ret_size, size_t *ret_len);
/* ret->text borrows data. ERR_MALFORMED for whatever peer_encode cannot have made. */
enum err peer_decode(const char *data, size_t len, struct peer_message *ret);

/* The address of a socket below the runtime directory; false when its path is too long for one. */
bool peer_address(const char *directory, const char *name, struct sockaddr_un *ret);

#endif
