/*
 * client.h - ergsyncctl's calls to the app API, one after the other.
 *
 * Each call runs the event loop until its answer is there. The daemon is reached by the first Unix socket of [app] listen,
 * else by its first loopback address with the token of [app] token_file.
 */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct client;
struct config;

/* Gives *ret; on failure why says what to do. Borrows config. */
enum err client_new(const struct config *config, struct client **ret, char *why, size_t why_size);
void client_free(struct client *c); /* NULL is fine */

/* ERR_OK whenever the daemon answered in JSON: its status and body (given). Else why is a sentence. */
enum err client_call(struct client *c, const char *method, const char *path, const json_t *body, int *ret_status, json_t **ret,
    char *why, size_t why_size);
void client_sleep(struct client *c, int64_t ms);
int64_t client_wall_ms(const struct client *c);

#endif
