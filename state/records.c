/*
 * records.c - one row for each field of each stored struct. A field added later goes to the end of its table with the next
 * version number; a row is never moved or taken out. A unit test finds bytes of a struct that no row covers.
 */
#include "state/records.h"

#include <stddef.h>

#include "state/codec.h"

#define SIZE(member)   ((uint32_t)sizeof(((RECORD *)NULL)->member))
#define OFFSET(member) ((uint32_t)offsetof(RECORD, member))

#define ROW(member, type, limit, since)                                                                                          \
	{                                                                                                                        \
#member, type, OFFSET(member), SIZE(member), 1, limit, since                                                     \
	}
#define BOOL(member, since)        ROW(member, FIELD_BOOL, 0, since)
#define ENUM(member, count, since) ROW(member, FIELD_ENUM, count, since)
#define U64(member, since)         ROW(member, FIELD_U64, 0, since)
#define I64(member, since)         ROW(member, FIELD_I64, 0, since)
#define STR(member, since)         ROW(member, FIELD_STRING, 0, since)
#define BYTES(member, since)       ROW(member, FIELD_BYTES, 0, since)
#define STRS(member, since)                                                                                                      \
	{                                                                                                                        \
#member, FIELD_STRING, OFFSET(member), SIZE(member[0]), SIZE(member) / SIZE(member[0]), 0, since                 \
	}

#define RECORD struct meta_record
static const struct field meta_fields[] = { U64(number, 1) };
#undef RECORD

#define RECORD struct tenant
static const struct field tenant_fields[] = {
	STR(id.s, 1),
	STR(directory_id.s, 1),
	STR(organizer, 1),
	STR(organizer_id.s, 1),
	ENUM(state, TENANT_STATE_COUNT, 1),
	STR(detail, 1),
	I64(created_wall_ms, 1),
	I64(state_since_wall_ms, 1),
	I64(erg_count, 1),
	ENUM(sign_in, SIGN_IN_DELEGATED + 1, 2),
	U64(receipt, 3),
	ENUM(meetings, TENANT_MEETINGS_OFF + 1, 4),
};
#undef RECORD

#define RECORD struct erg
static const struct field erg_fields[] = {
	STR(id.s, 1),
	STR(tenant.s, 1),
	STR(name, 1),
	STR(channel_url, 1),
	ENUM(membership, MEMBERSHIP_OFF + 1, 1),
	ENUM(meetings, MEETINGS_OFF + 1, 1),
	I64(removal_limit, 1),
	I64(removal_percent, 1),
	STR(organizer, 1),
	STR(team_id.s, 1),
	STR(channel_id, 1),
	ENUM(channel_type, CHANNEL_UNKNOWN + 1, 1),
	I64(generation, 1),
	ENUM(state, ERG_OFF + 1, 1),
	STR(detail, 1),
	I64(created_wall_ms, 1),
	I64(state_since_wall_ms, 1),
	I64(proved_wall_ms, 1),
	I64(read_wall_ms, 1),
	I64(teams_baseline_count, 1),
	BOOL(first_read_done, 1),
	I64(counts.app, 1),
	I64(counts.teams, 1),
	I64(counts.pending, 1),
	I64(counts.unresolved, 1),
	I64(counts.refused, 1),
	I64(counts.private_, 1),
	I64(counts.leaving, 1),
	STR(organizer_id.s, 2),
	STR(organizer_detail, 2),
	BOOL(additions_only, 3),
	I64(meetings_withheld, 4),
};
#undef RECORD

#define RECORD struct erg_ref
static const struct field erg_ref_fields[] = { STR(erg.s, 1) };
#undef RECORD

#define RECORD struct person_ref
static const struct field person_ref_fields[] = { U64(person, 1) };
#undef RECORD

#define RECORD struct person
static const struct field person_fields[] = {
	U64(id, 1),
	STR(tenant.s, 1),
	STR(user.s, 1),
	STR(entra_id.s, 1),
	STR(home_tenant.s, 1),
	STR(email, 1),
	STR(name, 1),
	ENUM(resolution, RESOLUTION_FAILED + 1, 1),
	STR(resolution_detail, 1),
	I64(resolved_wall_ms, 1),
	I64(resolve_again_wall_ms, 1),
	ENUM(kind, PERSON_GUEST + 1, 2),
};
#undef RECORD

#define RECORD            struct member
#define SIDE(side, since) BOOL(side.present, since), ENUM(side.role, ROLE_GUEST + 1, since), I64(side.since_wall_ms, since)
static const struct field member_fields[] = {
	STR(erg.s, 1),
	U64(person, 1),
	SIDE(app, 1),
	SIDE(teams, 1),
	SIDE(base, 1),
	BOOL(private_, 1),
	BOOL(kept_in_teams, 1),
	STR(membership_id, 1),
	ENUM(status, MEMBER_KEPT_IN_TEAMS + 1, 1),
	STR(detail, 1),
	I64(since_wall_ms, 1),
	ENUM(teams_write, PENDING_ROLE + 1, 1),
	I64(teams_write_wall_ms, 1),
	U64(callback_seq, 1),
	ENUM(callback_write, PENDING_ROLE + 1, 1),
	BOOL(missing_once, 1),
	I64(attempts, 1),
	I64(retry_wall_ms, 1),
	SIDE(told, 1),
	ENUM(mark, PLAN_RESTORE + 1, 2),
	U64(queued_seq, 3),
	SIDE(queued, 3),
};
#undef RECORD

