#include "gateway/sso/fetcher.h"

#include <gtest/gtest.h>

#include "gateway/sso/authorization_server.h"
#include "gateway/sso/sign_in.h"

namespace bourse::sso {
namespace {

TEST(Fetchable, is_https_or_literal_loopback) {
  for (const char* good : {"https://id.example.org", "https://id.example.org:8443/a?b=c", "http://127.0.0.1:17400/x",
                           "http://[::1]:9/x", "http://localhost/"})
    EXPECT_TRUE(may_be_fetched(good)) << good;
  for (const char* bad : {"http://id.example.org",
                          "http://127.0.0.1.evil.example/",
                          "http://127.0.0.1:80@evil.example/",
                          "https://user@host/",
                          "https://a\\b/",
                          "http://0/",
                          "http://0x7f000001/",
                          "http://2130706433/",
                          "http://127.1/",
                          "http://169.254.169.254/",
                          "http://[::ffff:127.0.0.1]/",
                          "file:///etc/passwd",
                          "gopher://x",
                          "ftp://x",
                          "https://",
                          "https:///x",
                          "https://a b/",
                          "https://a/#f",
                          "https://a/\r\nX: y",
                          "http://localhost.evil.example/",
                          "http://127.0.0.1:/",
                          "http://127.0.0.1:123456/",
                          "HTTP://127.0.0.1/",
                          ""})
    EXPECT_FALSE(may_be_fetched(bad)) << bad;
}

TEST(LocalPath, stays_on_this_site) {
  EXPECT_EQ(local_path("/jobs?x=1"), "/jobs?x=1");
  for (const char* evil : {"", "x", "//evil", "/\\evil", "https://evil", "/a\r\nb", "/a b", "/\tb", "/a\\b", "/\xFF"})
    EXPECT_EQ(local_path(evil), "/") << evil;
  EXPECT_EQ(local_path("/" + std::string(5000, 'a')), "/");
}

TEST(LoopbackOrigin, takes_one_shape) {
  EXPECT_EQ(loopback_origin("http://127.0.0.1:8080/callback"), "http://127.0.0.1:8080");
  EXPECT_EQ(loopback_origin("http://[::1]:1/callback"), "http://[::1]:1");
  for (const char* evil :
       {"http://127.0.0.1/callback", "http://127.0.0.1:0/callback", "http://127.0.0.1:08/callback",
        "http://127.0.0.1:65536/callback", "http://127.0.0.1:1/callback/", "http://127.0.0.1:1/callback?x",
        "http://127.0.0.1:1/", "http://127.0.0.1:1@evil/callback", "https://127.0.0.1:1/callback",
        "http://localhost:1/callback", "http://evil:1/callback", "http://127.0.0.1:1 /callback", ""})
    EXPECT_EQ(loopback_origin(evil), std::nullopt) << evil;
}

}  // namespace
}  // namespace bourse::sso
