/*
 * journal.h - systemd's journal, by its own protocol: named fields instead of a line of text.
 *
 * Used only when standard error is the journal ($JOURNAL_STREAM, systemd.exec(5)): who redirects it, wants lines. Any thread.
 */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_FIELDS_MAX 32

/* Is standard error connected to the journal? */
bool journal_is_stderr(void);
/* fields are "NAME=value", terminated; at most JOURNAL_FIELDS_MAX. False: the journal did not take it. */
bool journal_send(const char *const *fields, size_t count);

#endif
