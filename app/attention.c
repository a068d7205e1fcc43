/* attention.c - one row for each count that should be zero, and a check for each time that should not pass. */
#include "app/attention.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define CALLBACK_LATE_MS (1 * MINUTE)
#define UNPROVED_MS      (48 * HOUR) /* a sweep proves each ERG daily */
#define GRAPH_SILENT_MS  (2 * HOUR)  /* renewals alone bring an answer every hour */
#define OVERDUE_MS       (1 * MINUTE)
#define CLOCK_SOON_MS    (1 * MINUTE)
#define CLOCK_NOW_MS     (5 * MINUTE) /* tokens and signatures are refused from about there */

const char *const attention_urgency_names[] = { "now", "soon", NULL };

struct list {
	const struct app_status *s;
	struct attention *items;
	size_t count;
};

static void __attribute__((format(printf, 4, 5)))
add(struct list *l, enum attention_urgency urgency, const char *next, const char *format, ...)
{
	struct attention *a;
	va_list args;

	if (l->count == ATTENTION_MAX)
		return;
	a = &l->items[l->count++];
	a->urgency = urgency;
	a->next = next;
	va_start(args, format);
	(void)vsnprintf(a->what, sizeof(a->what), format, args);
	va_end(args);
}

/* ---------- counts ---------- */

#define ROW(field, urgency, one, many, next)                                                                                     \
	{                                                                                                                        \
		offsetof(struct app_status, field), ATTENTION_##urgency, one, many, next                                         \
	}

/* Each row: a count that should be zero, what that means and the next step; most urgent first. */
static const struct {
	size_t offset;
	enum attention_urgency urgency;
	const char *one, *many, *next;
} rows[] = {
	ROW(tenants[TENANT_CONSENT_MISSING], NOW, "tenant lacks consent", "tenants lack consent",
	    "`ergsyncctl tenant list`, then `ergsyncctl tenant show TENANT` for the link that its administrator opens"),
	ROW(tenants[TENANT_SIGN_IN_NEEDED], NOW, "tenant's account must sign in", "tenants' accounts must sign in",
	    "`ergsyncctl tenant list`, then `ergsyncctl tenant sign-in TENANT`"),
	ROW(tenants[TENANT_UNREACHABLE], NOW, "tenant cannot be reached", "tenants cannot be reached",
	    "`ergsyncctl tenant list`, then `ergsyncctl doctor TENANT`"),
	ROW(permission_missing, NOW, "tenant has not granted all that its ERGs need",
	    "tenants have not granted all that their ERGs need", "`ergsyncctl doctor`: it names the permissions"),
	ROW(ergs[ERG_BROKEN], NOW, "ERG is broken", "ERGs are broken",
	    "`ergsyncctl erg list`: the detail says what Graph answered"),
	ROW(ergs[ERG_HELD], NOW, "ERG has a plan that waits for a decision", "ERGs have plans that wait for a decision",
	    "`ergsyncctl plan show ERG`, then `ergsyncctl plan approve ERG` or `ergsyncctl plan reject ERG`"),
	ROW(subscriptions[SUBSCRIPTION_FAILING], NOW, "subscription fails", "subscriptions fail", "`ergsyncctl subscriptions`"),
	ROW(meetings.failed, SOON, "event has no right meeting, because Outlook refused it",
	    "events have no right meeting, because Outlook refused them",
	    "`ergsyncctl status` names the ERG, `ergsyncctl event list ERG` the reason"),
	ROW(additions_only, SOON,
	    "ERG takes additions only, until a full comparison has shown that what is stored of it is right",
	    "ERGs take additions only, until full comparisons have shown that what is stored of them is right",
	    "`ergsyncctl erg list`; it ends when the app has put its whole list, or a held plan was decided"),
	ROW(damaged_records, SOON, "damaged record was taken out of the store; what it was of is read anew",
	    "damaged records were taken out of the store; what they were of is read anew",
	    "check the disk; `ergsyncctl state check`"),
	ROW(tenants_noted, SOON, "tenant works, but not all of it is set up right", "tenants work, but not all is set up right",
	    "`ergsyncctl tenant list`, then `ergsyncctl doctor TENANT`"),
};

