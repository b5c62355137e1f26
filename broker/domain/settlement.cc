#include "broker/domain/settlement.h"

#include <algorithm>

#include "base/assert.h"
#include "broker/domain/text.h"

namespace bourse::broker {

AdjustmentParts& AdjustmentParts::operator+=(const AdjustmentParts& more) {
  user += more.user;
  center_share += more.center_share;
  margin += more.margin;
  tax += more.tax;
  escrow += more.escrow;
  return *this;
}

namespace {

// "text/plain": type and subtype of RFC 6838 names, without parameters.
bool is_media_type(std::string_view text) {
  const auto slash = text.find('/');
  const auto fine = [](std::string_view part) {
    return !part.empty() && std::ranges::all_of(part, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '+' || c == '-' || c == '_';
    });
  };
  return text.size() <= kMaxMediaType && slash != std::string_view::npos && fine(text.substr(0, slash)) && fine(text.substr(slash + 1));
}

}  // namespace

const DisputeEvidence* Dispute::find_evidence(DisputeSide side, const Hash256& sha256) const {
  const auto found = std::ranges::find_if(evidence, [&](const DisputeEvidence& one) { return one.side == side && one.sha256 == sha256; });
  return found == evidence.end() ? nullptr : &*found;
}

Status check_evidence(const Dispute& dispute, const DisputeEvidence& evidence) {
  if (dispute.state != DisputeState::open)
    return fail(ErrorCode::failed_precondition, "The dispute was " + std::string(name(dispute.state)) + "; evidence is for open ones.");
  if (evidence.size < 1) return fail(ErrorCode::invalid_argument, "the file is empty");
  if (evidence.size > kMaxEvidenceBytes) return fail(ErrorCode::too_large, "a file of evidence is at most 1 MiB");
  // A side's own bound: nobody fills what the other may still say.
  if (std::ranges::count(dispute.evidence, evidence.side, &DisputeEvidence::side) >= static_cast<std::ptrdiff_t>(kMaxEvidenceFiles))
    return fail(ErrorCode::too_large, "this side has given " + std::to_string(kMaxEvidenceFiles) + " files of evidence, the most there may be");
  if (!is_label(evidence.file) || evidence.file.front() == '.' || evidence.file.find_first_of("/\\") != std::string::npos)
    return fail(ErrorCode::invalid_argument, "a file's name is 1 to 128 printable bytes without / and \\, and begins with neither . nor -");
  if (!is_media_type(evidence.media_type))
    return fail(ErrorCode::invalid_argument, "a media type is like text/plain, and at most 100 bytes");
  if (evidence.note.size() > kMaxReason) return fail(ErrorCode::invalid_argument, "a note is at most 512 bytes");
  if (evidence.side < DisputeSide::user || evidence.side > DisputeSide::platform)
    return fail(ErrorCode::invalid_argument, "evidence comes from the user's side, the center's or the platform's");
  return {};
}

ChargeParts parts_of(const Charge& charge, Amount gross) {
  BOURSE_ASSERT(!gross.is_negative() && gross <= charge.gross);
  const auto scaled = [](Amount whole, Amount part, Amount of) {
    if (of.is_zero()) return Amount{};
    return Amount{static_cast<std::int64_t>(static_cast<__int128>(whole.micros) * part.micros / of.micros)};
  };
  const Amount tax = scaled(charge.tax, gross, charge.gross);
  const Amount net = gross - tax;
  const Amount center = scaled(charge.center_share, net, charge.gross - charge.tax);
  return {.center_share = center, .margin = net - center, .tax = tax};
}

}  // namespace bourse::broker
