/*
 * setup.c - init and check: what a daemon would otherwise stumble over at its start.
 *
 * Both collect findings first and print them at the end, as lines or as JSON. Of a finding, "failed" is what makes the
 * command fail; "note" is for people to judge.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/certificate.h"
#include "base/config.h"
#include "base/durable_file.h"
#include "base/encode.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/pem.h"
#include "base/random.h"
#include "base/service.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/notification_key.h"

#define PATH_SIZE        4096
#define SECRET_BYTES     32
#define SECRET_TEXT_SIZE 80
#define SERVICE_USER     "ergsync"

/* ---------- findings ---------- */

enum finding { FINDING_OK, FINDING_MADE, FINDING_NOTE, FINDING_FAILED };

static const char *const finding_names[] = { "ok", "made", "note", "failed" };

struct findings {
	json_t *list;
	bool failed;
};

static void __attribute__((format(printf, 3, 4))) found(struct findings *f, enum finding what, const char *format, ...)
{
	char detail[PATH_SIZE + 512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	f->failed |= what == FINDING_FAILED;
	json_array_append_new(f->list, json_pack("{s:s, s:s}", "result", finding_names[what], "detail", detail));
}

/* Prints and frees. The exit status. */
static int
findings_end(struct ctl *c, struct findings *f, const char *good, const char *bad)
{
	json_t *item, *whole;
	size_t i;

	if (c->call.json) {
		whole = json_pack("{s:b, s:O}", "ok", !f->failed, "findings", f->list);
		ctl_print_json(whole);
		json_decref(whole);
	} else {
		json_array_foreach(f->list, i, item)
		{
			printf("%-7s %s\n", jx_get_str(item, "result"), jx_get_str(item, "detail"));
		}
		printf("\n%s\n", f->failed ? bad : good);
	}
	json_decref(f->list);
	return f->failed ? EXIT_FAILED : EXIT_DONE;
}

/* ---------- init ---------- */

/* Root makes things for the user the daemons run as, where there is one. */
static void
give_away(struct findings *f, const char *path)
{
	const struct passwd *user = geteuid() == 0 ? getpwnam(SERVICE_USER) : NULL;

	if (user != NULL && lchown(path, user->pw_uid, user->pw_gid) != 0)
		found(f, FINDING_FAILED, "%s cannot be given to user " SERVICE_USER ": %s", path, strerror(errno));
}

/* Only if there is nothing of that name, not even a dangling link. False when it was there or failed. */
static bool
make_file(struct findings *f, const char *path, const char *text, unsigned mode, const char *what)
{
	int fd;
	bool good;

	if (make_directories(path) != 0) {
		found(f, FINDING_FAILED, "%s: its folder cannot be made: %s", path, strerror(errno));
		return false;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		if (errno == EEXIST)
			found(f, FINDING_OK, "%s is there already", path);
		else
			found(f, FINDING_FAILED, "%s cannot be made: %s", path, strerror(errno));
		return false;
	}
	good = durable_file_write(fd, text, strlen(text)) && fsync(fd) == 0 && fchmod(fd, mode) == 0;
	good = close(fd) == 0 && good;
	if (!good) {
		found(f, FINDING_FAILED, "%s cannot be written: %s", path, strerror(errno));
		(void)unlink(path);
		return false;
	}
	found(f, FINDING_MADE, "%s: %s", path, what);
	give_away(f, path);
	return true;
}

static void
make_folder(struct findings *f, const char *path, unsigned mode, const char *what)
{
	struct stat st;
	char slashed[PATH_SIZE];

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		found(f, FINDING_OK, "%s is there already", path);
		return;
	}
	(void)snprintf(slashed, sizeof(slashed), "%s/", path);
	if (make_directories(slashed) != 0 || chmod(path, mode) != 0) {
		found(f, FINDING_FAILED, "%s cannot be made: %s", path, strerror(errno));
		return;
	}
	found(f, FINDING_MADE, "%s: %s", path, what);
	give_away(f, path);
}

/* Lines of the example that a private folder has differently. */
static const struct {
	const char *begin, *line;
} private_lines[] = {
	{ "#directory = ", "directory = state" },
	{ "#runtime_directory = ", "runtime_directory = run" },
};

