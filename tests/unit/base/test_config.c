/* The configuration: good files, every kind of mistake with its line and words, reload, dump and example. */
#include "base/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/text.h"
#include "unit/base/check.h"
#include "unit/base/seed.h"

#define BOTH (FOR_LISTENER | FOR_RECONCILER)

static char folder[64];
static struct text reports;

static void
file_path(const char *name, char ret[128])
{
	(void)snprintf(ret, 128, "%s/%s", folder, name);
}

static void
file_write_bytes(const char *name, const void *data, size_t len)
{
	char path[128];
	FILE *f;

	file_path(name, path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
file_write(const char *name, const char *text)
{
	file_write_bytes(name, text, strlen(text));
}

#define KEY32  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SECRET "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"

static const char *const files[] = { "cert.pem", "key.pem", "secret", "token", "state.key", "intake.key", "callback", "short.key",
	"empty", "two_lines", "conf" };

static int
folder_make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ergsync_test_config_XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)unsetenv("RUNTIME_DIRECTORY");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	file_write("cert.pem", "x");
	file_write("key.pem", "x");
	file_write("secret", "s3cr3t\n");
	file_write("token", "token\r\n");
	file_write("state.key", KEY32 "\n");
	file_write("intake.key", KEY32);
	file_write("callback", SECRET "\n");
	file_write("short.key", "AAECAwQFBgcICQoLDA0ODw==\n");
	file_write("empty", "\n");
	file_write("two_lines", "one\ntwo\n");
	text_init(&reports, 100000);
	return 0;
}

static int
folder_drop(void **state)
{
	char path[128];

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		file_path(files[i], path);
		(void)unlink(path);
	}
	text_done(&reports);
	return rmdir(folder);
}

/* "3: message\n" for each, without the name of the file and its folder. */
static void
on_report(void *arg, const char *file, int line, const char *message)
{
	const char *at;

	(void)arg;
	(void)file;
	text_addf(&reports, "%d: ", line);
	while ((at = strstr(message, folder)) != NULL) {
		text_add(&reports, message, (size_t)(at - message));
		text_adds(&reports, "DIR");
		message = at + strlen(folder);
	}
	text_addf(&reports, "%s\n", message);
}

static void
on_doubt(void *arg, const char *file, int line, const char *message)
{
	(void)arg;
	assert_int_equal(line, 0);
	text_addf(&reports, "%s: %s\n", strrchr(file, '/') + 1, message);
}

static enum err
load_file(const char *text, unsigned used_by, struct config **ret)
{
	char path[128];

	file_write("conf", text);
	file_path("conf", path);
	text_reset(&reports);
	return config_load(path, used_by, on_report, NULL, ret);
}

#define GOOD                                                                                                                     \
	"[listener]\npublic_url = https://hooks.example.org/\ntls_certificate = cert.pem\ntls_key = key.pem\n"                   \
	"[graph]\nclient_id = app\nclient_secret_file = secret\n[state]\nkey_file = state.key\nintake_key_file = intake.key\n"
#define GOOD_LINES 10

static void
loads_a_small_file_with_all_defaults(void **state)
{
	struct config *c = NULL;
	char path[128];

	(void)state;
	assert_int_equal(load_file(GOOD, BOTH, &c), ERR_OK);
	assert_string_equal(c->public_url, "https://hooks.example.org");
	file_path("cert.pem", path);
	assert_string_equal(c->tls_certificate, path);
	assert_string_equal(c->listener_listen, "0.0.0.0:8443");
	assert_int_equal(c->max_body_bytes, 1048576);
	assert_string_equal(c->base_url, "https://graph.microsoft.com/v1.0");
	assert_string_equal(c->login_url, "https://login.microsoftonline.com");
	assert_null(c->graph_ca_file);
	assert_null(c->client_certificate);
	assert_string_equal(c->app_listen, "unix:/run/ergsync/app.sock");
	assert_null(c->callback_url);
	assert_string_equal(c->admin_listen, "127.0.0.1:9464");
	assert_string_equal(c->state_directory, "/var/lib/ergsync");
	assert_true(c->map_size_bytes == INT64_C(17179869184));
	assert_string_equal(c->runtime_directory, "/run/ergsync");
	assert_int_equal(c->settle_ms, 900000);
	assert_int_equal(c->sweep_ms, 86400000);
	assert_int_equal(c->drift_check_ms, 3600000);
	assert_int_equal(c->renew_every_ms, 2700000);
	assert_int_equal(c->subscription_lifetime_ms, 0);
	assert_int_equal(c->tenant_wide_from, CONFIG_WIDE_QUOTA);
	assert_int_equal(c->removal_limit, 10);
	assert_int_equal(c->removal_percent, 20);
	assert_int_equal(c->mail_limit, 200);
	assert_int_equal(c->meeting_conflicts, 0);
	assert_true(c->meeting_horizon_ms == INT64_C(34560000000));
	assert_int_equal(c->log_level, LOG_INFO);
	assert_int_equal(reports.len, 0);
	config_free(c);
}

