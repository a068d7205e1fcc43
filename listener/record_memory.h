/*
 * record_memory.h - memory for OpenSSL in which the buffers of TLS records and handshakes have places of their own.
 *
 * A connection gives its 17 KiB buffers back whenever they are empty (SSL_MODE_RELEASE_BUFFERS), those of its handshake when that is
 * over. Among the small pieces of a thousand other connections they would leave holes that the heap keeps; here they are slots of an
 * arena, the last used first, whose idle pages can be returned to the system. Everything else OpenSSL asks for comes from malloc. Safe from any thread.
 */
#ifndef LISTENER_RECORD_MEMORY_H
#define LISTENER_RECORD_MEMORY_H

/* Before anything else of OpenSSL is called, once a process. Without it, or when it fails, malloc serves all. */
void record_memory_install(void);
/* Returns the pages of slots not in use. */
void record_memory_trim(void);

#endif
