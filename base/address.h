/*
 * address.h - addresses in configuration: where we listen, and URLs we may call or be called at.
 *
 * Pure.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LISTEN_MAX 8

/* One address of a listen list. */
struct listen_address {
	bool is_unix;
	bool is_loopback; /* also true for unix */
	char host[256];   /* without brackets; path when is_unix */
	uint16_t port;
};

/* "unix:/path", "host:port" or "[v6]:port", space-separated. ERR_MALFORMED names nothing: the caller has the text. */
enum err listen_parse(const char *list, struct listen_address ret[LISTEN_MAX], size_t *ret_count);

/* What is wrong with a URL, in words, or NULL: it must be https, or http to a loopback host; no user part, no fragment. */
const char *url_mistake(const char *url);

/* Whether the URL's host is this machine: localhost, 127.0.0.0/8 or ::1. False for what is no URL. */
bool url_is_loopback(const char *url);

#endif
