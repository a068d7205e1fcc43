/*
 * reconciler.h - what the parts of the reconciler share, and who calls whom.
 *
 * The way of one notification, top to bottom:
 *	ingest         inbox log -> dirty table (dirty) and cursor, one turn; then the listener may trim
 *	work           dirty table -> which scope to read now (one read for a burst of hints, spaced)
 *	rich           what a rich notification says, proved and opened: it stands in for the first read
 *	compare        reads Teams through graph/, completely (listing) or not at all, for each ERG of that team
 *	apply          takes a listing in for one ERG, slice by slice; who is absent comes last, and only as guard allows
 *	roster         takes in what either side says of a member; people and identity know who that is, roster_member what follows
 *	roster_decide  what is to be done now: diff, pure: (base, app, Teams, policy) of one person; and what other ERGs make of it
 *	roster_book    writes the member's record with all that is derived from it
 *	tell           what the app must hear -> feed and outbox, same turn
 *	deliver        outbox -> signed callback; its answer goes back to roster, which moves the base
 * What is to be done in Teams then:
 *	intents        one row a member: what is open there, and the memory of it across a crash
 *	push           open changes of members -> Teams, by the chores; push_due finds what is due, push_task is one pass
 *	resolve        whom an e-mail address means
 *	plan           what goes too far, held until a person has decided
 * The same for events:
 *	mailbox        reads what Outlook says of the events in an organizer's mailbox; mailbox_job is one such read
 *	meetings       what the app says of an ERG's events
 *	meeting        one event, opened: what either side says goes into its documents (meeting_seen, meeting_write), what follows from
 *	               them is decided (meeting_settle, meeting_diff) and told the app (meeting_tell), and the record is stored
 *	meeting_push   open changes of events (meeting_due) -> Outlook, nearest first; meeting_task is one of them
 *	meeting_plan   those that are held; meeting_sum counts what a decision needs to know
 *	meeting_compare  all of an ERG's, for a resync
 * That there are notifications:
 *	scope          what can be watched, and its id
 *	keeper         the subscriptions table (keeper_book) -> Graph: create, renew, replace, delete (keeper_plan, keeper_inside)
 *	keeper_wide    one subscription for all teams of a tenant, where that works (keeper_wide_plan)
 *	audit          the subscriptions table against Graph's own list
 *	peer_socket    datagrams with the listener: wake-up in, "consumed up to N" out; listener_watch: is it there
 * That none is missed:
 *	resync         sweeps and requested comparisons, by compare
 *	app_snapshot   the app's own word on an ERG, before its comparison; staging holds it on disk until it is whole
 *	drift          what changed in the directory, for fifty teams a call: hints for work
 * Tenants and ERGs:
 *	chores         the durable to-do list: links to verify (links), organisers to find (tenants), things to erase (receipts)
 *	standing       the states of ERGs and tenants, told once per transition
 *	sign_in        the dedicated account of a tenant that signs in as one: device codes, its refresh token
 *	consent        the link an administrator opens, and what follows from coming back
 *	doubt          finds out what a refusal says of a tenant
 *	doctor         looks at a tenant and the installation on request; checkup judges what it sees
 *	permissions    how many tenants lack one, for the metrics
 * What the outside sees:
 *	backend        the app API's operations (app/api.h) on all of these (backend_ops, app_list)
 *	summary        how all of it stands: the status, the metrics (figures) and the console (console, console_page) show it
 *	admin          the endpoint of those
 *	daemon         all of it as a process
 * The store's own:
 *	tables         records by the app's ids
 *	retention      what the change feed need not keep any longer
 *	heal           records that do not open -> quarantine, and what they were of read anew
 *	rekey          values under keys that are to go -> sealed anew
 * Everything is driven by struct clock and the two transports, so a test runs it without sockets.
 */
#ifndef RECONCILER_RECONCILER_H
#define RECONCILER_RECONCILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/random.h"
#include "reconciler/tables.h"

struct app_callbacks;
struct chores;
struct clock;
struct compare;
struct config;
struct deliver;
struct doctor;
struct drift;
struct event_base;
struct graph;
struct graph_certificate;
struct heal;
struct http_transport;
struct inbox;
struct ingest;
struct keeper;
struct listener_watch;
struct mailboxes;
struct meeting_pushes;
struct meetings;
struct outbox;
struct peer_socket;
struct permissions;
struct pushes;
struct rekey;
struct resyncs;
struct retention;
struct rich;
struct audit;
struct sign_ins;
struct stagings;
struct store;
struct summaries;
struct timer;
struct work;

/* Upper bounds in seconds of how long a change waited, from its first notification until it was read and taken in. */
#define RECONCILER_WAIT_BOUNDS                                                                                                   \
	{                                                                                                                        \
		1, 5, 15, 60, 300, 3600                                                                                          \
	}
