/*
 * config.h - the configuration: an INI file read against the table of config_option.h.
 *
 * Every mistake in a file is reported with file and line before anything starts.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/address.h"
#include "base/config_option.h"
#include "base/err.h"
#include "base/secret_file.h"

/* The room for a listen list, as listen_parse wants it. */
#define CONFIG_LISTEN_MAX LISTEN_MAX

enum { CONFIG_NOTIFICATIONS_BASIC, CONFIG_NOTIFICATIONS_RICH };
/* Of tenant_wide_from, beside numbers of teams: see config_option.h, names. */
enum { CONFIG_WIDE_QUOTA = -1, CONFIG_WIDE_NEVER = 0 };

/* What a file says, checked. Strings are owned by the config; absent ones are NULL. Paths are absolute. */
struct config {
	char *file;
	/* [listener] */
	char *listener_listen; /* space-separated host:port */
	char *public_url;      /* without a trailing slash */
	char *tls_certificate, *tls_key;
	int64_t max_body_bytes;
	/* [graph] */
	char *client_secret_expires; /* a date, checked; see config_secret_expires_s */
	char *client_id, *client_secret_file, *client_certificate, *client_key;
	int assertion_algorithm;    /* 0 PS256, 1 RS256 */
	char *base_url, *login_url; /* without a trailing slash */
	char *graph_ca_file;
	int64_t tenant_wide_from; /* linked teams, or CONFIG_WIDE_... */
	int notifications;        /* CONFIG_NOTIFICATIONS_... */
	char *notification_keys;
	/* [app] */
	char *app_listen, *app_token_file, *app_tls_certificate, *app_tls_key;
	char *callback_url, *callback_secret_file, *snapshot_url;
	int64_t feed_keep_ms;
	/* [admin] */
	char *admin_listen;
	char *admin_names; /* space-separated host names */
	/* [state] */
	char *state_directory, *key_file, *intake_key_file;
	int64_t map_size_bytes;
	char *runtime_directory; /* $RUNTIME_DIRECTORY has won already */
	/* [sync] */
	int64_t settle_ms, sweep_ms, drift_check_ms, renew_every_ms;
	int64_t subscription_lifetime_ms; /* 0 = max */
	int64_t removal_limit, removal_percent;
	int64_t mail_limit;    /* mails to attendees, an ERG and 24 h */
	int meeting_conflicts; /* 0 app, 1 outlook */
	int64_t meeting_horizon_ms;
	/* [log] */
	int log_level; /* enum log_level */
};

/* Reports one mistake; line is 0 when it has none. */
typedef void (*config_report)(void *arg, const char *file, int line, const char *message);

/*
 * Reads, checks across options (client secret or certificate; token for a TCP app listen; http only to
 * loopback; the files named exist, can be read and hold what they must) for the program(s) used_by.
 * Calls report for every mistake; ERR_INVALID if there was any. Gives *ret only on ERR_OK.
 * A path that begins with %d/ lies in $CREDENTIALS_DIRECTORY. A ctl needs no file, and gets no path
 * of that kind when the variable is not set.
 * Not safe while another thread reads a configuration.
 */
enum err config_load(const char *file, unsigned used_by, config_report report, void *arg, struct config **ret);
void config_free(struct config *config);
/* Calls report for what is allowed, but hardly meant. Checks tell it; a start does not refuse it. */
void config_doubts(const struct config *config, config_report report, void *arg);
/* The end of the day named by client_secret_expires, UTC, Unix time; 0 when it is not set. */
int64_t config_secret_expires_s(const struct config *config);
/* Takes over the reloadable options of from, also texts: nobody may borrow those (the files of [graph]'s credentials) for longer than a
 * call. Names of options that differ but need a restart go to report. */
void config_reload(struct config *config, const struct config *from, config_report report, void *arg);

#endif
