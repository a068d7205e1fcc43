/*
 * tenant.h - one customer's directory (Microsoft Entra tenant) as the app knows it.
 */
#ifndef MODEL_TENANT_H
#define MODEL_TENANT_H

#include <stdint.h>

#include "model/ids.h"

#define DETAIL_SIZE 320 /* a sentence for people: what is wrong and what to do next */
#define UPN_SIZE    EMAIL_SIZE

#define REFRESH_TOKEN_SIZE 8192 /* Microsoft's are 1 to 2 KiB */

enum tenant_state {
	TENANT_ACTIVE,
	TENANT_CONSENT_MISSING,
	TENANT_UNREACHABLE,
	TENANT_REMOVING,
	TENANT_SIGN_IN_NEEDED, /* of the dedicated account */
	TENANT_STATE_COUNT
};
extern const char *const tenant_state_names[]; /* as in the contract; NULL-terminated */

/* Whose permissions are used in the tenant: the app's own, or those of an account that somebody has signed in. */
enum tenant_sign_in { SIGN_IN_APPLICATION, SIGN_IN_DELEGATED };
extern const char *const tenant_sign_in_names[]; /* NULL-terminated */

/* off: its ERGs get no meetings, whatever they ask for. */
enum tenant_meetings { TENANT_MEETINGS_ON, TENANT_MEETINGS_OFF };
extern const char *const tenant_meetings_names[]; /* NULL-terminated */

struct tenant {
	struct tenant_id id;
	struct guid directory_id;
	char organizer[UPN_SIZE]; /* as the app gave it: UPN or object id */
	struct guid organizer_id; /* "" until resolved */
	enum tenant_state state;
	char detail[DETAIL_SIZE];
	int64_t created_wall_ms, state_since_wall_ms;
	int64_t erg_count;
	enum tenant_sign_in sign_in;
	enum tenant_meetings meetings;
	uint64_t receipt; /* of its removal; 0 = it isn't being removed */
};

#endif
