// What pain.001 allows in each field, with the first broken rule kept.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bank/payment_file.h"

namespace bourse::bank {

class PaymentRules {
 public:
  explicit PaymentRules(const PaymentFile& file) : file_(file) {}
  Status verdict() &&;

 private:
  void wrong(std::string_view field, std::string_view what, ErrorCode code = ErrorCode::invalid_argument);
  // Max35Text of SWIFT's characters; as SEPA has it, no '/' at the ends and no '//'.
  void id(std::string_view field, std::string_view value);
  // UTF-8 of at most `longest` characters without controls, not only spaces, none at the ends.
  void text(std::string_view field, std::string_view value, std::size_t longest, bool needed);
  void account(const std::string& field, const PaymentAccount& account);
  void agent(const std::string& field, const Agent& agent, bool needed);
  void currency(std::string_view field, Unit currency);
  void transfer(const std::string& field, const CreditTransfer& transfer);

  const PaymentFile& file_;
  std::optional<Error> error_;
};

}  // namespace bourse::bank
