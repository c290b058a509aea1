/* RS256 and ES256: there and back, by the right keys only; keys that serve
 * nothing else were made for these tests. */
#include "check.h"
#include "proto/signature.h"

#include <errno.h>
#include <string.h>

static const char rsa_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC9GBup/vPMFZ+G\n"
    "PcUurP0xxSICEPXS5FoZgVDTa35gXE+v1VeuBGxnU+oZpRGTIFLQxx0DIIYqkQFE\n"
    "/73L6OKzJmURegHU9U68B0XeKygKpsQYY6lwiNM0eBZyWVBDQoxdEm0MpPdHsKy7\n"
    "WY/8zLKeGd2Ln0JBsfsnoQjbRq0dASf1KonsKR8C8iaAJtZLZUO+qEvJ1g+JPqyt\n"
    "NOb6iwmLUtXFhAJnMU3bF+C6AnbiJaBKSaPB8RwLpM3qgUK3hCbt1GkKbnjj0rGN\n"
    "qCu5YPCT2n9payMY2pr6MnNRVwmxWKmx2i7iRl/tdSKDo2IVWyuDOYwFcAPhlG+k\n"
    "Z9Hj3FylAgMBAAECggEABpcMf8Qu4vHt+VO1x4an3FAuezv0FUF4EmN7WaLpaJpO\n"
    "/KXGxH3K+V7nTbV/A02hFT2bOTys8FbVYH45Mx4OqIeyBgXmgnF6KPtn5/JBFv3w\n"
    "35i5kv5xveZhgeKy9WUgVy4JNuOY6pqxqmXYqsrHftMP8Ym/WWLGif8Gu/2ekuAk\n"
    "EX7jf4A1+5Uyhlor/RVXlPNtGGTqWzUzhjYzLT4aeVmCOVDHT9qsu7AqsfkRziBx\n"
    "ADlPypQSSb8LroE6wJ/v32obKew3qIQJcQNsHmNu3vdJl7nynpONYhdR3GSj8sLU\n"
    "YcyZSl+4l3NAQuvf5yd4cYHWGAJ4VU9cJgC1CGDokQKBgQDrWMI+bbnmCk6YvAhq\n"
    "lNE6MkhIxyGlDqqtjQEWrVkOkWlE5uqCZTIiBkAZlvjtLxa3LBinU7tuK9hyu9KY\n"
    "eWukCnR0/cDKLZLHUs7liA1MJzruwtfi+P2rDKZOhqzysf6jNFnO5aEiwy78j5aA\n"
    "e8pJpHeJEYpjivvbgKtQXQchUwKBgQDNsEBIFnP86tUVNtCYoVt47VOtZgKRBZyo\n"
    "Nt/RtYOb/YBBMozgVESY9es8zzmI5JJe9K9qSQNeUKEn5fMemibNYnsDSit83UoB\n"
    "371Zt23z9ZKALDsdGHI824kCwBKDj9pYdx1lCKMc+lHWWrQ+EOTEK529s7jBF2o8\n"
    "j7CCTTpzJwKBgD2ypjGxmGOrXhGCcf5nBzbnibWypqpb3vjil193kHpWOq+6jc4j\n"
    "c3IiC1nqD1Y22xCoOcpcFC38xqDFhp88bbCyoPcuswUNz4X7uovIEBxfyH5hjDFP\n"
    "r0jRZyP9AIgbi7MDfWvVHVo8qyvBBOaoDU8jE8dWVt5jyEUyRTcrPDxLAoGBAKCQ\n"
    "7h1YKcNOLnkZCU2c6KNF4QSDlY1QLDLEY4R5hfvHsM80fvS/06z0jGYz/l320Kx/\n"
    "pk/6Hz8JAkT7JQbGn3PFZPH0fG5E8Pj1iAL5RkQjd/HGlX7pDoSjfBlBhzJcob5d\n"
    "ffzY+TwtzKTgucOZvHvG8KSeH6Pce3o7UTbmwrIRAoGBAK09P5E9TixJRbE0nUKU\n"
    "ReYLkYWcR/j7JtG3HzWg/c0aoW7xLAYnh9B6wWMruuTpHtM9PCH1mKOLkn9PrVH+\n"
    "FgjVBKjZcRVHCXHWIhiTNY0dSvp2oFrRnaFo3bgr2WLpzUquqUMeGBr5ukVFjVTz\n"
    "8MXx7t39A/zWAvyAn58WBrAV\n"
    "-----END PRIVATE KEY-----\n";

