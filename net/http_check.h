/*
 * http_check.h - a second, strict look at a request that evhttp found good enough. For net/ only. Pure.
 *
 * evhttp 2.1.12 passes duplicate Content-Length and Host, "+3" as a length, names with spaces, absolute and
 * authority targets, and reads no body of a HEAD. What it hides from us (bare LF, folded
 * lines, NUL in a value) stays hidden: this server is for local callers only.
 */
#ifndef NET_HTTP_CHECK_H
#define NET_HTTP_CHECK_H

struct evhttp_request;

/* 0, or the status to refuse the request with; *ret_detail says why. */
int http_request_check(const struct evhttp_request *req, const char **ret_detail);
/* The method as text: one we serve, another evhttp knows ("OPTIONS"), or NULL. */
const char *http_request_method(const struct evhttp_request *req);

#endif
