/*
 * config.c - reading a file against the table of options, and checks that need more than one of them.
 *
 * Nothing stops at the first mistake: whoever writes a file wants to hear of all of them at once.
 */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ini_text.h"
#include "base/pem.h"
#include "base/text.h"
#include "base/timestamp.h"

#define FILE_MAX_BYTES (1u << 20)

/* --- what a load holds --- */

struct loading {
	const char *file;
	char folder[PATH_MAX];
	unsigned used_by;
	config_report report;
	void *arg;
	bool failed;
	struct config *config;
	int lines[CONFIG_OPTION_COUNT]; /* where each option was set; 0: not */
};

static void __attribute__((format(printf, 3, 4))) complain(struct loading *l, int line, const char *format, ...)
{
	char message[1024];
	va_list args;

	l->failed = true;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	l->report(l->arg, l->file, line, message);
}

/* A mistake in the value of an option. */
static void __attribute__((format(printf, 3, 4)))
complain_of(struct loading *l, const struct config_option *option, const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	complain(l, l->lines[option - config_options], "[%s] %s: %s", option->section, option->key, message);
}

/* --- values --- */

static bool
text_set(struct loading *l, const struct config_option *option, const char *value)
{
	char *copy = strdup(value);

	if (copy == NULL) {
		complain_of(l, option, "%s", err_text(ERR_NOMEM));
		return false;
	}
	free(*config_text_field(l->config, option));
	*config_text_field(l->config, option) = copy;
	return true;
}

/* Absolute, and with $CREDENTIALS_DIRECTORY for %d. */
static void
path_set(struct loading *l, const struct config_option *option, const char *value)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY"), *folder = "";
	char path[PATH_MAX];
	int len;

	if (str_starts(value, "%d/") && credentials != NULL) {
		folder = credentials;
		value += strlen("%d/");
	} else if (str_starts(value, "%d/")) {
		if ((option->used_by & l->used_by) != 0)
			complain_of(
			    l, option, "%%d needs $CREDENTIALS_DIRECTORY, which systemd sets for a unit with LoadCredential=");
		return;
	} else if (value[0] != '/') {
		folder = l->folder;
	}
	len = snprintf(path, sizeof(path), "%s%s%s", folder, *folder == '\0' ? "" : "/", value);
	if (len < 0 || (size_t)len >= sizeof(path))
		complain_of(l, option, "the path is too long");
	else
		(void)text_set(l, option, path);
}

static void
url_set(struct loading *l, const struct config_option *option, const char *value)
{
	const char *mistake = url_mistake(value);

	if (mistake != NULL)
		complain_of(l, option, "%s", mistake);
	else
		(void)text_set(l, option, value);
}

