/*
 * link.h - the listener's end of the datagrams between the two daemons (model/peer.h).
 *
 * Wake-ups go out at most every LINK_WAKE_MS: the first at once, what follows in that time as one. A reconciler that is not there
 * is no error: it reads the inbox when it starts. Event-loop thread only.
 */
#ifndef LISTENER_LINK_H
#define LISTENER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/peer.h"

struct clock;
struct event_base;
struct link;
struct metrics;
struct text;

#define LINK_WAKE_MS 20

struct link_host {
	void (*consumed)(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed);
	void (*stats)(void *arg, struct text *ret);
	void *arg;
};

/* Binds the socket in directory. ERR_BUSY when another listener has it; why says so. Borrows all but directory. */
enum err link_new(struct event_base *base, struct clock *clock, const char *directory, const struct link_host *host,
    struct metrics *metrics, struct link **ret, char *why, size_t why_size);
/* There is something in the inbox. */
void link_wake(struct link *l);
/* Somebody comes back from the consent page with a state of ours. A reconciler that is not there will look by itself. */
void link_consent(struct link *l, const struct scope_id *scope);
/* Binds the socket anew if somebody has removed its file, in a directory that is there. ERR_OK: it is, *ret_anew whether only now;
 * else why says what fails. */
enum err link_mend(struct link *l, bool *ret_anew, char *why, size_t why_size);
void link_free(struct link *l); /* removes the socket; NULL is fine */

#endif
