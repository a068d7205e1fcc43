/* log.c - lines for people, fields for the journal, and the brake on repeats. */
#include "base/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/journal.h"
#include "base/log_value.h"
#include "base/random.h"

#define LINE_MAX_BYTES 8192
#define MINUTE_MS      60000

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
static const char *identifier;   /* of the journal; NULL: lines go to stderr */
static struct key32 pseudonym_key;
static bool pseudonym_key_set;
static struct brake brakes[BRAKES];

static void
pseudonym_add(struct log_line *line, const char *s)
{
	uint8_t mac[HASH_LEN];
	char hex[13];
	struct key32 key;

	if (s == NULL || *s == '\0') {
		log_line_adds(line, "-");
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
	log_line_adds(line, hex);
}

/* program is NULL but in a process's first line. */
static size_t
line_format(
    char *ret, size_t ret_size, enum log_level level, const char *event, const char *program, const struct log_field *fields)
{
	struct log_line line = { ret, 0, ret_size };

	if (ret_size == 0)
		return 0;
	log_line_addf(&line, "level=%s event=", log_level_names[level]);
	log_line_adds(&line, event);
	if (program != NULL) {
		log_line_adds(&line, " program=");
		log_line_adds(&line, program);
	}
	for (; fields->kind != LOG_END; fields++) {
		log_line_adds(&line, " ");
		log_line_adds(&line, fields->key);
		log_line_adds(&line, "=");
		switch (fields->kind) {
		case LOG_STR: log_line_quoted(&line, fields->str); break;
		case LOG_INT: log_line_addf(&line, "%lld", (long long)fields->num); break;
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

void
log_message_id(const char *event, char ret[LOG_ID_SIZE])
{
	static const char purpose[] = "ergsync message id v1";
	uint8_t hash[HASH_LEN];

	sha256((const struct span[]){ { purpose, sizeof(purpose) }, { event, strlen(event) } }, 2, hash);
	/* Version 8 (RFC 9562): made by a rule of one's own. */
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	hex_encode(hash, 16, ret);
}

/* --- writing --- */

/* One entry of the journal in the making: its fields one after the other, each terminated. */
struct entry {
	char data[2 * LINE_MAX_BYTES];
	size_t used, count;
	const char *fields[JOURNAL_FIELDS_MAX];
};

static void
entry_add(struct entry *e, const char *name, const char *key, const struct log_field *value)
{
	struct log_line line = { e->data + e->used, 0, sizeof(e->data) - e->used };

	if (e->count == JOURNAL_FIELDS_MAX || line.size <= strlen(name) + strlen(key) + 1)
		return;
	log_line_adds(&line, name);
	for (; *key != '\0'; key++) {
		char upper = *key >= 'a' && *key <= 'z' ? (char)(*key - 'a' + 'A') : *key;

		log_line_add(&line, &upper, 1);
	}
	log_line_adds(&line, "=");
	switch (value->kind) {
	case LOG_STR: log_line_value(&line, value->str != NULL ? value->str : "-"); break;
	case LOG_INT: log_line_addf(&line, "%lld", (long long)value->num); break;
	case LOG_PSEUDO: pseudonym_add(&line, value->str); break;
	case LOG_END: break;
	}
	e->fields[e->count++] = line.data;
	e->used += line.len + 1;
}

/* The line is the message: it reads as it does elsewhere, only without the level, which is the entry's priority. */
static bool
entry_send(enum log_level level, const char *event, const char *message, const struct log_field *fields)
{
	static const int priorities[] = { 7, 6, 4, 3 }; /* of syslog(3) */
	char id[LOG_ID_SIZE];
	struct entry e = { .count = 1 };

	e.used = (size_t)snprintf(e.data, LINE_MAX_BYTES, "MESSAGE=%s", message + strcspn(message, " ") + 1) + 1;
	if (e.used > LINE_MAX_BYTES)
		e.used = LINE_MAX_BYTES;
	e.fields[0] = e.data;
	log_message_id(event, id);
	entry_add(&e, "MESSAGE_ID", "", &(struct log_field)LS("", id));
	entry_add(&e, "PRIORITY", "", &(struct log_field)LI("", priorities[level]));
	entry_add(&e, "SYSLOG_IDENTIFIER", "", &(struct log_field)LS("", identifier));
	entry_add(&e, "ERGSYNC_FACT", "", &(struct log_field)LS("", event));
	for (; fields->kind != LOG_END; fields++)
		entry_add(&e, "ERGSYNC_", fields->key, fields);
	return journal_send(e.fields, e.count);
}

static void
line_write(enum log_level level, const char *event, const char *program, const struct log_field *fields)
{
	char line[LINE_MAX_BYTES];
	size_t len = line_format(line, sizeof(line) - 1, level, event, program, fields);
	ssize_t written;

	if (identifier != NULL && entry_send(level, event, line, fields))
		return;
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
log_flush(void)
{
	(void)pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < BRAKES; i++)
		if (brakes[i].held_back > 0)
			brake_report(&brakes[i]);
	(void)pthread_mutex_unlock(&mutex);
}

void
log_init(const char *program, enum log_level min)
{
	(void)pthread_mutex_lock(&mutex);
	program_name = program;
	identifier = journal_is_stderr() ? program : NULL;
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