#define RECORD struct subscription
static const struct field subscription_fields[] = {
	BYTES(scope.b, 1),
	STR(tenant.s, 1),
	ENUM(kind, SUBSCRIPTION_KIND_COUNT, 1),
	STR(object_id.s, 1),
	STR(resource, 1),
	ENUM(state, SUBSCRIPTION_STATE_COUNT, 1),
	STR(id, 1),
	I64(expires_wall_ms, 1),
	I64(renewed_wall_ms, 1),
	I64(created_wall_ms, 1),
	I64(retry_wall_ms, 1),
	I64(failures, 1),
	I64(generation, 1),
	STR(detail, 1),
	STR(encryption_id, 2),
	I64(refusals, 3),
	I64(heard_wall_ms, 4),
	I64(room, 4),
	BOOL(no_room, 4),
	I64(address, 5),
	I64(lifecycle_address, 5),
	I64(moved_wall_ms, 5),
	BOOL(pinned, 5),
};
#undef RECORD

#define RECORD struct cursor_record
static const struct field cursor_fields[] = {
	BYTES(epoch, 1),
	U64(seq, 1),
	I64(updated_wall_ms, 1),
	STR(text, 1),
};
#undef RECORD

#define RECORD struct dirty_record
static const struct field dirty_fields[] = {
	BYTES(scope.b, 1),
	ENUM(kind, HINT_OTHER + 1, 1),
	BOOL(whole, 1),
	STR(item, 1),
	I64(first_wall_ms, 1),
	I64(last_wall_ms, 1),
	I64(hint_count, 1),
	I64(attempts, 1),
	I64(not_before_wall_ms, 1),
};
#undef RECORD

#define RECORD struct intent_record
static const struct field intent_fields[] = {
	ENUM(kind, INTENT_SET_ROLE + 1, 1),
	STR(erg.s, 1),
	U64(person, 1),
	ENUM(role, ROLE_GUEST + 1, 1),
	I64(started_wall_ms, 1),
	I64(attempts, 1),
	BOOL(unknown, 1),
};
#undef RECORD

#define RECORD struct feed_record
static const struct field feed_fields[] = {
	U64(seq, 1),
	ENUM(type, CHANGE_TYPE_COUNT, 1),
	STR(tenant.s, 1),
	STR(erg.s, 1),
	U64(person, 1),
	I64(created_wall_ms, 1),
	STR(id, 1),
	STR(body, 1),
	STR(event.s, 2),
};
#undef RECORD

#define RECORD struct outbox_record
static const struct field outbox_fields[] = {
	U64(seq, 1),
	BYTES(order, 1),
	ENUM(type, CHANGE_TYPE_COUNT, 1),
	STR(erg.s, 1),
	U64(person, 1),
	I64(created_wall_ms, 1),
	I64(attempts, 1),
	I64(not_before_wall_ms, 1),
	I64(last_status, 1),
	STR(detail, 1),
};
#undef RECORD

#define RECORD struct resync
static const struct field resync_fields[] = {
	STR(id, 1),
	ENUM(scope.kind, RESYNC_ERG + 1, 1),
	STR(scope.id, 1),
	BOOL(dry_run, 1),
	ENUM(state, RESYNC_CANCELLED + 1, 1),
	I64(ergs_total, 1),
	I64(ergs_done, 1),
	I64(members_compared, 1),
	I64(meetings_compared, 1),
	I64(changes.added_to_app, 1),
	I64(changes.removed_from_app, 1),
	I64(changes.added_to_teams, 1),
	I64(changes.removed_from_teams, 1),
	I64(changes.meetings_created, 1),
	I64(changes.meetings_updated, 1),
	I64(changes.meetings_cancelled, 1),
	I64(changes.held, 1),
	I64(error_count, 1),
	STRS(errors, 1),
	I64(started_wall_ms, 1),
	I64(finished_wall_ms, 1),
	U64(number, 1),
};
#undef RECORD

