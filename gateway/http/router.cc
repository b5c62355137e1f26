#include "gateway/http/router.h"

#include <algorithm>

#include "base/assert.h"

namespace bourse::http {
namespace {

bool is_name(std::string_view segment) {
  return segment.starts_with('{');
}

std::vector<std::string> split(std::string_view pattern) {
  BOURSE_ASSERT(pattern.starts_with('/'));
  std::vector<std::string> out;
  pattern.remove_prefix(1);
  while (!pattern.empty()) {
    const std::size_t slash = pattern.find('/');
    out.emplace_back(pattern.substr(0, slash));
    BOURSE_ASSERT(!out.back().empty());
    if (slash == std::string_view::npos) break;
    pattern.remove_prefix(slash + 1);
  }
  return out;
}

bool same_shape(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::equal(
      a, b, [](const std::string& x, const std::string& y) { return x == y || (is_name(x) && is_name(y)); });
}

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& segments) {
  return std::ranges::equal(pattern, segments,
                            [](const std::string& p, const std::string& s) { return is_name(p) || p == s; });
}

std::size_t literals(const std::vector<std::string>& pattern) {
  return static_cast<std::size_t>(std::ranges::count_if(pattern, [](const std::string& p) { return !is_name(p); }));
}

}  // namespace

void Router::add(Route route) {
  auto pattern = split(route.pattern);
  for (std::size_t i = 0; i < routes_.size(); ++i)
    BOURSE_ASSERT(routes_[i].method != route.method || !same_shape(patterns_[i], pattern));
  routes_.push_back(std::move(route));
  patterns_.push_back(std::move(pattern));
}

Match Router::match(Method method, const Target& target) const {
  const Method wanted = method == Method::head ? Method::get : method;
  Match out;
  std::size_t best = 0;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    if (!fits(patterns_[i], target.segments)) continue;
    if (!out.allow.empty()) out.allow.append(", ");
    out.allow.append(routes_[i].method == Method::get ? "GET, HEAD" : to_text(routes_[i].method));
    if (routes_[i].method != wanted) continue;
    if (out.route != nullptr && literals(patterns_[i]) <= best) continue;
    out.route = &routes_[i];
    best = literals(patterns_[i]);
  }
  if (out.route == nullptr) return out;
  const auto& pattern = patterns_[static_cast<std::size_t>(out.route - routes_.data())];
  for (std::size_t i = 0; i < pattern.size(); ++i)
    if (is_name(pattern[i])) out.values.emplace_back(pattern[i].substr(1, pattern[i].size() - 2), target.segments[i]);
  return out;
}

}  // namespace bourse::http
