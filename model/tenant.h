/*
 * tenant.h - one customer's directory (Microsoft Entra tenant) as the app knows it.
 */
#ifndef MODEL_TENANT_H
#define MODEL_TENANT_H

#include <stdint.h>

#include "model/ids.h"

#define DETAIL_SIZE 320 /* a sentence for people: what is wrong and what to do next */
#define UPN_SIZE    EMAIL_SIZE

enum tenant_state { TENANT_ACTIVE, TENANT_CONSENT_MISSING, TENANT_UNREACHABLE, TENANT_REMOVING };
extern const char *const tenant_state_names[]; /* as in the contract; NULL-terminated */

struct tenant {
	struct tenant_id id;
	struct guid directory_id;
	char organizer[UPN_SIZE]; /* as the app gave it: UPN or object id */
	struct guid organizer_id; /* "" until resolved */
	enum tenant_state state;
	char detail[DETAIL_SIZE];
	int64_t created_wall_ms, state_since_wall_ms;
	int64_t erg_count;
};

#endif