static void
reads_every_way_of_writing(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(
	    load_file("\xef\xbb\xbf# a comment\r\n; another\r\n\r\n" GOOD
	              "[sync]\n  settle = 1s   ; inline\n\tsweep=7d # inline\nsubscription_lifetime: max\nremoval_limit = 0\n"
	              "meeting_conflicts = outlook\n[log]\nlevel = debug\n[app]\n"
	              "listen = unix:app.sock   127.0.0.1:0\t[::1]:8787 localhost:1\ntoken_file = token\n"
	              "callback_url = http://localhost:3000/hook?a=b#c\n",
	        BOTH, &c),
	    ERR_INVALID);
	assert_non_null(strstr(reports.data, "must not have a fragment"));
	assert_int_equal(
	    load_file("\xef\xbb\xbf# a comment\r\n; another\r\n\r\n" GOOD
	              "[sync]\n  settle = 1s   ; inline\n\tsweep=7d # inline\nsubscription_lifetime: max\nremoval_limit = 0\n"
	              "meeting_conflicts = outlook\n[log]\nlevel = debug\n[app]\n"
	              "listen = unix:app.sock   127.0.0.1:0\t[::1]:8787 localhost:1\ntoken_file = token\n"
	              "callback_url = http://localhost:3000/hook?a=b\ncallback_secret_file = callback\n",
	        BOTH, &c),
	    ERR_OK);
	assert_int_equal(c->settle_ms, 1000);
	assert_int_equal(c->sweep_ms, 604800000);
	assert_int_equal(c->removal_limit, 0);
	assert_int_equal(c->meeting_conflicts, 1);
	assert_int_equal(c->log_level, LOG_DEBUG);
	assert_true(str_starts(c->app_listen, "unix:/tmp/"));
	assert_non_null(strstr(c->app_listen, "/app.sock 127.0.0.1:0 [::1]:8787 localhost:1"));
	config_free(c);
}

