/*
 * teams_link.h - reading the team or channel link that Teams' "Get link" gives.
 *
 * Pure. Forms: graph-facts section 12. Accepted are all spellings seen in the wild: hosts teams.microsoft.com and
 * teams.cloud.microsoft, old client links with /_#/, percent-encoding in either case and applied twice, extra query
 * members. Everything else is refused with a sentence an app engineer can act on.
 */
#ifndef MODEL_TEAMS_LINK_H
#define MODEL_TEAMS_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/ids.h"

#define TEAMS_LINK_MAX  2048
#define CHANNEL_ID_SIZE 128

enum teams_link_kind { TEAMS_LINK_TEAM, TEAMS_LINK_CHANNEL };

struct teams_link {
	enum teams_link_kind kind;
	struct guid team_id;   /* also the Microsoft 365 group's id */
	struct guid tenant_id; /* empty when the link does not say */
	char channel_id
	    [CHANNEL_ID_SIZE]; /* "19:...@thread.tacv2", case kept; of a team link: its thread, which need not be a channel */
};

/* ERR_OK, or ERR_INVALID with the reason in why (when not NULL). Touches *ret only on ERR_OK. */
enum err teams_link_parse(const char *url, struct teams_link *ret, char *why, size_t why_size);

/* Does s look like a channel id: 19:..., then @thread.tacv2 or @thread.skype, less than CHANNEL_ID_SIZE long? */
bool channel_id_valid(const char *s);

#endif
