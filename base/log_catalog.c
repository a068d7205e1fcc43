/* log_catalog.c - one row an event, in the order of who tells it. */
#include "base/log_catalog.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"

#define WIDTH 78

/* clang-format off */
const struct log_explanation log_catalog[] = {
	/* both daemons */
	{ "ready", "It serves", "All that it needs is open; the service manager was told the same." },
	{ "stopping", "It stops", "Nothing new is accepted; what is under way is finished." },
	{ "stopped", "It has stopped", "All that was acknowledged is on disk." },
	{ "reloaded", "The configuration was read again", "Options that can change without a restart are in effect." },
	{ "reload", "A mistake in the configuration, or a change that needs a restart", "Line @ERGSYNC_LINE@: @ERGSYNC_MESSAGE@" },
	{ "reload_refused", "The new configuration was refused", "What was in effect stays in effect. Mend the file (ergsyncctl check tells "
	    "every mistake), then reload again." },
	{ "config_mistake", "A mistake in the configuration, or a change that needs a restart",
	    "@ERGSYNC_FILE@, line @ERGSYNC_LINE@: @ERGSYNC_MESSAGE@" },
	{ "peer_message_malformed", "A message between the two daemons was not understood", "Are both of the same version? Restart both." },
	{ "socket_gone", "A Unix socket has gone and cannot be bound again", "@ERGSYNC_DETAIL@. Somebody has removed the runtime directory, or "
	    "something else is in its place. It is tried again every few seconds." },
	{ "socket_bound_anew", "A Unix socket was bound again", "Somebody had removed it from the runtime directory. Whoever cleans there must "
	    "leave it alone." },
	{ "socket_lost", "It ends because a socket cannot be bound again", "systemd makes the runtime directory anew and starts it again." },
	{ "log_repeated", "An event came so often that it was counted only", "@ERGSYNC_OF@ came @ERGSYNC_COUNT@ more times within a minute." },
	{ "store_failed", "The disk failed", "Nothing is acknowledged that is not stored: the listener answers 503 until it can store again, the "
	    "reconciler ends and is started anew. Check the disk of the state directory." },

	/* the listener */
	{ "commit_failed", "Notifications could not be stored", "They were answered 503; Graph sends them again for four hours. A full disk, a "
	    "failing disk, or an inbox at its ceiling ([state] map_size)." },
	{ "store_works_again", "Notifications can be stored again", "The listener answers 202 again." },
	{ "inbox_started_over", "The inbox could not be read and was begun anew", "What it held is read from Teams by a full comparison, "
	    "which starts by itself." },
	{ "inbox_reopen_failed", "The inbox cannot be opened again after a failure", "@ERGSYNC_WHY@ It is tried again; meanwhile the answer is "
	    "503." },
	{ "trim_failed", "Notifications that were dealt with could not be removed", "They are removed later; the inbox grows meanwhile." },
	{ "certificate_loaded", "The TLS certificate was read", "It is in use for new connections." },
	{ "certificate_refused", "The new TLS certificate was refused", "@ERGSYNC_REASON@ The old one stays in use: mend it before that expires, "
	    "then reload or restart." },
	{ "certificate_doubtful", "Graph may refuse the TLS certificate", "@ERGSYNC_REASON@" },
	{ "accept_failed", "New connections could not be taken", "@ERGSYNC_ERROR@: descriptors or memory are short; they wait in the "
	    "kernel's queue." },
	{ "drain_cut", "Connections were cut at the stop", "@ERGSYNC_CONNECTIONS@ had not ended within ten seconds. What they had not been "
	    "answered is sent again." },

	/* the reconciler and its store */
	{ "keys_not_destroyed", "Keys that are to go could not be destroyed yet", "Values under them could not be sealed anew; it is tried "
	    "again." },
	{ "tenant_key_not_retired", "A removed tenant's key could not be destroyed yet", "What was sealed under it is deleted; the key is tried "
	    "again." },
	{ "store_has_no_room", "The store is nearly full", "Calls that would store more are refused with 503. Raise [state] map_size, restart." },
	{ "store_has_room", "The store has room again", "Calls are taken again." },
	{ "store_record_damaged", "A stored record could not be read", "A record of @ERGSYNC_TABLE@ failed authentication: a damaged disk, or the "
	    "state key was changed. What belongs to it is read again; ergsyncctl resync --all reads everything." },
	{ "store_record_quarantined", "A stored record did not open and was taken out", "A record of @ERGSYNC_TABLE@. What it was of is read anew "
	    "from both sides, and nobody is removed meanwhile. Check the disk; ergsync_store_quarantined counts them." },
	{ "store_set_aside", "The store could not be opened and was begun anew", "The damaged one is kept as @ERGSYNC_AS@. Put tenants and ERGs "
	    "again, or restore a backup (ergsyncctl restore). Nobody is removed until a full comparison has passed. Check the disk." },
	{ "inbox_is_new", "The inbox is another one than before", "What the old one held may be lost, so every team is read." },
	{ "inbox_not_open", "The inbox cannot be opened", "@ERGSYNC_DETAIL@ The listener has to make it; is it running, with the same intake key?" },
	{ "inbox_not_read", "The inbox could not be read", "It is tried again." },
	{ "chore_not_noted", "Something to do could not be noted", "Memory is short; the next comparison finds it." },
	{ "change_not_told", "A change could not be made into an event for the app", "It cannot be told by callback or feed. This is a fault of "
	    "ergsync: please report it." },
	{ "app_api_failed", "A call of the app failed in ergsync", "The caller was answered 500. @ERGSYNC_ROUTE@" },
	{ "changes_unreadable", "The change feed could not be read", "Look for store_record_damaged." },
	{ "user_named_twice", "Two people of an ERG turned out to be one", "The app names one person by two ids. One of them is to be removed "
	    "in the app." },

	/* Graph */
	{ "clock_wrong", "Our clock and Graph's differ", "Sign-in and expiry depend on it: check time synchronisation. ergsync follows Graph's." },
	{ "clock_right", "Our clock and Graph's agree again", "Nothing is to be done." },
	{ "sign_in_failed", "Signing in to a tenant failed", "Microsoft's code is AADSTS@ERGSYNC_AADSTS@. An expired secret, or consent that is "
	    "missing: ergsyncctl tenant list says which." },
	{ "device_sign_in_ended", "A sign-in by device code ended", "@ERGSYNC_DETAIL@" },
	{ "client_secret_expires_soon", "The client secret expires soon", "In @ERGSYNC_DAYS_LEFT@ days. Make a new one in the app registration, "
	    "put it in place and reload." },
	{ "client_secret_expired", "The client secret has expired", "No tenant can be signed in to until it is replaced." },
	{ "sign_in_out_of_memory", "Memory is short", "Signing in is tried again later." },
	{ "client_certificate_expires_soon", "The certificate for signing in expires soon", "In @ERGSYNC_DAYS_LEFT@ days. Upload a new one to "
	    "the app registration, then put it in place and reload." },
	{ "client_certificate_expired", "The certificate for signing in has expired", "No tenant can be signed in to until it is replaced." },
	{ "graph_call_failed", "A call of Graph failed", "@ERGSYNC_OPERATION@: status @ERGSYNC_STATUS@, @ERGSYNC_CODE@. For a support case, "
	    "Graph's request-id is @ERGSYNC_REQUEST_ID@." },
	{ "graph_breaker_opened", "Graph failed so often that it is left in peace", "It is tried again by itself." },
	{ "graph_breaker_closed", "Graph answers again", "What waited goes on." },
	{ "read_failed", "A team's members could not be read", "@ERGSYNC_DETAIL@ Nothing was concluded from it; it is read again." },
	{ "drift_check_failed", "The hourly check for missed changes failed", "@ERGSYNC_DETAIL@ It is repeated." },
	{ "subscription_created", "A subscription was made", "Graph tells of changes from now on." },
	{ "subscription_failed", "A subscription could not be made or renewed", "While trying to @ERGSYNC_WHAT@: status @ERGSYNC_STATUS@. It is "
	    "tried again; until then changes are found by sweeps only. ergsyncctl subscriptions tells the reason." },
	{ "tenant_wide_made", "One subscription for all teams of a tenant was made", "Tenant @ERGSYNC_TENANT@ has @ERGSYNC_TEAMS@ linked teams. "
	    "They keep their own until it has told of a change; those without one are read." },
	{ "tenant_wide_makes_room", "Graph has no room for a further subscription in a tenant", "Tenant @ERGSYNC_TENANT@: one team's was given up "
	    "so that one for all teams can be made; the team is read. [graph] tenant_wide_from = never forbids it." },
	{ "tenant_wide_used", "One subscription tells of all teams of a tenant", "Tenant @ERGSYNC_TENANT@ has @ERGSYNC_TEAMS@ linked teams. "
	    "The subscriptions of their own are deleted one after the other." },
	{ "tenant_wide_refused", "Graph grants no subscription for all teams of a tenant", "Tenant @ERGSYNC_TENANT@: status "
	    "@ERGSYNC_STATUS@. Each team keeps its own, and nothing is lost; one for all is asked for again after a day or more. "
	    "[graph] tenant_wide_from = never stops the asking." },
	{ "tenant_wide_deaf", "A subscription for all teams of a tenant kept silent", "Tenant @ERGSYNC_TENANT@: the teams' "
	    "own or checks told of @ERGSYNC_MISSED@ changes that it did not tell of. Each team has its own again and is read; one for all is "
	    "tried again after a day or more. Should that repeat itself, set [graph] tenant_wide_from = never." },
	{ "public_url_not_reached", "Graph does not reach the new public_url", "Subscriptions stay at the former address, work there, and "
	    "need it; the new one is tried again and again. ergsyncctl doctor TENANT looks at it from outside." },
	{ "public_url_reached", "Graph reaches the new public_url", "Subscriptions move there; ergsyncctl subscriptions shows when none is "
	    "left at the former one." },
	{ "subscription_pinned", "Graph takes no other address for a subscription", "It is made anew at the new one as soon as Graph has "
	    "proved to reach that." },
	{ "subscription_lost", "Graph has lost a subscription", "It is made anew, and the team is read." },
	{ "rich_notification_not_believed", "A notification with content did not prove itself", "It is taken as a hint: what it tells of is read "
	    "from Graph." },
	{ "signing_keys_not_fetched", "Microsoft's signing keys could not be fetched", "Notifications with content are taken as hints until "
	    "they can." },
	{ "notification_key_expires", "The certificate for encrypted notifications expires soon", "Make a new one; subscriptions move to it when "
	    "they are renewed." },
	{ "notification_keys_stay", "The new keys for encrypted notifications were refused", "Those in use stay in use." },
	{ "tenant_subscriptions_left", "A tenant was removed, but not its subscriptions", "Graph could not be reached; they expire by themselves." },
	{ "keeper_out_of_memory", "Memory is short", "Subscriptions are looked after again later." },
	{ "keeper_forgets_full", "Too many subscriptions wait to be deleted", "Some are left to expire by themselves." },

	/* what it is about */
	{ "erg_state", "An ERG's state changed", "ERG @ERGSYNC_ERG@ is @ERGSYNC_STATE@: @ERGSYNC_DETAIL@ A held one waits for ergsyncctl plan, a "
	    "broken one for its team to be readable." },
	{ "tenant_state", "A tenant's state changed", "Tenant @ERGSYNC_TENANT@ is @ERGSYNC_STATE@: @ERGSYNC_DETAIL@" },
	{ "tenant_removed", "A tenant was removed", "Nothing of it is stored any more." },
	{ "meeting_refused", "Outlook refused a meeting", "ergsyncctl event tells which and why. It is left as it is until somebody changes it." },
	{ "event_not_read", "Outlook does not show a meeting", "Event @ERGSYNC_EVENT@ of ERG @ERGSYNC_ERG@: status @ERGSYNC_STATUS@. All others are "
	    "compared; this one again when it changes, and daily." },
	{ "event_not_stored", "A meeting could not be noted", "It is read again by the next comparison." },
	{ "callbacks_stopped", "The app does not take callbacks", "Status @ERGSYNC_STATUS@: @ERGSYNC_DETAIL@ They are repeated until it does; "
	    "nothing is lost." },
	{ "callbacks_resumed", "The app takes callbacks again", "What waited is delivered in order." },
	{ "callback_refused", "The app refused a change for good", "It stays visible with the member as refused_by_app; a full comparison offers "
	    "it again." },
	{ "callback_lost", "A callback could not be read from the store", "Entry @ERGSYNC_SEQ@ is skipped. Run ergsyncctl resync --all." },
	{ "callback_not_started", "A callback could not be sent", "Memory is short; it is tried again." },
	{ "resync_started", "A full comparison began", "ergsyncctl resync shows how far it is." },
	{ "resync_resumed", "A full comparison goes on after a restart", "Under its id, with the first ERG: comparing "
	    "one twice is harmless." },
	{ "resync_ended", "A full comparison ended", "It is @ERGSYNC_STATE@; @ERGSYNC_ERGS@ ERGs, @ERGSYNC_MEMBERS@ people, @ERGSYNC_ERRORS@ errors." },
	{ "snapshot_taken", "The app's own list was read", "@ERGSYNC_MEMBERS@ people, of whom @ERGSYNC_LEFT@ had left." },
};
/* clang-format on */

const size_t log_catalog_count = sizeof(log_catalog) / sizeof(log_catalog[0]);

/* Breaks lines at blanks; what is longer than a line stays whole. */
static void
print_wrapped(struct text *out, const char *s)
{
	size_t column = 0;

	while (*s != '\0') {
		size_t word = strcspn(s, " ");

		if (column > 0 && column + 1 + word > WIDTH) {
			text_adds(out, "\n");
			column = 0;
		} else if (column > 0) {
			text_adds(out, " ");
			column++;
		}
		text_add(out, s, word);
		column += word;
		s += word;
		s += strspn(s, " ");
	}
	text_adds(out, "\n");
}

void
log_catalog_print(struct text *ret)
{
	text_adds(ret, "# What ergsync's entries in the journal mean: journalctl --catalog -t ergsync-reconciler\n");
	for (size_t i = 0; i < log_catalog_count; i++) {
		char id[LOG_ID_SIZE];

		log_message_id(log_catalog[i].event, id);
		text_addf(ret, "\n-- %s\nSubject: %s\nDefined-By: ergsync\nDocumentation: man:ergsync-log(7)\n\n", id,
		    log_catalog[i].subject);
		print_wrapped(ret, log_catalog[i].text);
	}
}
