/* Put together by hand: the answer to a stored notification is on the path of every request. */
#include "listener/reply.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 200, "OK" },
	{ 202, "Accepted" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 431, "Request Header Fields Too Large" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

struct cursor {
	char *at, *end;
};

static void
put(struct cursor *c, const char *text, size_t len)
{
	if (len > (size_t)(c->end - c->at))
		len = (size_t)(c->end - c->at);
	memcpy(c->at, text, len);
	c->at += len;
}

static void
puts_to(struct cursor *c, const char *text)
{
	put(c, text, strlen(text));
}

static void
put_number(struct cursor *c, size_t n)
{
	char digits[24];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	put(c, digits + i, sizeof(digits) - i);
}

static const char *
reason_of(int status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Error";
}

/* RFC 9110 5.6.7; names spelt here because strftime asks the locale. Kept for its second: the loop thread is the only caller. */
static void
put_date(struct cursor *c, int64_t wall_ms)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static char kept[64];
	static int64_t kept_second = INT64_MIN;
	time_t second = (time_t)(wall_ms / 1000);
	struct tm tm;

	if (second != kept_second && gmtime_r(&second, &tm) != NULL) {
		(void)snprintf(kept, sizeof(kept), "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n",
		    days + (ptrdiff_t)3 * tm.tm_wday, tm.tm_mday, months + (ptrdiff_t)3 * tm.tm_mon, tm.tm_year + 1900,
		    tm.tm_hour, tm.tm_min, tm.tm_sec);
		kept_second = second;
	}
	puts_to(c, kept);
}

static size_t
problem(const struct reply *reply, char *ret, size_t size)
{
	int n = snprintf(ret, size, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d%s%s%s}\n", reason_of(reply->status),
	    reply->status, reply->detail != NULL ? ",\"detail\":\"" : "", reply->detail != NULL ? reply->detail : "",
	    reply->detail != NULL ? "\"" : "");

	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void
put_body_fields(struct cursor *c, const char *type, size_t len)
{
	puts_to(c, "Content-Type: ");
	puts_to(c, type);
	puts_to(c,
	    "\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
	    "Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"
	    "Content-Length: ");
	put_number(c, len);
	puts_to(c, "\r\n");
}

size_t
reply_format(const struct reply *reply, int64_t wall_ms, char ret[REPLY_MAX])
{
	struct cursor c = { ret, ret + REPLY_MAX };
	char error[384];
	const char *body = reply->token != NULL ? reply->token : "ok\n";
	size_t body_len = reply->token != NULL ? reply->token_len : 3;
	bool is_error = reply->status >= 400 && reply->token == NULL;

	if (is_error) {
		body_len = problem(reply, error, sizeof(error));
		body = error;
	}
	puts_to(&c, "HTTP/1.1 ");
	put_number(&c, (size_t)reply->status);
	puts_to(&c, " ");
	puts_to(&c, reason_of(reply->status));
	puts_to(&c, "\r\n");
	put_date(&c, wall_ms);
	if (reply->allow != NULL) {
		puts_to(&c, "Allow: ");
		puts_to(&c, reply->allow);
		puts_to(&c, "\r\n");
	}
	if (reply->status == 503) {
		puts_to(&c, "Retry-After: ");
		put_number(&c, REPLY_RETRY_AFTER_S);
		puts_to(&c, "\r\n");
	}
	if (reply->close)
		puts_to(&c, "Connection: close\r\n");
	if (reply->status == 202) {
		puts_to(&c, "Content-Length: 0\r\n\r\n");
		return (size_t)(c.at - ret);
	}
	put_body_fields(&c, is_error ? "application/problem+json" : "text/plain; charset=utf-8", body_len);
	puts_to(&c, "\r\n");
	if (!reply->no_body)
		put(&c, body, body_len);
	return (size_t)(c.at - ret);
}
