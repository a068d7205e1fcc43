/*
 * config_option.c - the table, and what can be done with any row of it.
 */
#include "base/config_option.h"

#include <stddef.h>
#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "base/text.h"

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define TIB    (1024 * 1024 * MIB)

#define BOTH (FOR_LISTENER | FOR_RECONCILER)
#define ALL  (BOTH | FOR_CTL)
#define REC  FOR_RECONCILER

static const char *const conflict_names[] = { "app", "outlook", NULL };
static const char *const algorithm_names[] = { "PS256", "RS256", NULL };
static const char *const notification_names[] = { "basic", "rich", NULL };
static const char *const lifetime_max[] = { "max", NULL };
static const char *const wide_names[] = { "never", "quota", NULL }; /* CONFIG_WIDE_... */

#define REQUIRED true
#define OPTIONAL false
#define LIVE     true
#define FIXED    false

#define TEXT_RELOAD(s, k, t, field, default_, example_, required_, users, reloadable_, help_)                                    \
	{                                                                                                                        \
		.section = (s), .key = (k), .type = OPTION_##t, .offset = offsetof(struct config, field),                        \
		.fallback = (default_), .example = (example_), .required = (required_), .used_by = (users), .unit = "",          \
		.reloadable = (reloadable_), .help = (help_)                                                                     \
	}
#define TEXT(s, k, t, field, default_, example_, required_, users, help_)                                                        \
	TEXT_RELOAD(s, k, t, field, default_, example_, required_, users, FIXED, help_)
#define NUMBER(s, k, t, field, min_, max_, default_, unit_, names_, users, reloadable_, help_)                                   \
	{                                                                                                                        \
		.section = (s), .key = (k), .type = OPTION_##t, .offset = offsetof(struct config, field), .min = (min_),         \
		.max = (max_), .fallback = (default_), .unit = (unit_), .names = (names_), .used_by = (users),                   \
		.reloadable = (reloadable_), .help = (help_)                                                                     \
	}

