/*
 * records.h - the tables of state/: which key leads to which record. DESIGN section 4.
 *
 * Each record struct has a schema in records.c: one row a field (name, type, offset, size, since which version). The codec
 * works from the rows alone; a field added later gets a default when an older record is read.
 */
#ifndef STATE_RECORDS_H
#define STATE_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/change.h"
#include "model/erg.h"
#include "model/event.h"
#include "model/hint.h"
#include "model/member.h"
#include "model/receipt.h"
#include "model/resync.h"
#include "model/subscription.h"
#include "model/tenant.h"

/* clang-format off */
/*   table          record                    key, built with store_key_*                                    */
#define STORE_TABLES(X)                                                                                         \
	X(META,          struct meta_record)      /* bytes(name): counters that must not repeat, formats */         \
	X(TENANTS,       struct tenant)           /* id("tenant") */                                                \
	X(ERGS,          struct erg)              /* id("erg") */                                                   \
	X(TENANT_ERGS,   struct erg_ref)          /* id("tenant"), id("erg"): the ERGs of a tenant */               \
	X(TEAM_ERGS,     struct erg_ref)          /* id("team"), id("erg"): the ERGs on one team */   \
	X(PEOPLE,        struct person)           /* u64(person id) */                                              \
	X(PERSON_INDEX,  struct person_ref)       /* id("tenant"), id("user"|"entra"|"email", value) */             \
	X(PERSON_ERGS,   struct erg_ref)          /* u64(person id), id("erg") */                                   \
	X(MEMBERS,       struct member)           /* id("erg"), u64(person id) */                                   \
	X(MEMBERSHIPS,   struct person_ref)       /* id("erg"), id("membership") */                                 \
	X(SUBSCRIPTIONS, struct subscription)     /* bytes(scope id) */                                             \
	X(CURSORS,       struct cursor_record)    /* id("cursor", name): delta links, inbox position */             \
	X(DIRTY,         struct dirty_record)     /* bytes(scope id), bytes(digest of item) */                      \
	X(INTENTS,       struct intent_record)    /* id("erg"), u64(person id): what is open towards Teams */          \
	X(FEED,          struct feed_record)      /* u64(seq) */                                                    \
	X(OUTBOX,        struct outbox_record)    /* u64(seq): the feed's entry that is still to be delivered */    \
	X(RESYNCS,       struct resync)           /* u64(number) */                                                 \
	X(EVENTS,        struct event)            /* id("erg"), id("event") */                                      \
	X(EVENT_SIDES,   struct document_part)    /* id("erg"), id("event"), bytes(side), u64(part): its fields */  \
	X(EVENT_INDEX,   struct event_ref)        /* id("mailbox"), id("graph_event"): whose meeting this is */      \
	X(SIGN_INS,      struct sign_in_record)   /* id("tenant"): the dedicated account */            \
	X(MEETINGS_DUE,  struct event_ref)        /* id("mailbox"), bytes(1 when its time has yet to come), u64(start or due), id("erg"), id("event") */  \
	X(RECEIPTS,      struct receipt)          /* u64(number): what went with a tenant */                        \
	X(SNAPSHOT_PARTS, struct document_part)   /* u64(staging), u64(part): the app's snapshot as it came; len is the part's */ \
	X(SNAPSHOT_PEOPLE, struct person_ref)     /* u64(staging), "l", id("user"|"entra"): listed; or "m", u64(person id): marked */
/* clang-format on */
#define X(name, record) TABLE_##name,
enum table { STORE_TABLES(X) TABLE_COUNT };
#undef X

const char *table_name(enum table t);

struct schema;
/* The rows of the table's record; never NULL for a table of the list. */
const struct schema *table_schema(enum table t);
/* No record of any table encodes to more. */
#define RECORD_ENCODED_MAX 24576
/* No record's struct is larger. */
#define RECORD_SIZE_MAX 32768

struct meta_record {
	uint64_t number;
};

struct erg_ref {
	struct erg_id erg;
};
struct person_ref {
	person_id person;
};
struct event_ref {
	struct erg_id erg;
	struct event_id event;
};

/* Values longer than a record are stored in parts of this size: state/document.h. */
#define DOCUMENT_PART_SIZE 16385
struct document_part {
	uint64_t len; /* of the whole document */
	char text[DOCUMENT_PART_SIZE];
};

#define CURSOR_TEXT_SIZE 8192
struct cursor_record {
	uint8_t epoch[16]; /* the inbox's; unused for delta links */
	uint64_t seq;
	int64_t updated_wall_ms;
	char text[CURSOR_TEXT_SIZE]; /* a whole deltaLink, opaque */
};

/* Something in a scope may have changed and has not been looked at since. */
struct dirty_record {
	struct scope_id scope;
	enum hint_kind kind; /* the last one */
	bool whole;          /* the scope as a whole; item is empty */
	char item[HINT_ITEM_MAX + 1];
	int64_t first_wall_ms, last_wall_ms;
	int64_t hint_count, attempts;
	int64_t not_before_wall_ms;
};

/* The dedicated account that somebody signed in, and what signs it in again. */
struct sign_in_record {
	struct tenant_id tenant;
	char account[UPN_SIZE]; /* "": the service did not say */
	struct guid object_id;  /* the same */
	char refresh[REFRESH_TOKEN_SIZE];
	int64_t signed_in_wall_ms; /* by a person */
	int64_t renewed_wall_ms;   /* the refresh token is of then */
};

enum intent_kind { INTENT_NONE, INTENT_ADD_MEMBER, INTENT_REMOVE_MEMBER, INTENT_SET_ROLE };

/* Something to be written to Teams. started_wall_ms: the call was begun (0: not), and its end has not been noted. */
struct intent_record {
	enum intent_kind kind;
	struct erg_id erg;
	person_id person;
	enum role role;
	int64_t started_wall_ms, attempts;
	bool unknown; /* a time-out, a 5xx or a crash: read back first */
};

/* One change as the app is told of it; body is the whole CloudEvent, byte for byte what a callback carries. */
struct feed_record {
	uint64_t seq;
	enum change_type type;
	struct tenant_id tenant;
	struct erg_id erg;
	person_id person;
	struct event_id event;
	int64_t created_wall_ms;
	char id[CHANGE_ID_SIZE]; /* CloudEvents id = webhook-id */
	char body[CHANGE_BODY_MAX + 1];
};

#define OUTBOX_ORDER_LEN 16
struct outbox_record {
	uint64_t seq;
	uint8_t order[OUTBOX_ORDER_LEN]; /* callbacks with the same order go out one after the other */
	enum change_type type;
	struct erg_id erg;
	person_id person;
	int64_t created_wall_ms, attempts, not_before_wall_ms;
	int64_t last_status; /* HTTP status of the last try, 0 = none */
	char detail[DETAIL_SIZE];
};

#endif
