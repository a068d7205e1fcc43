#include "reconciler/checkup.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "net/http_client.h"

#define DAY_S (24 * 3600)

static void __attribute__((format(printf, 3, 4))) say(struct app_check *c, enum app_verdict verdict, const char *format, ...)
{
	va_list args;

	c->verdict = verdict;
	va_start(args, format);
	(void)vsnprintf(c->detail, sizeof(c->detail), format, args);
	va_end(args);
}

static void __attribute__((format(printf, 2, 3))) advise(struct app_check *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(c->next, sizeof(c->next), format, args);
	va_end(args);
}

void
checkup_begin(struct app_check *c, enum app_check_kind kind)
{
	memset(c, 0, sizeof(*c));
	c->kind = kind;
	say(c, APP_UNKNOWN, "There was no answer in time.");
	advise(c, "Run it again; if this stays, see whether this machine reaches Microsoft Graph.");
}

void
checkup_not_asked(struct app_check *c)
{
	say(c, APP_UNKNOWN, "It could not be asked.");
	advise(c, "See to the sign-in and the organizer first.");
}

static void
fine(struct app_check *c)
{
	c->next[0] = '\0';
}

/* ---------- credential ---------- */

void
checkup_credential(struct app_check *c, bool by_certificate, int64_t expires_s, int64_t now_s)
{
	const char *what = by_certificate ? "client certificate" : "client secret";
	const char *renew = by_certificate
	                        ? "Make a new certificate, upload it to the app registration beside the old one, then change "
	                          "[graph] client_certificate and client_key and reload."
	                        : "Make a new secret in the app registration, put its value into client_secret_file, change "
	                          "client_secret_expires and reload.";
	int64_t left_s = expires_s - now_s;
	char when[TIMESTAMP_SIZE];

	timestamp_format(expires_s * 1000, when);
	if (expires_s == 0) {
		say(c, APP_UNKNOWN, "When the %s expires is not known: Microsoft does not tell it to the application.", what);
		advise(c, "Look it up under Certificates & secrets of the app registration and write it into [graph] "
		          "client_secret_expires; or use a certificate.");
	} else if (left_s <= 0) {
		say(c, APP_FAIL, "The %s expired at %s.", what, when);
		advise(c, "%s", renew);
	} else if (left_s < CHECKUP_EXPIRY_WARN_S) {
		say(c, left_s < CHECKUP_EXPIRY_SOON_S ? APP_FAIL : APP_WARN, "The %s expires in %" PRId64 " days, at %s.", what,
		    left_s / DAY_S, when);
		advise(c, "%s", renew);
	} else {
		say(c, APP_OK, "The %s is good until %s.", what, when);
		fine(c);
	}
}

void
checkup_notification_key(struct app_check *c, int64_t expires_s, int64_t former, int64_t now_s)
{
	int64_t left_s = expires_s - now_s;
	char when[TIMESTAMP_SIZE];

	timestamp_format(expires_s * 1000, when);
	if (expires_s == 0) {
		say(c, APP_OK, "Notifications are basic: they are encrypted to no key.");
		fine(c);
		return;
	}
	if (left_s >= CHECKUP_EXPIRY_WARN_S) {
		say(c, APP_OK, "The key that notifications are encrypted to is good until %s.", when);
		if (former > 0)
			say(c, APP_OK,
			    "The key that notifications are encrypted to is good until %s; %" PRId64
			    " subscriptions name a former one still, whose file is needed until they are renewed.",
			    when, former);
		fine(c);
		return;
	}
	if (left_s <= 0)
		say(c, APP_FAIL, "The key that notifications are encrypted to expired at %s.", when);
	else
		say(c, left_s < CHECKUP_EXPIRY_SOON_S ? APP_FAIL : APP_WARN,
		    "The key that notifications are encrypted to expires in %" PRId64 " days, at %s.", left_s / DAY_S, when);
	advise(c,
	    "ergsyncctl key notifications makes the next one; then reload ergsync-reconciler, and leave the former one in its "
	    "folder for a week.");
}

/* ---------- endpoint ---------- */