/* Unix sockets, too, are relative to the file's folder. */
static void
listen_set(struct loading *l, const struct config_option *option, const char *value)
{
	struct listen_address addresses[LISTEN_MAX];
	struct text list;
	size_t count;

	if (listen_parse(value, addresses, &count) != ERR_OK) {
		complain_of(l, option,
		    "'%s' is not a list of addresses; write unix:/path, host:port or [v6]:port, at most %d, with spaces between",
		    value, LISTEN_MAX);
		return;
	}
	text_init(&list, INI_LINE_MAX + LISTEN_MAX * PATH_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct listen_address *a = &addresses[i];
		bool v6 = strchr(a->host, ':') != NULL;

		if (a->is_unix)
			text_addf(&list, "%sunix:%s%s%s", i > 0 ? " " : "", a->host[0] == '/' ? "" : l->folder,
			    a->host[0] == '/' ? "" : "/", a->host);
		else
			text_addf(&list, "%s%s%s%s:%u", i > 0 ? " " : "", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
	}
	if (text_err(&list) != ERR_OK)
		complain_of(l, option, "%s", err_text(text_err(&list)));
	else if (listen_parse(list.data, addresses, &count) != ERR_OK)
		complain_of(l, option, "the socket's path is too long; use an absolute one");
	else
		(void)text_set(l, option, list.data);
	text_done(&list);
}

static enum err
number_parse(const struct config_option *option, const char *value, int64_t *ret)
{
	uint64_t number = 0;
	enum err e;

	for (int64_t i = 0; option->names != NULL && option->names[i] != NULL; i++)
		if (strcmp(value, option->names[i]) == 0) {
			*ret = -i;
			return ERR_OK;
		}
	if (option->type == OPTION_DURATION)
		e = parse_duration_ms(value, ret);
	else if ((e = option->type == OPTION_SIZE ? parse_size(value, &number) : parse_u64(value, &number)) == ERR_OK)
		*ret = number > INT64_MAX ? INT64_MAX : (int64_t)number;
	if (e == ERR_OK && (*ret < option->min || *ret > option->max))
		return ERR_INVALID;
	return e;
}

/* " or never or quota": what may stand in a number's place. */
static void
names_add(const struct config_option *option, struct text *ret)
{
	for (size_t i = 0; option->names != NULL && option->names[i] != NULL; i++)
		text_addf(ret, " or %s", option->names[i]);
}

static void
number_complain(struct loading *l, const struct config_option *option, const char *value, enum err e)
{
	char min[32], max[32];
	struct text names;

	text_init(&names, 256);
	text_adds(&names, "");
	names_add(option, &names);
	if (option->type == OPTION_DURATION) {
		format_duration_ms(option->min, min, sizeof(min));
		format_duration_ms(option->max, max, sizeof(max));
		complain_of(l, option, "'%s' %s; write 15m, 90s, 1h or 7d (%s to %s)%s", value,
		    e == ERR_INVALID ? "is out of range" : "is not a duration", min, max, names.data);
	} else if (option->type == OPTION_SIZE) {
		format_size((uint64_t)option->min, min, sizeof(min));
		format_size((uint64_t)option->max, max, sizeof(max));
		complain_of(l, option, "'%s' %s; write 64KiB, 4MiB or 1GiB (%s to %s)", value,
		    e == ERR_INVALID ? "is out of range" : "is not a size", min, max);
	} else {
		complain_of(l, option, "'%s' %s; write a number from %lld to %lld%s", value,
		    e == ERR_INVALID ? "is out of range" : "is not a whole number", (long long)option->min,
		    (long long)option->max, names.data);
	}
	text_done(&names);
}

static void
number_set(struct loading *l, const struct config_option *option, const char *value)
{
	int64_t number;
	enum err e = number_parse(option, value, &number);

	if (e == ERR_OK)
		*(int64_t *)config_field(l->config, option) = number;
	else
		number_complain(l, option, value, e);
}

static void
enum_set(struct loading *l, const struct config_option *option, const char *value)
{
	struct text names;

	for (int i = 0; option->names[i] != NULL; i++) {
		if (strcmp(option->names[i], value) == 0) {
			*(int *)config_field(l->config, option) = i;
			return;
		}
	}
	text_init(&names, 256);
	for (size_t i = 0; option->names[i] != NULL; i++)
		text_addf(&names, "%s%s", i == 0 ? "" : option->names[i + 1] == NULL ? " or " : ", ", option->names[i]);
	complain_of(l, option, "'%s' is not known; write %s", value, names.data == NULL ? "" : names.data);
	text_done(&names);
}

static void
value_set(struct loading *l, const struct config_option *option, const char *value)
{
	if (*value == '\0') {
		complain_of(
		    l, option, "has no value; leave the line out %s", option->fallback != NULL ? "for the default" : "instead");
		return;
	}
	switch (option->type) {
	case OPTION_STRING: (void)text_set(l, option, value); break;
	case OPTION_PATH:
	case OPTION_FILE:
	case OPTION_CA_FILE:
	case OPTION_SECRET_FILE:
	case OPTION_KEY_FILE:
	case OPTION_SIGNING_FILE: path_set(l, option, value); break;
	case OPTION_URL: url_set(l, option, value); break;
	case OPTION_LISTEN: listen_set(l, option, value); break;
	case OPTION_DURATION:
	case OPTION_SIZE:
	case OPTION_INT: number_set(l, option, value); break;
	case OPTION_ENUM: enum_set(l, option, value); break;
	}
}

/* --- lines --- */

/* The sections (section NULL) or the keys of one, with commas between. */
static void
names_list(const char *section, struct text *ret)
{
	const char *last = "";

	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const char *name = section == NULL ? config_options[i].section : config_options[i].key;

		if ((section != NULL && strcmp(config_options[i].section, section) != 0) || strcmp(name, last) == 0)
			continue;
		text_addf(ret, "%s%s", *last == '\0' ? "" : ", ", name);
		last = name;
	}
}