static void
words_stand_for_numbers(void **state)
{
	static const struct {
		const char *text, *shown;
		int64_t number;
	} cases[] = {
		{ "[graph]\ntenant_wide_from = quota\n", "\ntenant_wide_from = quota\n", CONFIG_WIDE_QUOTA },
		{ "[graph]\ntenant_wide_from = never\n", "\ntenant_wide_from = never\n", CONFIG_WIDE_NEVER },
		{ "[graph]\ntenant_wide_from = 0\n", "\ntenant_wide_from = never\n", CONFIG_WIDE_NEVER },
		{ "[graph]\ntenant_wide_from = 50\n", "\ntenant_wide_from = 50\n", 50 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *shown = NULL, text[2048];
		struct config *c = NULL;
		size_t len;
		FILE *out = open_memstream(&shown, &len);

		snprintf(text, sizeof(text), "%s%s", GOOD, cases[i].text);
		assert_int_equal(load_file(text, BOTH, &c), ERR_OK);
		assert_int_equal(c->tenant_wide_from, cases[i].number);
		config_dump(c, out);
		assert_int_equal(fclose(out), 0);
		assert_non_null(strstr(shown, cases[i].shown));
		free(shown);
		config_free(c);
	}
}

/* Each text is added to a good file: its first line is line 11. */
static const struct {
	const char *text, *reports;
} mistakes[] = {
	{ "[sync]\nsettle = 15\n", "12: [sync] settle: '15' is not a duration; write 15m, 90s, 1h or 7d (1s to 7d)\n" },
	{ "[sync]\nsettle = 8d\n", "12: [sync] settle: '8d' is out of range; write 15m, 90s, 1h or 7d (1s to 7d)\n" },
	{ "[sync]\nsettle = 999ms\n", "12: [sync] settle: '999ms' is out of range; write 15m, 90s, 1h or 7d (1s to 7d)\n" },
	{ "[sync]\nsettle = max\n", "12: [sync] settle: 'max' is not a duration; write 15m, 90s, 1h or 7d (1s to 7d)\n" },
	{ "[sync]\nsubscription_lifetime = ever\n",
	    "12: [sync] subscription_lifetime: 'ever' is not a duration; write 15m, 90s, 1h or 7d (1s to 30d) or max\n" },
	{ "[graph]\ntenant_wide_from = always\n", "12: [graph] tenant_wide_from: 'always' is not a whole number; write a number "
	                                          "from 0 to 1000000 or never or quota\n" },
	{ "[graph]\ntenant_wide_from = -1\n",
	    "12: [graph] tenant_wide_from: '-1' is not a whole number; write a number from 0 to 1000000 or never or quota\n" },
	{ "[sync]\nremoval_percent = 101\n",
	    "12: [sync] removal_percent: '101' is out of range; write a number from 0 to 100\n" },
	{ "[sync]\nremoval_percent = 20%\n",
	    "12: [sync] removal_percent: '20%' is not a whole number; write a number from 0 to 100\n" },
	{ "[sync]\nmeeting_conflicts = both\n", "12: [sync] meeting_conflicts: 'both' is not known; write app or outlook\n" },
	{ "[log]\nlevel = loud\n", "12: [log] level: 'loud' is not known; write debug, info, warn or error\n" },
	{ "[state]\nmap_size = 16GB\n",
	    "12: [state] map_size: '16GB' is not a size; write 64KiB, 4MiB or 1GiB (16MiB to 16TiB)\n" },
	{ "[state]\nmap_size = 1MiB\n",
	    "12: [state] map_size: '1MiB' is out of range; write 64KiB, 4MiB or 1GiB (16MiB to 16TiB)\n" },
	{ "[sink]\nsettle = 15m\nfoo = 1\n",
	    "11: [sink] is not a known section; there are listener, graph, app, admin, state, sync, log\n" },
	{ "[sync]\nsetle = 15m\n", "12: [sync] has no key 'setle'; it has settle, sweep, drift_check, renew_every, "
	                           "subscription_lifetime, removal_limit, "
	                           "removal_percent, mail_limit, meeting_conflicts, meeting_horizon\n" },
	{ "[log]\nsettle = 15m\n", "12: [log] has no key 'settle'; it belongs to [sync]\n" },
	{ "[graph]\nclient_id = two\n", "12: [graph] client_id is set again; line 6 has it already\n" },
	{ "[sync]\nsettle =\n", "12: [sync] settle: has no value; leave the line out for the default\n" },
	{ "what is this\n", "11: neither key = value, [section] nor a comment\n" },
	{ "[sync\nsettle = 1m\n", "11: the section's ']' is missing\n12: [state] has no key 'settle'; it belongs to [sync]\n" },
	{ "[sync] settle = 1m\n", "11: nothing may follow the section's ']'\n" },
	{ "[log]\nlevel = info\xff\n", "12: the line is not UTF-8 text\n" },
	{ "[admin]\nlisten = 9464\n", "12: [admin] listen: '9464' is not a list of addresses; write unix:/path, host:port or "
	                              "[v6]:port, at most 8, with spaces "
	                              "between\n" },
	{ "[admin]\nlisten = ::1:80\n",
	    "12: [admin] listen: '::1:80' is not a list of addresses; write unix:/path, host:port or [v6]:port, at most 8, with "
	    "spaces between\n" },
	{ "[listener]\nlisten = unix:/x\n",
	    "12: [listener] listen: must be host:port; Unix sockets cannot be reached from outside\n" },
	{ "[graph]\nbase_url = http://graph.example.org\n",
	    "12: [graph] base_url: http:// is for loopback hosts only; write https://\n" },
	{ "[graph]\nbase_url = graph.example.org\n", "12: [graph] base_url: a URL must begin with https://\n" },
	{ "[graph]\nbase_url = https://u:p@graph.example.org\n",
	    "12: [graph] base_url: the URL must not have a user name or password\n" },
	{ "[graph]\nbase_url = https://graph.example.org:0/\n", "12: [graph] base_url: the URL has no proper host[:port]\n" },
	{ "[graph]\nbase_url = https://\n", "12: [graph] base_url: the URL has no proper host[:port]\n" },
	{ "[graph]\nbase_url = https://a b\n", "12: [graph] base_url: the URL has a character that must be percent-encoded\n" },
	{ "[graph]\nca_file = nowhere.pem\n",
	    "12: [graph] ca_file: DIR/nowhere.pem cannot be read: No such file or directory\n" },
	{ "[graph]\nca_file = .\n", "12: [graph] ca_file: DIR/. is not a file\n" },
	{ "[graph]\nca_file = cert.pem\n",
	    "12: [graph] ca_file: DIR/cert.pem does not hold certificates in PEM, or one of them is damaged\n" },
	{ "[graph]\nclient_certificate = cert.pem\n",
	    "12: [graph] client_certificate: needs client_key, too\n"
	    "12: [graph] client_certificate: give this or client_secret_file, not both\n" },
	{ "[app]\nlisten = 127.0.0.1:8787\n", "12: [app] listen: a TCP address needs token_file, too\n" },
	{ "[app]\nlisten = 0.0.0.0:8787\ntoken_file = token\n",
	    "12: [app] listen: an address beyond loopback needs tls_certificate and tls_key, too\n" },
	{ "[app]\ntls_key = key.pem\n", "12: [app] tls_key: needs tls_certificate, too\n" },
	{ "[app]\ntoken_file = empty\n", "12: [app] token_file: DIR/empty is empty\n" },
	{ "[app]\ntoken_file = two_lines\n", "12: [app] token_file: DIR/two_lines must hold one line of text\n" },
	{ "[app]\ncallback_url = https://app.example.org\n", "12: [app] callback_url: needs callback_secret_file, too\n" },
	{ "[app]\ncallback_url = https://app.example.org\ncallback_secret_file = state.key\n",
	    "13: [app] callback_secret_file: DIR/state.key must hold whsec_ followed by 24 to 64 bytes as base64\n" },
	{ "[app]\nsnapshot_url = https://app.example.org/s?x=y\n",
	    "12: [app] snapshot_url: must not have a query (?...); ?erg= is appended to it\n" },
	{ "[app]\ntoken_file = %d/token\n",
	    "12: [app] token_file: %d needs $CREDENTIALS_DIRECTORY, which systemd sets for a unit with LoadCredential=\n" },
	{ "[sync]\nsettle = 1\nsweep = 2\n[foo]\n",
	    "12: [sync] settle: '1' is not a duration; write 15m, 90s, 1h or 7d (1s to 7d)\n"
	    "13: [sync] sweep: '2' is not a duration; write 15m, 90s, 1h or 7d (1s to 30d)\n"
	    "14: [foo] is not a known section; there are listener, graph, app, admin, state, sync, log\n" },
};

static void
reports_every_mistake_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		struct config *c = NULL;
		struct text file;

		text_init(&file, 10000);
		text_adds(&file, GOOD);
		text_adds(&file, mistakes[i].text);
		assert_int_equal(load_file(file.data, BOTH, &c), ERR_INVALID);
		assert_null(c);
		assert_string_equal(reports.data, mistakes[i].reports);
		text_done(&file);
	}
}