/* One row, two lines. */
/* clang-format off */
const struct config_option config_options[] = {
	/*   section, key, type, field, default, example, required, used by, help
	 *   or ..., field, min, max, default, unit, names, used by, on reload, help */
	TEXT("listener", "listen", LISTEN, listener_listen, "0.0.0.0:8443", NULL, OPTIONAL, FOR_LISTENER,
	    "Addresses Graph's notifications come to; ignored when systemd passes the sockets."),
	TEXT_RELOAD("listener", "public_url", URL, public_url, NULL, "https://hooks.example.org", REQUIRED, BOTH, LIVE,
	    "How Graph reaches the listener: what it is told when subscribing. After a change subscriptions move; the former address is "
	    "needed until ergsyncctl subscriptions shows none there."),
	TEXT("listener", "tls_certificate", FILE, tls_certificate, NULL, "/etc/ergsync/tls/fullchain.pem", REQUIRED, FOR_LISTENER,
	    "Certificate with its whole chain, PEM."),
	TEXT("listener", "tls_key", FILE, tls_key, NULL, "/etc/ergsync/tls/privkey.pem", REQUIRED, FOR_LISTENER,
	    "The certificate's private key, PEM."),
	NUMBER("listener", "max_body", SIZE, max_body_bytes, KIB, 64 * MIB, "1MiB", "bytes", NULL, FOR_LISTENER, FIXED,
	    "Larger notifications are answered 413."),

	TEXT("graph", "client_id", STRING, client_id, NULL, "00000000-0000-0000-0000-000000000000", REQUIRED, REC,
	    "Application (client) id of the app registration."),
	TEXT_RELOAD("graph", "client_secret_file", SECRET_FILE, client_secret_file, NULL, "/etc/ergsync/client_secret", OPTIONAL, REC,
	    LIVE, "Holds the client secret; either this or a client certificate is needed."),
	TEXT_RELOAD("graph", "client_secret_expires", STRING, client_secret_expires, NULL, "2027-12-31", OPTIONAL, REC, LIVE,
	    "The day on which the client secret expires, as the app registration shows it: Microsoft does not tell it otherwise."),
	TEXT_RELOAD("graph", "client_certificate", FILE, client_certificate, NULL, "/etc/ergsync/client.pem", OPTIONAL, REC, LIVE,
	    "Certificate to sign in with instead of a secret, PEM."),
	TEXT_RELOAD("graph", "client_key", FILE, client_key, NULL, "/etc/ergsync/client.key", OPTIONAL, REC, LIVE,
	    "The client certificate's private RSA key, PEM, without a passphrase."),
	NUMBER("graph", "assertion_algorithm", ENUM, assertion_algorithm, 0, 0, "PS256", "", algorithm_names, REC, LIVE,
	    "How sign-ins with the client certificate are signed; RS256 is the older way."),
	TEXT("graph", "base_url", URL, base_url, "https://graph.microsoft.com/v1.0", NULL, OPTIONAL, REC,
	    "Microsoft Graph; national clouds have others."),
	TEXT("graph", "login_url", URL, login_url, "https://login.microsoftonline.com", NULL, OPTIONAL, REC,
	    "Where tokens come from; national clouds have others."),
	TEXT("graph", "ca_file", CA_FILE, graph_ca_file, NULL, "/etc/ssl/certs/ca-certificates.crt", OPTIONAL, REC,
	    "Certificate authorities to trust instead of the system's, PEM."),
	NUMBER("graph", "notifications", ENUM, notifications, 0, 0, "basic", "", notification_names, REC | FOR_CTL, FIXED,
	    "rich: Graph's notifications of members carry who it is, encrypted, which saves asking back."),
	TEXT("graph", "notification_keys", PATH, notification_keys, "notification-keys", "/etc/ergsync/notification-keys", OPTIONAL, REC,
	    "Folder of the keys rich notifications are encrypted to; ergsyncctl key notifications makes one."),
	NUMBER("graph", "tenant_wide_from", INT, tenant_wide_from, 0, 1000000, "quota", "teams", wide_names, REC, LIVE,
	    "Which tenants get one subscription for all their teams, which tells of those that are no ERG's, too. quota: where Graph has no "
	    "room left for one each; 50: with so many linked teams; never or 0: none."),

	TEXT("app", "listen", LISTEN, app_listen, "unix:/run/ergsync/app.sock", NULL, OPTIONAL, REC | FOR_CTL,
	    "Addresses of the app API; by default app.sock in the runtime directory."),
	TEXT("app", "token_file", SECRET_FILE, app_token_file, NULL, "/etc/ergsync/app_token", OPTIONAL, REC,
	    "Holds the bearer token that every caller over TCP must show."),
	TEXT("app", "tls_certificate", FILE, app_tls_certificate, NULL, "/etc/ergsync/tls/app.pem", OPTIONAL, REC,
	    "Certificate of the app API, needed beyond loopback, PEM."),
	TEXT("app", "tls_key", FILE, app_tls_key, NULL, "/etc/ergsync/tls/app.key", OPTIONAL, REC,
	    "The app API certificate's private key, PEM."),
	TEXT("app", "callback_url", URL, callback_url, NULL, "https://app.example.org/ergsync", OPTIONAL, REC,
	    "Where callbacks are sent; without it there is the change feed only."),
	TEXT("app", "callback_secret_file", SIGNING_FILE, callback_secret_file, NULL, "/etc/ergsync/callback_secret", OPTIONAL,
	    REC, "Holds the secret that signs callbacks, whsec_ + base64."),
	TEXT("app", "snapshot_url", URL, snapshot_url, NULL, "https://app.example.org/ergsync/snapshot", OPTIONAL, REC,
	    "Where a full resync reads the app's own lists."),
	NUMBER("app", "feed_keep", DURATION, feed_keep_ms, SECOND, 3650 * DAY, "90d", "duration", NULL, REC, LIVE,
	    "How long changes stay in the change feed; the newest million at most, and none goes before it is delivered."),

	TEXT("admin", "listen", LISTEN, admin_listen, "127.0.0.1:9464", NULL, OPTIONAL, REC,
	    "Addresses of metrics, health and the console."),
	TEXT_RELOAD("admin", "names", STRING, admin_names, NULL, "ergsync.internal", OPTIONAL, REC, LIVE,
	    "Host names, besides localhost and addresses, under which browsers may load the console; space-separated."),

	TEXT("state", "directory", PATH, state_directory, "/var/lib/ergsync", NULL, OPTIONAL, ALL, "Where everything is stored."),
	TEXT("state", "key_file", KEY_FILE, key_file, NULL, "/etc/ergsync/state.key", REQUIRED, REC,
	    "Holds the key that seals stored values; ergsyncctl init makes one."),
	TEXT("state", "intake_key_file", KEY_FILE, intake_key_file, NULL, "/etc/ergsync/intake.key", REQUIRED, BOTH,
	    "Holds the key that authenticates notifications; ergsyncctl init makes one."),
	NUMBER("state", "map_size", SIZE, map_size_bytes, 16 * MIB, 16 * TIB, "16GiB", "bytes", NULL, BOTH, FIXED,
	    "Ceiling of the stored state, reserved as address space, not on disk; the inbox has a quarter of it."),
	TEXT("state", "runtime_directory", PATH, runtime_directory, "/run/ergsync", NULL, OPTIONAL, ALL,
	    "Where sockets are; $RUNTIME_DIRECTORY wins."),

	NUMBER("sync", "settle", DURATION, settle_ms, SECOND, 7 * DAY, "15m", "duration", NULL, REC, LIVE,
	    "How long a write may stay invisible on Graph before its absence counts as a change."),
	NUMBER("sync", "sweep", DURATION, sweep_ms, SECOND, 30 * DAY, "24h", "duration", NULL, REC, LIVE,
	    "Time between two full comparisons of an ERG or a mailbox."),
	NUMBER("sync", "drift_check", DURATION, drift_check_ms, SECOND, 7 * DAY, "1h", "duration", NULL, REC, LIVE,
	    "Time between two cheap checks by groups delta, for the standard channels of teams."),
	NUMBER("sync", "renew_every", DURATION, renew_every_ms, SECOND, DAY, "45m", "duration", NULL, REC, LIVE,
	    "Longest time between two renewals of a subscription."),
	NUMBER("sync", "subscription_lifetime", DURATION, subscription_lifetime_ms, SECOND, 30 * DAY, "max", "duration",
	    lifetime_max, REC, LIVE, "Caps a subscription's life below Graph's maximum."),
	NUMBER("sync", "removal_limit", INT, removal_limit, 0, 1000000, "10", "", NULL, REC, LIVE,
	    "A plan that removes more people than this, and more than removal_percent, is held."),
	NUMBER("sync", "removal_percent", INT, removal_percent, 0, 100, "20", "%", NULL, REC, LIVE,
	    "A plan that removes more of a list than this, and more than removal_limit, is held."),
	NUMBER("sync", "mail_limit", INT, mail_limit, 0, 1000000, "200", "mails", NULL, REC, LIVE,
	    "A plan that would have Outlook send more mails than this to the attendees of an ERG's meetings in a day is held."),
	NUMBER("sync", "meeting_conflicts", ENUM, meeting_conflicts, 0, 0, "app", "", conflict_names, REC, LIVE,
	    "Who wins a field of a meeting that both sides changed."),
	NUMBER("sync", "meeting_horizon", DURATION, meeting_horizon_ms, SECOND, 3650 * DAY, "400d", "duration", NULL, REC, LIVE,
	    "Events further away than this, or ended, are left alone."),

	NUMBER("log", "level", ENUM, log_level, 0, 0, "info", "", log_level_names, BOTH, LIVE,
	    "The least important lines that are still logged."),
};
/* clang-format on */