static void
complain_unknown_key(struct loading *l, int line, const char *section, const char *key)
{
	const struct config_option *elsewhere = config_option_find(NULL, key);
	struct text keys;

	if (elsewhere != NULL) {
		complain(l, line, "[%s] has no key '%s'; it belongs to [%s]", section, key, elsewhere->section);
		return;
	}
	text_init(&keys, 512);
	names_list(section, &keys);
	complain(l, line, "[%s] has no key '%s'; it has %s", section, key, keys.data == NULL ? "" : keys.data);
	text_done(&keys);
}

static void
on_section(void *arg, int line, const char *section)
{
	struct loading *l = arg;
	struct text sections;

	if (config_option_find(section, NULL) != NULL)
		return;
	text_init(&sections, 256);
	names_list(NULL, &sections);
	complain(l, line, "[%s] is not a known section; there are %s", section, sections.data == NULL ? "" : sections.data);
	text_done(&sections);
}

static void
on_value(void *arg, int line, const char *section, const char *key, const char *value)
{
	struct loading *l = arg;
	const struct config_option *option = config_option_find(section, key);
	int *set;

	if (*section == '\0') {
		complain(l, line, "'%s' stands before any [section]", key);
	} else if (option == NULL) {
		if (config_option_find(section, NULL) != NULL) /* an unknown section was reported at its own line */
			complain_unknown_key(l, line, section, key);
	} else if (*(set = &l->lines[option - config_options]) != 0) {
		complain(l, line, "[%s] %s is set again; line %d has it already", section, key, *set);
	} else {
		*set = line;
		value_set(l, option, value);
	}
}

static void
on_mistake(void *arg, int line, const char *what)
{
	complain(arg, line, "%s", what);
}

/* --- files --- */

static enum err
readable_check(const char *path, char *why, size_t why_size)
{
	struct stat st;

	if (stat(path, &st) != 0 || access(path, R_OK) != 0) {
		(void)snprintf(why, why_size, "%s cannot be read: %s", path, strerror(errno));
		return ERR_NOTFOUND;
	}
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(why, why_size, "%s is not a file", path);
		return ERR_INVALID;
	}
	return ERR_OK;
}

/* A file that cannot be used would otherwise fail each call, as if Graph were away. */
static enum err
authorities_check(const char *path, char *why, size_t why_size)
{
	enum err e = readable_check(path, why, why_size);

	if (e != ERR_OK || pem_has_authorities(path))
		return e;
	(void)snprintf(why, why_size, "%s does not hold certificates in PEM, or one of them is damaged", path);
	return ERR_INVALID;
}

