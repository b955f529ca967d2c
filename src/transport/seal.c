/*
 * Seals (seal.h), by OpenSSL. Called by the assembly, which hands them to the tools.
 */
#include "transport/seal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

/* Keys of other uses that follow from the same secret must differ. */
static const char purpose[] = "looker-mcp-server: seals of links, 1";

/* Fails only for want of memory. */
static void hmac(const void *key, size_t key_len, const void *text, size_t len, unsigned char *mac)
{
    unsigned n = LK_SEAL_BYTES;

    if (HMAC(EVP_sha256(), key, (int)key_len, text, len, mac, &n) == NULL)
        abort();
}

void lk_seal_init(struct lk_seal *seal, struct lk_str secret)
{
    if (secret.len > 0)
        hmac(secret.ptr, secret.len, purpose, sizeof(purpose) - 1, seal->key);
    else if (RAND_bytes(seal->key, sizeof(seal->key)) != 1)
        abort();
}

void lk_seal_make(void *arg, struct lk_str text, unsigned char *ret_mac)
{
    const struct lk_seal *seal = arg;

    hmac(seal->key, sizeof(seal->key), text.len > 0 ? text.ptr : "", text.len, ret_mac);
}