/* What this machine cannot reach, Graph may: then it is no more than a warning. */
static enum app_verdict
as_seen(bool subscribed)
{
	return subscribed ? APP_WARN : APP_FAIL;
}

static void
unreached(struct app_check *c, const struct http_answer *a, bool subscribed)
{
	if (a->err == ERR_TLS) {
		say(c, as_seen(subscribed), "The listener's TLS is refused: %.200s.", a->detail);
		advise(c,
		    "Put the full chain of a certificate for the name in public_url, by a public authority, into [listener] "
		    "tls_certificate and reload the listener.");
		return;
	}
	say(c, as_seen(subscribed), "public_url cannot be reached from here: %.200s.%s", a->detail,
	    subscribed ? " Graph could reach it when it accepted the subscriptions." : "");
	advise(c, "Check that ergsync-listener runs, the DNS name, and that the firewall lets port and all of Microsoft's "
	          "addresses in.");
}

static bool
token_echoed(const struct http_answer *a, const char *token)
{
	return a->body_len == strlen(token) && memcmp(a->body, token, a->body_len) == 0;
}

static bool
is_plain_text(const struct http_answer *a)
{
	const char *type = http_answer_header(a, "Content-Type");

	return type != NULL && strncasecmp(type, "text/plain", strlen("text/plain")) == 0;
}

void
checkup_endpoint(struct app_check *c, const struct http_answer *a, const char *token, bool subscribed)
{
	if (a->err != ERR_OK) {
		unreached(c, a, subscribed);
	} else if (a->status >= 300 && a->status < 400) {
		say(c, APP_FAIL, "public_url answers with a redirect (%d), which Graph does not follow.", a->status);
		advise(c, "Let public_url name the listener itself, without a proxy that redirects.");
	} else if (a->status == 401 || a->status == 403 || a->status == 407) {
		say(c, APP_FAIL, "Something before the listener wants a sign-in (%d); Graph has none to give.", a->status);
		advise(c, "Let the path /graph/ through your proxy or firewall without authentication.");
	} else if (a->status != 200 || !token_echoed(a, token) || !is_plain_text(a)) {
		say(c, APP_FAIL,
		    "public_url does not answer as the listener does (status %d): another server, or a proxy that changes "
		    "answers.",
		    a->status);
		advise(c, "Point public_url's name and port at ergsync-listener.");
	} else {
		say(c, APP_OK, "The listener answers Graph's validation at public_url; its certificate is trusted.");
		fine(c);
	}
}

void
checkup_tls(struct app_check *c, const struct http_answer *a, int minor)
{
	if (a->err == ERR_OK) {
		say(c, APP_OK, "TLS 1.%d works.", minor);
		fine(c);
	} else if (a->err == ERR_TLS || a->err == ERR_REMOTE) {
		say(c, minor == 2 ? APP_FAIL : APP_WARN, "TLS 1.%d does not work: %.200s.", minor, a->detail);
		advise(c, minor == 2 ? "Graph needs TLS 1.2: allow it in the proxy before the listener."
		                     : "Allow TLS 1.3 in the proxy before the listener.");
	} else {
		/* What keeps us out is said of the endpoint. */
		say(c, APP_UNKNOWN, "Not looked at: public_url cannot be reached from here.");
		fine(c);
	}
}

/* ---------- clock ---------- */

void
checkup_clock(struct app_check *c, bool known, int64_t skew_ms)
{
	int64_t apart_ms = skew_ms < 0 ? -skew_ms : skew_ms;

	if (!known)
		return;
	if (apart_ms < CHECKUP_CLOCK_WARN_MS) {
		say(c, APP_OK, "This machine's clock agrees with Graph's to the minute.");
		fine(c);
		return;
	}
	say(c, apart_ms < CHECKUP_CLOCK_FAIL_MS ? APP_WARN : APP_FAIL, "This machine's clock is %" PRId64 " s %s Graph's.",
	    apart_ms / 1000, skew_ms > 0 ? "ahead of" : "behind");
	advise(c, "Set the clock right and keep it so: timedatectl set-ntp true.");
}

/* ---------- the tenant ---------- */