static enum err
option_file_check(const struct config_option *option, const char *path, char *why, size_t why_size)
{
	union {
		char secret[SECRET_FILE_SIZE];
		uint8_t signing_key[SIGNING_KEY_MAX];
		struct key32 keys[2];
	} held;
	bool two;
	size_t len;
	enum err e;

	switch (option->type) {
	case OPTION_FILE: return readable_check(path, why, why_size);
	case OPTION_CA_FILE: return authorities_check(path, why, why_size);
	case OPTION_SECRET_FILE: e = secret_file_read(path, held.secret, sizeof(held.secret), why, why_size); break;
	case OPTION_SIGNING_FILE: e = signing_file_read(path, held.signing_key, &len, why, why_size); break;
	case OPTION_KEY_FILE: e = key_pair_read(path, &held.keys[0], &held.keys[1], &two, why, why_size); break;
	default: return ERR_OK;
	}
	secret_wipe(&held, sizeof(held));
	if (e != ERR_OK && option->type != OPTION_SECRET_FILE && access(path, F_OK) != 0 && errno == ENOENT)
		(void)snprintf(why, why_size, "%s does not exist; ergsyncctl init makes it", path);
	return e;
}

/* --- after the last line --- */

static bool
was_set(const struct loading *l, const char *section, const char *key)
{
	return l->lines[config_option_find(section, key) - config_options] != 0;
}

static void
complain_here(struct loading *l, const char *section, const char *key, const char *message)
{
	complain_of(l, config_option_find(section, key), "%s", message);
}

static void
defaults_set(struct loading *l)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (l->lines[i] == 0 && config_options[i].fallback != NULL)
			value_set(l, &config_options[i], config_options[i].fallback);
}

/* $RUNTIME_DIRECTORY may list several; the first is ours. The app socket lives there unless the file says where. */
static void
runtime_directory_set(struct loading *l)
{
	const char *list = getenv("RUNTIME_DIRECTORY");
	char path[PATH_MAX], socket[PATH_MAX + 16];

	if (list != NULL && *list == '/' && str_copy_len(path, sizeof(path), list, strcspn(list, ":")))
		(void)text_set(l, config_option_find("state", "runtime_directory"), path);
	if (l->config->runtime_directory != NULL && !was_set(l, "app", "listen")) {
		(void)snprintf(socket, sizeof(socket), "unix:%s/app.sock", l->config->runtime_directory);
		listen_set(l, config_option_find("app", "listen"), socket);
	}
}

static void
slashes_strip(char *url)
{
	size_t len = url == NULL ? 0 : strlen(url);

	while (len > 0 && url[len - 1] == '/')
		url[--len] = '\0';
}

static void
required_check(struct loading *l)
{
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (config_options[i].required && l->lines[i] == 0)
			complain(l, 0, "[%s] %s is missing: %s", config_options[i].section, config_options[i].key,
			    config_options[i].help);
}

static void
files_check(struct loading *l)
{
	char why[PATH_MAX + 128];

	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct config_option *option = &config_options[i];
		const char *path = config_option_is_path(option->type) ? *config_text_field(l->config, option) : NULL;

		if (path != NULL && (option->used_by & l->used_by) != 0 &&
		    option_file_check(option, path, why, sizeof(why)) != ERR_OK)
			complain_of(l, option, "%s", why);
	}
}

/* Two options of which neither goes without the other. */
static void
pair_check(struct loading *l, const char *section, const char *a, const char *b)
{
	char message[128];
	bool has_a = was_set(l, section, a), has_b = was_set(l, section, b);

	if (has_a == has_b)
		return;
	(void)snprintf(message, sizeof(message), "needs %s, too", has_a ? b : a);
	complain_here(l, section, has_a ? a : b, message);
}

static void
credentials_check(struct loading *l)
{
	bool secret = was_set(l, "graph", "client_secret_file"), certificate = was_set(l, "graph", "client_certificate");

	pair_check(l, "graph", "client_certificate", "client_key");
	if (!secret && !certificate)
		complain(l, 0, "[graph] needs client_secret_file, or client_certificate and client_key");
	if (secret && certificate)
		complain_here(l, "graph", "client_certificate", "give this or client_secret_file, not both");
}

