/*
 * Dispatch to the transport, reading of answers, and the two questions about URLs that protect credentials.
 *
 * The URL questions are strict twice: by our own look at the bytes, then by curl's parser, which is the one that
 * will connect. curl_url alone takes "http:///x" for host x, decodes "%2e" in hosts and keeps their case.
 */
#include "net/http_client.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define RETRY_AFTER_MAX_S (30u * 86400) /* beyond, somebody's clock or header is wrong; a month is long enough */

struct http_call *
http_start(struct http_transport *t, const struct http_request *request, http_done done, void *arg)
{
	return t->start(t, request, done, arg);
}

void
http_cancel(struct http_transport *t, struct http_call *call)
{
	if (call != NULL)
		t->cancel(t, call);
}

void
http_transport_free(struct http_transport *t)
{
	if (t != NULL)
		t->free(t);
}

const char *
http_answer_header(const struct http_answer *answer, const char *name)
{
	for (size_t i = 0; i < answer->header_count; i++)
		if (str_equal_nocase(answer->headers[i].name, name))
			return answer->headers[i].value;
	return NULL;
}

#define DATE_FORM "Sun, 06 Nov 1994 08:49:37 GMT"
#define DAY_LEN   (sizeof("Sun, 06 Nov 1994 ") - 1)
#define DAY_S     86400

static int
two_digits(const char *s)
{
	return s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9' ? -1 : (s[0] - '0') * 10 + s[1] - '0';
}

static bool
is_usual(const char *date)
{
	return strlen(date) == sizeof(DATE_FORM) - 1 && strcmp(date + sizeof(DATE_FORM) - 5, " GMT") == 0;
}

/* Of another time of the same day; -1: it is not, or in another form. */
static time_t
date_of_day(const char *value, const char *last, time_t last_t)
{
	const char *at = value + DAY_LEN;
	int hour, minute, second;

	if (!is_usual(value) || memcmp(value, last, DAY_LEN) != 0)
		return -1;
	hour = two_digits(at);
	minute = two_digits(at + 3);
	second = two_digits(at + 6);
	if (at[2] != ':' || at[5] != ':' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return -1;
	return last_t - last_t % DAY_S + (hour * 60 + minute) * 60 + second;
}

/* All three forms of RFC 9110 section 5.6.7; curl_getdate also takes bare numbers, which are no dates here. */
static bool
http_date_parse(const char *value, int64_t *ret_ms)
{
	static _Thread_local char last[sizeof(DATE_FORM)]; /* a date in the usual form; most that follow are of the same day */
	static _Thread_local time_t last_t;
	time_t t = last_t > 0 ? date_of_day(value, last, last_t) : -1;

	if (t < 0) {
		if (!((value[0] >= 'A' && value[0] <= 'Z') || (value[0] >= 'a' && value[0] <= 'z')))
			return false;
		t = curl_getdate(value, NULL);
		last_t = is_usual(value) && str_copy(last, sizeof(last), value) ? t : 0;
	}
	*ret_ms = (int64_t)t * 1000;
	return t > 0;
}

int64_t
http_answer_retry_after_ms(const struct http_answer *answer, int64_t wall_ms)
{
	const char *value = http_answer_header(answer, "Retry-After");
	const int64_t max_ms = (int64_t)RETRY_AFTER_MAX_S * 1000;
	int64_t at_ms;
	size_t digits;

	if (value == NULL)
		return -1;
	digits = strspn(value, "0123456789");
	if (digits > 0 && value[digits] == '\0') {
		uint64_t seconds = 0;

		if (parse_u64(value, &seconds) != ERR_OK || seconds > RETRY_AFTER_MAX_S)
			return max_ms;
		return (int64_t)seconds * 1000;
	}
	if (!http_date_parse(value, &at_ms))
		return -1;
	if (at_ms <= wall_ms)
		return 0;
	return at_ms - wall_ms < max_ms ? at_ms - wall_ms : max_ms;
}

int64_t
http_answer_date_ms(const struct http_answer *answer)
{
	const char *value = http_answer_header(answer, "Date");
	int64_t ms;

	return value != NULL && http_date_parse(value, &ms) ? ms : 0;
}

/* What decides where a request goes. Strings are curl's. */
struct origin {
	char *scheme, *host, *port;
};

static void
origin_done(struct origin *o)
{
	curl_free(o->scheme);
	curl_free(o->host);
	curl_free(o->port);
}

/* Our own look: NULL when the bytes are fine, else what is wrong. */
static const char *
url_look(const char *url)
{
	const char *authority;
	size_t len;

	if (strncasecmp(url, "https://", 8) == 0)
		authority = url + 8;
	else if (strncasecmp(url, "http://", 7) == 0)
		authority = url + 7;
	else
		return "the scheme must be https";
	for (const char *p = url; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '\\')
			return "it holds a space, a backslash, a control or a non-ASCII character";
	len = strcspn(authority, "/?#");
	if (len == 0 || authority[0] == ':')
		return "it names no host";
	if (memchr(authority, '@', len) != NULL)
		return "it has a user part";
	if (memchr(authority, '%', len) != NULL)
		return "its host is percent-encoded";
	return NULL;
}

/* NULL when url has an origin, which *ret then holds (origin_done), else what is wrong. */
static const char *
origin_parse(const char *url, struct origin *ret)
{
	const char *wrong = url_look(url);
	CURLU *u;

	*ret = (struct origin){ 0 };
	if (wrong != NULL)
		return wrong;
	if ((u = curl_url()) == NULL)
		return "out of memory";
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &ret->scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &ret->host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		wrong = "it is not a URL";
	curl_url_cleanup(u);
	return wrong;
}

int
http_same_origin(const char *url, const char *base)
{
	struct origin a, b;
	int same = 0;

	if (origin_parse(url, &a) == NULL) {
		same = origin_parse(base, &b) == NULL && str_equal_nocase(a.scheme, b.scheme) &&
		       str_equal_nocase(a.host, b.host) && strcmp(a.port, b.port) == 0;
		origin_done(&b);
	}
	origin_done(&a);
	return same;
}

/* As curl has normalised it: "127.1" has become "127.0.0.1" already. */
static bool
host_is_loopback(const char *host)
{
	size_t len = strlen(host);

	return str_equal_nocase(host, "localhost") || strcmp(host, "[::1]") == 0 ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len);
}

enum err
http_url_check(const char *url, char *why, size_t why_size)
{
	struct origin o;
	const char *wrong = origin_parse(url, &o);

	if (wrong == NULL && strchr(url, '#') != NULL)
		wrong = "it has a fragment";
	if (wrong == NULL && !str_equal_nocase(o.scheme, "https") && !host_is_loopback(o.host))
		wrong = "the scheme must be https, for the host is not this machine";
	origin_done(&o);
	snprintf(why, why_size, "%s", wrong != NULL ? wrong : "");
	return wrong == NULL ? ERR_OK : ERR_INVALID;
}