/* The example, with file names of its own folder in place of /etc/ergsync. */
static char *
example_text(bool is_private)
{
	char *raw = NULL, *line, *rest, *result;
	size_t raw_size = 0;
	FILE *out = open_memstream(&raw, &raw_size);
	struct text text;

	if (out == NULL)
		return NULL;
	config_example(out);
	(void)fclose(out);
	text_init(&text, 1u << 20);
	rest = raw;
	while (raw != NULL && (line = strsep(&rest, "\n")) != NULL && (rest != NULL || line[0] != '\0')) {
		const char *folder = strstr(line, "/etc/ergsync/"), *whole = NULL;

		for (size_t i = 0; is_private && i < sizeof(private_lines) / sizeof(private_lines[0]); i++)
			if (str_starts(line, private_lines[i].begin))
				whole = private_lines[i].line;
		if (whole != NULL)
			text_addf(&text, "%s\n", whole);
		else if (folder != NULL)
			text_addf(&text, "%.*s%s\n", (int)(folder - line), line, folder + strlen("/etc/ergsync/"));
		else
			text_addf(&text, "%s\n", line);
	}
	free(raw);
	result = text_take(&text);
	text_done(&text);
	return result;
}

/* A new secret as text: 32 random bytes in base64. */
static void
secret_text(const char *prefix, char ret[SECRET_TEXT_SIZE])
{
	struct rng rng = rng_system();
	uint8_t secret[SECRET_BYTES];
	char base64[BASE64_LEN(SECRET_BYTES) + 1];

	rng_bytes(&rng, secret, sizeof(secret));
	base64_encode(secret, sizeof(secret), base64);
	(void)snprintf(ret, SECRET_TEXT_SIZE, "%s%s\n", prefix, base64);
	secret_wipe(secret, sizeof(secret));
	secret_wipe(base64, sizeof(base64));
}

static void
make_secret(struct findings *f, const char *path, const char *prefix, const char *what)
{
	char text[SECRET_TEXT_SIZE];

	if (path[0] != '/') {
		/* "%d/...": systemd copies it from where LoadCredential= says. */
		found(f, FINDING_NOTE, "%s comes from systemd's LoadCredential=: make the file named there", path);
		return;
	}
	secret_text(prefix, text);
	(void)make_file(f, path, text, 0600, what);
	secret_wipe(text, sizeof(text));
}

static void
make_secrets(struct findings *f, const struct config *config)
{
	const struct {
		const char *path, *prefix, *what;
		bool required;
	} secrets[] = {
		{ config->key_file, "", "seals what is stored; keep a copy away from this machine", true },
		{ config->intake_key_file, "", "authenticates notifications", true },
		{ config->callback_secret_file, "whsec_", "signs callbacks; the app needs the same", false },
		{ config->app_token_file, "", "lets callers in by TCP; the app sends it as its bearer token", false },
	};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (secrets[i].path != NULL)
			make_secret(f, secrets[i].path, secrets[i].prefix, secrets[i].what);
		else if (secrets[i].required)
			found(f, FINDING_FAILED, "the configuration names no %s in [state]",
			    i == 0 ? "key_file" : "intake_key_file");
	}
}

static void
config_report_finding(void *arg, const char *file, int line, const char *message)
{
	if (line > 0)
		found(arg, FINDING_FAILED, "%s:%d: %s", file, line, message);
	else
		found(arg, FINDING_FAILED, "%s: %s", file, message);
}

static void
config_doubt_finding(void *arg, const char *file, int line, const char *message)
{
	(void)line;
	found(arg, FINDING_NOTE, "%s: %s", file, message);
}

/* One more key in the folder; give_away as for all that is made. */
static bool
make_notification_key(struct findings *f, const char *folder)
{
	char id[NOTIFICATION_KEY_ID_SIZE], path[PATH_SIZE], *pem;
	bool made;

	if (folder == NULL) {
		found(f, FINDING_FAILED,
		    "[graph] notification_keys is below %%d: run this with CREDENTIALS_DIRECTORY=/etc/ergsync");
		return false;
	}
	make_folder(f, folder, 0700, "for the keys of rich notifications");
	if ((pem = notification_key_make((int64_t)time(NULL), id)) == NULL) {
		found(f, FINDING_FAILED, "no RSA key could be made");
		return false;
	}
	(void)snprintf(path, sizeof(path), "%s/%s.pem", folder, id);
	made = make_file(f, path, pem, 0600, "decrypts rich notifications");
	secret_wipe(pem, strlen(pem));
	free(pem);
	return made;
}

/* Is there a key already? Any PEM file will do: the daemon says what is wrong with it. */
static bool
has_notification_key(const char *folder)
{
	DIR *dir = folder != NULL ? opendir(folder) : NULL;
	const struct dirent *entry;
	bool found_one = false;

	while (dir != NULL && !found_one && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		found_one = len > 4 && strcmp(entry->d_name + len - 4, ".pem") == 0;
	}
	if (dir != NULL)
		(void)closedir(dir);
	return found_one;
}

