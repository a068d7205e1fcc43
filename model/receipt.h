/*
 * receipt.h - what was removed with a tenant: how much of what, and when. Nothing of whom.
 */
#ifndef MODEL_RECEIPT_H
#define MODEL_RECEIPT_H

#include <stdint.h>

struct receipt {
	uint64_t number;
	int64_t requested_wall_ms;
	int64_t erased_wall_ms;         /* all records are deleted; 0: not yet */
	int64_t keys_destroyed_wall_ms; /* nothing of them can be read any more, on whatever old page; 0: not yet */
	int64_t ergs, members, people, meetings, subscriptions, changes, callbacks, sign_ins;
};

#endif
