/*
 * assertion.h - signing in with a certificate: who we are, said in a JWT that only our key can have signed.
 *
 * A certificate and its key are read once, checked, and kept until the last share is freed, which wipes the key. An assertion is made
 * anew for every sign-in and lives ten minutes. Clock and JWT id are arguments; only the salt of PS256 is OpenSSL's own
 * draw. Source: graph-facts section 1.2.
 */
#ifndef GRAPH_ASSERTION_H
#define GRAPH_ASSERTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

#define GRAPH_ASSERTION_LIFE_S 600
#define GRAPH_ASSERTION_MAX    8192 /* bytes of a whole one; a key of RSA_BITS_MAX makes about 2 KiB */
#define GRAPH_RSA_BITS_MIN     2048
#define GRAPH_RSA_BITS_MAX     8192 /* a larger one would hold up the loop for seconds each time */
#define GRAPH_PEM_MAX          65536

/* In the order of [graph] assertion_algorithm. PS256 names the certificate by x5t#S256, RS256 (older) by x5t. */
enum graph_algorithm { GRAPH_PS256, GRAPH_RS256 };

struct graph_certificate;

/*
 * Reads PEM: a certificate (of a chain, the first) and its unencrypted RSA key. now_s is Unix time. Gives *ret. On failure why says
 * which file is wrong and what to do, without any of its content: ERR_NOTFOUND, ERR_IO or ERR_TOOBIG from reading, ERR_MALFORMED
 * or ERR_INVALID from checking (not PEM, not RSA, too weak, not the certificate's key, expired, not yet valid).
 */
enum err graph_certificate_read(const char *certificate_path, const char *key_path, enum graph_algorithm algorithm, int64_t now_s,
    struct graph_certificate **ret, char *why, size_t why_size);

/* One more owner: free each. NULL gives NULL. Not safe across threads. */
struct graph_certificate *graph_certificate_share(struct graph_certificate *c);
void graph_certificate_free(struct graph_certificate *c); /* NULL is fine */
int64_t graph_certificate_expires_s(const struct graph_certificate *c);

/* Appends the compact JWT. audience is the URL of the token endpoint, jti a text never used before. */
enum err graph_assertion_make(struct text *t, const struct graph_certificate *c, const char *client_id, const char *audience,
    const char *jti, int64_t now_s);

#endif
