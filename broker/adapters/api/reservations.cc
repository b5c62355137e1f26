// Reserved capacity: what is for sale, buying, ending and renewing it. An account's owner spends its money; so may finance.
#include <fmt/format.h>

#include <algorithm>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {
namespace {

constexpr int kPage = 50, kMostListed = 200, kMostPrices = 1'000;

Result<std::int64_t> read_day(const std::string& text) {
  if (text.empty()) return 0;
  const auto at = parse_instant(text + "T00:00:00Z");
  if (!at) return fail(ErrorCode::invalid_argument, "first_day: expected a date such as 2027-01-31.");
  return at->unix_ms / hours(24).ms;
}

}  // namespace

Result<UserId> Api::spender_of(const Caller& caller, BillingAccountId id) {
  struct Found {
    bool seen = false;
    UserId owner;
  };
  TRY(const Found found, look([caller, id](const Market& market) {
        const BillingAccount* account = market.account(id);
        if (account == nullptr || !may_see(caller, market, id)) return Found{};
        return Found{true, account->members.front()};
      }));
  if (!found.seen) return fail(ErrorCode::not_found, "There is no such billing account.");
  if (found.owner != caller.user && !caller.has(Role::finance))
    return fail(ErrorCode::forbidden, "Only the account's owner or finance may spend its money on reserved capacity.");
  return found.owner;
}

Result<v1::ReservedPriceList> Api::list_reserved_prices(const v1::ListReservedPricesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  return look([tenant = caller.tenant, all = caller.has_any({Role::operator_, Role::finance}), now = parts_.clock.now()](const Market& market) {
    v1::ReservedPriceList out;
    for (const auto& [id, price] : market.reserved_prices()) {
      const bool holds = price.valid_from <= now && (price.valid_until == Instant{} || now < price.valid_until);
      if (holds && (all || price.tenant.is_nil() || price.tenant == tenant)) fill(*out.add_prices(), price, market);
      if (out.prices_size() == kMostPrices) break;
    }
    return out;
  });
}

Result<v1::ReservedPriceList> Api::publish_reserved_prices(const v1::PublishReservedPricesRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const CenterId by, price_setter(caller, request.for_center()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  if (request.prices().empty()) return fail(ErrorCode::invalid_argument, "prices is empty.");
  if (request.prices_size() > kMostPrices) return fail(ErrorCode::too_large, fmt::format("At most {} prices at once.", kMostPrices));
  PublishReservedPrices command{.prices = {}, .by = by};
  for (int i = 0; i < request.prices_size(); ++i) {
    TRY(const CenterId center, center_of(request.prices(i).center()));
    auto price = read_reserved_price(request.prices(i), center);
    if (!price) return fail(price.error().code, fmt::format("prices[{}]: {}", i, price.error().detail));
    price->id = PriceRowId{derived_uuid("reserved price", fmt::format("{}#{}", key, i))};  // a repeat names the same rows
    if (price->valid_from.unix_ms == 0) price->valid_from = parts_.clock.now();
    command.prices.push_back(std::move(*price));
  }
  CHECK_OK(check_text("note", request.note(), kMaxReason, true));
  TRY(const Acted acted, act(caller, request.key(), fingerprint("PublishReservedPrices", request), command, request.note()));
  TRY(v1::ReservedPriceList out, look([command](const Market& market) {
        v1::ReservedPriceList view;
        for (const ReservedPrice& price : command.prices) {
          const auto kept = market.reserved_prices().find(price.id);
          fill(*view.add_prices(), kept == market.reserved_prices().end() ? price : kept->second, market);
        }
        return view;
      }));
  if (acted.proposal) *out.mutable_proposal() = *acted.proposal;
  out.set_position(acted.result.position);
  return out;
}

Result<BuyReservation> Api::wanted_reservation(const Caller& caller, const v1::ReservationRequest& request, BillingAccountId account) {
  BuyReservation out{.account = account, .user = caller.user, .pool = request.pool(), .quantity = request.quantity(), .terms = request.terms(), .renew = request.renew()};
  TRY(out.center, center_of(request.center()));
  CHECK_OK(check_text("pool", request.pool(), 64));
  const auto what = reserved_named(request.what());
  if (!what) return fail(ErrorCode::invalid_argument, "what must be node or card.");
  const auto term = term_named(request.term());
  if (!term) return fail(ErrorCode::invalid_argument, "term must be month or year.");
  out.what = *what;
  out.term = *term;
  if (out.quantity == 0) out.quantity = 1;
  if (out.terms == 0) out.terms = 1;
  TRY(out.first_day, read_day(request.first_day()));
  if (request.price().empty()) return out;
  const auto price = parse_amount(request.price());
  if (!price) return fail(price.error().code, fmt::format("price: {}", price.error().detail));
  out.price = *price;
  return out;
}

Result<v1::Reservation> Api::quote_reservation(const v1::ReservationRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  BillingAccountId account;
  if (caller.has(Role::finance) && !request.account().empty()) {
    TRY(account, id_or_not_found<BillingAccountIdKind>(request.account()));
  } else {
    TRY(account, account_of(caller, request.account()));
  }
  TRY(const BuyReservation wanted, wanted_reservation(caller, request, account));
  TRY(auto quoted, look([wanted, now = parts_.clock.now()](const Market& market) -> Result<v1::Reservation> {
        TRY(const Reservation offer, market.offer(wanted, now));
        v1::Reservation out;
        fill(out, offer, market);
        return out;
      }));
  if (!quoted) return std::unexpected(quoted.error());
  quoted->clear_id();
  quoted->clear_bought_ms();
  quoted->set_state("quoted");
  return *quoted;
}

Result<v1::Reservation> Api::reservation_view(const Caller& caller, ReservationId id) {
  const std::uint64_t newest = position();
  queries_.wait_for(newest);
  TRY(const std::optional<Reservation> stored, queries_.reservation(id));
  if (!stored) return fail(ErrorCode::not_found, "There is no such reservation.");
  TRY(const auto view, look([caller, stored = *stored](const Market& market) -> std::optional<v1::Reservation> {
        if (!may_see(caller, market, stored.account)) return std::nullopt;
        v1::Reservation out;
        fill(out, stored, market);
        return out;
      }));
  if (!view) return fail(ErrorCode::not_found, "There is no such reservation.");
  v1::Reservation out = *view;
  out.set_position(newest);
  return out;
}

Result<v1::Reservation> Api::buy_reservation(const v1::ReservationRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const std::string key, scoped_key(caller, request.key()));
  BillingAccountId account;
  if (request.account().empty()) {
    TRY(account, account_of(caller, {}));
  } else {
    TRY(account, id_or_not_found<BillingAccountIdKind>(request.account()));
  }
  TRY(const UserId owner, spender_of(caller, account));
  TRY(BuyReservation command, wanted_reservation(caller, request, account));
  command.reservation = ReservationId::make(parts_.clock.now(), parts_.rng);
  command.user = owner;
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("BuyReservation", request), std::move(command)));
  return reservation_view(caller, ReservationId{done.object});
}

