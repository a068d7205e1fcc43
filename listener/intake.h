/*
 * intake.h - from accepted items to a durable inbox: group commit on a writer thread.
 *
 * The loop stages hints request by request; at the end of each turn what is staged is open to the writer thread, the only user of
 * the store. While a commit is under way further turns add to the same next batch, so batches grow with load. Only where many
 * requests are known to be on their way (intake_expect) two commits begin INTAKE_GATHER_MS apart: a connection for each post is
 * bound by the handshakes' arithmetic, and a sync for every second post would take a fifth of the processor from it. A ticket's done is called on the loop, with ERR_OK only after the commit that holds all its hints: then 202, else 503.
 * A failed sync closes and opens the store again, with back-off; until that worked everything is answered 503.
 * Bounds: INTAKE_BACKLOG_MAX hints staged or being written, beyond which, or when the writer is INTAKE_LATE_MS behind, a request is
 * refused at once. All functions are for the event-loop thread.
 */
#ifndef LISTENER_INTAKE_H
#define LISTENER_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/hint.h"
#include "model/peer.h"

struct clock;
struct event_base;
struct intake;

/* One commit's size aimed at: at the ~170 bytes of an average record that is well under 1 MiB. */
#define INTAKE_BATCH_MAX 4096
/* 512 connections with 50 items each are 25,600; 18 MiB of memory. */
#define INTAKE_BACKLOG_MAX 32768
#define INTAKE_LATE_MS     1000
/* Bytes of rich parts staged or being written. */
#define INTAKE_RICH_MAX (16u << 20)
/* So many on their way are company worth waiting for, so long at most from one commit's start to the next one's. */
#define INTAKE_COMPANY   8
#define INTAKE_GATHER_MS 4

struct intake_status {
	uint64_t first, last; /* sequence numbers in the store; first > last when empty */
	uint64_t used_bytes, file_bytes, map_bytes;
	bool accepting; /* the store has room */
};

/* The store behind it, called on the writer thread only. Errors as in state/inbox.h. */
struct intake_store {
	enum err (*append)(void *arg, const struct hint *hints, size_t count);
	/* ERR_CONFLICT for another epoch than the store's. Called in steps. */
	enum err (*trim)(void *arg, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed);
	enum err (*reopen)(void *arg);
	enum err (*status)(void *arg, struct intake_status *ret);
	void (*housekeep)(void *arg); /* about once a minute */
	void *arg;
};

struct intake_ticket {
	struct intake_ticket *next;
	void (*done)(struct intake_ticket *ticket, enum err err);
};

/* What a commit was like, for the metrics. */
struct intake_commit {
	enum err err;
	size_t hints, requests;
	int64_t took_us;
};

struct intake_watcher {
	void (*committed)(void *arg, const struct intake_commit *commit); /* after the tickets of that commit */
	void *arg;
};

/* Starts the thread; with all signals blocked there. Borrows base and clock. Gives *ret. */
enum err intake_new(struct event_base *base, struct clock *clock, const struct intake_store *store,
    const struct intake_watcher *watcher, struct intake **ret);
/* Writes what is staged, answers all tickets, ends the thread. NULL is fine. */
void intake_free(struct intake *in);

/* Staging one request: begin, any number of slot + keep, then commit or cancel. ERR_BUSY: behind, answer 503. */
enum err intake_begin(struct intake *in);
/* Where the next hint goes; valid until the next call. NULL when out of memory or at the backlog's ceiling. */
struct hint *intake_slot(struct intake *in);
void intake_keep(struct intake *in);
void intake_cancel(struct intake *in);
/* How many hints the request has kept so far; and adds the rich part of one of them, which is taken over. Beyond INTAKE_RICH_MAX
 * in all it is freed, and a plain hint remains. */
size_t intake_kept(const struct intake *in);
void intake_rich(struct intake *in, size_t index, struct rich_packed *rich);
/* Borrows ticket until its done is called, which is never before this returns. */
void intake_commit(struct intake *in, struct intake_ticket *ticket);
/* How many connections are about to bring a request, as of this turn. Changes when a commit begins, never whether. */
void intake_expect(struct intake *in, size_t coming);
/* The end of a loop turn. */
void intake_turn(struct intake *in);

/* All records up to consumed may go. The latest call counts. */
void intake_trim(struct intake *in, const uint8_t epoch[PEER_EPOCH_LEN], uint64_t consumed);

/* False while storing fails or the store is full. */
bool intake_healthy(const struct intake *in);
/* For the watchdog: true if the writer has got on since the last call, which also asks it to show the next sign of life. */
bool intake_alive(struct intake *in);
/* As of the last commit, trim or minute. */
struct intake_status intake_status(const struct intake *in);
size_t intake_backlog(const struct intake *in);

#endif