_Static_assert(sizeof(config_options) / sizeof(config_options[0]) == CONFIG_OPTION_COUNT, "the count the header says");

/* --- fields by their row --- */

bool
config_option_is_text(enum option_type type)
{
	return type <= OPTION_LISTEN;
}

bool
config_option_is_path(enum option_type type)
{
	return type >= OPTION_PATH && type <= OPTION_SIGNING_FILE;
}

void *
config_field(const struct config *config, const struct config_option *option)
{
	return (char *)(uintptr_t)config + option->offset;
}

char **
config_text_field(const struct config *config, const struct config_option *option)
{
	return config_field(config, option);
}

const char *
config_value_format(const struct config *config, const struct config_option *option, char ret[32])
{
	int64_t number;

	if (config_option_is_text(option->type))
		return *config_text_field(config, option);
	if (option->type == OPTION_ENUM)
		return option->names[*(int *)config_field(config, option)];
	number = *(int64_t *)config_field(config, option);
	if (option->names != NULL && number <= 0)
		return option->names[-number];
	if (option->type == OPTION_DURATION)
		format_duration_ms(number, ret, 32);
	else if (option->type == OPTION_SIZE)
		format_size((uint64_t)number, ret, 32);
	else
		(void)snprintf(ret, 32, "%lld", (long long)number);
	return ret;
}

const struct config_option *
config_option_find(const char *section, const char *key)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if ((section == NULL || strcmp(config_options[i].section, section) == 0) &&
		    (key == NULL || strcmp(config_options[i].key, key) == 0))
			return &config_options[i];
	return NULL;
}

static void
header_write(const struct config_option *option, FILE *out)
{
	if (option == config_options || strcmp(option->section, option[-1].section) != 0)
		(void)fprintf(out, "%s[%s]\n", option == config_options ? "" : "\n", option->section);
	(void)fprintf(out, "# %s\n", option->help);
}

void
config_dump(const struct config *config, FILE *out)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		char small[32];
		const char *value = config_value_format(config, &config_options[i], small);

		header_write(&config_options[i], out);
		(void)fprintf(out, "%s%s =%s%s\n", value == NULL ? "#" : "", config_options[i].key, value == NULL ? "" : " ",
		    value == NULL ? "" : value);
	}
}

void
config_example(FILE *out)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct config_option *option = &config_options[i];

		header_write(option, out);
		(void)fprintf(out, "%s%s = %s\n", option->required ? "" : "#", option->key,
		    option->fallback != NULL ? option->fallback : option->example);
	}
}