static void
reports_what_is_missing(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(load_file("", BOTH, &c), ERR_INVALID);
	assert_non_null(strstr(reports.data, "0: [listener] public_url is missing: How Graph reaches"));
	assert_non_null(strstr(reports.data, "0: [state] key_file is missing"));
	assert_non_null(strstr(reports.data, "0: [graph] needs client_secret_file, or client_certificate and client_key\n"));
	/* Either daemon tells of the other's options, too; only the other's files are none of its business. */
	assert_int_equal(load_file("", FOR_LISTENER, &c), ERR_INVALID);
	assert_non_null(strstr(reports.data, "[graph] needs"));
	assert_non_null(strstr(reports.data, "] key_file is missing"));
	assert_non_null(strstr(reports.data, "] intake_key_file"));
	assert_int_equal(load_file("stray = 1\n", FOR_CTL, &c), ERR_INVALID);
	assert_string_equal(reports.data, "1: 'stray' stands before any [section]\n");
	assert_int_equal(config_load("/nonexistent/conf", BOTH, on_report, NULL, &c), ERR_INVALID);
	assert_int_equal(config_load(folder, BOTH, on_report, NULL, &c), ERR_INVALID);
}

static void
public_url_must_be_https(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(load_file("[listener]\npublic_url = http://127.0.0.1:8443\n", FOR_CTL, &c), ERR_INVALID);
	assert_string_equal(reports.data, "2: [listener] public_url: must begin with https://; Graph calls nothing else\n");
}

