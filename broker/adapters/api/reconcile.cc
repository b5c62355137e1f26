// Reconciliation: a center's own accounting against the books, and the list of all breaks with what people made of them.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/books.h"
#include "broker/domain/text.h"
#include "reconciliation/accounting.h"

namespace bourse::broker::api {
namespace {

using reconciliation::AccountedRun;
using reconciliation::Comparison;
using reconciliation::Finding;

constexpr std::int64_t kMostDays = 92;
constexpr std::int32_t kDefaultToleranceS = 1, kMostToleranceS = 3600;
constexpr std::size_t kMostFindings = 10'000;  // beyond, it is another center's file or another month's
constexpr int kPageOfBreaks = 100, kMostBreaks = 1000;

constexpr std::pair<std::string_view, BreakSource> kSources[] = {
    {"usage", BreakSource::usage}, {"bank", BreakSource::bank}, {"payout", BreakSource::payout}, {"top_up", BreakSource::top_up}, {"day", BreakSource::day}};

Result<BreakSource> source_named(std::string_view text) {
  for (const auto& [name, source] : kSources)
    if (name == text) return source;
  return fail(ErrorCode::invalid_argument, "source must be usage, bank, payout, top_up or day.");
}

void fill_quantities(v1::Quantities& out, const reconciliation::Quantities& in) {
  out.set_core_ms(in.core_ms);
  out.set_gpu_ms(in.gpu_ms);
  out.set_node_ms(in.node_ms);
  out.set_mem_mib_s(in.mem_mib_s);
}

std::string figures_of(const StoredBreak& one) { return fmt::format("{} {}", one.at_stake.micros, one.detail); }

void fill_break(v1::Break& out, const StoredBreak& in, Instant now) {
  out.set_id(to_text(in.key));
  out.set_source(std::string(kSources[static_cast<std::size_t>(in.key.source) - 1].first));
  out.set_kind(in.kind);
  if (!in.center.is_nil()) out.set_center(to_text(in.center));
  out.set_center_name(in.center_name);
  if (!in.job.is_nil()) out.set_job(to_text(in.job));
  out.set_scheduler_job(in.scheduler_job);
  // What the center alone has, has no price: nothing was booked.
  if (in.key.source != BreakSource::day && in.kind != "not_booked") fill(*out.mutable_at_stake(), in.at_stake, in.unit);
  out.set_detail(in.detail);
  out.set_since_ms(in.since.unix_ms);
  out.set_days((now - in.since).ms / hours(24).ms);
  if (!in.owner.is_nil()) out.set_owner(to_text(in.owner));
  out.set_state(std::string(name(in.state)));
  out.set_text(in.text);
  out.set_changed(in.changed);
  if (in.key.source != BreakSource::usage) return;
  fill_quantities(*out.mutable_accounted(), in.accounted);
  fill_quantities(*out.mutable_booked(), in.booked);
}

// Of the days that are over, those of which the center's newest word isn't what is booked now.
std::vector<DifferingDay> differing_days(const Market& market, Instant now) {
  std::vector<DifferingDay> out;
  for (const Center* center : market.centers()) {
    const CenterDays* days = market.days(center->id);
    if (days == nullptr) continue;
    for (const auto& [day, state] : days->days) {
      if (state.revision == 0 || state.agreed || evidence::end_of(day) > now) continue;
      const evidence::DaySum booked = evidence::sum_of(state.readings);
      if (state.said == booked) continue;
      out.push_back({.center = center->id,
                     .day = evidence::to_text(day),
                     .detail = fmt::format("attempts: center {}, broker {}; core_ms: center {}, broker {}", state.said.attempts, booked.attempts, state.said.core_ms, booked.core_ms),
                     .since = evidence::end_of(day)});
    }
  }
  return out;
}

std::vector<AttemptId> attempts_of(const std::vector<AccountedRun>& runs) {
  std::vector<AttemptId> out;
  for (const AccountedRun& run : runs) out.push_back(run.attempt);
  std::ranges::sort(out);
  const auto twice = std::ranges::unique(out);
  out.erase(twice.begin(), twice.end());
  return out;
}

void fill_reply(v1::ReconcileReply& out, const AccountingCheck& check, const Comparison& comparison) {
  out.set_id(to_hyphenated(check.id));
  out.set_from_ms(check.from.unix_ms);
  out.set_until_ms(check.until.unix_ms);
  out.set_sha256(to_hex(check.file));
  out.set_accounted(comparison.accounted);
  out.set_booked(comparison.booked);
  out.set_agreed(comparison.agreed);
  fill_quantities(*out.mutable_accounted_sum(), comparison.accounted_sum);
  fill_quantities(*out.mutable_booked_sum(), comparison.booked_sum);
  out.set_findings(static_cast<std::int64_t>(comparison.findings.size()));
}

}  // namespace

std::string to_text(const BreakKey& key) {
  const std::string prefix = std::string(kSources[static_cast<std::size_t>(key.source) - 1].first) + ":";
  const Uuid uuid = parse_hyphenated(key.subject.substr(0, 36)).value_or(Uuid{});
  switch (key.source) {
    case BreakSource::usage: return prefix + to_text(AttemptId{uuid});
    case BreakSource::payout: return prefix + to_text(PayoutId{uuid});
    case BreakSource::day: return prefix + to_text(CenterId{uuid}) + key.subject.substr(36);
    case BreakSource::bank:
    case BreakSource::top_up: return prefix + key.subject;
  }
  return prefix;
}

Result<BreakKey> parse_break(const std::string& text) {
  const auto missing = [] { return fail(ErrorCode::not_found, "There is no such break."); };
  const std::size_t colon = text.find(':');
  const auto source = source_named(text.substr(0, colon));
  if (!source || colon == std::string::npos) return missing();
  const std::string rest = text.substr(colon + 1);
  BreakKey key{*source, {}};
  switch (*source) {
    case BreakSource::usage:
      if (const auto id = parse_id<AttemptIdKind>(rest)) key.subject = sql(*id);
      break;
    case BreakSource::payout:
      if (const auto id = parse_id<PayoutIdKind>(rest)) key.subject = sql(*id);
      break;
    case BreakSource::bank:
      if (parse_hash(rest)) key.subject = rest;
      break;
    case BreakSource::top_up:
      if (const auto id = parse_hyphenated(rest)) key.subject = to_hyphenated(*id);
      break;
    case BreakSource::day: {
      const std::size_t second = rest.find(':');
      const auto id = parse_id<CenterIdKind>(rest.substr(0, second));
      if (id && second != std::string::npos && day_named("day", rest.substr(second + 1))) key.subject = sql(*id) + rest.substr(second);
      break;
    }
  }
  if (key.subject.empty()) return missing();
  return key;
}

Result<v1::ReconcileReply> Api::reconcile_center(const v1::ReconcileCenterRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance, Role::operator_}));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const CenterId center, center_of(request.center()));
  if (request.from().empty() || request.to().empty()) return fail(ErrorCode::invalid_argument, "from and to are days, such as 2026-10-01.");
  AccountingCheck check{.id = {}, .center = center, .from = {}, .until = {}, .tolerance = {}, .file = sha256(request.data()), .by = caller.user, .at = parts_.clock.now()};
  TRY(const Zone utc, zone_named(""));
  TRY(const Span span, span_of(request.from(), request.to(), utc, check.at));
  if (span.until - span.from > hours(24 * kMostDays)) return fail(ErrorCode::invalid_argument, fmt::format("At most {} days at once.", kMostDays));
  check.from = span.from;
  check.until = span.until;
  if (request.tolerance_s() < 0 || request.tolerance_s() > kMostToleranceS)
    return fail(ErrorCode::invalid_argument, fmt::format("tolerance_s must be from 0 to {}.", kMostToleranceS));
  check.tolerance = seconds(request.has_tolerance_s() ? request.tolerance_s() : kDefaultToleranceS);
  check.id = make_uuid_v7(check.at, parts_.rng);
  TRY(const std::vector<AccountedRun> accounted, reconciliation::read_accounting(request.data()));
  queries_.wait_for(position());
  TRY(const std::vector<reconciliation::BookedRun> booked, breaks_.booked(center, attempts_of(accounted), check.from, check.until));
  Comparison comparison = reconciliation::compare(accounted, booked, check.from, check.until, check.tolerance);
  if (comparison.findings.size() > kMostFindings)
    return fail(ErrorCode::invalid_argument, fmt::format("{} runs differ. Is the file that of {} and of these days?", comparison.findings.size(), request.center()));
  CHECK_OK(breaks_.explain(comparison.findings));
  CHECK_OK(breaks_.keep(check, comparison));
  v1::ReconcileReply reply;
  fill_reply(reply, check, comparison);
  return reply;
}

