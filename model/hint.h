/*
 * hint.h - what is kept of one notification: that something in a scope may have changed.
 */
#ifndef MODEL_HINT_H
#define MODEL_HINT_H

#include <stdint.h>

#include "model/client_state.h"
#include "model/ids.h"
#include "model/rich_item.h"

/* Membership ids seen are ~100 bytes, immutable event ids ~170; longer ones make the whole scope dirty. */
#define HINT_ITEM_MAX   512
#define HINT_DIGEST_LEN 16

enum hint_kind {
	HINT_CREATED,
	HINT_UPDATED,
	HINT_DELETED,
	HINT_REAUTHORIZATION_REQUIRED,
	HINT_SUBSCRIPTION_REMOVED,
	HINT_MISSED,
	HINT_OTHER /* a kind Graph may add: the scope is dirty as a whole */
};

struct hint {
	struct scope_id scope;
	enum hint_kind kind;
	int64_t received_wall_ms;
	uint8_t digest[HINT_DIGEST_LEN]; /* of what Graph sent for this item: equal for a repeated delivery */
	uint16_t item_len;               /* 0: no item named, the scope is dirty as a whole */
	char item[HINT_ITEM_MAX];        /* membership or event id, percent-decoded, not NUL-terminated */
	struct guid team;                /* that the resource names; "" = none. Only a scope of more than one team needs it */
	struct rich_packed *rich;        /* of a rich notification; whose it is, each header says. NULL: none */
};

#endif