static const char rsa_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvRgbqf7zzBWfhj3FLqz9\n"
    "McUiAhD10uRaGYFQ02t+YFxPr9VXrgRsZ1PqGaURkyBS0McdAyCGKpEBRP+9y+ji\n"
    "syZlEXoB1PVOvAdF3isoCqbEGGOpcIjTNHgWcllQQ0KMXRJtDKT3R7Csu1mP/Myy\n"
    "nhndi59CQbH7J6EI20atHQEn9SqJ7CkfAvImgCbWS2VDvqhLydYPiT6srTTm+osJ\n"
    "i1LVxYQCZzFN2xfgugJ24iWgSkmjwfEcC6TN6oFCt4Qm7dRpCm5449KxjagruWDw\n"
    "k9p/aWsjGNqa+jJzUVcJsVipsdou4kZf7XUig6NiFVsrgzmMBXAD4ZRvpGfR49xc\n"
    "pQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

static const char p256_private[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIAZDgPlj18zmJ4hC5AmrS4YxjuraTWJ8H1Th31AZprWSoAoGCCqGSM49\n"
    "AwEHoUQDQgAEgkr8VuyQJ2TPjPp9Bo6fYw+ocaxCd8Una95GQFOVgE5FuO+1tJAZ\n"
    "RQTvM+cXcugCi5hczKl3A5LYvGEDbS3WMg==\n"
    "-----END EC PRIVATE KEY-----\n";

static const char p256_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgkr8VuyQJ2TPjPp9Bo6fYw+ocaxC\n"
    "d8Una95GQFOVgE5FuO+1tJAZRQTvM+cXcugCi5hczKl3A5LYvGEDbS3WMg==\n"
    "-----END PUBLIC KEY-----\n";

static const char k256_private[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHQCAQEEIPNUbP2JS9cJr5TfYpDBDRKrgja887zzciiSpc8KnnL7oAcGBSuBBAAK\n"
    "oUQDQgAE9LoIohPum5EkubGL7WtcTLIO8Q3Gx7c/OkyzgfqRr0pc+ydbSQMKCVZc\n"
    "YmDX+pPcVhxaGvHGkKy6J54yXXdGHA==\n"
    "-----END EC PRIVATE KEY-----\n";

static const char k256_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAE9LoIohPum5EkubGL7WtcTLIO8Q3Gx7c/\n"
    "OkyzgfqRr0pc+ydbSQMKCVZcYmDX+pPcVhxaGvHGkKy6J54yXXdGHA==\n"
    "-----END PUBLIC KEY-----\n";

static const char short_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICeAIBADANBgkqhkiG9w0BAQEFAASCAmIwggJeAgEAAoGBAL5IlqAivw6S/+R3\n"
    "Qx0wRgO5uFzUbzi7yJvVujcP7jyIh42o7JGnUi+kFepj1xZqUeZCoRbYP1RfUJcU\n"
    "m1/xJ4IsuXquusSIwPzySYKPq4EutIgJwfMyHNcKV1S0vmjPLtfe+5ILiqe32wnT\n"
    "a5mxefrcCfjsuSOiwHlkgIPGniXHAgMBAAECgYEAiCVRuHQD9X6SHrqCR6Ehh0rb\n"
    "sXfBuHsLdwx99yWr1J3vNxlVYoWwVSv3DkSvQXeC79hegATrkwe7ls2EuinGlKvW\n"
    "7rWdzj0FVRKzIRjHUbwIrCeSCaH4i7svDV2EsrG1AV6lLljjt2dj/YT2i9ThOQzK\n"
    "y7P3OkmUbFUhDJfK3mECQQD6yYc2U4t2J3fyQZrLygUFR6mmZOtvlbckNxqYWXBm\n"
    "6ltHBGwxHirGxC83J9KhVoVfneYYtk2IQoRGKqy0PRb3AkEAwj0cuXuVBDuSjOO5\n"
    "/lPed/O6PVqAYDqmZPpUbvD1/fOSTAKhEU63SVmx2arEImqhA6jXF4ol3g1Dew/0\n"
    "eM6jsQJBAJJie+g8D9Wh6COiI6b8fr28PMyBb+OsMkCTYZS38CJCfZEQhc6N2042\n"
    "SZEaT5oZFLThR+P41XzJxsfmNPToC7UCQAL3ff3TRmZnJojiXY/l5gr8/QY84KMX\n"
    "ojz+mdWL9qXnV3+ztpQWGLSVGyNQ+WfxKv5sUMS6RnPKzhIOH1TNCzECQQDCglzd\n"
    "rTf5YC6uHlXIAo1kGQr0mmHU8itUQohp5ClrJUwGViuNJYxwO6Pf9LSCkIeuuRPX\n"
    "Chydd2MqXdgQAeei\n"
    "-----END PRIVATE KEY-----\n";

static const char short_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+SJagIr8Okv/kd0MdMEYDubhc\n"
    "1G84u8ib1bo3D+48iIeNqOyRp1IvpBXqY9cWalHmQqEW2D9UX1CXFJtf8SeCLLl6\n"
    "rrrEiMD88kmCj6uBLrSICcHzMhzXCldUtL5ozy7X3vuSC4qnt9sJ02uZsXn63An4\n"
    "7LkjosB5ZICDxp4lxwIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

/* mbedTLS wants the NUL counted. */
static struct slice pem(const char *text) {
  return (struct slice){text, strlen(text) + 1};
}

static int sign_with(enum signature_kind kind, const char *key,
                     uint8_t signature[SIGNATURE_MAX], size_t *length) {
  return signature_sign(kind, pem(key), SLICE("what is said"), signature,
                        length);
}

static bool is_right(enum signature_kind kind, const char *key,
                     struct slice said, const uint8_t *signature,
                     size_t length) {
  bool right = false;
  struct slice bytes = {(const char *)signature, length};
  CHECK_EQ(signature_verify(kind, pem(key), said, bytes, &right), 0);
  return right;
}

static void there_and_back(enum signature_kind kind, const char *private_key,
                           const char *public_key) {
  uint8_t signature[SIGNATURE_MAX];
  size_t length = 0;
  struct slice said = SLICE("what is said");
  CHECK_EQ(sign_with(kind, private_key, signature, &length), 0);
  CHECK_EQ(length, kind == SIGNATURE_ES256 ? 64 : 256);
  CHECK(is_right(kind, public_key, said, signature, length));
  CHECK(!is_right(kind, public_key, SLICE("what is sait"), signature, length));
  CHECK(!is_right(kind, public_key, said, signature, length - 1));
  CHECK(!is_right(kind, public_key, said, signature, 0));
  for (size_t at = 0; at < length; at += 9) {
    signature[at] ^= 1;
    CHECK(!is_right(kind, public_key, said, signature, length));
    signature[at] ^= 1;
  }
}

TEST(signature_by_rsa_goes_there_and_back) {
  there_and_back(SIGNATURE_RS256, rsa_private, rsa_public);
}

TEST(signature_by_p256_goes_there_and_back) {
  there_and_back(SIGNATURE_ES256, p256_private, p256_public);
}

/* r and s have their first bit set in every second, and a first byte of 0 in
 * every 256th signature: both change their length in ASN.1. */
TEST(signature_by_p256_is_64_bytes_whatever_r_and_s_are) {
  uint8_t signature[SIGNATURE_MAX];
  size_t length = 0;
  for (int i = 0; i < 60; i++) {
    CHECK_EQ(sign_with(SIGNATURE_ES256, p256_private, signature, &length), 0);
    CHECK_EQ(length, 64);
    CHECK(is_right(SIGNATURE_ES256, p256_public, SLICE("what is said"),
                   signature, length));
  }
}

TEST(signature_of_nothing_is_wrong) {
  uint8_t zeros[64] = {0}, ones[64];
  memset(ones, 0xff, sizeof ones);
  struct slice said = SLICE("what is said");
  CHECK(!is_right(SIGNATURE_ES256, p256_public, said, zeros, 64));
  CHECK(!is_right(SIGNATURE_ES256, p256_public, said, ones, 64));
}

TEST(signature_needs_a_key_for_its_algorithm) {
  uint8_t signature[SIGNATURE_MAX];
  size_t length;
  bool right;
  struct slice said = SLICE("what is said"), some = SLICE("x");
  const struct {
    enum signature_kind kind;
    const char *private_key, *public_key;
    int status;
  } wrong[] = {
      {SIGNATURE_ES256, rsa_private, rsa_public, -ENOTSUP},
      {SIGNATURE_RS256, p256_private, p256_public, -ENOTSUP},
      {SIGNATURE_ES256, k256_private, k256_public, -ENOTSUP},
      {SIGNATURE_RS256, short_private, short_public, -ENOTSUP},
      {SIGNATURE_RS256, rsa_public, rsa_private, -EINVAL},
      {SIGNATURE_ES256, p256_public, p256_private, -EINVAL},
      {SIGNATURE_RS256, "", "", -EINVAL},
      {SIGNATURE_ES256, "a secret", "a secret", -EINVAL},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_EQ(sign_with(wrong[i].kind, wrong[i].private_key, signature, &length),
             wrong[i].status);
    CHECK_EQ(signature_verify(wrong[i].kind, pem(wrong[i].public_key), said,
                              some, &right),
             wrong[i].status);
  }
}