/* The end of that day, UTC. ERR_MALFORMED unless it reads YYYY-MM-DD. */
static enum err
date_parse(const char *date, int64_t *ret_s)
{
	char instant[32];
	int64_t ms = 0;

	if (strlen(date) != strlen("2027-12-31") || snprintf(instant, sizeof(instant), "%sT00:00:00Z", date) < 0 ||
	    timestamp_parse(instant, &ms) != ERR_OK || ms <= 0)
		return ERR_MALFORMED;
	*ret_s = ms / 1000 + (int64_t)24 * 3600;
	return ERR_OK;
}

int64_t
config_secret_expires_s(const struct config *config)
{
	int64_t s = 0;

	if (config->client_secret_expires != NULL)
		(void)date_parse(config->client_secret_expires, &s);
	return s;
}

static void
secret_expires_check(struct loading *l)
{
	const char *date = l->config->client_secret_expires;
	int64_t s;

	if (date != NULL && date_parse(date, &s) != ERR_OK)
		complain_here(l, "graph", "client_secret_expires", "is not a date; write it as 2027-12-31");
}

static void
app_check(struct loading *l)
{
	struct listen_address addresses[LISTEN_MAX];
	size_t count = 0;
	bool tcp = false, beyond = false;

	pair_check(l, "app", "tls_certificate", "tls_key");
	if (was_set(l, "app", "callback_url") && !was_set(l, "app", "callback_secret_file"))
		complain_here(l, "app", "callback_url", "needs callback_secret_file, too");
	if (l->config->snapshot_url != NULL && strchr(l->config->snapshot_url, '?') != NULL)
		complain_here(l, "app", "snapshot_url", "must not have a query (?...); ?erg= is appended to it");

	if (l->config->app_listen == NULL || listen_parse(l->config->app_listen, addresses, &count) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		tcp |= !addresses[i].is_unix;
		beyond |= !addresses[i].is_loopback;
	}
	if (tcp && !was_set(l, "app", "token_file"))
		complain_here(l, "app", "listen", "a TCP address needs token_file, too");
	if (beyond && !was_set(l, "app", "tls_certificate"))
		complain_here(l, "app", "listen", "an address beyond loopback needs tls_certificate and tls_key, too");
}

static void
public_url_check(struct loading *l)
{
	if (l->config->public_url == NULL)
		return;
	if (!str_starts(l->config->public_url, "https://"))
		complain_here(l, "listener", "public_url", "must begin with https://; Graph calls nothing else");
	if (strchr(l->config->public_url, '?') != NULL)
		complain_here(l, "listener", "public_url", "must not have a query (?...)");
}

static void
listener_check(struct loading *l)
{
	struct listen_address addresses[LISTEN_MAX];
	size_t count;

	if (l->config->listener_listen == NULL || listen_parse(l->config->listener_listen, addresses, &count) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++)
		if (addresses[i].is_unix)
			complain_here(l, "listener", "listen", "must be host:port; Unix sockets cannot be reached from outside");
}

static void
whole_check(struct loading *l)
{
	defaults_set(l);
	runtime_directory_set(l);
	slashes_strip(l->config->public_url);
	slashes_strip(l->config->base_url);
	slashes_strip(l->config->login_url);
	public_url_check(l);
	/* Each daemon checks the whole file (contract section 1), so that one start tells every mistake; the other's files are
	 * its own to read. ergsyncctl must work beside a file that is not finished yet. */
	if ((l->used_by & (FOR_LISTENER | FOR_RECONCILER)) != 0) {
		required_check(l);
		listener_check(l);
		credentials_check(l);
		secret_expires_check(l);
		app_check(l);
	}
	files_check(l);
}

/* --- loading --- */

/* The folder of a path, absolute. */
static bool
folder_find(const char *file, char ret[PATH_MAX])
{
	const char *slash = strrchr(file, '/');
	char folder[PATH_MAX];

	if (slash == NULL)
		return realpath(".", ret) != NULL;
	return str_copy_len(folder, sizeof(folder), file, slash == file ? 1 : (size_t)(slash - file)) &&
	       realpath(folder, ret) != NULL;
}