static void
check_counts(struct list *l)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t n;

		memcpy(&n, (const char *)l->s + rows[i].offset, sizeof(n));
		if (n > 0)
			add(l, rows[i].urgency, rows[i].next, "%" PRId64 " %s.", n, n == 1 ? rows[i].one : rows[i].many);
	}
}

/* ---------- the parts ---------- */

static void
check_listener(struct list *l)
{
	const struct app_listener_status *listener = &l->s->listener;

	if (listener->presence == APP_LISTENER_AWAY)
		add(l, ATTENTION_NOW, "`systemctl status ergsync-listener`",
		    "The listener does not answer, so that Teams cannot be heard.");
	else if (!l->s->inbox_present)
		add(l, ATTENTION_NOW, "`systemctl status ergsync-listener`",
		    "The listener has stored nothing yet, so that Teams cannot be heard.");
	if (listener->presence == APP_LISTENER_UP && !listener->can_store)
		add(l, ATTENTION_NOW, "`journalctl -u ergsync-listener`: a full or failing disk, or an inbox at its ceiling",
		    "The listener cannot store what Graph sends.");
	if (listener->version[0] != '\0' && strcmp(listener->version, ERGSYNC_VERSION) != 0)
		add(l, ATTENTION_SOON, "`systemctl restart ergsync-listener ergsync-reconciler`",
		    "The listener that runs is of version %s, the reconciler of %s.", listener->version, ERGSYNC_VERSION);
}

static void
check_store(struct list *l)
{
	if (l->s->store.full)
		add(l, ATTENTION_NOW, "free disk space, or raise [state] map_size and restart ergsync-reconciler",
		    "The store is nearly full, and takes nothing new from the app.");
	if (l->s->rebuilt_wall_ms > 0 && l->s->ergs[ERG_IN_SYNC] + l->s->ergs[ERG_WORKING] + l->s->ergs[ERG_LINKING] == 0)
		add(l, ATTENTION_NOW, "put all tenants and ERGs again, or restore a backup",
		    "The former store was damaged and set aside.");
}

static void
check_graph(struct list *l)
{
	const struct app_graph_status *graph = &l->s->graph;
	int64_t heard = graph->answer_wall_ms > 0 ? graph->answer_wall_ms : l->s->started_wall_ms;
	int64_t silent_ms = l->s->as_of_wall_ms - heard, apart_ms = llabs(graph->clock_ahead_ms);
	char span[SPAN_SIZE];

	format_span(silent_ms, span);
	if (silent_ms > GRAPH_SILENT_MS && l->s->ergs[ERG_IN_SYNC] + l->s->ergs[ERG_WORKING] > 0)
		add(l, ATTENTION_NOW, "`ergsyncctl doctor TENANT`; is the network up?",
		    "Microsoft Graph has not answered for %s.", span);
	format_span(apart_ms, span);
	if (apart_ms > CLOCK_SOON_MS)
		add(l, apart_ms > CLOCK_NOW_MS ? ATTENTION_NOW : ATTENTION_SOON, "set up time synchronisation: `timedatectl`",
		    "This machine's clock is %s %s Graph's.", span, graph->clock_ahead_ms > 0 ? "ahead of" : "behind");
}

static void
check_callbacks(struct list *l)
{
	int64_t since = l->s->callback_oldest_wall_ms, waits_ms = l->s->as_of_wall_ms - since;
	char span[SPAN_SIZE];

	format_span(waits_ms, span);
	if (since > 0 && waits_ms > CALLBACK_LATE_MS)
		add(l, ATTENTION_NOW, "is the app up? `ergsyncctl status` shows its last answer; nothing is lost meanwhile",
		    "The app has not taken a callback for %s.", span);
}

/* ---------- what passes and what ends ---------- */

static void
check_ages(struct list *l)
{
	const struct app_status *s = l->s;
	char span[SPAN_SIZE];

	format_span(s->as_of_wall_ms - s->unproved_wall_ms, span);
	if (s->unproved_wall_ms > 0 && s->as_of_wall_ms - s->unproved_wall_ms > UNPROVED_MS)
		add(l, ATTENTION_NOW, "`ergsyncctl status` names it; then `ergsyncctl resync --erg ERG`",
		    "One ERG was last proved equal %s ago.", span);
	if (s->subscription_expiry_wall_ms > 0 && s->as_of_wall_ms - s->subscription_expiry_wall_ms > OVERDUE_MS)
		add(l, ATTENTION_NOW, "`ergsyncctl subscriptions`", "A subscription has expired and was not renewed.");
}