void
checkup_sign_in(struct app_check *c, const struct tenant *tenant, const struct graph_answer *a)
{
	bool person = tenant->sign_in == SIGN_IN_DELEGATED;

	if (a->sign_in_failed) {
		say(c, APP_FAIL, "%s", a->detail);
		advise(c, "%s",
		    a->tenant_state == TENANT_CONSENT_MISSING
		        ? "Send the tenant's administrator the consent_url: ergsyncctl tenant show TENANT."
		    : a->tenant_state == TENANT_SIGN_IN_NEEDED ? "ergsyncctl tenant sign-in TENANT"
		                                               : "Do as the detail says, then run the doctor again.");
	} else if (a->status == 0) {
		say(c, APP_UNKNOWN, "%s", a->detail[0] != '\0' ? a->detail : "Microsoft Graph did not answer.");
	} else if (a->status == 401) {
		say(c, APP_FAIL, "Graph refuses the token of this tenant.");
		advise(c, "Check that base_url and login_url belong to the same cloud.");
	} else {
		say(c, APP_OK, "%s", person ? "The dedicated account is signed in." : "The application is signed in.");
		fine(c);
	}
}

static bool
same_account(const struct tenant *tenant, const char *account)
{
	return account[0] == '\0' || str_equal_nocase(account, tenant->organizer) ||
	       str_equal_nocase(account, tenant->organizer_id.s);
}

void
checkup_organizer(struct app_check *c, const struct tenant *tenant, const struct graph_answer *a, const char *account)
{
	bool enabled = !json_is_false(json_object_get(a->json, "accountEnabled"));

	if (a->sign_in_failed || a->status == 0 || a->status == 401) {
		say(c, APP_UNKNOWN, "It could not be looked up.");
		advise(c, "See to the sign-in first.");
	} else if (a->err == ERR_NOTFOUND) {
		say(c, APP_FAIL, "The organizer does not exist in this directory.");
		advise(c, "Put the tenant with another organizer: a user principal name or object id.");
	} else if (a->err == ERR_FORBIDDEN) {
		say(c, APP_FAIL, "Graph refuses to look up the organizer.");
		advise(c, "Grant User.Read.All.");
	} else if (a->err != ERR_OK) {
		say(c, APP_UNKNOWN, "%s", a->detail);
	} else if (!enabled) {
		say(c, APP_WARN, "The organizer's account is blocked from signing in.");
		advise(c, "If meetings still go out, this is fine for a shared mailbox; else enable the account.");
	} else if (!same_account(tenant, account)) {
		say(c, APP_WARN,
		    "The account that signed in is not the organizer; delegated permissions reach its own calendar only.");
		advise(c, "Name that account as organizer, or sign in as the organizer.");
	} else {
		say(c, APP_OK, "The organizer exists.");
		fine(c);
	}
}

void
checkup_mailbox(struct app_check *c, bool delegated, const struct graph_answer *a)
{
	if (a == NULL) {
		say(c, APP_OK, "Not looked at: no ERG of this tenant has meetings.");
		fine(c);
	} else if (a->err == ERR_OK && delegated) {
		say(c, APP_OK, "The organizer's calendar can be read, and no other.");
		fine(c);
	} else if (a->err == ERR_OK) {
		say(c, APP_OK,
		    "The organizer's calendar can be read. Whether other mailboxes are out of reach, only Exchange tells.");
		advise(c, "Check it once with Test-ApplicationAccessPolicy; limit the app with New-ApplicationAccessPolicy "
		          "-AccessRight RestrictAccess.");
	} else if (strcmp(a->error.code, "ErrorAccessDenied") == 0) {
		say(c, APP_FAIL,
		    "Exchange does not let the app into the organizer's mailbox: an application access policy shuts it out, or "
		    "the permission is missing.");
		advise(c,
		    "Add the organizer to the group of that policy (New-ApplicationAccessPolicy), a change of which may take "
		    "over an hour; where there is none, grant Calendars.ReadWrite and Calendars.Read.");
	} else if (a->err == ERR_FORBIDDEN) {
		say(c, APP_FAIL, "Graph refuses the organizer's calendar.");
		advise(c, "Grant Calendars.ReadWrite and Calendars.Read.");
	} else if (a->err == ERR_NOTFOUND) {
		say(c, APP_FAIL, "The organizer has no mailbox in Exchange Online.");
		advise(c, "Give the account an Exchange Online licence, or name another organizer.");
	} else if (a->status > 0 && !a->sign_in_failed) {
		say(c, APP_UNKNOWN, "%s", a->detail);
	}
}

