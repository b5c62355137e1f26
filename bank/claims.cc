#include "bank/claims.h"

#include <map>
#include <set>
#include <unordered_map>

#include "base/sha256.h"
#include "bank/lines.h"

namespace bourse::bank {
namespace {

constexpr std::size_t kShortestCode = 6, kGluedCode = 12;

class ClaimFinder {
 public:
  static Result<ClaimFinder> make(std::span<const ClaimCode> codes) {
    ClaimFinder finder;
    for (const ClaimCode& code : codes) {
      const std::string plain = squeezed(code.code).text;
      if (plain.size() < kShortestCode) return fail(ErrorCode::invalid_argument, "the claim code '" + code.code + "' has less than 6 letters and digits");
      const auto [before, fresh] = finder.accounts_[plain.size()].try_emplace(plain, code.account);
      if (!fresh && before->second != code.account) return fail(ErrorCode::invalid_argument, "the claim code '" + code.code + "' is of two accounts");
    }
    return finder;
  }

  std::set<BillingAccountId> find(std::string_view text) const {
    const Squeezed plain = squeezed(text);
    std::set<BillingAccountId> found;
    std::size_t covered = 0;  // up to where longer codes reach
    for (std::size_t at = 0; at < plain.text.size(); ++at) {
      // The longest first: a shorter one that begins here, or ends before it does, is part of it.
      for (auto length = accounts_.rbegin(); length != accounts_.rend(); ++length) {
        const std::size_t size = length->first, end = at + size;
        if (end > plain.text.size() || end <= covered) continue;
        const auto account = length->second.find(plain.text.substr(at, size));
        if (account == length->second.end() || (size < kGluedCode && !stands_alone(plain, at, size))) continue;
        found.insert(account->second);
        covered = end;
        break;
      }
    }
    return found;
  }

 private:
  std::map<std::size_t, std::unordered_map<std::string, BillingAccountId>> accounts_;  // by the length of the code
};

// Else more would be credited to wallets than came in.
bool sums_to_its_details(const Entry& entry) {
  std::optional<Amount> sum = Amount{};
  for (const TransactionDetail& detail : entry.details)
    if (sum) sum = checked_add(*sum, detail.amount.value_or(Amount{}));
  return entry.details.empty() || sum == entry.amount;
}

std::string doubt_of(const PaymentLine& line, bool sums) {
  if (line.returned) return "a payment that came back, not a top-up";
  if (!line.amount) return "the bank doesn't say this payment's amount";
  return sums ? "" : "the payments of the entry don't sum to it (charges?)";
}

}  // namespace

std::string claim_code(BillingAccountId account) {
  const Hash256 hash = sha256("bourse claim 1:" + to_text(account));
  Uuid bits;
  for (std::size_t i = 0; i < sizeof bits.high; ++i) bits.high = bits.high << 8U | hash.bytes[i];
  const std::string characters = to_crockford(bits).substr(1);  // the first has only three bits
  return "BC-" + characters.substr(0, 5) + "-" + characters.substr(5, 5);
}

Result<std::vector<Claim>> claims(std::span<const Entry> entries, std::span<const ClaimCode> codes) {
  TRY(const ClaimFinder finder, ClaimFinder::make(codes));
  std::vector<Claim> result;
  const Entry* entry = nullptr;  // of the line before
  bool sums = true;
  for (const PaymentLine& line : booked_lines(entries)) {
    if (!line.amount.value_or(line.entry->amount).is_positive()) continue;
    Claim claim{.place = line.place, .identity = line.detail != nullptr ? line.detail->identity : line.entry->identity, .amount = line.amount.value_or(Amount{})};
    if (line.entry != entry) {
      entry = line.entry;
      sums = sums_to_its_details(*entry);
    }
    claim.reason = doubt_of(line, sums);
    if (claim.reason.empty()) {
      const auto found = finder.find(remittance_text(line));
      if (found.size() == 1) claim.account = *found.begin();
      else claim.reason = found.empty() ? "no claim code in the text" : "claim codes of " + std::to_string(found.size()) + " accounts in the text";
    }
    result.push_back(std::move(claim));
  }
  return result;
}

}  // namespace bourse::bank
