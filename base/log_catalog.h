/*
 * log_catalog.h - what the important events of the log mean and what to do: the table behind the journal's message catalog
 * (journalctl --catalog) and the manual.
 *
 * Every warning and error has a row; a test holds that. The event's MESSAGE_ID is log_message_id of its name.
 */
#ifndef BASE_LOG_CATALOG_H
#define BASE_LOG_CATALOG_H

#include <stddef.h>

struct text;

struct log_explanation {
	const char *event, *subject;
	const char *text; /* sentences; may name fields of the entry as @ERGSYNC_KEY@ */
};

extern const struct log_explanation log_catalog[];
extern const size_t log_catalog_count;

/* In the format of systemd's message catalog files. */
void log_catalog_print(struct text *ret);

#endif