Result<v1::ListBreaksReply> Api::list_breaks(const v1::ListBreaksRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  BreakFilter filter{.center = {}, .source = {}, .owner = {}, .all = request.all() == 1, .only = {}, .limit = request.limit() == 0 ? kPageOfBreaks : request.limit()};
  if (request.limit() < 0 || request.limit() > kMostBreaks) return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostBreaks));
  if (!request.center().empty()) {
    TRY(filter.center, center_of(request.center()));
    CHECK_OK(check_seen(seen, *filter.center));
  } else if (seen) {
    if (seen->empty()) return v1::ListBreaksReply{};
    if (seen->size() > 1) return fail(ErrorCode::invalid_argument, "You speak for several centers: name one.");
    filter.center = seen->front();
  }
  if (!request.source().empty()) {
    TRY(filter.source, source_named(request.source()));
  }
  if (!request.owner().empty()) {
    TRY(filter.owner, owner_named(caller, request.owner()));
  }
  v1::ListBreaksReply reply;
  TRY(const BreakPage page, breaks_now(filter));
  std::vector<UserId> owners;
  for (const StoredBreak& one : page.breaks) owners.push_back(one.owner);
  TRY(const auto names, queries_.user_names(owners));
  for (const StoredBreak& one : page.breaks) {
    v1::Break& out = *reply.add_breaks();
    fill_break(out, one, parts_.clock.now());
    if (const auto name = names.find(one.owner); name != names.end()) out.set_owner_name(name->second);
  }
  reply.set_total(page.total);
  return reply;
}

