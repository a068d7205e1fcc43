/*
 * connection.h - one public connection, shared by the parts of connections.h and nobody else.
 *
 *	connections.c         the set: who is let in, deadlines, the end of a turn, the end of all
 *	connection.c          the socket and its TLS: reading, answering, ending
 *	connection_request.c  what a request that is complete, or refused by its head, is answered
 * Nothing is freed while its callbacks may be on the stack: an ended connection waits for the end of the turn, and, if the
 * intake still holds its ticket, for that.
 */
#ifndef LISTENER_CONNECTION_H
#define LISTENER_CONNECTION_H

#include <event2/event_struct.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "listener/buffers.h"
#include "listener/connections.h"
#include "listener/guests.h"
#include "listener/http_chunks.h"
#include "listener/http_head.h"
#include "listener/intake.h"
#include "listener/metrics.h"
#include "listener/reply.h"

/* Four TLS records: fifty notifications of Graph's usual size fit. */
#define CONNECTION_SCRATCH_LEN ((size_t)64 << 10)

struct timer;

enum connection_state {
	STATE_HANDSHAKE, /* until TLS is established */
	STATE_READING,   /* a request, or nothing yet; leaves when one is complete */
	STATE_STORING,   /* the intake has the ticket; leaves when it answers */
	STATE_WRITING,   /* the client takes its answer too slowly; out holds it */
	STATE_CLOSING,   /* answered and shut down; what still comes is thrown away so that the answer is not reset */
	STATE_ENDED,     /* waits to be freed */
};

struct connection {
	struct connections *all;
	SSL *ssl;
	struct event event;
	struct guest guest;
	struct intake_ticket ticket;
	struct http_head head;
	struct http_chunks chunks;
	struct buffer in; /* the part of a request that is here; empty when idle */
	char *out;        /* while STATE_WRITING */
	uint32_t out_len, requests;
	int fd;
	short waits_for; /* what event is added for; 0: not added */
	enum connection_state state;
	bool has_ticket, will_close, unread, continued, judged;
	int64_t complete_us; /* when the request being stored was complete */
	struct connection *next_ended;
};

struct connections {
	struct connection_env env;
	struct guests *guests;
	struct buffers buffers;
	struct envelope *envelope;
	struct connection *ended;
	struct timer *grace;
	void (*emptied)(void *arg);
	void *emptied_arg;
	size_t held; /* those with a socket, and those a ticket keeps */
	bool draining;
	char out[REPLY_MAX];
	char scratch[CONNECTION_SCRATCH_LEN];
};

struct connection *connection_of_guest(struct guest *guest);
void connection_count(struct connection *c, enum metric metric);

/* ---------- connection.c ---------- */

/* The socket is watched for what (EV_READ, EV_WRITE, 0); if that fails, the connection ends. */
void connection_wait_for(struct connection *c, short what);
/* Closes at once; the memory goes at the end of the turn, or when the ticket comes back. */
void connection_end(struct connection *c);
/* In an orderly way, after an answer or when idle. */
void connection_finish(struct connection *c);
void connection_answer(struct connection *c, struct reply *reply);
void connection_answer_status(struct connection *c, int status, const char *detail);
/* The rest of the connection's input cannot be told apart, or is not worth reading. */
void connection_refuse(struct connection *c, int status, const char *detail);
/* After an answer that came later: goes on with what has gathered in the meantime. */
void connection_resume(struct connection *c);

/* ---------- connection_request.c ---------- */

/* All requests at data, until one is incomplete or the connection has something else to do. Gives how many bytes are done with. */
size_t connection_requests(struct connection *c, char *data, size_t len);
/* 503: Graph sends it again. */
void connection_unavailable(struct connection *c, const char *detail);

#endif
