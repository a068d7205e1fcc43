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

/* The body; item n gets the id "n". Gives. NULL: out of memory, or a count outside 1 to GRAPH_BATCH_MAX. */
json_t *graph_batch_json(const struct graph_batch_get *gets, size_t count);
/* Fills ret[count], also on failure. ERR_UNEXPECTED when json is no batch answer at all. */
enum err graph_batch_read(const json_t *json, size_t count, struct graph_batch_result *ret);

#endif