Result<v1::Break> Api::get_break(const v1::GetBreakRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const auto seen, centers_seen(caller, {Role::finance, Role::operator_}));
  TRY(const BreakKey key, parse_break(request.id()));
  TRY(const StoredBreak one, break_of(key));
  CHECK_OK(check_seen(seen, one.center));
  return break_view(key);
}

Result<v1::Break> Api::handle_break(const v1::HandleBreakRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance, Role::operator_}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  CHECK_OK(check_text("text", request.text(), kMaxReason, true));
  TRY(const BreakKey about, parse_break(request.id()));
  TRY(const StoredBreak now, break_of(about));
  BreakWord word{.by = caller.user, .at = parts_.clock.now(), .owner = now.owner, .state = now.state, .text = request.text()};
  if (!request.owner().empty()) {
    TRY(word.owner, owner_named(caller, request.owner()));
  }
  if (request.state() == name(BreakState::explained)) word.state = BreakState::explained;
  else if (request.state() == name(BreakState::open)) word.state = BreakState::open;
  else if (!request.state().empty()) return fail(ErrorCode::invalid_argument, "state must be open or explained.");
  if (word.state == BreakState::explained && word.text.empty())
    return fail(ErrorCode::invalid_argument, "An explanation needs a text: what the difference comes from, and why it stays.");
  CHECK_OK(breaks_.say(about, figures_of(now), word, key));
  return break_view(about);
}

// "me", "nobody", or a person's id.
Result<UserId> Api::owner_named(const Caller& caller, const std::string& text) {
  if (text == "me") return caller.user;
  if (text == "nobody") return UserId{};
  const auto id = parse_id<UserIdKind>(text);
  if (id) {
    TRY(const auto names, queries_.user_names({*id}));
    if (names.contains(*id)) return *id;
  }
  return fail(ErrorCode::invalid_argument, "owner must be me, nobody, or a person's id (usr_…).");
}

Result<BreakPage> Api::breaks_now(const BreakFilter& filter) {
  queries_.wait_for(position());
  const Instant now = parts_.clock.now();
  TRY(const std::vector<DifferingDay> days, look([now](const Market& market) { return differing_days(market, now); }));
  return breaks_.list(filter, days, now);
}

Result<StoredBreak> Api::break_of(const BreakKey& key) {
  TRY(BreakPage page, breaks_now({.center = {}, .source = {}, .owner = {}, .all = true, .only = key, .limit = 1}));
  if (page.breaks.empty()) return fail(ErrorCode::not_found, "There is no such break, or it is gone: both sides agree now.");
  return std::move(page.breaks.front());
}

Result<v1::Break> Api::break_view(const BreakKey& key) {
  TRY(const StoredBreak one, break_of(key));
  TRY(const std::vector<BreakWord> words, breaks_.words(key));
  std::vector<UserId> people = {one.owner};
  for (const BreakWord& word : words) people.insert(people.end(), {word.by, word.owner});
  TRY(const auto names, queries_.user_names(people));
  const auto name_of = [&](UserId user) {
    const auto at = names.find(user);
    return at == names.end() ? std::string() : at->second;
  };
  v1::Break out;
  fill_break(out, one, parts_.clock.now());
  out.set_owner_name(name_of(one.owner));
  for (const BreakWord& word : words) {
    v1::BreakWord& said = *out.add_words();
    said.set_at_ms(word.at.unix_ms);
    said.set_by_name(name_of(word.by));
    said.set_owner_name(name_of(word.owner));
    said.set_state(std::string(name(word.state)));
    said.set_text(word.text);
  }
  return out;
}

}  // namespace bourse::broker::api
