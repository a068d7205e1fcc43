/*
 * meeting_sum.h - what is counted over the events of an ERG, or of a mailbox: rows that follow the records, so that nobody walks to know.
 */
#ifndef RECONCILER_MEETING_SUM_H
#define RECONCILER_MEETING_SUM_H

#include <stdint.h>

#include "model/erg.h"

struct reconciler;

/* id: the ERG's, or the mailbox's. */
enum meeting_sum {
	MEETING_SUM_MAILS,  /* that open writes will cause */
	MEETING_SUM_LIVE,   /* meetings that are there */
	MEETING_SUM_OPEN,   /* writes that are open */
	MEETING_SUM_SERIES, /* of a mailbox: meetings that repeat */
	MEETING_SUM_FAILED
};

void meeting_sum_add(struct reconciler *r, enum meeting_sum sum, const char *id, int64_t by);
int64_t meeting_sum_get(struct reconciler *r, enum meeting_sum sum, const char *id);
/* Over all of them. */
int64_t meeting_sum_total(struct reconciler *r, enum meeting_sum sum);
void meeting_sum_forget(struct reconciler *r, const struct erg_id *erg);

#endif
