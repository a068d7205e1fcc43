/* As Teams writes it. */
#include "sim/event_join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "sim/memory.h"

const char *
event_join_url(const json_t *state)
{
	return json_string_value(jx_path(state, "onlineMeeting", "joinUrl", NULL));
}

/* The block Teams puts behind what the organizer wrote: between two lines of underscores. */
static char *
block_of(const char *url, bool html)
{
	static const char line[] = "________________________________________________________________________________";
	char *ret = NULL;

	if (asprintf(&ret,
	        html ? "<br>\r\n<div style=\"width:100%%\"><span style=\"white-space:nowrap; color:#5F5F5F\">%s</span></div>\r\n"
	               "<div class=\"me-email-text\" lang=\"en-US\" style=\"color:#252424\">\r\n"
	               "<div style=\"margin-top:24px\"><span style=\"font-size:24px\">Microsoft Teams meeting</span></div>\r\n"
	               "<div><div><b>Join on your computer, mobile app or room device</b></div>\r\n"
	               "<a class=\"me-email-headline\" href=\"%s\" target=\"_blank\">Click here to join the meeting</a></div>\r\n"
	               "</div>\r\n<div></div>\r\n<div style=\"width:100%%\"><span>%s</span></div>\r\n"
	             : "\r\n%s\r\nMicrosoft Teams meeting\r\nJoin on your computer, mobile app or room device\r\n"
	               "Click here to join the meeting<%s>\r\n%s\r\n",
	        line, url, line) < 0)
		return must_copy("");
	return ret;
}

/* The block goes before the end of an HTML body. */
void
event_join_block(json_t *state, const char *url)
{
	const json_t *body = jx_get_object(state, "body");
	const char *content = jx_get_str(body, "content"), *end;
	bool html = strcmp(jx_get_str(body, "contentType"), "html") == 0;
	char *block = block_of(url, html), *text = NULL;

	if (html && content[0] == '\0')
		content = "<html>\r\n<head>\r\n</head>\r\n<body>\r\n</body>\r\n</html>\r\n";
	end = html ? strcasestr(content, "</body>") : NULL;
	if (end == NULL)
		end = content + strlen(content);
	if (asprintf(&text, "%.*s%s%s", (int)(end - content), content, block, end) >= 0)
		json_object_set_new(
		    state, "body", json_pack("{s:O,s:s}", "contentType", json_object_get(body, "contentType"), "content", text));
	free(text);
	free(block);
}

void
event_join_add(struct rng *rng, const struct user *u, json_t *state)
{
	char part[64], *url = NULL;
	uint8_t raw[24];

	rng_bytes(rng, raw, sizeof(raw));
	base64url_encode(raw, sizeof(raw), part);
	if (asprintf(&url,
	        "https://teams.microsoft.com/l/meetup-join/19%%3ameeting_%s%%40thread.v2/"
	        "0?context=%%7b%%22Tid%%22%%3a%%22%s%%22%%2c%%22"
	        "Oid%%22%%3a%%22%s%%22%%7d",
	        part, u->tenant->id, u->id) < 0)
		return;
	json_object_set_new(state, "onlineMeeting", json_pack("{s:s}", "joinUrl", url));
	event_join_block(state, url);
	free(url);
}
