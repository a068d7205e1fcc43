/*
 * examine.h - opens every record of a store and tells which do not open, without touching any.
 *
 * Done by a child process: LMDB trusts its files, and a damaged one ends the process that reads it by SIGBUS or abort(). That
 * comes out as ERR_CORRUPT. The store may be in use meanwhile: what is seen is one state of it.
 */
#ifndef STATE_EXAMINE_H
#define STATE_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "state/records.h"

struct keyring;

#define EXAMINE_LIST_MAX 100
#define EXAMINE_MARK_LEN 8

struct examined {
	enum err err; /* ERR_OK: all of it could be walked; ERR_CORRUPT: the file itself is damaged */
	char why[256];
	uint64_t rows[TABLE_COUNT], damaged[TABLE_COUNT];
	uint64_t rows_total, damaged_total, quarantined;
	/* The first damaged ones: the beginning of the key, which is a number or a hash. */
	struct {
		enum table table;
		uint8_t mark[EXAMINE_MARK_LEN];
	} list[EXAMINE_LIST_MAX];
	size_t list_count;
};

/* path: a store's directory, or one data file alone (of image_len bytes) when is_file. keys NULL: the file's structure only. */
void examine(const char *path, bool is_file, uint64_t image_len, struct keyring *keys, struct examined *ret);

#endif
