/*
 * checkup.h - what the doctor says of each thing it looked at: a verdict, what was seen, and the next step. Pure.
 *
 * Texts are for administrators: they name the option, permission or command, and no person.
 * Sources: graph-facts 1.2 (certificates), 1.4 (clocks), 1.5 (permissions), 3 (validation), 6 (subscriptions).
 */
#ifndef RECONCILER_CHECKUP_H
#define RECONCILER_CHECKUP_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "app/api.h"
#include "base/err.h"
#include "graph/answer.h"

struct config;
struct http_answer;

#define CHECKUP_EXPIRY_WARN_S ((int64_t)30 * 24 * 3600)
#define CHECKUP_EXPIRY_SOON_S ((int64_t)7 * 24 * 3600)
#define CHECKUP_CLOCK_WARN_MS 60000
#define CHECKUP_CLOCK_FAIL_MS (5 * 60 * 1000) /* client assertions are refused from about there */

/* Each fills verdict, detail and next; name and scope are set by checkup_begin. */
void checkup_begin(struct app_check *c, enum app_check_kind kind);

/* expires_s 0: not known. */
void checkup_credential(struct app_check *c, bool by_certificate, int64_t expires_s, int64_t now_s);
/* The key that new rich subscriptions name; expires_s 0: notifications are basic. former: subscriptions that name another one. */
void checkup_notification_key(struct app_check *c, int64_t expires_s, int64_t former, int64_t now_s);
/* a answered a validation request for this token. subscribed: Graph has reached the endpoint before. */
void checkup_endpoint(struct app_check *c, const struct http_answer *a, const char *token, bool subscribed);
/* The same with TLS 1.2 or 1.3 alone. */
void checkup_tls(struct app_check *c, const struct http_answer *a, int minor);
/* skew_ms: our clock minus Graph's, known only with an answer. */
void checkup_clock(struct app_check *c, bool known, int64_t skew_ms);
void checkup_sign_in(struct app_check *c, const struct tenant *tenant, const struct graph_answer *a);
/* a: of looking up the organizer; account: who signed in, "" for the application or when not known. */
void checkup_organizer(struct app_check *c, const struct tenant *tenant, const struct graph_answer *a, const char *account);
/* a: of reading the organizer's calendar; NULL: not asked, since no ERG has meetings. */
/* What could not be asked because something before it failed. */
void checkup_not_asked(struct app_check *c);
void checkup_mailbox(struct app_check *c, bool delegated, const struct graph_answer *a);

/* What the tenant's ERGs need of Graph. */
struct checkup_needs {
	int64_t ergs;
	bool team, team_writes, channel, channel_writes, meetings;
};
/* Adds what one of them needs. */
void checkup_need(struct checkup_needs *n, const struct erg *erg);
/* Whether something needed was not granted; false when the claims do not say. */
bool checkup_lacks_permission(const struct checkup_needs *needs, bool delegated, const json_t *claims);
/* The same for reading the rosters alone. */
bool checkup_lacks_reading(const struct checkup_needs *needs, bool delegated, const json_t *claims);
/* Of the application's token: it may do nothing at all. False when the claims are not there. */
bool checkup_may_nothing(const json_t *claims);
/* claims: of the tenant's access token, NULL when unreadable. The first fills what is missing, the second what is too much. */
void checkup_permissions(struct app_check *c, const struct checkup_needs *needs, bool delegated, const json_t *claims);
void checkup_unneeded(struct app_check *c, const struct checkup_needs *needs, bool delegated, const json_t *claims);

struct checkup_subscriptions {
	int64_t active, failing, wanted, overdue; /* overdue: active, but past the time of its renewal */
	int64_t covered;                          /* teams that the tenant's own one tells of */
	int64_t former;                           /* for which Graph sends something to a former public_url */
	bool unreached;                           /* since it does not reach the present one */
	bool silent;                              /* it is there and has not told of anything yet */
	int64_t next_expiry_wall_ms;              /* 0 = none */
	char detail[DETAIL_SIZE];                 /* of one that fails */
	char refused[DETAIL_SIZE];                /* why there is none for all teams; "" = there is one, or none was asked for */
};
void checkup_subscriptions(struct app_check *c, const struct checkup_subscriptions *s, int64_t now_wall_ms);

#endif
