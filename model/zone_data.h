/*
 * zone_data.h - one zone of the system's zone data: a TZif file (RFC 8536) read into memory, and the offset it has at an instant.
 *
 * Own reading rather than a library's: libical 3 works out its own rules from such a file, and has some zones wrong (Chile's from
 * 2020 on, Newfoundland's from 2038); glibc's is one global zone for the whole process.
 * Pure: the file is an argument. Files are trusted as far as the system is, and yet bounded and checked.
 */
#ifndef MODEL_ZONE_DATA_H
#define MODEL_ZONE_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct zone_data;

#define ZONE_DATA_MAX (256u << 10) /* the largest file of tzdata has 4 KiB */

/* ERR_MALFORMED: not TZif version 2 or later, or with leap seconds (those of "right/"); ERR_NOMEM. Gives *ret. */
enum err zone_data_read(const void *data, size_t len, struct zone_data **ret);
void zone_data_free(struct zone_data *z); /* NULL is fine */

/* Seconds east of UTC. */
int32_t zone_data_offset(const struct zone_data *z, int64_t unix_s);

#endif
