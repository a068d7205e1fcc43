/* console.c - a guard, a page and its headers. */
#include "reconciler/console.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "base/config.h"
#include "base/text.h"
#include "net/http_server.h"
#include "reconciler/console_page.h"
#include "reconciler/reconciler.h"
#include "reconciler/summary.h"

#define PAGE_MAX  (256u << 10)
#define HOST_SIZE 256
#define PLAIN     "text/plain; charset=utf-8"

/* ---------- who may ---------- */

/* "name", "name:port" or "[address]:port" without the port and brackets. */
static bool
host_of(const char *header, char ret[HOST_SIZE])
{
	size_t len;

	if (header[0] == '[')
		return (len = strcspn(header, "]")) > 1 && str_copy_len(ret, HOST_SIZE, header + 1, len - 1);
	len = strcspn(header, ":");
	if (len > 0 && header[len - 1] == '.')
		len--;
	return str_copy_len(ret, HOST_SIZE, header, len);
}

static bool
is_address(const char *host)
{
	struct in6_addr address;

	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static bool
is_listened_on(const char *host, const char *listen)
{
	struct listen_address addresses[LISTEN_MAX];
	size_t count = 0;

	if (listen == NULL || listen_parse(listen, addresses, &count) != ERR_OK)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!addresses[i].is_unix && str_equal_nocase(addresses[i].host, host))
			return true;
	return false;
}

static bool
is_listed(const char *host, const char *names)
{
	char name[HOST_SIZE];

	for (size_t len; names != NULL && *(names += strspn(names, " \t")) != '\0'; names += len) {
		len = strcspn(names, " \t");
		if (str_copy_len(name, sizeof(name), names, len) && str_equal_nocase(name, host))
			return true;
	}
	return false;
}

bool
console_host_ok(const char *header, const char *listen, const char *names)
{
	char host[HOST_SIZE];

	if (header == NULL || !host_of(header, host))
		return false;
	return str_equal_nocase(host, "localhost") || is_address(host) || is_listened_on(host, listen) || is_listed(host, names);
}

/* ---------- the answer ---------- */

static void
reply_page(struct http_exchange *x, const struct text *page)
{
	char hash[CONSOLE_STYLE_HASH_SIZE], policy[256];
	const char *const headers[] = { policy, "Referrer-Policy: no-referrer", "X-Frame-Options: DENY",
		"Cross-Origin-Resource-Policy: same-origin", NULL };

	console_style_hash(hash);
	(void)snprintf(policy, sizeof(policy),
	    "Content-Security-Policy: default-src 'none'; style-src '%s'; base-uri 'none'; form-action 'none'; frame-ancestors "
	    "'none'",
	    hash);
	http_reply(x, 200, "text/html; charset=utf-8", page->data, page->len, headers);
}

void
console_handle(struct reconciler *r, struct http_exchange *x)
{
	static const char elsewhere[] =
	    "The console is not shown under this name. Open it by address, or write the name into [admin] names.\n";
	static const char failed[] = "out of memory\n";
	struct app_status status;
	struct text page;

	if (!http_exchange_is_unix(x) &&
	    !console_host_ok(http_exchange_header(x, "Host"), r->config->admin_listen, r->config->admin_names)) {
		http_reply(x, 421, PLAIN, elsewhere, sizeof(elsewhere) - 1, NULL);
		return;
	}
	summary_take(r, SUMMARY_MS, &status);
	text_init(&page, PAGE_MAX);
	console_page(&status, strcmp(http_exchange_query(x), "still") == 0, &page);
	if (text_err(&page) == ERR_OK)
		reply_page(x, &page);
	else
		http_reply(x, 500, PLAIN, failed, sizeof(failed) - 1, NULL);
	text_done(&page);
}
