// Market::save and load. Equal states give equal bytes: what is kept in hash tables is written in the order of its id.
#include <algorithm>
#include <string>

#include "base/assert.h"
#include "broker/domain/market.h"

namespace bourse::broker {
namespace {

constexpr std::uint32_t kVersion = 7;  // another one's snapshot is passed over: the journal is replayed instead

Status damaged(std::string_view what) {
  return fail(ErrorCode::integrity, "market snapshot: " + std::string(what));
}

const auto& value_of(const auto& entry) {
  return entry.second;
}
template <class Id, class T>
const T& value_of(const std::pair<const Id, std::unique_ptr<T>>& entry) {
  return *entry.second;
}

void save_sorted(codec::Writer& out, const auto& map) {
  std::vector<const typename std::decay_t<decltype(map)>::value_type*> entries;
  entries.reserve(map.size());
  for (const auto& entry : map) entries.push_back(&entry);
  std::ranges::sort(entries, {}, [](const auto* entry) { return entry->first; });
  out.write(static_cast<std::uint64_t>(entries.size()));
  for (const auto* entry : entries) out.write(value_of(*entry));
}

// Reads `count` values, one after the other, and hands each to `take`, which says whether it fits.
template <class T>
Status load_each(codec::Reader& in, std::string_view what, auto&& take) {
  std::uint64_t count = 0;
  in.read(count);
  for (; count > 0; --count) {
    T value{};
    in.read(value);
    if (!in.ok()) return damaged(std::string(what) + " cut short");
    if (!take(std::move(value))) return damaged(std::string(what) + " contradicts what came before");
  }
  return in.ok() ? Status{} : damaged(std::string(what) + " cut short");
}

struct AnsweredKey {
  std::string key;
  std::uint64_t fingerprint = 0;
  ErrorCode error{};
  std::string detail;
  Uuid object;
  static constexpr void fields(auto& self, auto&& visit) {
    visit(self.key, self.fingerprint, self.error, self.detail, self.object);
  }
};

struct OpenVoucher {
  Hash256 code;
  VoucherBatchId batch;
  static constexpr void fields(auto& self, auto&& visit) { visit(self.code, self.batch); }
};

}  // namespace

void Market::save(std::vector<std::byte>& state) const {
  codec::Writer out(state);
  out.write(kVersion);
  ledger_.save(out);
  save_sorted(out, prices_.rows());
  save_sorted(out, prices_.discounts());
  save_sorted(out, accounts_);
  save_sorted(out, centers_);
  save_sorted(out, invitations_);
  std::vector<const Period*> periods;
  for (const auto& [id, period] : periods_) periods.push_back(&period);
  std::ranges::sort(periods, {}, [](const Period* p) { return std::pair(p->center, p->number); });
  out.write(static_cast<std::uint64_t>(periods.size()));
  for (const Period* period : periods) out.write(*period);
  save_sorted(out, quotes_);
  save_sorted(out, arrays_);
  save_sorted(out, jobs_);
  save_sorted(out, spending_);
  save_sorted(out, proposals_);
  save_sorted(out, payouts_);
  save_sorted(out, disputes_);
  save_sorted(out, adjusted_);
  save_sorted(out, payment_files_);
  save_sorted(out, invoices_);
  save_sorted(out, products_);
  save_sorted(out, lots_);
  save_sorted(out, reversals_);
  save_sorted(out, voucher_batches_);
  out.write(static_cast<std::uint64_t>(vouchers_.size()));
  for (const auto& [code, batch] : vouchers_) out.write(OpenVoucher{code, batch});
  save_sorted(out, days_);
  save_sorted(out, reserved_prices_);
  save_sorted(out, reservations_);
  out.write(static_cast<std::uint64_t>(ended_jobs_.size()));
  for (const JobId id : ended_jobs_) out.write(id);
  out.write(static_cast<std::uint64_t>(ended_arrays_.size()));
  for (const JobId id : ended_arrays_) out.write(id);
  out.write(static_cast<std::uint64_t>(answered_.size()));
  for (const std::string* key : answered_) {
    const Answer& answer = answers_.find(*key)->second;
    out.write(AnsweredKey{*key, answer.fingerprint, answer.error, answer.detail, answer.object});
  }
}

Status Market::load(std::span<const std::byte> state) {
  BOURSE_ASSERT(ledger_.accounts().empty() && accounts_.empty() && centers_.empty() && answers_.empty());
  codec::Reader in(state);
  std::uint32_t version = 0;
  in.read(version);
  if (version != kVersion) return damaged("version " + std::to_string(version) + " is unknown to this program");
  CHECK_OK(ledger_.load(in));
  CHECK_OK(load_records(in));
  CHECK_OK(load_trade(in));
  CHECK_OK(load_each<AnsweredKey>(in, "answers", [&](AnsweredKey known) {
    const auto [it, fresh] = answers_.try_emplace(
        std::move(known.key), Answer{known.fingerprint, known.error, std::move(known.detail), known.object});
    answered_.push_back(&it->first);
    return fresh;
  }));
  if (!in.at_end()) return damaged("more than expected");
  router_.prices_changed();
  return {};
}

Status Market::load_records(codec::Reader& in) {
  CHECK_OK(load_each<pricing::PriceRow>(in, "prices", [&](pricing::PriceRow row) {
    if (!prices_.check(row)) return false;
    prices_.add(std::move(row));
    return true;
  }));
  CHECK_OK(load_each<pricing::Discount>(in, "discounts", [&](pricing::Discount discount) {
    if (!prices_.check(discount)) return false;
    prices_.add(std::move(discount));
    return true;
  }));
  CHECK_OK(load_each<BillingAccount>(in, "billing accounts", [&](BillingAccount account) {
    index(account);
    return accounts_.try_emplace(account.id, std::move(account)).second;
  }));
  CHECK_OK(load_each<Center>(in, "centers", [&](Center center) {
    index(center);
    return centers_.try_emplace(center.id, std::move(center)).second;
  }));
  CHECK_OK(load_each<Invitation>(in, "invitations", [&](Invitation invitation) {
    return invitations_.try_emplace(invitation.center, std::move(invitation)).second;
  }));
  return load_each<Period>(in, "periods", [&](const Period& period) {
    if (!centers_.contains(period.center) || period.number != periods_of_[period.center].size() + 1) return false;
    index(period);
    return periods_.try_emplace(period.id, period).second;
  });
}

Status Market::load_trade(codec::Reader& in) {
  CHECK_OK(load_each<Quote>(in, "quotes", [&](Quote quote) {
    index(quote);
    const QuoteId id = quote.id;
    return quotes_.try_emplace(id, std::make_unique<Quote>(std::move(quote))).second;
  }));
  CHECK_OK(load_arrays(in));
  CHECK_OK(load_each<Job>(in, "jobs", [&](Job job) {
    const bool dispatched = !job.attempts.empty() && job.attempt().plan < job.decision.plans.size();
    if (!dispatched && !(job.attempts.empty() && (job.waits() || is_final(job.state)) && job.gate.of.size() == job.spec.after.of.size())) return false;
    live_jobs_ += is_final(job.state) ? 0 : 1;
    const JobId id = job.id;
    const auto [it, fresh] = jobs_.try_emplace(id, std::make_unique<Job>(std::move(job)));
    if (fresh) index(*it->second);
    return fresh && index_waiting(*it->second);
  }));
  CHECK_OK(load_settlement(in));
  CHECK_OK(load_each<JobId>(in, "ended jobs", [&](JobId id) {
    const Job* ended = job(id);
    ended_jobs_.push_back(id);
    return ended != nullptr && is_final(ended->state);
  }));
  return load_each<JobId>(in, "ended arrays", [&](JobId id) {
    ended_arrays_.push_back(id);
    return array(id) != nullptr && array(id)->over();
  });
}

Status Market::load_arrays(codec::Reader& in) {
  return load_each<JobArray>(in, "arrays", [&](JobArray array) {
    if (!check_index_ranges(array.spec.array.ranges) || array.made > array.count() || array.gate.of.size() != array.spec.after.of.size()) return false;
    const JobId id = array.id;
    const auto [it, fresh] = arrays_.try_emplace(id, std::make_unique<JobArray>(std::move(array)));
    if (fresh) index(*it->second);
    return fresh;
  });
}

Status Market::load_settlement(codec::Reader& in) {
  CHECK_OK(load_each<MemberSpending>(in, "spending", [&](const MemberSpending& one) {
    return spending_.try_emplace({one.account, one.user}, one).second;
  }));
  CHECK_OK(load_each<Proposal>(in, "proposals", [&](Proposal proposal) {
    index(proposal);
    const ProposalId id = proposal.id;
    return proposals_.try_emplace(id, std::make_unique<Proposal>(std::move(proposal))).second;
  }));
  CHECK_OK(load_each<Payout>(in, "payouts", [&](Payout payout) {
    const PayoutId id = payout.id;
    return payouts_.try_emplace(id, std::make_unique<Payout>(std::move(payout))).second;
  }));
  CHECK_OK(load_each<Dispute>(in, "disputes", [&](Dispute dispute) {
    open_disputes_ += dispute.state == DisputeState::open ? 1 : 0;
    const DisputeId id = dispute.id;
    return disputes_.try_emplace(id, std::make_unique<Dispute>(std::move(dispute))).second;
  }));
  CHECK_OK(load_each<Adjusted>(in, "adjustments",
                               [&](const Adjusted& one) { return adjusted_.try_emplace(one.attempt, one).second; }));
  CHECK_OK(load_each<PaymentFile>(in, "payment files",
                                  [&](const PaymentFile& one) { return payment_files_.try_emplace(one.id, one).second; }));
  CHECK_OK(load_each<Invoice>(in, "invoices", [&](Invoice invoice) { return index(std::move(invoice)); }));
  CHECK_OK(load_lots(in));
  return load_reservations(in);
}

Status Market::load_lots(codec::Reader& in) {
  CHECK_OK(load_each<Product>(in, "products", [&](Product product) {
    const ProductId id = product.id;
    return products_.try_emplace(id, std::move(product)).second;
  }));
  CHECK_OK(load_each<Lot>(in, "lots", [&](Lot lot) {
    if (!accounts_.contains(lot.account) || lot.left.is_negative() || lot.left > lot.amount) return false;
    index(lot);
    const LotId id = lot.id;
    return lots_.try_emplace(id, std::move(lot)).second;
  }));
  CHECK_OK(load_each<MoneyInReversal>(in, "reversals", [&](MoneyInReversal one) {
    const Uuid what = one.what;
    return accounts_.contains(one.account) && reversals_.try_emplace(what, std::move(one)).second;
  }));
  CHECK_OK(load_each<VoucherBatch>(in, "voucher batches", [&](VoucherBatch batch) {
    index(batch);
    const VoucherBatchId id = batch.id;
    return voucher_batches_.try_emplace(id, std::move(batch)).second;
  }));
  CHECK_OK(load_each<OpenVoucher>(in, "vouchers", [&](const OpenVoucher& one) {
    return voucher_batches_.contains(one.batch) && vouchers_.try_emplace(one.code, one.batch).second;
  }));
  return load_each<CenterDays>(in, "days", [&](CenterDays of) {
    const CenterId center = of.center;
    return centers_.contains(center) && days_.try_emplace(center, std::move(of)).second;
  });
}

Status Market::load_reservations(codec::Reader& in) {
  CHECK_OK(load_each<ReservedPrice>(in, "reserved prices",
                                    [&](const ReservedPrice& one) { return reserved_prices_.try_emplace(one.id, one).second; }));
  return load_each<Reservation>(in, "reservations", [&](Reservation one) {
    if (!centers_.contains(one.center)) return false;
    index(one);
    const ReservationId id = one.id;
    return reservations_.try_emplace(id, std::make_unique<Reservation>(std::move(one))).second;
  });
}

}  // namespace bourse::broker
