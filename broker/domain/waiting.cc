#include "broker/domain/waiting.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "broker/domain/derive.h"

namespace bourse::broker {
namespace {

struct Word {
  std::string_view text;
  After kind;
};
constexpr auto kWords = std::to_array<Word>({{"after", After::started}, {"afterany", After::ended}, {"afterok", After::succeeded},
                                             {"afternotok", After::failed}, {"singleton", After::singleton}});

std::unexpected<Error> invalid(std::string why) { return fail(ErrorCode::invalid_argument, "dependency: " + std::move(why)); }

// One of "afterok:JOB:JOB".
Status parse_one(std::string_view text, std::vector<Condition>& out) {
  const std::size_t colon = text.find(':');
  const auto word = std::ranges::find(kWords, text.substr(0, colon), &Word::text);
  if (word == kWords.end()) return invalid("say after, afterany, afterok or afternotok with :JOB, or singleton.");
  if ((word->kind == After::singleton) != (colon == std::string_view::npos))
    return invalid(std::string(word->text) + (word->kind == After::singleton ? " names no jobs." : " needs the id of a job behind ':'."));
  if (word->kind == After::singleton) return out.push_back({After::singleton, {}}), Status{};
  for (std::string_view rest = text.substr(colon + 1);;) {
    const std::size_t next = rest.find(':');
    const auto id = parse_job_or_element(rest.substr(0, next));
    if (!id && rest.substr(0, next).find('+') != std::string_view::npos) return invalid("a delay in minutes ('+') is not offered.");
    if (!id) return invalid("a job is named like job_… or, of an array, job_…_7.");
    out.push_back({word->kind, *id});
    if (out.size() > kMaxConditions) return invalid("at most 500 conditions.");
    if (next == std::string_view::npos) return {};
    rest.remove_prefix(next + 1);
  }
}

}  // namespace

std::string_view name(After kind) {
  const auto word = std::ranges::find(kWords, kind, &Word::kind);
  return word == kWords.end() ? "unknown" : word->text;
}

Result<Dependency> parse_dependency(std::string_view text) {
  Dependency out;
  out.any = text.find('?') != std::string_view::npos;
  if (out.any && text.find(',') != std::string_view::npos) return invalid("separate by ',' (all must hold) or by '?' (one is enough), not both.");
  const char separator = out.any ? '?' : ',';
  while (true) {
    const std::size_t at = text.find(separator);
    CHECK_OK(parse_one(text.substr(0, at), out.of));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::string to_text(const Dependency& dependency) {
  std::string out;
  bool singleton = false;  // the jobs that it came to are not what was asked for
  for (const Condition& condition : dependency.of) {
    if (condition.kind == After::singleton && std::exchange(singleton, true)) continue;
    if (!out.empty()) out += dependency.any ? '?' : ',';
    out += name(condition.kind);
    if (condition.kind != After::singleton) out.append(":").append(to_text(condition.on));
  }
  return out;
}

std::string_view name(Met met) { return met == Met::open ? "open" : met == Met::met ? "met" : "never"; }

std::string ArraySpec::text() const {
  return is_array() ? to_text(ranges) + (at_once > 0 ? "%" + std::to_string(at_once) : "") : std::string();
}

Met Gate::state(bool any) const {
  const auto count = [this](Met what) { return static_cast<std::size_t>(std::ranges::count(of, what)); };
  if (any && !of.empty()) {
    if (count(Met::met) > 0) return Met::met;
    return count(Met::never) == of.size() ? Met::never : Met::open;
  }
  if (count(Met::never) > 0) return Met::never;
  return count(Met::met) == of.size() ? Met::met : Met::open;
}

Result<JobId> parse_job_or_element(std::string_view text) {
  const std::size_t bar = text.rfind('_');
  if (bar == std::string_view::npos || bar <= JobIdKind::prefix.size()) return parse_id<JobIdKind>(text);
  TRY(const JobId array, parse_id<JobIdKind>(text.substr(0, bar)));
  std::uint32_t index = 0;
  const std::string_view digits = text.substr(bar + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || index > kMaxIndex)
    return fail(ErrorCode::invalid_argument, "expected an element's id like job_…_7");
  return element_id(array, index);
}

}  // namespace bourse::broker
