/*
 * inbox.h - notifications accepted but not yet reconciled: an append-only log in its own LMDB environment.
 *
 * One writer process (the listener), one reader (the reconciler). A hint is durable when inbox_append has returned
 * ERR_OK. Sequence numbers start at 1 and never repeat within an epoch; a new epoch (a lost or rebuilt inbox) tells the
 * reader to re-read everything. Values are sealed under a key derived from the intake key, so no id is readable on disk.
 * This header and store_commit are the two seams where a replicated log would attach (DESIGN section 11).
 *
 * The encrypted part of a rich notification is stored with its hint, as it came. What inbox_read gives of these (hint.rich) is the
 * caller's to free; inbox_append borrows them.
 *
 * Room: the data file is extended ahead of need by writing zeros, so that a full disk is known before a commit could fail,
 * and trimming always has room. Not for NFS.
 * Threads: any one thread at a time per struct inbox (the listener's writer thread, the reconciler's loop).
 */
#ifndef STATE_INBOX_H
#define STATE_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "model/hint.h"

struct inbox;

#define INBOX_EPOCH_LEN 16

enum inbox_role { INBOX_WRITER, INBOX_READER };

/* directory is state/directory + "/inbox"; the writer creates it, a reader gets ERR_NOTFOUND until it exists. Copies the key. */
enum err inbox_open(const char *directory, enum inbox_role role, uint64_t map_size_bytes, const struct key32 *intake_key,
    struct inbox **ret, char *why, size_t why_size);
void inbox_close(struct inbox *in); /* NULL is fine */

/* All or nothing, one commit, one sync. ERR_FULL: above the high-water mark or the disk has no room; ERR_IO: the sync failed:
 * nothing may be acknowledged and the caller must inbox_reopen. */
enum err inbox_append(struct inbox *in, const struct hint *hints, size_t count);
/* Of one call. */
#define INBOX_APPEND_MAX 4096
/* Removes all records up to and including consumed, in bounded transactions; what a crash leaves is removed next time.
 * Of those stored together as a group (inbox.c) the group goes with its last: until then inbox_stats.first may be a little lower. */
enum err inbox_trim(struct inbox *in, uint64_t consumed);
/* After ERR_IO: closes and opens the environment again, keeping its parameters. */
enum err inbox_reopen(struct inbox *in);

/* Records after `after`, oldest first, at most max. A record that fails authentication is skipped and counted in *ret_damaged.
 * *ret_last is the sequence of the last record seen (== after when none).
 * ERR_CONFLICT to a reader: the epoch is another than inbox_open or inbox_epoch last told; nothing was read. */
enum err inbox_read(
    struct inbox *in, uint64_t after, struct hint *ret, size_t max, size_t *ret_count, uint64_t *ret_last, size_t *ret_damaged);
/* Also notices that the whole inbox was replaced on disk. ERR_NOTFOUND: it is gone, and not made anew yet. */
enum err inbox_epoch(struct inbox *in, uint8_t ret[INBOX_EPOCH_LEN]);

struct inbox_stats {
	uint64_t first, last; /* sequence numbers present; first > last when empty */
	uint64_t used_bytes, file_bytes, map_bytes;
	bool accepting; /* false: inbox_append would answer ERR_FULL */
};
enum err inbox_stats(struct inbox *in, struct inbox_stats *ret);
/* Drops reader slots of dead processes; every minute. */
void inbox_check_readers(struct inbox *in);

#endif
