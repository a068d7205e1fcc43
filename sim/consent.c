#include "sim/consent.h"

#include <string.h>

#include "base/encode.h"
#include "sim/call.h"

static void
refuse(struct call *c, const char *why)
{
	call_answer(c, 400, json_pack("{s:s,s:s}", "error", "invalid_request", "error_description", why));
}

static void
add_parameter(struct text *t, const char *name, const char *value)
{
	text_addf(t, "%c%s=", strchr(t->data, '?') == NULL ? '?' : '&', name);
	percent_encode(t, value);
}

void
sim_consent_handle(struct call *c, const char *tenant)
{
	const char *back = call_query(c, "redirect_uri"), *state = call_query(c, "state");
	bool declined = c->sim->settings.consent_declined != 0;
	struct text where;

	c->tenant = world_tenant(&c->sim->world, tenant);
	if (c->tenant == NULL) {
		refuse(c, "AADSTS90002: Tenant not found.");
		return;
	}
	if (call_query(c, "client_id") == NULL || back == NULL || *back == '\0') {
		refuse(c, "AADSTS900144: The request must contain the parameters client_id and redirect_uri.");
		return;
	}
	text_init(&where, 16384);
	text_adds(&where, back);
	add_parameter(&where, "tenant", c->tenant->id);
	if (state != NULL)
		add_parameter(&where, "state", state);
	if (declined) {
		add_parameter(&where, "error", "permission_denied");
		add_parameter(&where, "error_description", "AADSTS65004: The admin canceled the request.");
	} else {
		add_parameter(&where, "admin_consent", "True");
		c->tenant->consent = CONSENT_GRANTED;
	}
	call_header(c, "Location: %s", where.data);
	call_answer(c, 302, NULL);
	text_done(&where);
}
