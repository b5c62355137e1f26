#include "gateway/http/router.h"

#include <gtest/gtest.h>

namespace bourse::http {
namespace {

Router make() {
  Router router;
  for (const auto& [method, pattern] :
       std::initializer_list<std::pair<Method, const char*>>{{Method::get, "/"},
                                                             {Method::get, "/jobs"},
                                                             {Method::post, "/jobs"},
                                                             {Method::get, "/jobs/{id}"},
                                                             {Method::get, "/jobs/newest"},
                                                             {Method::post, "/jobs/{id}/cancel"}})
    router.add({.method = method, .pattern = pattern, .handler = {}});
  return router;
}

std::string matched(Method method, const char* target) {
  static const Router router = make();
  const Match match = router.match(method, parse_target(target).value());
  if (match.route == nullptr) return match.allow.empty() ? "404" : "405 " + match.allow;
  std::string out = match.route->pattern;
  for (const auto& [name, value] : match.values) out += " " + name + "=" + value;
  return out;
}

TEST(Router, matches) {
  EXPECT_EQ(matched(Method::get, "/"), "/");
  EXPECT_EQ(matched(Method::get, "/jobs?x=1"), "/jobs");
  EXPECT_EQ(matched(Method::head, "/jobs"), "/jobs");
  EXPECT_EQ(matched(Method::get, "/jobs/job_1"), "/jobs/{id} id=job_1");
  EXPECT_EQ(matched(Method::get, "/jobs/newest"), "/jobs/newest");
  EXPECT_EQ(matched(Method::post, "/jobs/%7Bid%7D/cancel"), "/jobs/{id}/cancel id={id}");
}

TEST(Router, tells_a_wrong_method_from_a_wrong_path) {
  EXPECT_EQ(matched(Method::get, "/nothing"), "404");
  EXPECT_EQ(matched(Method::get, "/jobs/a/b"), "404");
  EXPECT_EQ(matched(Method::get, "/JOBS"), "404");
  EXPECT_EQ(matched(Method::put, "/jobs"), "405 GET, HEAD, POST");
  EXPECT_EQ(matched(Method::get, "/jobs/a/cancel"), "405 POST");
  EXPECT_EQ(matched(Method::other, "/jobs/a"), "405 GET, HEAD");
}

}  // namespace
}  // namespace bourse::http