#define RECORD struct event
static const struct field event_fields[] = {
	STR(tenant.s, 1),
	STR(erg.s, 1),
	STR(id.s, 1),
	ENUM(status, EVENT_OFF + 1, 1),
	STR(detail, 1),
	I64(created_wall_ms, 1),
	I64(changed_wall_ms, 1),
	I64(status_since_wall_ms, 1),
	I64(synced_wall_ms, 1),
	I64(start_wall_ms, 1),
	I64(end_wall_ms, 1),
	BOOL(deleted_by_app, 1),
	I64(forget_wall_ms, 1),
	STR(comment, 1),
	STR(mailbox.s, 1),
	STR(graph_id, 1),
	STR(ical_uid, 1),
	STR(join_url, 1),
	STR(etag_seen, 1),
	STR(etag_written, 1),
	I64(responses.accepted, 1),
	I64(responses.tentative, 1),
	I64(responses.declined, 1),
	I64(responses.none, 1),
	I64(seen_wall_ms, 1),
	I64(generation, 1),
	STR(transaction_id, 1),
	ENUM(write, EVENT_WRITE_CANCEL + 1, 1),
	I64(started_wall_ms, 1),
	BOOL(unknown, 1),
	I64(not_before_wall_ms, 1),
	I64(attempts, 1),
	BOOL(held, 1),
	U64(callback_seq, 1),
	BOOL(told_scheduled, 1),
	BOOL(approved, 1),
	BOOL(gone, 1),
	BOOL(ready, 1),
	U64(written_fields, 1),
	I64(mails, 1),
	I64(again_wall_ms, 1),
	I64(due_wall_ms, 1),
	BOOL(told_cancelled, 1),
	U64(told_fields, 1),
	U64(asked_fields, 1),
	I64(responses_due_wall_ms, 1),
	I64(modified_wall_ms, 1),
	BOOL(series, 1),
	BOOL(ended_in_outlook, 2),
	BOOL(told_stale, 2),
};
#undef RECORD

#define RECORD struct event_ref
static const struct field event_ref_fields[] = { STR(erg.s, 1), STR(event.s, 1) };
#undef RECORD

#define RECORD struct document_part
static const struct field document_part_fields[] = { U64(len, 1), STR(text, 1) };
#undef RECORD

#define RECORD struct sign_in_record
static const struct field sign_in_fields[] = {
	STR(tenant.s, 1),
	STR(account, 1),
	STR(object_id.s, 1),
	STR(refresh, 1),
	I64(signed_in_wall_ms, 1),
	I64(renewed_wall_ms, 1),
};
#undef RECORD

#define RECORD struct receipt
static const struct field receipt_fields[] = {
	U64(number, 1),
	I64(requested_wall_ms, 1),
	I64(erased_wall_ms, 1),
	I64(keys_destroyed_wall_ms, 1),
	I64(ergs, 1),
	I64(members, 1),
	I64(people, 1),
	I64(meetings, 1),
	I64(subscriptions, 1),
	I64(changes, 1),
	I64(callbacks, 1),
	I64(sign_ins, 1),
};
#undef RECORD

/* The rows of each record and the version of the youngest of them. Tables that hold the same struct share its rows. */
#define SCHEMA(table, struct_tag, rows, version)                                                                                 \
	[TABLE_##table] = { #table, rows, sizeof(rows) / sizeof((rows)[0]), sizeof(struct struct_tag), version }
static const struct schema schemas[TABLE_COUNT] = {
	SCHEMA(META, meta_record, meta_fields, 1),
	SCHEMA(TENANTS, tenant, tenant_fields, 4),
	SCHEMA(ERGS, erg, erg_fields, 4),
	SCHEMA(TENANT_ERGS, erg_ref, erg_ref_fields, 1),
	SCHEMA(TEAM_ERGS, erg_ref, erg_ref_fields, 1),
	SCHEMA(PEOPLE, person, person_fields, 2),
	SCHEMA(PERSON_INDEX, person_ref, person_ref_fields, 1),
	SCHEMA(PERSON_ERGS, erg_ref, erg_ref_fields, 1),
	SCHEMA(MEMBERS, member, member_fields, 3),
	SCHEMA(MEMBERSHIPS, person_ref, person_ref_fields, 1),
	SCHEMA(SUBSCRIPTIONS, subscription, subscription_fields, 5),
	SCHEMA(CURSORS, cursor_record, cursor_fields, 1),
	SCHEMA(DIRTY, dirty_record, dirty_fields, 1),
	SCHEMA(INTENTS, intent_record, intent_fields, 1),
	SCHEMA(FEED, feed_record, feed_fields, 2),
	SCHEMA(OUTBOX, outbox_record, outbox_fields, 1),
	SCHEMA(RESYNCS, resync, resync_fields, 1),
	SCHEMA(EVENTS, event, event_fields, 2),
	SCHEMA(EVENT_SIDES, document_part, document_part_fields, 1),
	SCHEMA(EVENT_INDEX, event_ref, event_ref_fields, 1),
	SCHEMA(SIGN_INS, sign_in_record, sign_in_fields, 1),
	SCHEMA(MEETINGS_DUE, event_ref, event_ref_fields, 1),
	SCHEMA(RECEIPTS, receipt, receipt_fields, 1),
	SCHEMA(SNAPSHOT_PARTS, document_part, document_part_fields, 1),
	SCHEMA(SNAPSHOT_PEOPLE, person_ref, person_ref_fields, 1),
};

const struct schema *
table_schema(enum table t)
{
	return &schemas[t];
}

const char *
table_name(enum table t)
{
	return (unsigned)t < TABLE_COUNT ? schemas[t].name : "?";
}
