/*
 * control.h - the simulator's own API under /_sim/: changes the world, scripts faults, shows what clients did.
 *
 * JSON in and out, no token. Times are milliseconds unless a name says otherwise. Unknown members are a 400 that names
 * them: {"error":"..."}. GUIDs are lower case; what is left out is drawn from the seed and told in the answer. A POST that
 * names an existing id changes that object (only the members given); 201 when new, 200 when changed.
 *
 * Building the world
 *   POST /_sim/world      {"apps":[app], "tenants":[{tenant..., "users": [user] | N, "teams":[{team..., "channels":[channel]}]}],
 *                          "faults":[fault], "settings":{...}} adds all of it; -> as GET. The --world file has this shape
 *   GET  /_sim/world      {"tenants":[{"id","domain","consent","permissions","users":count,"teams":[{"id","name","members":count,
 *                          "channels":[{"id","name","type","members":count}]}]}]}
 *   POST /_sim/apps       {"client_id", "client_secret"?, "certificate"?: PEM, may hold several, "confidential"?: true = people,
 *                         too, sign in only beside one of these}; while no app is known, any id with any secret or well-formed
 *                         assertion signs in
 *   POST /_sim/tenants    {"id"?, "domain"?, "consent"?: "granted" | "withdrawn" | "absent", "permissions"?: ["TeamMember.Read.All"...],
 *                         "tenant_wide"?: "granted" | "deaf" | status}
 *                         a new tenant has consent and all permissions the simulator knows. tenant_wide: subscriptions to getAllMembers
 *                         of all teams are granted, granted but told of nothing, or refused with that status
 *   POST /_sim/users      {"tenant", "id"?, "upn"?, "mail"?, "display_name"?, "enabled"?, "guest"?, "licensed"?, "deleted"?,
 *                          "mailbox"?: "open" | "absent" | "denied" (there, but a policy keeps the application out)}
 *                         or {"tenant", "count": N}; -> {"users":[{"id","upn","mail","display_name"}]}
 *                         guests and the unlicensed have no mailbox, all others have one
 *   POST /_sim/teams      {"tenant", "id"?, "name"?, "archived"?, "deleted"?, "dynamic"?, "synced"?, "owners"?: [user], "members"?: [user] | N,
 *                          "channels"?: [channel]}; N = the tenant's first N users by age, made when missing, the first as owner.
 *                         -> {"id","name","general": channel id}. The General channel comes by itself
 *   POST /_sim/channels   {"team", "id"?, "name"?, "type"?: "standard" | "private" | "shared", "deleted"?, "owners"?: [user],
 *                          "members"?: [user] | N, "shared_with"?: [team] (exactly these)}; -> {"id","name","type"}
 *   POST /_sim/members    {"op": "add" | "remove" | "role", "team", "channel"?, "user", "role"?: "member" | "owner" | "guest", "quiet"?: bool}
 *                         or {"changes":[...]}, as a person in Teams would; notifies unless quiet. Removing who is no member, or adding
 *                         who is one, is counted in "unchanged". A user of another tenant may join a shared channel.
 *                         -> {"changed", "unchanged", "members":[{"id","user","role"}]}
 *   GET  /_sim/members?team=T[&channel=C]      the truth, without lag: {"members":[{"id","user","tenant","role","upn","mail"}]}
 *   "user" is an object id, UPN or mail of the team's tenant (an object id of any tenant in a shared channel).
 *
 * Events: what people do in Outlook; subscribers are told, unless "quiet": true, and Exchange's mails go out
 *   POST /_sim/events     {"op", "user": whose mailbox, ...}; a user is an object id, UPN or mail; "id" is an event's id of either kind
 *     {"op":"create", "user":"org@acme.example", "event":{Graph's event, as POST takes it}, "organizer"?: somebody else's address (a
 *      meeting the mailbox only attends), "count"?: N of the same}    -> {"id","rest_id","ids":[id]}
 *     {"op":"change", "user", "id", "event":{"subject":"Moved","start":{...},"end":{...}}, "bare"?: true}   only the members given;
 *      a new body keeps the join block unless bare; "date":"2027-03-09" changes that occurrence of a series
 *     {"op":"cancel", "user", "id", "date"?}     or "delete", which does the same here; it is gone from the mailbox afterwards
 *     {"op":"move", "user", "id"}                to another folder: its ordinary id is another one from now on
 *     {"op":"respond", "user", "id", "address":"bob@x.example", "response":"accepted" | "declined" | "tentativelyAccepted" | "none"}
 *     {"op":"touch", "user", "id", "repeat"?: N} new etags without any other change, N times told of
 *     "date" is the day the pattern has the occurrence on, in the series' zone. "join_delay_ms", "lag_ms": for this one only.
 *     All but create -> the event, as in GET
 *   GET /_sim/events?user=U[&id=I][&property=V][&subject=S][&gone=true][&brief=true]     the truth, without lag; property = the value of an extended
 *     property. {"events":[{"id","rest_id","etag","version","ical_uid","subject","start","end" (instants),"gone","foreign","join_url",
 *     "transaction_id","comment" (it was cancelled with),"properties":{id: value},"mails":{"invitations","updates","cancellations"},"attendees":[{"address","type",
 *     "response","invited","mails":{...}}] (also those not invited any more),"state":{Graph's members},"series","date" (of a changed
 *     occurrence),"cancelled_dates"}]}; brief: without attendees and state
 *   GET /_sim/mailbox?user=U    {"user","events": how many now,"in_flight","in_flight_max","mails":{...} of all its events,
 *     "late_mails": those about meetings that were over}
 *
 * Permissions
 *   POST /_sim/consent      {"tenant", "consent": "granted" | "withdrawn" | "absent"}   also refuses tokens given before
 *   POST /_sim/permissions  {"tenant", "grant"?: [name], "withdraw"?: [name], "set"?: [name]}   at once, also for tokens given before
 *   POST /_sim/device       {"tenant", "user_code", "user", "decision"?: "approve" | "decline"}   a person enters a device code
 *   POST /_sim/refresh      {"tenant", "end": N}   all refresh tokens given so far are refused with AADSTS N (50173, 700082, 50076...);
 *                           0: no more. One that nobody used for refresh_idle_ms ends by itself, with 700082
 *   POST /_sim/expire       {"tokens"?: true, "delta"?: true, "subscriptions"?: true}   ends all that are out now (delta: 410)
 *
 * Faults: a list, tried in order; the first that matches a request acts
 *   POST   /_sim/faults   one fault or {"faults":[fault]}; -> {"faults":[{"id"...}]}
 *   GET    /_sim/faults   with "hits" of each;   DELETE /_sim/faults[/{id}]
 *   fault = {"kind", "method"?, "path"?: what the path after /v1.0 begins with (or that of a token request), "skip"?: leave the first n matches,
 *            "count"?: act on n matches (default 1; 0 = for ever), "probability"?: 0..1, "status"?, "retry_after_s"?, "delay_ms"?, "code"?,
 *            "subscription"?: id}
 *   kinds for requests: status (status; retry_after_s; code), status_after (the same, but after the effect), timeout_before (no effect,
 *     no answer), timeout_after (effect, no answer),
 *     close_before, close_after (connection closed), delay (delay_ms), truncate (the body breaks off), truncated_page (nextLink missing),
 *     short_page (fewer items than there are, no nextLink), empty_page (no items, no nextLink), lag (this read sees nothing younger
 *     than delay_ms), late_join (the event made has its join link only delay_ms later). A 412 out of nothing:
 *     {"kind":"status","status":412,"method":"PATCH","path":"/users/"}; a time-out after the meeting was made:
 *     {"kind":"timeout_after","method":"POST","path":"/users/"}
 *   kinds for notifications (path = the resource's beginning): drop, duplicate, reorder, hold (delay_ms)
 *
 * Settings: POST /_sim/settings with any of these; GET shows all
 *   latency_ms 0, latency_jitter_ms 0    of every Graph and token answer
 *   lag_ms 0               list reads and delta see a write of the API only after this;  lag_control_ms 0: one made here
 *   strict true            throttle as documented (429); false only notes it in the journal
 *   page_max 999           members a page at most;  page_default 100;  delta_page 500: members a delta page
 *   bulk_unknown_404 false   a bulk add with an unknown id is refused as a whole, as has been seen, instead of 207
 *   delta_quirks false     delta rounds have empty pages and repeat items now and then, as Graph's do
 *   token_s 3599           lifetime of tokens
 *   device_s 900, device_interval_s 5   of device codes; who asks more often is told slow_down;  refresh_idle_ms 7776000000
 *   consent_declined false   /{tenant}/adminconsent sends back as after an administrator's no; else it grants
 *   assertion_once true    a client assertion whose jti was seen before is refused (Microsoft takes it again)
 *   floor_ms 2700000       a shorter subscription is raised to this (Graph: 45 min); lower it for tests
 *   life_teams_ms 259200000, life_directory_ms 2505600000, life_outlook_ms 604800000     the longest subscription
 *   authorization_ms 3600000   after this without PATCH or reauthorize deliveries pause; 0 = never
 *   reauthorize_before_ms 600000   reauthorizationRequired comes so long before authorization or subscription end
 *   notify_delay_ms 0, notify_jitter_ms 0, notify_window_ms 10 (items of one URL that go out together), notify_batch_max 20
 *   retry_first_ms 5000, retry_for_ms 14400000       deliveries not answered 2xx: doubling, until dropped
 *   spellings "wild"       notifications in all documented spellings; "plain": only teams('..')/members('..') and lower-case changeType
 *   join_delay_ms 0        the join link of an online meeting comes so much later
 *   mail_unchanged false   true: a PATCH that names subject, body, times, place or pattern mails all, also when it changes nothing
 *   event_echoes true      each change of an event is told two or three times; event_echo_ms 2000: the later ones within this
 *   quota_teams 10000, quota_directory 100           subscriptions (403 beyond)
 *   exact_permissions true   false: permissions are not checked
 *
 * What clients did
 *   GET    /_sim/requests[?method=M][&template=T][&path=P][&after=N][&limit=N]   {"total", "in_flight", "in_flight_max",
 *            "counts":{"GET /teams/{team}/members": n}, "statuses":{"200": n}, "requests":[{"n","at_ms","tenant","method","path","template",
 *            "status"}]}; path matches as a prefix; the filters choose what "requests", "counts" and "total" hold. DELETE starts anew
 *   GET    /_sim/journal[?violations=true]  {"violations": n, "counts":{"throttled": n...}, "entries":[{"n","at_ms","kind","violation": bool,"method","path","detail"}]}:
 *            all that Graph would have thrown or throttled; violations, or only those, are what a correct client never causes. DELETE
 *            starts anew
 *   GET    /_sim/subscriptions    {"subscriptions":[as Graph's, with "clientState", "tenant", "delivered", "pending"]}
 *   DELETE /_sim/subscriptions/{id}    Graph loses it, silently
 *   GET    /_sim/notifications    {"queued","sent","failed","retried","dropped","expired","items_sent","posts","pending": of all the items
 *            not yet delivered or given up}. DELETE sets the counts to 0
 *   POST   /_sim/notify   {"subscription", "body"?: sent as it is | "resource"?, "change"?: "updated", "member"?, "repeat"?: N,
 *            (member: the id of a membership, or of an event)
 *            "lifecycle"?: "reauthorizationRequired" | "subscriptionRemoved" | "missed"}   a hand-made notification
 *   POST   /_sim/reset    {"world"?: true}   forgets requests, journal, faults and counts; with world everything, as at the start
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "base/err.h"
#include "base/json.h"

struct sim;
struct call;

/* Handles one request under /_sim/. */
void control_handle(struct call *call);

/* Adds a world of the shape of POST /_sim/world. why (of why_size) says what is wrong with it. */
enum err control_build(struct sim *sim, const json_t *world, char *why, size_t why_size);

#endif