Result<v1::ListReservationsReply> Api::list_reservations(const v1::ListReservationsRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  if (request.limit() < 0 || request.limit() > kMostListed)
    return fail(ErrorCode::invalid_argument, fmt::format("limit must be from 1 to {}.", kMostListed));
  std::optional<ReservationId> older_than;
  if (!request.cursor().empty()) {
    TRY(older_than, read_id<ReservationIdKind>("cursor", request.cursor()));
  }
  TRY(const std::vector<BillingAccountId> accounts, accounts_read(caller, request.account()));
  if (accounts.empty() && !caller.has_any({Role::operator_, Role::finance})) return v1::ListReservationsReply{};
  const int limit = request.limit() == 0 ? kPage : request.limit();
  queries_.wait_for(position());
  TRY(std::vector<Reservation> found, queries_.reservations(accounts, older_than, limit));
  const bool more = std::cmp_equal(found.size(), limit);
  TRY(v1::ListReservationsReply reply, look([found = std::move(found)](const Market& market) {
        v1::ListReservationsReply out;
        for (const Reservation& one : found) fill(*out.add_reservations(), one, market);
        return out;
      }));
  if (more) reply.set_next_cursor(reply.reservations(reply.reservations_size() - 1).id());
  return reply;
}

Result<v1::Reservation> Api::get_reservation(const v1::GetReservationRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const ReservationId id, id_or_not_found<ReservationIdKind>(request.reservation()));
  return reservation_view(caller, id);
}

Result<v1::Reservation> Api::end_reservation(const v1::EndReservationRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const ReservationId id, id_or_not_found<ReservationIdKind>(request.reservation()));
  TRY(const v1::Reservation seen, reservation_view(caller, id));
  TRY(const BillingAccountId account, parse_id<BillingAccountIdKind>(seen.account()));
  TRY(const UserId owner, spender_of(caller, account));
  CHECK_OK(run(caller, request.key(), fingerprint("EndReservation", request), EndReservation{.reservation = id, .user = owner}));
  return reservation_view(caller, id);
}

Result<v1::Reservation> Api::set_reservation_renewal(const v1::SetReservationRenewalRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  TRY(const ReservationId id, id_or_not_found<ReservationIdKind>(request.reservation()));
  TRY(const v1::Reservation seen, reservation_view(caller, id));
  TRY(const BillingAccountId account, parse_id<BillingAccountIdKind>(seen.account()));
  TRY(const UserId owner, spender_of(caller, account));
  CHECK_OK(run(caller, request.key(), fingerprint("SetReservationRenewal", request),
               SetRenewal{.reservation = id, .user = owner, .renew = request.renew()}));
  return reservation_view(caller, id);
}

}  // namespace bourse::broker::api
