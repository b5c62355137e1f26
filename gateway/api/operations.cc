#include "gateway/api/operations.h"

namespace bourse::gateway {
namespace {

using http::Method;

constexpr std::size_t kWithScript = 2 * 1024 * 1024;  // a script of 1 MiB grows when it is escaped
constexpr std::int64_t kFar = std::int64_t{1} << 53;

std::vector<Operation> trading() {
  return {
      {.method = Method::get, .pattern = "/api/v1/offers", .rpc = "ListOffers"},
      {.method = Method::post,
       .pattern = "/api/v1/quotes",
       .rpc = "Quote",
       .status = 201,
       .body = {"account", "spec", "directives"},
       .body_bytes = kWithScript},
      {.method = Method::post,
       .pattern = "/api/v1/jobs",
       .rpc = "Submit",
       .status = 202,
       .body = {"account", "spec", "quote", "directives"},
       .body_bytes = kWithScript},
      {.method = Method::get,
       .pattern = "/api/v1/jobs",
       .rpc = "ListJobs",
       .query = {{"account"}, {"state"}, {"limit", 1, 200}, {"cursor"}, {"arrays"}, {"array"}}},
      {.method = Method::get, .pattern = "/api/v1/jobs/{id}", .rpc = "GetJob", .path = {{"id", "job"}}},
      {.method = Method::post,
       .pattern = "/api/v1/jobs/{id}/cancel",
       .rpc = "CancelJob",
       .status = 202,
       .path = {{"id", "job"}},
       .body = {"reason", "elements"},
       .body_optional = true},
      {.method = Method::get,
       .pattern = "/api/v1/jobs/{id}/log",
       .rpc = "GetLog",
       .path = {{"id", "job"}},
       .query = {{"offset", 0, kFar}, {"max_bytes", 1, 16 * 1024 * 1024}},
       .rendering = Rendering::log,
       .deadline = seconds(30)},
      {.method = Method::get, .pattern = "/api/v1/jobs/{id}/receipt", .rpc = "GetReceipt", .path = {{"id", "job"}}},
      {.method = Method::get, .pattern = "/api/v1/wallets", .rpc = "ListWallets"},
      {.method = Method::get, .pattern = "/api/v1/trace/{id}", .rpc = "Trace", .path = {{"id", "id"}}},
  };
}

std::vector<Operation> operators() {
  return {
      {.method = Method::get, .pattern = "/api/v1/centers", .rpc = "ListCenters"},
      {.method = Method::get, .pattern = "/api/v1/invitations", .rpc = "ListInvitations"},
      {.method = Method::post,
       .pattern = "/api/v1/invitations",
       .rpc = "InviteCenter",
       .status = 201,
       .body = {"name", "unit", "validity_ms"},
       .rendering = Rendering::bundle},
      {.method = Method::post,
       .pattern = "/api/v1/invitations/{center}/withdraw",
       .rpc = "WithdrawInvitation",
       .path = {{"center", "center"}},
       .body = {"reason"},
       .body_optional = true},
      {.method = Method::post,
       .pattern = "/api/v1/invitations/{center}/admit",
       .rpc = "AdmitCenter",
       .status = 201,
       .path = {{"center", "center"}},
       .body = {"fingerprint", "note"}},
      {.method = Method::put,
       .pattern = "/api/v1/centers/{id}/state",
       .rpc = "SetCenterState",
       .path = {{"id", "center"}},
       .body = {"state", "reason"}},
      {.method = Method::get, .pattern = "/api/v1/centers/{center}/selling", .rpc = "GetSelling", .path = {{"center", "center"}}},
      {.method = Method::put,
       .pattern = "/api/v1/centers/{center}/selling",
       .rpc = "SetSellingRule",
       .path = {{"center", "center"}},
       .body = {"pool", "rule"}},
      {.method = Method::post,
       .pattern = "/api/v1/contracts",
       .rpc = "SetContract",
       .status = 201,
       .body = {"contract", "note"}},
      {.method = Method::get, .pattern = "/api/v1/prices", .rpc = "ListPrices", .query = {{"center"}, {"at"}, {"limit", 1, 1000}, {"cursor"}}},
      {.method = Method::get, .pattern = "/api/v1/du-factors", .rpc = "ListFactorTables"},
      {.method = Method::get, .pattern = "/api/v1/quarantine", .rpc = "ListQuarantined", .query = {{"center"}, {"code"}, {"limit", 1, 1000}, {"cursor"}}},
      {.method = Method::post,
       .pattern = "/api/v1/prices",
       .rpc = "PublishPrices",
       .status = 201,
       .body = {"rows", "discounts", "note", "for_center"},
       .body_bytes = 1024 * 1024},
      {.method = Method::post,
       .pattern = "/api/v1/centers/{center}/settlement-prices",
       .rpc = "SetSettlementPrices",
       .status = 201,
       .path = {{"center", "center"}},
       .body = {"rows", "valid_from_ms", "note"},
       .body_bytes = 1024 * 1024},
      {.method = Method::get, .pattern = "/api/v1/centers/{center}/admins", .rpc = "ListCenterAdmins", .path = {{"center", "center"}}},
      {.method = Method::post,
       .pattern = "/api/v1/centers/{center}/admins",
       .rpc = "AddCenterAdmin",
       .status = 201,
       .path = {{"center", "center"}},
       .body = {"user", "issuer"}},
      {.method = Method::post,
       .pattern = "/api/v1/centers/{center}/admins/{user}/remove",
       .rpc = "RemoveCenterAdmin",
       .path = {{"center", "center"}, {"user", "user"}}},
  };
}

std::vector<Operation> accounts() {
  return {
      {.method = Method::put,
       .pattern = "/api/v1/finance/accounts/{id}/credit-limit",
       .rpc = "SetCreditLimit",
       .path = {{"id", "account"}},
       .body = {"limit", "until_ms", "reason", "note"}},
      {.method = Method::put,
       .pattern = "/api/v1/finance/accounts/{id}/policy",
       .rpc = "SetAccountPolicy",
       .path = {{"id", "account"}},
       .body = {"frozen", "reason", "zone", "when_empty", "pause_limit_ms"}},
      {.method = Method::put,
       .pattern = "/api/v1/accounts/{id}/policy",
       .rpc = "SetAccountPolicy",
       .path = {{"id", "account"}},
       .body = {"zone", "when_empty", "pause_limit_ms"}},
      {.method = Method::get, .pattern = "/api/v1/accounts/{id}/members", .rpc = "ListMembers", .path = {{"id", "account"}}},
      {.method = Method::post, .pattern = "/api/v1/accounts", .rpc = "OpenAccount", .status = 201, .body = {"name", "unit"}},
      {.method = Method::post,
       .pattern = "/api/v1/accounts/{id}/members",
       .rpc = "AddMember",
       .status = 201,
       .path = {{"id", "account"}},
       .body = {"user", "issuer"}},
      {.method = Method::post,
       .pattern = "/api/v1/accounts/{id}/members/{user}/remove",
       .rpc = "RemoveMember",
       .path = {{"id", "account"}, {"user", "user"}}},
      {.method = Method::put,
       .pattern = "/api/v1/accounts/{id}/members/{user}/limits",
       .rpc = "SetMemberLimits",
       .path = {{"id", "account"}, {"user", "user"}},
       .body = {"limits"}},
  };
}

std::vector<Operation> lots() {
  return {
      {.method = Method::get, .pattern = "/api/v1/accounts/{id}/lots", .rpc = "ListLots", .path = {{"id", "account"}}},
      {.method = Method::post,
       .pattern = "/api/v1/finance/accounts/{id}/lots",
       .rpc = "GrantLot",
       .status = 201,
       .path = {{"id", "account"}},
       .body = {"money", "expires_ms", "reason", "note"}},
      {.method = Method::get,
       .pattern = "/api/v1/finance/vouchers",
       .rpc = "ListVouchers",
       .query = {{"limit", 1, 200}, {"cursor"}}},
      {.method = Method::post,
       .pattern = "/api/v1/finance/vouchers",
       .rpc = "IssueVouchers",
       .status = 201,
       .body = {"count", "money", "redeem_by_ms", "valid_days", "expires_ms", "reason", "note"}},
      {.method = Method::post,
       .pattern = "/api/v1/vouchers/redeem",
       .rpc = "RedeemVoucher",
       .status = 201,
       .body = {"code", "account"},
       .guesses = true},
      {.method = Method::get, .pattern = "/api/v1/products", .rpc = "ListProducts"},
      {.method = Method::post, .pattern = "/api/v1/finance/products", .rpc = "PublishProducts", .status = 201, .body = {"products", "note"}},
      {.method = Method::post, .pattern = "/api/v1/packages", .rpc = "BuyPackage", .status = 201, .body = {"product", "account"}},
  };
}

std::vector<Operation> reservations() {
  const std::vector<std::string_view> wanted = {"account", "center", "pool", "what", "quantity", "term", "terms", "first_day", "renew", "price"};
  return {
      {.method = Method::get, .pattern = "/api/v1/reserved-prices", .rpc = "ListReservedPrices"},
      {.method = Method::post,
       .pattern = "/api/v1/reserved-prices",
       .rpc = "PublishReservedPrices",
       .status = 201,
       .body = {"prices", "note", "for_center"},
       .body_bytes = 1024 * 1024},
      {.method = Method::post, .pattern = "/api/v1/reservations/quote", .rpc = "QuoteReservation", .body = wanted},
      {.method = Method::post, .pattern = "/api/v1/reservations", .rpc = "BuyReservation", .status = 201, .body = wanted},
      {.method = Method::get,
       .pattern = "/api/v1/reservations",
       .rpc = "ListReservations",
       .query = {{"account"}, {"limit", 1, 200}, {"cursor"}}},
      {.method = Method::get, .pattern = "/api/v1/reservations/{id}", .rpc = "GetReservation", .path = {{"id", "reservation"}}},
      {.method = Method::post, .pattern = "/api/v1/reservations/{id}/end", .rpc = "EndReservation", .path = {{"id", "reservation"}}},
      {.method = Method::put,
       .pattern = "/api/v1/reservations/{id}/renewal",
       .rpc = "SetReservationRenewal",
       .path = {{"id", "reservation"}},
       .body = {"renew"}},
  };
}

const std::vector<Operation>& table() {
  static const std::vector<Operation> kTable = [] {
    std::vector<Operation> all;
    for (auto& part : {trading(), accounts(), operators(), operations_of_finance(), lots(), reservations(), operations_on_files()}) all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kTable;
}

}  // namespace

std::span<const Operation> operations() {
  return table();
}

}  // namespace bourse::gateway
