#include "bank/matching.h"

#include <map>
#include <unordered_map>

#include "bank/lines.h"

namespace bourse::bank {
namespace {

class Matcher {
 public:
  Matcher(std::span<const OrderedPayment> payments, std::span<const Entry> entries)
      : payments_(payments), lines_(booked_lines(entries)), taken_(lines_.size()), found_(payments.size()), doubt_(payments.size()) {}

  Matching run() {
    by_end_to_end_id();
    by_remittance();
    Matching result;
    for (std::size_t i = 0; i < payments_.size(); ++i) result.payments.push_back(outcome(i));
    for (std::size_t i = 0; i < lines_.size(); ++i)
      if (!taken_[i] && lines_[i].amount.value_or(lines_[i].entry->amount).is_negative()) result.strange_debits.push_back(lines_[i].place);
    return result;
  }

 private:
  void by_end_to_end_id() {
    std::unordered_map<std::string_view, std::size_t> ids;
    for (std::size_t i = 0; i < payments_.size(); ++i) {
      if (payments_[i].end_to_end_id.empty()) continue;
      const auto [before, fresh] = ids.try_emplace(payments_[i].end_to_end_id, i);
      if (!fresh) doubt_[i] = doubt_[before->second] = "two payments were ordered with this EndToEndId";
    }
    for (std::size_t line = 0; line < lines_.size(); ++line) {
      if (lines_[line].end_to_end_id.empty()) continue;
      const auto payment = ids.find(lines_[line].end_to_end_id);
      if (payment == ids.end()) continue;
      found_[payment->second].push_back(line);
      taken_[line] = true;
    }
  }

  // Both ways must be unique: one debit for the payment, one payment for the debit.
  void by_remittance() {
    std::multimap<std::pair<Amount, Unit>, std::size_t> open;
    for (std::size_t i = 0; i < payments_.size(); ++i)
      if (found_[i].empty() && doubt_[i].empty() && !payments_[i].remittance_id.empty()) open.emplace(std::pair{payments_[i].amount, payments_[i].currency}, i);
    std::map<std::size_t, std::vector<std::size_t>> payments_of_line;
    for (std::size_t line = 0; line < lines_.size(); ++line) {
      const PaymentLine& told = lines_[line];
      if (taken_[line] || !told.end_to_end_id.empty() || !told.amount) continue;
      const bool back = told.amount->is_positive();
      if (back && !told.returned) continue;  // somebody's payment to us that quotes our reference is no return
      const Amount size = back ? *told.amount : Amount{} - *told.amount;
      const auto [begin, end] = open.equal_range({size, told.entry->currency});
      if (begin == end) continue;
      const Squeezed text = squeezed(remittance_text(told));
      for (auto at = begin; at != end; ++at) {
        if (names(text, payments_[at->second].remittance_id)) payments_of_line[line].push_back(at->second);
      }
    }
    for (const auto& [line, payments] : payments_of_line) {
      taken_[line] = true;
      for (const std::size_t payment : payments) {
        found_[payment].push_back(line);
        if (payments.size() > 1) doubt_[payment] = "an entry has the amount and the reference of several payments";
      }
    }
  }

  // Alone, so that per-1 isn't found in per-10.
  static bool names(const Squeezed& text, std::string_view remittance_id) {
    const std::string id = squeezed(remittance_id).text;
    if (id.empty()) return false;
    for (std::size_t at = text.text.find(id); at != std::string::npos; at = text.text.find(id, at + 1))
      if (stands_alone(text, at, id.size())) return true;
    return false;
  }

  PaymentOutcome outcome(std::size_t payment) const {
    const OrderedPayment& ordered = payments_[payment];
    PaymentOutcome out;
    std::size_t debits = 0, credits = 0;
    bool comparable = true;
    for (const std::size_t i : found_[payment]) {
      const PaymentLine& line = lines_[i];
      out.places.push_back(line.place);
      const Amount amount = line.amount.value_or(Amount{});
      const bool debit = line.amount ? amount.is_negative() : line.entry->amount.is_negative();
      comparable = comparable && line.amount && line.entry->currency == ordered.currency;
      (debit ? debits : credits) += 1;
      const auto sum = debit ? checked_add(out.booked, Amount{} - amount) : checked_add(out.returned, amount);
      comparable = comparable && sum;
      if (sum) (debit ? out.booked : out.returned) = *sum;
      if (!debit && line.detail != nullptr && out.reason.empty()) out.reason = line.detail->return_reason;
    }
    const auto decided = [&out](PaymentFate fate, std::string_view why = "") {
      out.fate = fate;
      if (!why.empty()) out.reason = why;
      return out;
    };
    if (!doubt_[payment].empty()) return decided(PaymentFate::ambiguous, doubt_[payment]);
    if (out.places.empty()) return decided(PaymentFate::unmatched);
    if (debits > 1 || credits > 1) return decided(PaymentFate::ambiguous, debits > 1 ? "it was debited more than once" : "it came back more than once");
    if (!comparable) return decided(PaymentFate::amount_differs, "the bank tells another currency, or no amount");
    if (debits == 1 && out.booked != ordered.amount) return decided(PaymentFate::amount_differs, "debited " + to_text(out.booked) + ", ordered " + to_text(ordered.amount));
    if (credits == 1 && out.returned != ordered.amount) return decided(PaymentFate::amount_differs, "returned " + to_text(out.returned) + ", ordered " + to_text(ordered.amount));
    return decided(credits == 1 ? PaymentFate::returned : PaymentFate::matched);
  }

  std::span<const OrderedPayment> payments_;
  std::vector<PaymentLine> lines_;
  std::vector<bool> taken_;
  std::vector<std::vector<std::size_t>> found_;  // lines of each payment
  std::vector<std::string> doubt_;
};

}  // namespace

std::string_view name(PaymentFate fate) {
  switch (fate) {
    case PaymentFate::unmatched: return "unmatched";
    case PaymentFate::matched: return "matched";
    case PaymentFate::returned: return "returned";
    case PaymentFate::amount_differs: return "amount_differs";
    case PaymentFate::ambiguous: return "ambiguous";
  }
  return "";
}

Matching match(std::span<const OrderedPayment> payments, std::span<const Entry> entries) { return Matcher(payments, entries).run(); }

}  // namespace bourse::bank
