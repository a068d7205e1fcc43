/*
 * log_value.h - text of a log line, cut at its end; values in it are escaped, cut at LOG_VALUE_MAX and redacted as log.h says.
 */
#ifndef BASE_LOG_VALUE_H
#define BASE_LOG_VALUE_H

#include <stdbool.h>
#include <stddef.h>

/* data is the caller's, of size > 0 bytes; always terminated. */
struct log_line {
	char *data;
	size_t len, size;
};

void log_line_add(struct log_line *line, const char *data, size_t len);
void log_line_adds(struct log_line *line, const char *s);
/* At most 63 bytes. */
void log_line_addf(struct log_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* s as a value, without quotes. */
void log_line_value(struct log_line *line, const char *s);
/* In quotes where a key=value line needs them; NULL is "-". */
void log_line_quoted(struct log_line *line, const char *s);

#endif
