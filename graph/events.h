/*
 * events.h - meetings in an organiser's mailbox: the calls. graph-facts sections 7.3 and 9.
 *
 * Each function starts one call or walk (see graph/graph.h for answers, cancelling and NULL). Every one of them asks for immutable ids and
 * times in UTC. mailbox is the organiser's object id; all calls for one mailbox share its bucket: four at once, 10,000 in ten minutes.
 * Nothing here is repeated blindly but reads and what may be: after an unknown outcome look the event up.
 */
#ifndef GRAPH_EVENTS_H
#define GRAPH_EVENTS_H

#include <stdint.h>

#include "graph/event_json.h"
#include "graph/graph.h"
#include "graph/page.h"

/* Why a mailbox or an event cannot be written, beyond what enum err says. */
#define GRAPH_EVENT_REFUSAL_TABLE(X)                                                                                             \
	X(NONE, "")                                                                                                              \
	X(NO_MAILBOX, "The organizer has no mailbox that meetings can be scheduled in: give the account an Exchange Online "     \
	              "license, or name another organizer.")                                                                     \
	X(NO_USER, "The organizer was not found in the directory: name an account that exists.")                                 \
	X(ACCESS_POLICY, "Graph does not let this app into the organizer's mailbox: grant the application Calendars.ReadWrite "  \
	                 "and, where an application access policy (or RBAC scope) limits it, add the mailbox to that; or name "  \
	                 "another organizer.")                                                                                   \
	X(FULL, "The organizer's mailbox is full: make room in it, or name another organizer.")                                  \
	X(TOO_LARGE, "The meeting is too large for Outlook: shorten its body_html, or invite a group's address.")                \
	X(DUPLICATE, "A meeting was made with this transaction id before.")                                                      \
	X(CHANGED, "The meeting was changed meanwhile.")                                                                         \
	X(GONE, "The meeting is not in the mailbox any more.")                                                                   \
	X(NOT_ORGANIZER, "The organizer's copy is not the original of this meeting: only its own organizer can cancel it.")      \
	X(CROSSES, "An occurrence would reach into the next one: make the meeting shorter or the series less dense.")            \
	X(INVALID, "Outlook does not accept the meeting as it is: change it and put it again.")                                  \
	X(OTHER, "Outlook refused.")
#define X(name, text) GRAPH_EVENT_##name,
enum graph_event_refusal { GRAPH_EVENT_REFUSAL_TABLE(X) GRAPH_EVENT_REFUSAL_COUNT };
#undef X
/* Pure. NONE for ERR_OK and for what may pass (throttled, a quota, no answer, 5xx): those are of graph_answer.err alone. */
enum graph_event_refusal graph_event_judge(const struct graph_answer *a);
/* Is it of the whole mailbox, and not of the one event? */
bool graph_event_refuses_mailbox(enum graph_event_refusal r);
const char *graph_event_refusal_text(enum graph_event_refusal r); /* a sentence: what is wrong and what to do */
/* The same, with Graph's status and code for whoever looks them up. */
void graph_event_refusal_detail(const struct graph_answer *a, enum graph_event_refusal r, char ret[DETAIL_SIZE]);

/* POST. DUPLICATE: find it. Mails everybody at once. The answer may lack the join URL: get it later. */
struct graph_call *graph_event_create(struct graph *g, const struct graph_where *w, const struct guid *mailbox,
    const struct event_fields *f, const struct event_tag *tag, const char *transaction_id, graph_done done, void *arg);
/* The id of one event, if there is any: may this mailbox be read at all? */
struct graph_call *
graph_mailbox_try(struct graph *g, const struct graph_where *w, const struct guid *mailbox, graph_done done, void *arg);
/* With our property. */
struct graph_call *graph_event_get(
    struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *id, graph_done done, void *arg);
/* By its tag; generation 0: of any generation, for those who lost their memory. Masters and single meetings only. */
struct graph_call *graph_event_find(struct graph *g, const struct graph_where *w, const struct guid *mailbox,
    const struct event_tag *tag, graph_done done, void *arg);
/* Of find: the one with exactly this tag; ERR_NOTFOUND, and ERR_UNEXPECTED when the answer is not whole. tag->generation 0: the greatest.
 * On ERR_OK end with graph_event_done. */
enum err graph_event_find_read(const struct graph_answer *a, const struct event_tag *tag, struct graph_event *ret);
/* Of create, get and patch; as graph_event_read. */
enum err graph_event_answer_read(const struct graph_answer *a, struct graph_event *ret);

/* changes: as graph_event_change_json makes them; taken, NULL: making them failed. etag: If-Match; NULL or "": without. */
struct graph_call *graph_event_patch(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *id,
    const char *etag, json_t *changes, graph_done done, void *arg);
/* Also of one occurrence, by its id. comment may be "". A second time: GONE. */
struct graph_call *graph_event_cancel(struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *id,
    const char *comment, graph_done done, void *arg);

/* item gets a struct graph_event, which the walk frees when item returns (take fields by setting them NULL). */
typedef void (*graph_event_item)(void *arg, struct graph_event *event);
typedef void (*graph_event_end)(void *arg, const struct graph_page_end *end);
struct graph_event_walk;
void graph_event_walk_cancel(struct graph_event_walk *walk); /* end will not run. NULL is fine; not from item */

/* Which occurrences of a series differ from it: graph_event_exceptions_read. */
struct graph_call *graph_event_exceptions(
    struct graph *g, const struct graph_where *w, const struct guid *mailbox, const char *series_id, graph_done done, void *arg);

/*
 * What lies in the window now, and what changed since: calendarView/delta. The window is frozen into the links; to move it, start
 * anew. removed also says "out of the window": get it before believing it. No tags in it, occurrences are partial. end->err
 * ERR_GONE: forget the link and start anew.
 */
struct graph_event_walk *graph_calendar_start(struct graph *g, const struct graph_where *w, const struct guid *mailbox,
    int64_t from_ms, int64_t to_ms, graph_event_item item, graph_event_end end, void *arg);
struct graph_event_walk *graph_calendar_next(struct graph *g, const struct graph_where *w, const struct guid *mailbox,
    const char *link, graph_event_item item, graph_event_end end, void *arg);

#endif