/* ---------- permissions ---------- */

enum {
	NEED_LINK = 1,
	NEED_TEAM = 2,
	NEED_TEAM_WRITE = 4,
	NEED_CHANNEL = 8,
	NEED_CHANNEL_WRITE = 16,
	NEED_MEETING = 32,
	NEED_ANY = 64
};

#define TEAM_READ    "TeamMember.Read.All"
#define CHANNEL_READ "ChannelMember.Read.All"

/* others: wider ones that do as well, where Microsoft documents them. */
static const struct {
	const char *name, *others, *why;
	unsigned needs;
} permissions[] = {
	{ "User.Read.All", " User.ReadWrite.All Directory.Read.All Directory.ReadWrite.All ", "to find people", NEED_ANY },
	{ "Team.ReadBasic.All", " TeamSettings.Read.All TeamSettings.ReadWrite.All ", "to check links", NEED_LINK },
	{ "Channel.ReadBasic.All", " ChannelSettings.Read.All ChannelSettings.ReadWrite.All ", "to check links", NEED_LINK },
	{ TEAM_READ, "", "to read and watch members of teams", NEED_TEAM },
	{ "TeamMember.ReadWrite.All", "", "to change members of teams", NEED_TEAM_WRITE },
	{ "GroupMember.Read.All", " GroupMember.ReadWrite.All Group.Read.All Group.ReadWrite.All Directory.Read.All ",
	    "for the hourly check", NEED_TEAM },
	{ CHANNEL_READ, "", "to read and watch members of private and shared channels", NEED_CHANNEL },
	{ "ChannelMember.ReadWrite.All", "", "to change members of private and shared channels", NEED_CHANNEL_WRITE },
	{ "Calendars.Read", "", "to watch the organizer's calendar", NEED_MEETING },
	{ "Calendars.ReadWrite", "", "to schedule meetings", NEED_MEETING },
};
#define PERMISSION_ROWS (sizeof(permissions) / sizeof(permissions[0]))

/* Come with every person's sign-in. */
static const char person_scopes[] = " openid profile email offline_access User.Read ";

static unsigned
bits_of(const struct checkup_needs *n)
{
	return NEED_ANY | (n->ergs > 0 ? NEED_LINK : 0u) | (n->team ? NEED_TEAM : 0u) | (n->team_writes ? NEED_TEAM_WRITE : 0u) |
	       (n->channel ? NEED_CHANNEL : 0u) | (n->channel_writes ? NEED_CHANNEL_WRITE : 0u) |
	       (n->meetings ? NEED_MEETING : 0u);
}

/* Is word one of " a b c "? */
static bool
is_among(const char *words, const char *word, size_t len)
{
	for (const char *at = words; (at = strchr(at, ' ')) != NULL;) {
		at++;
		if (strncasecmp(at, word, len) == 0 && at[len] == ' ')
			return true;
	}
	return false;
}

/* " A B ": what the token grants. False when it does not say. */
static bool
granted_read(const json_t *claims, bool delegated, struct text *ret)
{
	const json_t *roles = jx_get_array(claims, "roles"), *role;
	const char *scopes = jx_get_str(claims, "scp");
	size_t i;

	if (delegated ? scopes == NULL : claims == NULL)
		return false;
	text_adds(ret, " ");
	if (delegated)
		text_addf(ret, "%s ", scopes);
	json_array_foreach((json_t *)roles, i, role)
	{
		if (!delegated && json_is_string(role)) {
			text_adds(ret, json_string_value(role));
			text_adds(ret, " ");
		}
	}
	return text_err(ret) == ERR_OK;
}

static bool
has_another(const char *granted, const char *others)
{
	for (const char *at = others + strspn(others, " "); *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (is_among(granted, at, len))
			return true;
		at += len;
	}
	return false;
}

