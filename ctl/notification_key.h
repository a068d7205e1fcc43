/*
 * notification_key.h - makes the keys that rich notifications are encrypted to: NAME.pem with a self-signed certificate and its
 * RSA key, readable by the owner only. Who issued it does not matter to Graph (graph-facts section 5).
 */
#ifndef CTL_NOTIFICATION_KEY_H
#define CTL_NOTIFICATION_KEY_H

#include <stdint.h>

#define NOTIFICATION_KEY_BITS    2048
#define NOTIFICATION_KEY_DAYS    730
#define NOTIFICATION_KEY_ID_SIZE 32

/* A PEM text to be wiped and freed, and the key's id ("k20261122-3f9a"); NULL when OpenSSL fails. */
char *notification_key_make(int64_t now_s, char ret_id[NOTIFICATION_KEY_ID_SIZE]);

#endif
