/*
 * batch.h - packing up to 20 GETs into one $batch, and reading its answers, which come in any order. Pure.
 * https://learn.microsoft.com/graph/json-batching; graph-facts section 11. Every item counts against the limits as a call.
 */
#ifndef GRAPH_BATCH_H
#define GRAPH_BATCH_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define GRAPH_BATCH_MAX 20

struct graph_batch_get {
	const char *path;   /* "/teams/...", below the version */
	const char *prefer; /* value of a Prefer header; NULL = none */
};

struct graph_batch_result {
	enum err err;           /* as graph_error_judge; ERR_UNEXPECTED: not answered, or not readably */
	int status;             /* 0: not answered */
	const json_t *body;     /* borrowed from the whole answer; NULL when there is none */
	int64_t retry_after_ms; /* -1: not said */
};

/* Item n gets the id "n". Gives *ret (free). ERR_INVALID for a count outside 1 to GRAPH_BATCH_MAX. */
enum err graph_batch_encode(const struct graph_batch_get *gets, size_t count, char **ret);
/* Fills ret[count], also on failure. ERR_UNEXPECTED when json is no batch answer at all. */
enum err graph_batch_read(const json_t *json, size_t count, struct graph_batch_result *ret);
/* The longest inner Retry-After of items answered 429, 503, 504 or 509; -1 when none said. */
int64_t graph_batch_retry_after(const struct graph_batch_result *results, size_t count);

#endif
