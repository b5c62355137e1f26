// Events of credit lots and vouchers; part of events.h.
#pragma once

#include "base/hash.h"
#include "broker/domain/lots.h"

namespace bourse::broker {

// Its Posted (grants → wallet) precedes; of a voucher, its VoucherRedeemed follows.
struct LotIssued {
  Lot lot;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.lot); }
};

// Something of an expired lot was taken back; its Posted (wallet → grants) precedes.
struct LotExpired {
  LotId lot;
  Amount amount;  // >= 0, and 0 only with money
  Instant at;
  Amount money;   // of a package: what of its price is earned by that
  static constexpr void fields(auto& self, auto&& visit) { visit(self.lot, self.amount, self.at, self.money); }
};

struct VouchersIssued {
  VoucherBatch batch;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.batch); }
};

struct VoucherRedeemed {
  VoucherBatchId batch;
  Hash256 code;
  LotId lot;
  UserId by;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.batch, self.code, self.lot, self.by, self.at); }
};

struct ProductsPublished {
  std::vector<Product> products;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.products, self.at); }
};

// The batch is past its time: the codes left of it are worth nothing any more.
struct VouchersExpired {
  VoucherBatchId batch;
  Instant at;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.batch, self.at); }
};

}  // namespace bourse::broker
