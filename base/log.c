/*
 * log.c - formatting and redacting of log lines, and the brake on repeats.
 *
 * Redaction works on what values look like, not on which key they have: secrets reach logs inside other people's
 * error texts. It prefers to redact too much.
 */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/random.h"
#include "base/text.h"

#define LINE_MAX_BYTES 8192
#define MINUTE_MS      60000
#define REDACTED       "[redacted]"

const char *const log_level_names[] = { "debug", "info", "warn", "error", NULL };

/* Events that were seen lately. More than BRAKES different ones in a minute share places: the brake then acts less
 * often, never on the wrong event. */
#define BRAKES 64

struct brake {
	char event[64];
	enum log_level level;
	int64_t since_ms;
	unsigned count, held_back;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum log_level level_min = LOG_INFO;
static const char *program_name; /* NULL once it was printed */
static struct key32 pseudonym_key;
static bool pseudonym_key_set;
static struct brake brakes[BRAKES];

/* --- one line, cut at its end --- */

struct line {
	char *data;
	size_t len, size;
};

static void
line_add(struct line *line, const char *data, size_t len)
{
	size_t room = line->size - line->len - 1;

	if (len > room)
		len = room;
	memcpy(line->data + line->len, data, len);
	line->len += len;
	line->data[line->len] = '\0';
}

static void
line_adds(struct line *line, const char *s)
{
	line_add(line, s, strlen(s));
}

static void __attribute__((format(printf, 2, 3))) line_addf(struct line *line, const char *format, ...)
{
	char small[64];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(small, sizeof(small), format, args);
	va_end(args);
	line_adds(line, small);
}

/* --- what looks secret --- */

static bool
is_base64_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '+' ||
	       c == '/' || c == '=';
}

static bool
is_token_char(char c)
{
	return is_base64_char(c) || c == '.' || c == '~' || c == '%';
}

/* What may stand in an address, also in one that is percent-encoded or not ASCII. */
static bool
is_address_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("@.!#$%*+-_~^{}|`", c) != NULL);
}

static size_t
run_of(const char *s, bool (*belongs)(char c))
{
	size_t n = 0;

	while (s[n] != '\0' && belongs(s[n]))
		n++;
	return n;
}

static bool
starts_nocase(const char *s, const char *lower_prefix)
{
	for (; *lower_prefix != '\0'; s++, lower_prefix++)
		if ((*s >= 'A' && *s <= 'Z' ? *s - 'A' + 'a' : *s) != *lower_prefix)
			return false;
	return true;
}

/* "eyJ" is the base64 of '{"', with which each part of a JWT but the last begins. */
static size_t
jwt_len(const char *s)
{
	size_t n = str_starts(s, "eyJ") ? run_of(s, is_token_char) : 0;

	return n >= 16 ? n : 0;
}

static size_t
whsec_len(const char *s)
{
	return str_starts(s, "whsec_") ? run_of(s, is_token_char) : 0;
}

/* A whole one has 86 characters behind its prefix; half of one is no one's business either. */
static size_t
client_state_len(const char *s)
{
	size_t n = str_starts(s, "v1.") ? 3 + run_of(s + 3, is_base64_char) : 0;

	return n >= 3 + 32 ? n : 0;
}

/* The scheme stays, what follows goes. */
static size_t
credentials_prefix(const char *s)
{
	size_t n = starts_nocase(s, "bearer") ? 6 : starts_nocase(s, "basic") ? 5 : 0;
	size_t blanks = n == 0 ? 0 : strspn(s + n, " \t:");

	return blanks > 0 && run_of(s + n + blanks, is_token_char) >= 8 ? n + blanks : 0;
}

static size_t
address_len(const char *s)
{
	size_t n = run_of(s, is_address_char);

	for (size_t i = 0; i < n; i++)
		if (s[i] == '@' || strncmp(s + i, "%40", 3) == 0)
			return n;
	return 0;
}

/* --- values --- */

/* Line and paragraph separators, C1 controls and what turns the direction of text around. */
static bool
is_deceptive(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static bool
needs_quotes(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || *s == '"' || *s == '=' || *s == '\\')
			return true;
	return false;
}

/* Writes the character at s, escaped if it must be; gives its bytes in s. */
static size_t
char_escape(const char *s, size_t len, char ret[16])
{
	uint32_t c;
	size_t n = utf8_char(s, len, &c);

	if (n == 0) {
		(void)snprintf(ret, 16, "\\x%02x", (unsigned)(unsigned char)*s);
		return 1;
	}
	if (c == '\n' || c == '\t' || c == '"' || c == '\\')
		(void)snprintf(ret, 16, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : (int)c);
	else if (is_deceptive(c))
		(void)snprintf(ret, 16, c < 0x100 ? "\\x%02x" : "\\u%04x", (unsigned)c);
	else
		(void)str_copy_len(ret, 16, s, n);
	return n;
}

/* How many bytes at s to replace; *ret_keep of them, at the front, are to stay. word: no address goes on from the left. */
static size_t
secret_len(const char *s, bool word, size_t *ret_keep)
{
	static size_t (*const looks[])(const char *s) = { jwt_len, whsec_len, client_state_len };
	size_t n;

	*ret_keep = 0;
	if (word && (n = address_len(s)) > 0)
		return n;
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if ((n = looks[i](s)) > 0)
			return n;
	if ((*ret_keep = credentials_prefix(s)) > 0)
		return *ret_keep + run_of(s + *ret_keep, is_token_char);
	return 0;
}

