/*
 * timestamp.h - RFC 3339 instants to Unix milliseconds and back, without the C library's locale or zone.
 *
 * Reads any fraction length (Graph sends seven digits) and any offset; years 0001 to 9999
 * (Graph does send 0001-01-01T00:00:00Z, which is a negative number here).
 */
#ifndef BASE_TIMESTAMP_H
#define BASE_TIMESTAMP_H

#include <stdint.h>

#include "base/err.h"

#define TIMESTAMP_SIZE 32

/* A leap second (:60) is the instant after it. ERR_INVALID when the offset leads out of those years. */
enum err timestamp_parse(const char *s, int64_t *ret_ms);
/* "2026-11-22T08:00:00Z"; milliseconds only when they are not zero. Clamped to the years above. */
void timestamp_format(int64_t ms, char ret[TIMESTAMP_SIZE]);
/* For people: "2026-11-22 08:00 UTC". Clamped likewise. */
void timestamp_for_people(int64_t unix_s, char ret[TIMESTAMP_SIZE]);

#endif
