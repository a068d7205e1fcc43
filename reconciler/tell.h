/*
 * tell.h - puts a change into the feed and, when a callback_url is set, into the outbox: in this turn, with all that belongs to it.
 *
 * Each gives the feed's sequence number, 0 when it could not be made (logged). The body is built once and kept: a repeated
 * delivery is byte-identical. Without a callback_url the feed is all there is, and an entry on disk counts as acknowledged.
 */
#ifndef RECONCILER_TELL_H
#define RECONCILER_TELL_H

#include <stdbool.h>
#include <stdint.h>

#include "model/change.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/event_fields.h"
#include "model/member.h"
#include "model/resync.h"
#include "model/tenant.h"

struct reconciler;

/* Will a callback be sent, so that its acknowledgement has to be waited for? */
bool tell_waits(const struct reconciler *r);

uint64_t
tell_member(struct reconciler *r, enum change_type type, const struct erg *erg, const struct person *person, enum role role);
uint64_t tell_member_trouble(
    struct reconciler *r, enum change_type type, const struct erg *erg, const struct person *person, const char *detail);
/* fields: Outlook's, with the responses; of mask: what changed there. NULL with a mask of 0. */
uint64_t tell_meeting(struct reconciler *r, enum change_type type, const struct event *event, const struct event_fields *fields,
    unsigned mask, const char *detail);
uint64_t tell_erg(struct reconciler *r, enum change_type type, const struct erg *erg, const char *detail);
uint64_t tell_plan(struct reconciler *r, const struct erg *erg, const char *detail, const char *hash, int64_t removals);
uint64_t tell_tenant(struct reconciler *r, const struct tenant *tenant);
uint64_t tell_resync(struct reconciler *r, const struct resync *resync);

#endif