static bool
is_satisfied(const char *granted, size_t row)
{
	return is_among(granted, permissions[row].name, strlen(permissions[row].name)) ||
	       has_another(granted, permissions[row].others);
}

static void
unreadable(struct app_check *c)
{
	say(c, APP_UNKNOWN, "The token does not say what was granted.");
	advise(c, "See to the sign-in first; else compare with the list in the README by hand.");
}

void
checkup_need(struct checkup_needs *n, const struct erg *erg)
{
	bool channel = erg->channel_type == CHANNEL_PRIVATE || erg->channel_type == CHANNEL_SHARED;
	bool on = erg->membership != MEMBERSHIP_OFF, writes = on && erg->membership != MEMBERSHIP_TEAMS;

	n->ergs++;
	n->team = n->team || (on && !channel);
	n->team_writes = n->team_writes || (writes && !channel);
	n->channel = n->channel || (on && channel);
	n->channel_writes = n->channel_writes || (writes && channel);
	n->meetings = n->meetings || erg->meetings != MEETINGS_OFF;
}

/* "A (why), B (why)", empty when nothing is. */
static void
find_missing(const char *granted, unsigned bits, struct text *ret)
{
	for (size_t i = 0; i < PERMISSION_ROWS; i++)
		if ((permissions[i].needs & bits) != 0 && !is_satisfied(granted, i))
			text_addf(ret, "%s%s (%s)", ret->len > 0 ? ", " : "", permissions[i].name, permissions[i].why);
}

bool
checkup_lacks_permission(const struct checkup_needs *needs, bool delegated, const json_t *claims)
{
	struct text granted, missing;
	bool lacks;

	text_init(&granted, 65536);
	text_init(&missing, 4096);
	if (granted_read(claims, delegated, &granted))
		find_missing(granted.data, bits_of(needs), &missing);
	lacks = missing.len > 0;
	text_done(&missing);
	text_done(&granted);
	return lacks;
}

bool
checkup_lacks_reading(const struct checkup_needs *needs, bool delegated, const json_t *claims)
{
	struct text granted;
	bool lacks;

	text_init(&granted, 65536);
	lacks = granted_read(claims, delegated, &granted) &&
	        ((needs->team && !is_among(granted.data, TEAM_READ, strlen(TEAM_READ))) ||
	            (needs->channel && !is_among(granted.data, CHANNEL_READ, strlen(CHANNEL_READ))));
	text_done(&granted);
	return lacks;
}

bool
checkup_may_nothing(const json_t *claims)
{
	return claims != NULL && json_array_size(jx_get_array(claims, "roles")) == 0;
}

void
checkup_permissions(struct app_check *c, const struct checkup_needs *needs, bool delegated, const json_t *claims)
{
	struct text granted, missing;

	text_init(&granted, 65536);
	text_init(&missing, 4096);
	if (!granted_read(claims, delegated, &granted)) {
		unreadable(c);
		text_done(&granted);
		return;
	}
	find_missing(granted.data, bits_of(needs), &missing);
	if (missing.len == 0) {
		say(c, APP_OK, "Everything that is needed is granted.");
		fine(c);
	} else {
		say(c, APP_FAIL, "Missing: %.*s.", (int)sizeof(c->detail) - 16, missing.data);
		advise(c,
		    "Add them as %s permissions to the app registration, then have the administrator open the consent_url again.",
		    delegated ? "delegated" : "application");
	}
	text_done(&missing);
	text_done(&granted);
}

/* Needed by name, or as the wider one that stands in for what is not granted itself. */
static bool
is_needed(const char *granted, unsigned bits, const char *name, size_t len)
{
	for (size_t i = 0; i < PERMISSION_ROWS; i++) {
		const char *own = permissions[i].name;

		if ((permissions[i].needs & bits) == 0)
			continue;
		if (strlen(own) == len && strncasecmp(own, name, len) == 0)
			return true;
		if (is_among(permissions[i].others, name, len) && !is_among(granted, own, strlen(own)))
			return true;
	}
	return false;
}

