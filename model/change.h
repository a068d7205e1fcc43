/*
 * change.h - what the app is told: the CloudEvents of contract section 5, as the feed and the callbacks carry them.
 */
#ifndef MODEL_CHANGE_H
#define MODEL_CHANGE_H

#include <stdint.h>

#include "model/ids.h"

/* Standard Webhooks want payloads under 20 kB. */
#define CHANGE_BODY_MAX 20000
#define CHANGE_ID_SIZE  40

/*      name                     type attribute                       about whom order is kept */
#define CHANGE_TABLE(X)                                                                                                          \
	X(MEMBER_ADDED, "ergsync.member.added", PERSON)                                                                          \
	X(MEMBER_REMOVED, "ergsync.member.removed", PERSON)                                                                      \
	X(MEMBER_UPDATED, "ergsync.member.updated", PERSON)                                                                      \
	X(MEMBER_UNRESOLVED, "ergsync.member.unresolved", PERSON)                                                                \
	X(MEMBER_REFUSED, "ergsync.member.refused", PERSON)                                                                      \
	X(MEETING_SCHEDULED, "ergsync.meeting.scheduled", EVENT)                                                                 \
	X(MEETING_UPDATED, "ergsync.meeting.updated", EVENT)                                                                     \
	X(MEETING_CANCELLED, "ergsync.meeting.cancelled", EVENT)                                                                 \
	X(MEETING_FAILED, "ergsync.meeting.failed", EVENT)                                                                       \
	X(MEETING_RESPONSES, "ergsync.meeting.responses", EVENT)                                                                 \
	X(ERG_BROKEN, "ergsync.erg.broken", ERG)                                                                                 \
	X(ERG_RESTORED, "ergsync.erg.restored", ERG)                                                                             \
	X(PLAN_HELD, "ergsync.plan.held", ERG)                                                                                   \
	X(TENANT_CONSENT_MISSING, "ergsync.tenant.consent_missing", TENANT)                                                      \
	X(RESYNC_DONE, "ergsync.resync.done", RESYNC)                                                                            \
	X(TENANT_SIGN_IN_NEEDED, "ergsync.tenant.sign_in_needed", TENANT)
#define X(name, type, order) CHANGE_##name,
enum change_type { CHANGE_TABLE(X) CHANGE_TYPE_COUNT };
#undef X

const char *change_type_name(enum change_type t);

#endif