static void
value_add(struct line *line, const char *s)
{
	size_t len = strlen(s), room = LOG_VALUE_MAX, start = line->len;
	bool word = true;

	for (size_t i = 0; i < len;) {
		char piece[16];
		size_t keep, secret = secret_len(s + i, word, &keep), piece_len;

		if (secret > 0) {
			line_add(line, s + i, keep);
			line_adds(line, REDACTED);
			i += secret;
			word = true;
		} else {
			word = !is_address_char(s[i]);
			i += char_escape(s + i, len - i, piece);
			piece_len = strlen(piece);
			if (line->len - start + piece_len > room) {
				line_adds(line, "...");
				return;
			}
			line_add(line, piece, piece_len);
		}
	}
}

static void
string_add(struct line *line, const char *s)
{
	bool quoted;

	if (s == NULL) {
		line_adds(line, "-");
		return;
	}
	quoted = *s == '\0' || needs_quotes(s);
	if (quoted)
		line_adds(line, "\"");
	value_add(line, s);
	if (quoted)
		line_adds(line, "\"");
}

static void
pseudonym_add(struct line *line, const char *s)
{
	uint8_t mac[HASH_LEN];
	char hex[13];
	struct key32 key;

	if (s == NULL || *s == '\0') {
		line_adds(line, "-");
		return;
	}
	(void)pthread_mutex_lock(&mutex);
	if (!pseudonym_key_set) {
		struct rng rng = rng_system();

		rng_bytes(&rng, pseudonym_key.b, sizeof(pseudonym_key.b));
		pseudonym_key_set = true;
	}
	key = pseudonym_key;
	(void)pthread_mutex_unlock(&mutex);
	hmac_sha256(key.b, sizeof(key.b), &(struct span){ s, strlen(s) }, 1, mac);
	hex_encode(mac, 6, hex);
	line_adds(line, hex);
}

/* program is NULL but in a process's first line. */
static size_t
line_format(
    char *ret, size_t ret_size, enum log_level level, const char *event, const char *program, const struct log_field *fields)
{
	struct line line = { ret, 0, ret_size };

	if (ret_size == 0)
		return 0;
	line_addf(&line, "level=%s event=", log_level_names[level]);
	line_adds(&line, event);
	if (program != NULL) {
		line_adds(&line, " program=");
		line_adds(&line, program);
	}
	for (; fields->kind != LOG_END; fields++) {
		line_adds(&line, " ");
		line_adds(&line, fields->key);
		line_adds(&line, "=");
		switch (fields->kind) {
		case LOG_STR: string_add(&line, fields->str); break;
		case LOG_INT: line_addf(&line, "%lld", (long long)fields->num); break;
		case LOG_PSEUDO: pseudonym_add(&line, fields->str); break;
		case LOG_END: break;
		}
	}
	return line.len;
}

size_t
log_format(char *ret, size_t ret_size, enum log_level level, const char *event, const struct log_field *fields)
{
	return line_format(ret, ret_size, level, event, NULL, fields);
}

/* --- writing --- */

static void
line_write(enum log_level level, const char *event, const char *program, const struct log_field *fields)
{
	char line[LINE_MAX_BYTES];
	size_t len = line_format(line, sizeof(line) - 1, level, event, program, fields);
	ssize_t written;

	line[len++] = '\n';
	written = write(STDERR_FILENO, line, len); /* one call, so that lines of both daemons never mix */
	(void)written;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
brake_report(struct brake *brake)
{
	if (brake->held_back > 0)
		line_write(brake->level, "log_repeated", NULL,
		    (const struct log_field[]){
		        LS("of", brake->event), LI("count", brake->held_back), { LOG_END, NULL, NULL, 0 } });
	*brake = (struct brake){ 0 };
}

/* Reports all brakes whose minute is over, then says whether this event may be printed. */
static bool
brakes_admit(enum log_level level, const char *event, int64_t now)
{
	struct brake *mine = NULL, *oldest = &brakes[0];

	for (size_t i = 0; i < BRAKES; i++) {
		struct brake *brake = &brakes[i];

		if (brake->event[0] != '\0' && now - brake->since_ms >= MINUTE_MS)
			brake_report(brake);
		if (strncmp(brake->event, event, sizeof(brake->event) - 1) == 0)
			mine = brake;
		if (oldest->event[0] != '\0' && (brake->event[0] == '\0' || brake->since_ms < oldest->since_ms))
			oldest = brake;
	}
	if (mine == NULL) {
		mine = oldest;
		brake_report(mine);
		mine->since_ms = now;
		(void)snprintf(mine->event, sizeof(mine->event), "%s", event);
	}
	mine->level = level;
	if (mine->count < LOG_BURST) {
		mine->count++;
		return true;
	}
	mine->held_back++;
	return false;
}

void
log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	const char *program;
	bool admitted;

	(void)pthread_mutex_lock(&mutex);
	admitted = level >= level_min && brakes_admit(level, event, now_ms());
	program = program_name;
	if (admitted)
		program_name = NULL;
	(void)pthread_mutex_unlock(&mutex);

	if (admitted)
		line_write(level, event, program, fields);
}

void
log_init(const char *program, enum log_level min)
{
	(void)pthread_mutex_lock(&mutex);
	program_name = program;
	level_min = min;
	(void)pthread_mutex_unlock(&mutex);
}

void
log_set_level(enum log_level min)
{
	(void)pthread_mutex_lock(&mutex);
	level_min = min;
	(void)pthread_mutex_unlock(&mutex);
}

void
log_set_pseudonym_key(const struct key32 *key)
{
	(void)pthread_mutex_lock(&mutex);
	pseudonym_key = *key;
	pseudonym_key_set = true;
	(void)pthread_mutex_unlock(&mutex);
}