static void
text_load(struct loading *l, const char *text, size_t text_len)
{
	const struct ini_events events = { on_section, on_value, on_mistake, l };

	if (ini_text_read(text, text_len, &events) != ERR_OK)
		complain(l, 0, "%s", err_text(ERR_NOMEM));
	whole_check(l);
}

enum err
config_load(const char *file, unsigned used_by, config_report report, void *arg, struct config **ret)
{
	struct loading l = { .file = file, .used_by = used_by, .report = report, .arg = arg };
	char *text = malloc(FILE_MAX_BYTES + 1), why[PATH_MAX + 128];
	size_t text_len;

	l.config = calloc(1, sizeof(*l.config));
	if (text == NULL || l.config == NULL || (l.config->file = strdup(file)) == NULL)
		complain(&l, 0, "%s", err_text(ERR_NOMEM));
	else if (file_read(file, FILE_MAX_BYTES, text, &text_len, why, sizeof(why)) != ERR_OK)
		complain(&l, 0, "%s", why);
	else if (!folder_find(file, l.folder))
		complain(&l, 0, "its folder cannot be found: %s", strerror(errno));
	else
		text_load(&l, text, text_len);
	free(text);
	if (l.failed) {
		config_free(l.config);
		return ERR_INVALID;
	}
	*ret = l.config;
	return ERR_OK;
}

/* 8-4-4-4-12 hexadecimal digits. */
static bool
is_guid(const char *text)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	size_t i = 0;

	while (shape[i] != '\0' && (shape[i] == 'x' ? isxdigit((unsigned char)text[i]) != 0 : text[i] == '-'))
		i++;
	return shape[i] == '\0' && text[i] == '\0';
}

void
config_doubts(const struct config *config, config_report report, void *arg)
{
	if (config->client_id == NULL)
		return;
	if (!is_guid(config->client_id))
		report(arg, config->file, 0,
		    "[graph] client_id is not a GUID; Microsoft wants the Application (client) ID that the app registration's "
		    "overview "
		    "shows, like 1b4e28ba-2fa1-11d2-883f-0016d3cca427");
	else if (strspn(config->client_id, "0-") == strlen(config->client_id))
		report(arg, config->file, 0,
		    "[graph] client_id is still the example's; put the Application (client) ID that the app registration's "
		    "overview shows");
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++)
		if (config_option_is_text(config_options[i].type))
			free(*config_text_field(config, &config_options[i]));
	free(config->file);
	free(config);
}

static bool
same_value(const struct config *a, const struct config *b, const struct config_option *option)
{
	char a_small[32], b_small[32];
	const char *a_text = config_value_format(a, option, a_small), *b_text = config_value_format(b, option, b_small);

	return a_text == b_text || (a_text != NULL && b_text != NULL && strcmp(a_text, b_text) == 0);
}

static void
value_take(struct config *config, const struct config *from, const struct config_option *option)
{
	if (config_option_is_text(option->type)) {
		char **field = config_text_field(config, option), *value = *config_text_field(from, option);
		char *copy = value == NULL ? NULL : strdup(value);

		if (copy == NULL && value != NULL)
			return; /* what is left stands for what is in use, too */
		free(*field);
		*field = copy;
		return;
	}
	memcpy(config_field(config, option), config_field(from, option),
	    option->type == OPTION_ENUM ? sizeof(int) : sizeof(int64_t));
}

void
config_reload(struct config *config, const struct config *from, config_report report, void *arg)
{
	char message[128];

	for (size_t i = 0; i < CONFIG_OPTION_COUNT; i++) {
		const struct config_option *option = &config_options[i];

		if (same_value(config, from, option))
			continue;
		if (option->reloadable) {
			value_take(config, from, option);
			continue;
		}
		(void)snprintf(
		    message, sizeof(message), "[%s] %s changed; that takes effect after a restart", option->section, option->key);
		report(arg, config->file, 0, message);
	}
}