static void
find_unneeded(const char *granted, unsigned bits, bool delegated, struct text *ret)
{
	for (const char *at = granted + strspn(granted, " "); *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (!is_needed(granted, bits, at, len) && !(delegated && is_among(person_scopes, at, len)))
			text_addf(ret, "%s%.*s", ret->len > 0 ? ", " : "", (int)(len < 64 ? len : 64), at);
		at += len;
	}
}

void
checkup_unneeded(struct app_check *c, const struct checkup_needs *needs, bool delegated, const json_t *claims)
{
	struct text granted, unneeded;

	text_init(&granted, 65536);
	text_init(&unneeded, 65536);
	if (!granted_read(claims, delegated, &granted)) {
		unreadable(c);
	} else if (needs->ergs == 0) {
		say(c, APP_OK, "Not looked at: the tenant has no ERG yet.");
		fine(c);
	} else {
		find_unneeded(granted.data, bits_of(needs), delegated, &unneeded);
		if (unneeded.len == 0) {
			say(c, APP_OK, "Nothing is granted that is not needed.");
			fine(c);
		} else {
			say(c, APP_WARN, "Granted, but not needed for what is switched on: %.*s.", (int)sizeof(c->detail) - 64,
			    unneeded.data);
			advise(c, "Remove them from the app registration, or in this tenant under Enterprise applications.");
		}
	}
	text_done(&unneeded);
	text_done(&granted);
}

/* ---------- subscriptions ---------- */

static void
span(int64_t ms, char *ret, size_t ret_size)
{
	int64_t minutes = ms / 60000;

	if (minutes < 120)
		(void)snprintf(ret, ret_size, "%" PRId64 " min", minutes);
	else if (minutes < 48 * 60)
		(void)snprintf(ret, ret_size, "%" PRId64 " h", minutes / 60);
	else
		(void)snprintf(ret, ret_size, "%" PRId64 " days", minutes / (24 * 60));
}

static void
say_active(struct app_check *c, const struct checkup_subscriptions *s, int64_t left_ms)
{
	char wide[160] = "", left[32];

	span(left_ms, left, sizeof(left));
	if (s->silent)
		(void)snprintf(
		    wide, sizeof(wide), ", one of them for all teams, which keep their own until it has told of a change");
	else if (s->covered > 0)
		(void)snprintf(wide, sizeof(wide), ", one of them for all teams, %" PRId64 " of which have an ERG", s->covered);
	say(c, APP_OK, "%" PRId64 " active%s; the next one would expire in %s if it were not renewed.%s%s", s->active, wide, left,
	    s->refused[0] != '\0' ? " " : "", s->refused);
}

void
checkup_subscriptions(struct app_check *c, const struct checkup_subscriptions *s, int64_t now_wall_ms)
{
	if (s->failing > 0) {
		say(c, APP_FAIL, "%" PRId64 " of %" PRId64 " subscriptions fail: %s", s->failing,
		    s->failing + s->active + s->wanted, s->detail);
		advise(c, "ergsyncctl subscriptions");
	} else if (s->former > 0 && s->unreached) {
		say(c, APP_FAIL,
		    "Graph does not reach public_url: %" PRId64 " subscriptions stay at the former one, and work there.",
		    s->former);
		advise(c, "Keep the former address answering. Put public_url right, or mend what stands between it and Graph: "
		          "the checks of "
		          "the endpoint tell more.");
	} else if (s->overdue > 0) {
		say(c, APP_WARN, "%" PRId64 " subscriptions were not renewed in time.", s->overdue);
		advise(c, "ergsyncctl subscriptions; see whether Graph throttles or cannot be reached.");
	} else if (s->wanted > 0) {
		say(c, APP_WARN, "%" PRId64 " subscriptions are not made yet.", s->wanted);
		advise(c, "Wait a minute and run the doctor again.");
	} else if (s->former > 0) {
		say(c, APP_WARN, "%" PRId64 " subscriptions are on the way from a former public_url.", s->former);
		advise(c, "Keep the former address answering until none is left, after an hour or so.");
	} else if (s->active > 0) {
		say_active(c, s, s->next_expiry_wall_ms - now_wall_ms);
		fine(c);
	} else {
		say(c, APP_OK, "None is needed: no ERG of this tenant is linked.");
		fine(c);
	}
}