int
run_notification_key(struct ctl *c)
{
	struct findings f = { json_array(), false };
	struct config *config = NULL;

	if (config_load(c->config_file, FOR_CTL, config_report_finding, &f, &config) == ERR_OK) {
		(void)make_notification_key(&f, config->notification_keys);
		if (config->notifications != CONFIG_NOTIFICATIONS_RICH)
			found(&f, FINDING_NOTE, "it is used once [graph] notifications = rich");
	}
	config_free(config);
	return findings_end(c, &f,
	    "Next: systemctl restart ergsync-reconciler. Subscriptions name the new key when they are next renewed; remove the "
	    "old\n"
	    "file a day later.",
	    "No key was made: see the lines that say \"failed\".");
}

/* Where the configuration is, or shall be. */
static bool
config_place(struct ctl *c, char ret[PATH_SIZE])
{
	const char *folder = invocation_option(&c->call, "directory");
	int len;

	if (folder == NULL)
		return str_copy(ret, PATH_SIZE, c->config_file);
	len = snprintf(ret, PATH_SIZE, "%s/ergsync.conf", folder);
	return len > 0 && len < PATH_SIZE && folder[0] != '\0';
}

int
run_init(struct ctl *c)
{
	struct findings f = { json_array(), false };
	struct config *config = NULL;
	char file[PATH_SIZE], next[PATH_SIZE + 256], *example;
	bool made = false;

	if (!config_place(c, file)) {
		ctl_complain("the path of the configuration is too long");
		json_decref(f.list);
		return EXIT_USAGE;
	}
	example = example_text(invocation_option(&c->call, "directory") != NULL);
	if (example != NULL)
		made = make_file(&f, file, example, 0640, "an example to be filled in");
	free(example);
	if (!f.failed && config_load(file, FOR_CTL, config_report_finding, &f, &config) == ERR_OK) {
		make_secrets(&f, config);
		if (config->notifications == CONFIG_NOTIFICATIONS_RICH && !has_notification_key(config->notification_keys))
			(void)make_notification_key(&f, config->notification_keys);
		make_folder(&f, config->state_directory, 0700, "for what is stored");
		make_folder(&f, config->runtime_directory, 0750, "for sockets");
	}
	config_free(config);
	(void)snprintf(next, sizeof(next), "Next: %sergsyncctl check --config %s",
	    made ? "fill in the configuration ([listener] public_url and TLS files,\n[graph] client_id and a secret), then run: "
	         : "",
	    file);
	return findings_end(c, &f, next, "Not everything could be made: see the lines that say \"failed\".");
}

/* ---------- check ---------- */

/* A certificate as its file has it: the first one, and what stands behind it. */
struct served {
	X509 *leaf;
	STACK_OF(X509) * chain;
};

static void
served_done(struct served *s)
{
	X509_free(s->leaf);
	sk_X509_pop_free(s->chain, X509_free);
}

/* leaf stays NULL when there is none in PEM. OpenSSL would otherwise ask for a passphrase on the terminal; a daemon cannot answer. */
static void
served_read(struct served *s, const char *path)
{
	FILE *in = fopen(path, "re");
	X509 *next;

	*s = (struct served){ in != NULL ? PEM_read_X509(in, NULL, pem_no_passphrase, NULL) : NULL, sk_X509_new_null() };
	while (s->leaf != NULL && s->chain != NULL && (next = PEM_read_X509(in, NULL, pem_no_passphrase, NULL)) != NULL)
		if (sk_X509_push(s->chain, next) == 0)
			X509_free(next);
	ERR_clear_error();
	if (in != NULL)
		(void)fclose(in);
}

/* url: of who is called by the world with it, NULL = of nobody. */
static void
check_doubts(struct findings *f, const char *path, const struct served *s, const char *url)
{
	struct certificate_doubts doubts;

	certificate_doubts_find(s->leaf, s->chain, url, (int64_t)time(NULL), &doubts);
	for (size_t i = 0; i < doubts.count; i++)
		found(f, FINDING_NOTE, "%s: %s", path, doubts.text[i]);
}

static void
check_served(struct findings *f, const char *path, const struct served *s, const char *url)
{
	int days = 0, seconds = 0;
	char why[256];

	if (!certificate_is_strong(s->leaf, why, sizeof(why)))
		found(f, FINDING_FAILED, "%s: %s", path, why);
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(s->leaf)) != 1) {
		found(f, FINDING_FAILED, "%s: when it expires cannot be read", path);
	} else if (days < 0 || seconds < 0) {
		found(f, FINDING_FAILED, "%s has expired", path);
	} else {
		found(f, FINDING_OK, "%s and its key fit; it expires in %d days", path, days);
		check_doubts(f, path, s, url);
	}
}

static EVP_PKEY *
key_read(const char *path)
{
	FILE *in = fopen(path, "re");
	EVP_PKEY *key = in != NULL ? PEM_read_PrivateKey(in, NULL, pem_no_passphrase, NULL) : NULL;

	if (in != NULL)
		(void)fclose(in);
	return key;
}

