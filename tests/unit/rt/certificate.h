/*
 * Certificates for tests of TLS, made when they run.
 */
#ifndef LK_TEST_CERTIFICATE_H
#define LK_TEST_CERTIFICATE_H

#include "../test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

struct certificate {
    EVP_PKEY *key;
    X509 *x509;
    char file[64]; /* PEM */
};

/* Signed by itself; valid for so many seconds, which may be over. */
static inline struct certificate certificate_new(const char *names, long valid_s)
{
    struct certificate made = {
        .key = EVP_EC_gen("P-256"), .x509 = X509_new(), .file = "/tmp/lk-XXXXXX"};
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_NAME *subject = X509_get_subject_name(made.x509);
    FILE *file = fdopen(mkstemp(made.file), "w");

    X509_set_version(made.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.x509), valid_s);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
                               0);
    X509_set_issuer_name(made.x509, subject);
    X509_set_pubkey(made.x509, made.key);
    X509_add_ext(made.x509, san, -1);
    assert_true(X509_sign(made.x509, made.key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, made.x509), 1);
    fclose(file);
    X509_EXTENSION_free(san);
    return made;
}

static inline void certificate_free(struct certificate *certificate)
{
    unlink(certificate->file);
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
}

#endif
