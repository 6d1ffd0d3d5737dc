// SHA-256 by libcrypto. A shared module of its own: libcrypto takes longer to load than most builds take to be read.

#include "runner/sys/digest_module.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace {

int begin(EVP_MD_CTX* context) {
  // Fetched once: it is the slow part, and stays as long as the process.
  static EVP_MD* const sha256 = [] {
    // No openssl.cnf: what it may set up (engines, providers) has no say in a sum.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    return EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  }();
  return sha256 != nullptr && EVP_DigestInit_ex2(context, sha256, nullptr) == 1;
}

void free_context(void* state) { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(state)); }

void* make() {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  if (context != nullptr && begin(context) != 0) return context;
  free_context(context);
  return nullptr;
}

int update(void* state, const void* bytes, size_t length) {
  return EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(state), bytes, length) == 1;
}

int finish(void* state, unsigned char* digest) {
  auto* context = static_cast<EVP_MD_CTX*>(state);
  unsigned int size = 0;
  return EVP_DigestFinal_ex(context, digest, &size) == 1 && size == 32 && begin(context) != 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const BuildspecRunSha256 buildspec_run_sha256_1;
const BuildspecRunSha256 buildspec_run_sha256_1 = {make, update, finish, free_context};