static void
check_pair(struct findings *f, const char *certificate_path, const char *key_path, const char *url)
{
	struct served s;
	EVP_PKEY *key;

	if (certificate_path == NULL || key_path == NULL)
		return;
	served_read(&s, certificate_path);
	key = key_read(key_path);
	if (s.leaf == NULL)
		found(f, FINDING_FAILED, "%s is not a certificate in PEM", certificate_path);
	else if (key == NULL)
		found(f, FINDING_FAILED, "%s is not a private key in PEM without a passphrase", key_path);
	else if (X509_check_private_key(s.leaf, key) != 1)
		found(f, FINDING_FAILED, "%s is not the key of %s", key_path, certificate_path);
	else
		check_served(f, certificate_path, &s, url);
	served_done(&s);
	EVP_PKEY_free(key);
}

/* A folder that is missing is made by the daemons or by systemd, where its next existing parent allows that. */
static void
check_missing_folder(struct findings *f, const char *path, const char *what)
{
	char parent[PATH_SIZE];
	char *slash;

	(void)str_copy(parent, sizeof(parent), path);
	while ((slash = strrchr(parent, '/')) != NULL && slash != parent) {
		*slash = '\0';
		if (access(parent, F_OK) == 0)
			break;
	}
	if (access(parent, W_OK | X_OK) == 0)
		found(f, FINDING_NOTE, "%s (%s) is not there yet; it is made at the start", path, what);
	else
		found(f, FINDING_NOTE, "%s (%s) is not there, and this user cannot make it: see ergsyncctl init", path, what);
}

static void
check_folder(struct findings *f, const char *path, const char *what)
{
	struct stat st;

	if (stat(path, &st) != 0 && errno == ENOENT)
		check_missing_folder(f, path, what);
	else if (access(path, F_OK) != 0)
		found(f, FINDING_FAILED, "%s (%s): %s", path, what, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		found(f, FINDING_FAILED, "%s (%s) is not a folder", path, what);
	else if (access(path, R_OK | W_OK | X_OK) != 0)
		found(f, FINDING_FAILED, "%s (%s) cannot be written by this user", path, what);
	else if ((st.st_mode & 0007) != 0)
		found(f, FINDING_NOTE, "%s (%s) can be entered by everybody: chmod o= would be better", path, what);
	else
		found(f, FINDING_OK, "%s (%s) can be written", path, what);
}

static void
check_secret_mode(struct findings *f, const char *path)
{
	struct stat st;

	if (path != NULL && stat(path, &st) == 0 && (st.st_mode & 0077) != 0)
		found(f, FINDING_NOTE, "%s can be read by others: chmod 600 would be better", path);
}

/* Not an error: a check comes before the first start, too. */
static void
check_daemon(struct findings *f, const struct config *config)
{
	struct client *client = NULL;
	json_t *json = NULL;
	char why[1024], *line;
	int status = 0;
	enum err e = client_new(config, &client, why, sizeof(why));

	if (e == ERR_OK)
		e = client_call(client, "GET", "/v1/status", NULL, &status, &json, why, sizeof(why));
	if (e == ERR_OK && status == 200)
		found(f, FINDING_OK, "the daemon answers, version %s",
		    jx_get_str(json, "version") != NULL ? jx_get_str(json, "version") : "unknown");
	else if (e == ERR_OK)
		found(f, FINDING_FAILED, "the daemon answers %d", status);
	else {
		if ((line = strchr(why, '\n')) != NULL)
			*line = '\0';
		found(f, FINDING_NOTE, "%s", why);
	}
	json_decref(json);
	client_free(client);
}

int
run_check(struct ctl *c)
{
	struct findings f = { json_array(), false };
	struct config *config = NULL;

	if (config_load(c->config_file, FOR_LISTENER | FOR_RECONCILER | FOR_CTL, config_report_finding, &f, &config) == ERR_OK) {
		found(&f, FINDING_OK, "%s is complete and without mistakes", c->config_file);
		config_doubts(config, config_doubt_finding, &f);
		check_pair(&f, config->tls_certificate, config->tls_key, config->public_url);
		check_pair(&f, config->client_certificate, config->client_key, NULL);
		check_pair(&f, config->app_tls_certificate, config->app_tls_key, NULL);
		check_secret_mode(&f, config->key_file);
		check_secret_mode(&f, config->intake_key_file);
		check_secret_mode(&f, config->client_secret_file);
		check_secret_mode(&f, config->callback_secret_file);
		check_secret_mode(&f, config->app_token_file);
		check_folder(&f, config->state_directory, "state");
		check_folder(&f, config->runtime_directory, "sockets");
		check_daemon(&f, config);
	}
	config_free(config);
	return findings_end(c, &f, "All checks passed.", "Not ready: see the lines that say \"failed\".");
}