/* After public_url has changed. */
static void
check_addresses(struct list *l)
{
	int64_t n = l->s->subscriptions_former;

	if (n > 0 && l->s->public_url_unreached)
		add(l, ATTENTION_NOW,
		    "`ergsyncctl doctor TENANT` looks at the listener from outside; or put the former public_url back and reload "
		    "ergsync-reconciler",
		    "Graph does not reach public_url: %" PRId64 " subscription%s at the former one, which must go on answering.",
		    n, n == 1 ? " stays" : "s stay");
	else if (n > 0)
		add(l, ATTENTION_SOON,
		    "keep the former address answering; `ergsyncctl subscriptions` shows when none is left, after an hour or so",
		    "%" PRId64 " subscription%s on the way from a former public_url.", n, n == 1 ? " is" : "s are");
}

/* soon_ms and now_ms before its end it is to be renewed; end 0: not known. */
static void
check_end(struct list *l, const char *what, int64_t end_wall_ms, int64_t soon_ms, int64_t now_ms, const char *next)
{
	int64_t left_ms = end_wall_ms - l->s->as_of_wall_ms;
	char span[SPAN_SIZE];

	if (end_wall_ms == 0 || left_ms > soon_ms)
		return;
	format_span(llabs(left_ms), span);
	if (left_ms <= 0)
		add(l, ATTENTION_NOW, next, "%s expired %s ago.", what, span);
	else
		add(l, left_ms <= now_ms ? ATTENTION_NOW : ATTENTION_SOON, next, "%s expires in %s.", what, span);
}

static void
check_ends(struct list *l)
{
	const struct app_graph_status *graph = &l->s->graph;

	check_end(l, graph->by_certificate ? "The certificate that signs in to Graph" : "The secret that signs in to Graph",
	    graph->credential_end_wall_ms, 30 * DAY, 7 * DAY,
	    graph->by_certificate ? "upload a new one to the app registration, put it in place, reload ergsync-reconciler"
	                          : "make a new one in the app registration, put it and its client_secret_expires in place, "
	                            "reload ergsync-reconciler");
	/* What renews certificates by itself does so a month or a fortnight before. */
	check_end(l, "The listener's certificate", l->s->listener.certificate_end_wall_ms, 14 * DAY, 2 * DAY,
	    "renew it and reload ergsync-listener: Graph refuses one that has expired");
}

/* ---------- all of it ---------- */

/* Keeps the order within each urgency. */
static void
most_urgent_first(struct list *l)
{
	struct attention sorted[ATTENTION_MAX] = { { .next = NULL } };
	size_t n = 0;

	for (int urgency = ATTENTION_NOW; urgency <= ATTENTION_SOON; urgency++)
		for (size_t i = 0; i < l->count; i++)
			if ((int)l->items[i].urgency == urgency)
				sorted[n++] = l->items[i];
	memcpy(l->items, sorted, n * sizeof(sorted[0]));
}

size_t
attention_of(const struct app_status *s, struct attention ret[ATTENTION_MAX])
{
	static void (*const checks[])(struct list * l) = { check_listener, check_store, check_counts, check_ages, check_addresses,
		check_graph, check_callbacks, check_ends };
	struct list l = { s, ret, 0 };

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&l);
	most_urgent_first(&l);
	return l.count;
}

void
attention_next(const struct attention *a, char ret[ATTENTION_TEXT_SIZE])
{
	size_t len = 0;

	for (const char *c = a->next; *c != '\0' && len + 1 < ATTENTION_TEXT_SIZE; c++)
		if (*c != '`')
			ret[len++] = *c;
	ret[len] = '\0';
}

void
attention_verdict(size_t count, char ret[ATTENTION_TEXT_SIZE])
{
	if (count == 0)
		(void)snprintf(ret, ATTENTION_TEXT_SIZE, "All is well");
	else
		(void)snprintf(ret, ATTENTION_TEXT_SIZE, "%zu thing%s attention", count, count == 1 ? " needs" : "s need");
}
