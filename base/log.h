/*
 * log.h - one fact a line, key=value, to stderr; to systemd's journal as fields, when stderr is that.
 *
 *	log_put(LOG_WARN, "subscription_lost", LS("scope", id), LI("wait_ms", wait_ms));
 *	=> level=warn event=subscription_lost scope=ab12 wait_ms=4000
 *
 * Values are escaped (no line break, no control character, no invalid UTF-8 reaches the log),
 * cut at LOG_VALUE_MAX and redacted: whatever looks like an e-mail address, a bearer token, a
 * JWT, a whsec_ secret or a clientState is replaced by "[redacted]". Directory ids are never
 * passed in clear: use LP, which prints a keyed pseudonym of 12 hex digits.
 * Repeats of one event beyond LOG_BURST a minute are counted, not printed; the count follows.
 * In the journal each event has its MESSAGE_ID (log_message_id), and each key k is a field ERGSYNC_K beside ERGSYNC_FACT; what
 * the important events mean is in log_catalog.h.
 * Safe from any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define LOG_VALUE_MAX 512
#define LOG_BURST     60
#define LOG_ID_SIZE   33

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
extern const char *const log_level_names[]; /* NULL-terminated, in that order */

enum log_kind { LOG_END, LOG_STR, LOG_INT, LOG_PSEUDO };

struct log_field {
	enum log_kind kind;
	const char *key;
	const char *str;
	int64_t num;
};

#define LS(k, v)                                                                                                                 \
	{                                                                                                                        \
		LOG_STR, (k), (v), 0                                                                                             \
	} /* a string; NULL prints as "-" */
#define LI(k, v)                                                                                                                 \
	{                                                                                                                        \
		LOG_INT, (k), NULL, (int64_t)(v)                                                                                 \
	} /* an integer */
#define LP(k, v)                                                                                                                 \
	{                                                                                                                        \
		LOG_PSEUDO, (k), (v), 0                                                                                          \
	} /* a personal or directory id, as a pseudonym */

/* At least one field; log_event for none. */
#define log_put(level, event, ...)                                                                                               \
	log_write((level), (event), (const struct log_field[]){ __VA_ARGS__, { LOG_END, NULL, NULL, 0 } })
#define log_event(level, event) log_write((level), (event), (const struct log_field[]){ { LOG_END, NULL, NULL, 0 } })

/* The program's name goes into the first line only; levels below min are dropped. */
void log_init(const char *program, enum log_level min);
void log_set_level(enum log_level min);
/* Pseudonyms are the same in every process with the same key; without it each process draws its own. Copies. */
void log_set_pseudonym_key(const struct key32 *key);
/* The counts of what was held back so far are printed now: before an end, or a long silence. */
void log_flush(void);
void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* Pure but for the pseudonym key: what log_write would print, without the line end. Cuts at ret_size. For tests and --json output. */
size_t log_format(char *ret, size_t ret_size, enum log_level level, const char *event, const struct log_field *fields);

/* The event's id in the journal, 32 hex digits; the same in every version and program. Pure. */
void log_message_id(const char *event, char ret[LOG_ID_SIZE]);

#endif