#define RECONCILER_WAIT_COUNT 6

/* What happened since the start, for metrics and the status. Only ever grow. */
struct reconciler_counters {
	uint64_t hints_read, hints_damaged, hints_unknown_scope, hints_other_team, hints_collapsed;
	uint64_t reads_item, reads_whole, reads_failed; /* of Teams lists, as begun */
	uint64_t members_compared;
	uint64_t missed_sweep, missed_drift; /* changes in Teams found by a comparison or a drift check, without a notification */
	uint64_t waits[RECONCILER_WAIT_COUNT + 1], waited_ms;
	uint64_t callbacks_refused; /* for good */
	uint64_t changes_member_added, changes_member_removed, changes_member_updated;
	uint64_t removals_held, removals_confirmed, removals_refuted; /* by the second read */
	uint64_t ergs_broken, ergs_restored;                          /* transitions */
	uint64_t meetings_compared, meetings_foreign; /* meetings of others in the organizers' mailboxes, passed over */
	uint64_t changes_meeting_scheduled, changes_meeting_updated, changes_meeting_cancelled,
	    changes_meeting_failed;           /* told the app */
	uint64_t mails_caused;                /* invitations, updates and cancellations Outlook has sent for us, by our count */
	uint64_t rich_believed, rich_refused; /* rich notifications that stood in for a read, or did not */
};

/* All parts borrow this; reconciler_new sets every member before any part runs. */
struct reconciler {
	const struct config *config;       /* borrowed; reload swaps values in place */
	struct clock *clock;               /* borrowed */
	struct rng *rng;                   /* borrowed */
	struct http_transport *graph_http; /* borrowed */
	struct http_transport *app_http;   /* borrowed */
	struct key32 intake_key;           /* for client states */
	struct key32 scope_key;            /* for scope ids */
	char callback_secret[256];         /* "whsec_..." or "" */

	struct reconciler_counters counters;
	struct tables_memory memory;
	int64_t started_wall_ms;

	struct store *store;
	struct outbox *outbox;
	struct inbox *inbox; /* NULL until the listener has made it */
	struct graph *graph;

	struct ingest *ingest;
	struct work *work;
	struct compare *compare;
	struct chores *chores;
	struct pushes *pushes;
	struct meetings *meetings;
	struct meeting_pushes *meeting_pushes;
	struct mailboxes *mailboxes;
	struct drift *drift;
	struct keeper *keeper;
	struct deliver *deliver;
	struct stagings *stagings;
	struct resyncs *resyncs;
	struct audit *audit;
	struct rich *rich; /* NULL: [graph] notifications = basic */
	struct rekey *rekey;
	struct heal *heal;
	struct timer *settled;
	struct sign_ins *sign_ins;
	struct retention *retention;
	struct doctor *doctor;
	struct permissions *permissions;
	struct summaries *summaries;
	bool changes_told;             /* on_changes is to be called after this turn */
	void (*on_changes)(void *arg); /* the feed has new entries on disk; set by the daemon's main, may be NULL */
	void *on_changes_arg;
	struct peer_socket *peer;        /* NULL in tests: set by the daemon's main */
	struct listener_watch *listener; /* the same */
	void (*wake_listener)(void *arg, const uint8_t *epoch, uint64_t consumed);
	void *wake_listener_arg;
	int64_t inbox_poll_ms;
};

struct reconciler_options {
	const struct config *config;
	struct clock *clock;
	struct rng *rng;
	struct http_transport *graph_http, *app_http;
	struct key32 state_key, intake_key;
	const struct key32 *previous_key;                /* of the state; NULL = none. Borrowed for the call */
	struct graph_certificate *client_certificate;    /* shared; NULL = by client_secret */
	const char *client_secret;                       /* copied where needed */
	const char *callback_secret;                     /* NULL = none */
	void (*on_store_failure)(void *arg, enum err e); /* NULL: log and exit */
	void *on_store_failure_arg;
	/* "consumed up to N of this epoch"; NULL in tests without a listener */
	void (*wake_listener)(void *arg, const uint8_t *epoch, uint64_t consumed);
	void *wake_listener_arg;
	int64_t inbox_poll_ms; /* should a wake-up get lost; 0 = INGEST_POLL_MS. Tests of years look less often. */
};

/* Opens the store and starts every part; nothing is scanned but the outbox's backlog. Gives *ret; on failure why says what and what to do. */
enum err reconciler_new(const struct reconciler_options *options, struct reconciler **ret, char *why, size_t why_size);
/* The listener has stored something new (or may have): called for wake-ups and now and then. */
void reconciler_wake(struct reconciler *r);
/* Stops cleanly: no new calls, what is on disk is committed. NULL is fine. */
void reconciler_free(struct reconciler *r);
/* As a crash would: the open turn is lost. For tests. */
void reconciler_crash(struct reconciler *r);

#endif
