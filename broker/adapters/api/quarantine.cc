// Records of centers' reports that were set aside: which, why, and since when.
#include <fmt/format.h>

#include <charconv>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/columns.h"

namespace bourse::broker::api {
namespace {

constexpr int kQuarantinePage = 100;
constexpr int kMostQuarantined = 1'000;  // of a page
constexpr std::uint8_t kLastCode = static_cast<std::uint8_t>(QuarantineCode::revision_skip);

std::optional<int> code_named(const std::string& text) {
  for (std::uint8_t code = 1; code <= kLastCode; ++code)
    if (name(static_cast<QuarantineCode>(code)) == text) return code;
  return std::nullopt;
}

std::string all_codes() {
  std::string out;
  for (std::uint8_t code = 1; code <= kLastCode; ++code) out.append(out.empty() ? "" : ", ").append(name(static_cast<QuarantineCode>(code)));
  return out;
}

// "position.index" of the last record of the page before.
std::optional<std::pair<std::int64_t, std::int64_t>> place_of(const std::string& cursor) {
  const std::size_t dot = cursor.find('.');
  std::pair<std::int64_t, std::int64_t> out;
  if (dot == std::string::npos) return std::nullopt;
  const auto first = std::from_chars(cursor.data(), cursor.data() + dot, out.first);
  const auto second = std::from_chars(cursor.data() + dot + 1, cursor.data() + cursor.size(), out.second);
  if (first.ec != std::errc() || first.ptr != cursor.data() + dot || second.ec != std::errc() || second.ptr != cursor.data() + cursor.size()) return std::nullopt;
  return out;
}

}  // namespace

Result<v1::ListQuarantinedReply> Api::list_quarantined(const v1::ListQuarantinedRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::operator_, Role::finance}));
  std::string center;
  if (!request.center().empty()) {
    TRY(const CenterId id, center_of(request.center()));
    center = sql(id);
  }
  int code = 0;
  if (!request.code().empty()) {
    const auto known = code_named(request.code());
    if (!known) return fail(ErrorCode::invalid_argument, fmt::format("code: expected one of {}.", all_codes()));
    code = *known;
  }
  if (request.limit() < 0 || request.limit() > kMostQuarantined)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostQuarantined));
  const int limit = request.limit() == 0 ? kQuarantinePage : request.limit();
  std::pair<std::int64_t, std::int64_t> before{std::numeric_limits<std::int64_t>::max(), 0};
  if (!request.cursor().empty()) {
    const auto place = place_of(request.cursor());
    if (!place) return fail(ErrorCode::invalid_argument, "cursor: not one of this list's.");
    before = *place;
  }
  queries_.wait_for(position());
  const Instant now = parts_.clock.now();
  return queries_.database().read<v1::ListQuarantinedReply>([&](pqxx::transaction_base& work) -> Result<v1::ListQuarantinedReply> {
    v1::ListQuarantinedReply reply;
    std::int64_t index = 0;
    for (const auto& row : work.exec_params(
             "SELECT q.journal_seq, q.idx, q.center, c.name, q.record, q.code, q.job, q.attempt, q.report, q.detail, " BOURSE_MS("q.at") " AS ms, "
             "EXISTS (SELECT 1 FROM market.usage_captures u WHERE u.job = q.job AND u.attempt = q.attempt AND u.journal_seq > q.journal_seq) AS superseded "
             "FROM market.quarantined_records q LEFT JOIN market.centers c ON c.id = q.center "
             "WHERE ($1 = '' OR q.center = nullif($1, '')::uuid) AND ($2::smallint = 0 OR q.code = $2::smallint) AND (q.journal_seq, q.idx) < ($3::bigint, $4::bigint) "
             "ORDER BY q.journal_seq DESC, q.idx DESC LIMIT $5", center, code, before.first, before.second, limit + 1)) {
      if (reply.records_size() == limit) {
        reply.set_next_cursor(fmt::format("{}.{}", reply.records().rbegin()->position(), index));
        break;
      }
      v1::QuarantinedRecord& to = *reply.add_records();
      index = int64_column(row["idx"]);
      to.set_position(static_cast<std::uint64_t>(int64_column(row["journal_seq"])));
      to.set_center(to_text(id_column<CenterIdKind>(row["center"])));
      to.set_center_name(row["name"].is_null() ? "" : row["name"].c_str());
      to.set_code(std::string(name(enum_column<QuarantineCode>(row["code"]))));
      if (!row["job"].is_null()) to.set_job(to_text(id_column<JobIdKind>(row["job"])));
      if (!row["attempt"].is_null()) to.set_attempt(to_text(id_column<AttemptIdKind>(row["attempt"])));
      to.set_report(to_hex(hash_column(row["report"])));
      to.set_record(row["record"].as<std::uint32_t>());
      to.set_detail(row["detail"].c_str());
      to.set_at_ms(int64_column(row["ms"]));
      to.set_days((now - instant_column(row["ms"])).ms / hours(24).ms);
      to.set_superseded(row["superseded"].as<bool>());
    }
    return reply;
  });
}

}  // namespace bourse::broker::api