static void
a_ctl_needs_no_file(void **state)
{
	struct config *c = NULL;

	(void)state;
	assert_int_equal(
	    load_file("[state]\nkey_file = not/yet.key\ndirectory = data\n[app]\ntoken_file = %d/token\n", FOR_CTL, &c), ERR_OK);
	assert_true(str_starts(c->key_file, folder));
	assert_non_null(strstr(c->key_file, "/not/yet.key"));
	assert_true(str_starts(c->state_directory, folder));
	assert_null(c->app_token_file);
	assert_null(c->client_id);
	config_free(c);
}

static void
the_environment_has_its_say(void **state)
{
	struct config *c = NULL;
	char path[128];

	(void)state;
	(void)setenv("RUNTIME_DIRECTORY", "/run/first:/run/second", 1);
	(void)setenv("CREDENTIALS_DIRECTORY", folder, 1);
	assert_int_equal(load_file(GOOD "runtime_directory = /elsewhere\n[app]\ntoken_file = %d/token\n", BOTH, &c), ERR_OK);
	assert_string_equal(c->runtime_directory, "/run/first");
	assert_string_equal(c->app_listen, "unix:/run/first/app.sock");
	file_path("token", path);
	assert_string_equal(c->app_token_file, path);
	config_free(c);
	(void)unsetenv("RUNTIME_DIRECTORY");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(load_file(GOOD "runtime_directory = run\n", BOTH, &c), ERR_OK);
	assert_true(str_starts(c->app_listen, "unix:/tmp/"));
	assert_non_null(strstr(c->app_listen, "/run/app.sock"));
	config_free(c);
}

static void
long_lines_and_files_are_refused(void **state)
{
	static char big[(1 << 20) + 2];
	struct config *c = NULL;
	char value[3000];
	struct text file;

	(void)state;
	/* Far beyond inih's usual 200 bytes. */
	memset(value, 'a', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	text_init(&file, 100000);
	text_addf(&file, "[graph]\nclient_id = %s\n", value);
	assert_int_equal(load_file(file.data, FOR_CTL, &c), ERR_OK);
	assert_string_equal(c->client_id, value);
	config_free(c);
	text_addf(&file, "[state]\ndirectory = %s%s\n[log]\nlevel = loud\n", value, value);
	assert_int_equal(load_file(file.data, FOR_CTL, &c), ERR_INVALID);
	assert_string_equal(reports.data,
	    "4: the line is longer than 4093 bytes\n6: [log] level: 'loud' is not known; write debug, info, warn or error\n");
	text_done(&file);

	memset(big, '#', sizeof(big) - 1);
	assert_int_equal(load_file(big, FOR_CTL, &c), ERR_INVALID);
	assert_non_null(strstr(reports.data, "is larger than"));
}

static void
nul_bytes_are_refused(void **state)
{
	static const char text[] = "[log]\nlevel = info\0 hidden\n";
	struct config *c = NULL;
	char path[128];

	(void)state;
	file_write_bytes("conf", text, sizeof(text) - 1);
	file_path("conf", path);
	text_reset(&reports);
	assert_int_equal(config_load(path, FOR_CTL, on_report, NULL, &c), ERR_INVALID);
	assert_string_equal(reports.data, "2: the line is not UTF-8 text\n");
}

static void
noise_never_crashes(void **state)
{
	static const char *const pieces[] = { "[sync]", "[", "]", "settle", " = ", "15m", "\n", "\n", "#", ";", ":", "listen",
		"[app]", "unix:", "%d/", "key_file", "[state]", "127.0.0.1", ":80", " ", "\t", "\r", "\xc3", "directory",
		"https://", "a@", "max", "99999999999999999999d" };
	struct rng rng = test_rng("config");

	(void)state;
	for (int round = 0; round < 1500; round++) {
		struct config *c = NULL;
		struct text file;
		size_t count = rng_below(&rng, 40);

		text_init(&file, 10000);
		text_adds(&file, "");
		for (size_t i = 0; i < count; i++)
			text_adds(&file, pieces[rng_below(&rng, COUNT(pieces))]);
		if (load_file(file.data, FOR_CTL, &c) == ERR_OK)
			config_free(c);
		else
			assert_true(reports.len > 0);
		text_done(&file);
	}
}

static void
reload_takes_over_what_may_change(void **state)
{
	struct config *before = NULL, *after = NULL;

	(void)state;
	assert_int_equal(load_file(GOOD, BOTH, &before), ERR_OK);
	assert_int_equal(
	    load_file(GOOD
	        "[sync]\nsettle = 2m\nmeeting_conflicts = outlook\n[log]\nlevel = error\n[admin]\nlisten = 127.0.0.1:1\n",
	        BOTH, &after),
	    ERR_OK);
	free(after->client_secret_file);
	after->client_secret_file = NULL;
	after->client_certificate = strdup("/other.pem");
	after->assertion_algorithm = 1;
	config_reload(before, after, on_report, NULL);
	assert_null(before->client_secret_file);
	assert_string_equal(before->client_certificate, "/other.pem");
	assert_int_equal(before->assertion_algorithm, 1);
	assert_int_equal(before->settle_ms, 120000);
	assert_int_equal(before->meeting_conflicts, 1);
	assert_int_equal(before->log_level, LOG_ERROR);
	assert_string_equal(before->admin_listen, "127.0.0.1:9464");
	assert_string_equal(reports.data, "0: [admin] listen changed; that takes effect after a restart\n");
	config_free(after);
	config_free(before);
}

static char *
written(const struct config *config)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	if (config != NULL)
		config_dump(config, out);
	else
		config_example(out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
a_dump_loads_to_the_same(void **state)
{
	struct config *c = NULL, *again = NULL;
	char *first, *second;

	(void)state;
	assert_int_equal(load_file(GOOD "[sync]\nsettle = 90s\n", BOTH, &c), ERR_OK);
	first = written(c);
	assert_non_null(strstr(first, "\nsettle = 90s\n"));
	assert_non_null(strstr(first, "\nsubscription_lifetime = max\n"));
	assert_non_null(strstr(first, "\n#callback_url =\n"));
	assert_null(strstr(first, "s3cr3t"));
	assert_int_equal(load_file(first, BOTH, &again), ERR_OK);
	second = written(again);
	assert_string_equal(first, second);
	free(first);
	free(second);
	config_free(c);
	config_free(again);
}

static void
the_example_names_every_option_and_loads(void **state)
{
	struct config *c = NULL;
	char *text = written(NULL);
	const struct config_option *options = config_options;

	(void)state;
	assert_int_equal(load_file(text, FOR_CTL, &c), ERR_OK);
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "\n%s%s = ", options[i].required ? "" : "#", options[i].key);
		assert_non_null(strstr(text, line));
		assert_int_equal(options[i].help[strlen(options[i].help) - 1], '.');
		assert_true(options[i].fallback != NULL || options[i].example != NULL);
	}
	config_free(c);
	free(text);
}

