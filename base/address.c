/* address.c - a small grammar of hosts, ports and URLs. */
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"

#define URL_MAX_BYTES 1024

static bool
is_loopback_host(const char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (str_equal_nocase(host, "localhost"))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool
port_parse(const char *s, uint16_t *ret)
{
	uint64_t port;

	if (strlen(s) > 5 || parse_u64(s, &port) != ERR_OK || port > UINT16_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

/* "host", "host:port", "[v6]" or "[v6]:port"; port is left alone when absent. */
static bool
authority_parse(const char *s, char host[256], uint16_t *port)
{
	struct in6_addr v6;
	const char *end = s[0] == '[' ? strchr(s, ']') : s + strcspn(s, ":");

	if (end == NULL || !str_copy_len(host, 256, s + (s[0] == '['), (size_t)(end - s) - (s[0] == '[')) || host[0] == '\0')
		return false;
	if (s[0] == '[') {
		if (inet_pton(AF_INET6, host, &v6) != 1)
			return false;
		end++;
	} else if (strspn(host, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(host)) {
		return false;
	}
	return *end == '\0' || (*end == ':' && port_parse(end + 1, port));
}

const char *
url_mistake(const char *url)
{
	bool secure = str_starts(url, "https://");
	char authority[300], host[256];
	const char *begin;
	uint16_t port = 1;

	if (!secure && !str_starts(url, "http://"))
		return "a URL must begin with https://";
	if (strlen(url) > URL_MAX_BYTES)
		return "the URL is too long";
	for (const char *p = url; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("\"<>\\^`{|}", *p) != NULL)
			return "the URL has a character that must be percent-encoded";
	if (strchr(url, '#') != NULL)
		return "the URL must not have a fragment (#...)";
	begin = url + (secure ? 8 : 7);
	if (!str_copy_len(authority, sizeof(authority), begin, strcspn(begin, "/?")))
		return "the URL's host is too long";
	if (strchr(authority, '@') != NULL)
		return "the URL must not have a user name or password";
	if (!authority_parse(authority, host, &port) || port == 0)
		return "the URL has no proper host[:port]";
	return secure || is_loopback_host(host) ? NULL : "http:// is for loopback hosts only; write https://";
}

bool
url_is_loopback(const char *url)
{
	const char *begin = strstr(url, "://");
	char authority[300], host[256];
	uint16_t port;

	return begin != NULL && str_copy_len(authority, sizeof(authority), begin + 3, strcspn(begin + 3, "/?#")) &&
	       authority_parse(authority, host, &port) && is_loopback_host(host);
}

static enum err
listen_item_parse(const char *item, struct listen_address *ret)
{
	bool has_port;

	*ret = (struct listen_address){ .is_unix = str_starts(item, "unix:") };
	if (ret->is_unix) {
		ret->is_loopback = true;
		item += strlen("unix:");
		if (*item == '\0' || strlen(item) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
			return ERR_MALFORMED;
		return str_copy(ret->host, sizeof(ret->host), item) ? ERR_OK : ERR_MALFORMED;
	}
	has_port = item[0] == '[' ? strstr(item, "]:") != NULL : strchr(item, ':') != NULL;
	if (!has_port || !authority_parse(item, ret->host, &ret->port))
		return ERR_MALFORMED;
	ret->is_loopback = is_loopback_host(ret->host);
	return ERR_OK;
}

enum err
listen_parse(const char *list, struct listen_address ret[LISTEN_MAX], size_t *ret_count)
{
	size_t count = 0;

	while (*(list += strspn(list, " \t")) != '\0') {
		size_t len = strcspn(list, " \t");
		char item[300];

		if (count == LISTEN_MAX || !str_copy_len(item, sizeof(item), list, len) ||
		    listen_item_parse(item, &ret[count]) != ERR_OK)
			return ERR_MALFORMED;
		count++;
		list += len;
	}
	*ret_count = count;
	return count > 0 ? ERR_OK : ERR_MALFORMED;
}
