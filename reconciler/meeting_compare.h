/*
 * meeting_compare.h - compares the meetings of one ERG with what Outlook says of them, for a resync.
 *
 * A whole round of each mailbox the ERG's meetings are in; a round that another ERG has just had made for the same resync counts for this
 * one, too. Equal meetings cost no call of their own and no mail. A dry run reads and counts, and changes nothing.
 */
#ifndef RECONCILER_MEETING_COMPARE_H
#define RECONCILER_MEETING_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/erg.h"
#include "reconciler/compare.h"

struct meeting_compare;
struct reconciler;

/* Rounds that began at since_wall_ms or later count; alone: only this ERG's changes are counted, not those of others in the same
 * mailbox. done is told once, in a later turn. NULL: out of memory. */
struct meeting_compare *meeting_compare_start(struct reconciler *r, const struct erg_id *erg, int64_t since_wall_ms, bool alone,
    const struct compare_options *options, compare_done done, void *arg);
void meeting_compare_cancel(struct meeting_compare *c); /* done will not run. NULL is fine */

#endif
