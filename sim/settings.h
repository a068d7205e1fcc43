/*
 * settings.h - how the simulated Graph behaves: one table, shown and changed by /_sim/settings.
 */
#ifndef SIM_SETTINGS_H
#define SIM_SETTINGS_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

enum spellings { SPELLINGS_PLAIN, SPELLINGS_WILD };

#define MINUTE_MS ((int64_t)60 * 1000)
#define HOUR_MS   (60 * MINUTE_MS)

/* Figures of Graph: facts 1.2, 2.2, 2.3, 4.2, 6, 8.2.
 *        name                    default             least  greatest */
#define SETTINGS_TABLE(X)                                                                                                        \
	X(latency_ms, 0, 0, 10 * MINUTE_MS)                                                                                      \
	X(latency_jitter_ms, 0, 0, 10 * MINUTE_MS)                                                                               \
	X(lag_ms, 0, 0, 24 * HOUR_MS)                                                                                            \
	X(lag_control_ms, 0, 0, 24 * HOUR_MS)                                                                                    \
	X(strict, 1, 0, 1)                                                                                                       \
	X(page_max, 999, 1, 999)                                                                                                 \
	X(bulk_unknown_404, 0, 0, 1)                                                                                             \
	X(page_default, 100, 1, 999)                                                                                             \
	X(delta_page, 500, 1, 100000)                                                                                            \
	X(delta_quirks, 0, 0, 1)                                                                                                 \
	X(token_s, 3599, 1, 100800)                                                                                              \
	X(device_s, 900, 1, 3600)                                                                                                \
	X(device_interval_s, 5, 1, 60)                                                                                           \
	X(refresh_idle_ms, 90 * 24 * HOUR_MS, 1, 3650 * 24 * HOUR_MS)                                                            \
	X(consent_declined, 0, 0, 1)                                                                                             \
	X(assertion_once, 1, 0, 1)                                                                                               \
	X(floor_ms, 45 * MINUTE_MS, 0, 24 * HOUR_MS)                                                                             \
	X(life_teams_ms, 72 * HOUR_MS, 1, 720 * HOUR_MS)                                                                         \
	X(life_directory_ms, 696 * HOUR_MS, 1, 720 * HOUR_MS)                                                                    \
	X(life_outlook_ms, 168 * HOUR_MS, 1, 720 * HOUR_MS)                                                                      \
	X(authorization_ms, HOUR_MS, 0, 720 * HOUR_MS)                                                                           \
	X(reauthorize_before_ms, 10 * MINUTE_MS, 0, 24 * HOUR_MS)                                                                \
	X(notify_delay_ms, 0, 0, 24 * HOUR_MS)                                                                                   \
	X(notify_jitter_ms, 0, 0, 24 * HOUR_MS)                                                                                  \
	X(notify_window_ms, 10, 0, HOUR_MS)                                                                                      \
	X(notify_batch_max, 20, 1, 1000)                                                                                         \
	X(retry_first_ms, 5000, 1, HOUR_MS)                                                                                      \
	X(retry_for_ms, 4 * HOUR_MS, 0, 24 * HOUR_MS)                                                                            \
	X(spellings, SPELLINGS_WILD, SPELLINGS_PLAIN, SPELLINGS_WILD)                                                            \
	X(quota_teams, 10000, 0, 1000000)                                                                                        \
	X(quota_directory, 100, 0, 1000000)                                                                                      \
	X(join_delay_ms, 0, 0, 24 * HOUR_MS)                                                                                     \
	X(mail_unchanged, 0, 0, 1)                                                                                               \
	X(event_echoes, 1, 0, 1)                                                                                                 \
	X(event_echo_ms, 2000, 0, HOUR_MS)                                                                                       \
	X(rich_fault, 0, 0, 4)                                                                                                   \
	X(exact_permissions, 1, 0, 1)

struct settings {
#define X(name, fallback, least, greatest) int64_t name;
	SETTINGS_TABLE(X)
#undef X
};

struct settings sim_settings_default(void);
/* All or nothing; why (of why_size) names the first mistake. */
enum err sim_settings_change(struct settings *s, const json_t *change, char *why, size_t why_size);
json_t *sim_settings_show(const struct settings *s);

#endif