static void
what_is_hardly_meant_is_told_but_taken(void **state)
{
	static const struct {
		const char *client_id, *said;
	} ids[] = {
		{ "app", "conf: [graph] client_id is not a GUID" },
		{ "1b4e28ba-2fa1-11d2-883f-0016d3cca4270", "conf: [graph] client_id is not a GUID" },
		{ "1b4e28ba-2fa1-11d2-883f-0016d3cca42g", "conf: [graph] client_id is not a GUID" },
		{ "00000000-0000-0000-0000-000000000000", "conf: [graph] client_id is still the example's" },
		{ "1B4E28BA-2fa1-11d2-883f-0016d3cca427", NULL },
	};
	struct config *c = NULL;

	(void)state;
	assert_int_equal(load_file(GOOD, BOTH, &c), ERR_OK);
	for (size_t i = 0; i < COUNT(ids); i++) {
		free(c->client_id);
		assert_non_null(c->client_id = strdup(ids[i].client_id));
		text_reset(&reports);
		config_doubts(c, on_doubt, NULL);
		if ((ids[i].said == NULL) != (reports.len == 0) ||
		    (ids[i].said != NULL && strstr(reports.data, ids[i].said) == NULL))
			fail_msg("%s: %s", ids[i].client_id, reports.len > 0 ? reports.data : "nothing");
	}
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_a_small_file_with_all_defaults),
		cmocka_unit_test(reads_every_way_of_writing),
		cmocka_unit_test(reports_every_mistake_with_its_line),
		cmocka_unit_test(reports_what_is_missing),
		cmocka_unit_test(public_url_must_be_https),
		cmocka_unit_test(a_ctl_needs_no_file),
		cmocka_unit_test(the_environment_has_its_say),
		cmocka_unit_test(long_lines_and_files_are_refused),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(noise_never_crashes),
		cmocka_unit_test(reload_takes_over_what_may_change),
		cmocka_unit_test(a_dump_loads_to_the_same),
		cmocka_unit_test(what_is_hardly_meant_is_told_but_taken),
		cmocka_unit_test(words_stand_for_numbers),
		cmocka_unit_test(the_example_names_every_option_and_loads),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
