#include "gateway/api/operations.h"

namespace bourse::gateway {
namespace {

using http::Method;

constexpr std::size_t kWithScript = 2 * 1024 * 1024;  // a script of 1 MiB grows when it is escaped
constexpr std::size_t kLargeFile = 16 * 1024 * 1024;  // of a bank, or of a center's accounting
constexpr Duration kLong = seconds(120);              // sealing and verifying read much
constexpr std::int64_t kFar = std::int64_t{1} << 53;

std::vector<Operation> trading() {
  return {
      {.method = Method::get, .pattern = "/api/v1/offers", .rpc = "ListOffers"},
      {.method = Method::post,
       .pattern = "/api/v1/quotes",
       .rpc = "Quote",
       .status = 201,
       .body = {"account", "spec"},
       .body_bytes = kWithScript},
      {.method = Method::post,
       .pattern = "/api/v1/jobs",
       .rpc = "Submit",
       .status = 202,
       .body = {"account", "spec", "quote"},
       .body_bytes = kWithScript},
      {.method = Method::get,
       .pattern = "/api/v1/jobs",
       .rpc = "ListJobs",
       .query = {{"account"}, {"state"}, {"limit", 1, 200}, {"cursor"}}},
      {.method = Method::get, .pattern = "/api/v1/jobs/{id}", .rpc = "GetJob", .path = {{"id", "job"}}},
      {.method = Method::post,
       .pattern = "/api/v1/jobs/{id}/cancel",
       .rpc = "CancelJob",
       .status = 202,
       .path = {{"id", "job"}},
       .body = {"reason"},
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
      {.method = Method::post,
       .pattern = "/api/v1/centers",
       .rpc = "EnrolCenter",
       .status = 201,
       .body = {"name", "identity_key", "billing_key", "csr_pem", "identity_proof", "billing_proof", "unit"},
       .rendering = Rendering::bundle},
      {.method = Method::put,
       .pattern = "/api/v1/centers/{id}/state",
       .rpc = "SetCenterState",
       .path = {{"id", "center"}},
       .body = {"state", "reason"}},
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

std::vector<Operation> finance() {
  return {
      {.method = Method::post,
       .pattern = "/api/v1/finance/fundings",
       .rpc = "FundAccount",
       .status = 201,
       .body = {"account", "money", "bank_reference", "note"}},
      {.method = Method::get, .pattern = "/api/v1/finance/accounts", .rpc = "ListBillingAccounts"},
      {.method = Method::get, .pattern = "/api/v1/finance/top-ups", .rpc = "ListTopUps", .query = {{"account"}, {"limit", 1, 200}, {"cursor"}}},
      {.method = Method::post, .pattern = "/api/v1/finance/reversals", .rpc = "ReverseMoneyIn", .status = 201, .body = {"id", "amount", "reason", "note"}},
      {.method = Method::post,
       .pattern = "/api/v1/settlements",
       .rpc = "Settle",
       .status = 201,
       .body = {"center", "incomplete"},
       .deadline = kLong},
      {.method = Method::get, .pattern = "/api/v1/statements", .rpc = "ListStatements", .query = {{"center"}}},
      {.method = Method::get,
       .pattern = "/api/v1/statements/{period}",
       .rpc = "GetStatement",
       .path = {{"period", "period"}},
       .rendering = Rendering::document,
       .deadline = kLong},
      {.method = Method::get, .pattern = "/api/v1/evidence/{id}", .rpc = "GetEvidenceProof", .path = {{"id", "id"}}, .rendering = Rendering::document},
      {.method = Method::get, .pattern = "/api/v1/centers/{center}/days", .rpc = "ListDays", .path = {{"center", "center"}}},
      {.method = Method::post, .pattern = "/api/v1/ledger/verify", .rpc = "VerifyLedger", .deadline = kLong},
      {.method = Method::get,
       .pattern = "/api/v1/ledger/export",
       .rpc = "ExportLedger",
       .query = {{.name = "format", .required = true}, {"from"}, {"to"}},
       .rendering = Rendering::stream,
       .deadline = minutes(10)},
      {.method = Method::get, .pattern = "/api/v1/ledger/trial-balance", .rpc = "TrialBalance"},
  };
}

std::vector<Operation> two_people() {
  std::vector<Operation> out{{.method = Method::get, .pattern = "/api/v1/finance/proposals", .rpc = "ListProposals"}};
  constexpr std::pair<std::string_view, std::string_view> kEnds[] = {
      {"/api/v1/finance/proposals/{id}/approve", "ApproveProposal"},
      {"/api/v1/finance/proposals/{id}/reject", "RejectProposal"},
      {"/api/v1/finance/proposals/{id}/withdraw", "WithdrawProposal"}};
  for (const auto& [pattern, rpc] : kEnds)
    out.push_back({.method = Method::post,
                   .pattern = pattern,
                   .rpc = rpc,
                   .path = {{"id", "proposal"}},
                   .body = {"reason"},
                   .body_optional = true});
  return out;
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

std::vector<Operation> payouts() {
  return {
      {.method = Method::put,
       .pattern = "/api/v1/centers/{id}/payee",
       .rpc = "SetPayee",
       .path = {{"id", "center"}},
       .body = {"payee", "note"}},
      {.method = Method::get, .pattern = "/api/v1/finance/due", .rpc = "ListDue"},
      {.method = Method::get,
       .pattern = "/api/v1/finance/payouts",
       .rpc = "ListPayouts",
       .query = {{"center"}, {"state"}, {"limit", 1, 200}, {"cursor"}}},
      {.method = Method::post,
       .pattern = "/api/v1/finance/payouts",
       .rpc = "OrderPayout",
       .status = 201,
       .body = {"center", "through", "note"}},
      {.method = Method::post,
       .pattern = "/api/v1/finance/payments",
       .rpc = "ExportPayments",
       .status = 201,
       .body = {"execution_date", "version", "payout"},
       .body_optional = true},
      {.method = Method::get,
       .pattern = "/api/v1/finance/payments/{id}",
       .rpc = "GetPaymentFile",
       .path = {{"id", "file"}},
       .rendering = Rendering::document},
  };
}

std::vector<Operation> bank() {
  return {
      {.method = Method::post,
       .pattern = "/api/v1/finance/bank-files",
       .rpc = "ImportBankFile",
       .query = {{"name"}},
       .raw_body = "data",
       .deadline = kLong,
       .body_bytes = kLargeFile},
      {.method = Method::get,
       .pattern = "/api/v1/finance/bank-entries",
       .rpc = "ListBankEntries",
       .query = {{"state"}, {"limit", 1, 500}, {"cursor"}}},
      {.method = Method::post,
       .pattern = "/api/v1/finance/bank-entries/{id}/assign",
       .rpc = "AssignBankEntry",
       .path = {{"id", "entry"}},
       .body = {"account", "note"}},
      {.method = Method::post,
       .pattern = "/api/v1/finance/reconciliations",
       .rpc = "ReconcileCenter",
       .query = {{.name = "center", .required = true}, {.name = "from", .required = true}, {.name = "to", .required = true}, {"tolerance_s", 0, 3600}},
       .raw_body = "data",
       .deadline = kLong,
       .body_bytes = kLargeFile},
      {.method = Method::get,
       .pattern = "/api/v1/finance/breaks",
       .rpc = "ListBreaks",
       .query = {{"center"}, {"source"}, {"owner"}, {"all", 0, 1}, {"limit", 1, 1000}}},
      {.method = Method::get, .pattern = "/api/v1/finance/breaks/{id}", .rpc = "GetBreak", .path = {{"id", "id"}}},
      {.method = Method::post, .pattern = "/api/v1/finance/breaks/{id}/words", .rpc = "HandleBreak", .path = {{"id", "id"}}, .body = {"owner", "state", "text"}},
  };
}

std::vector<Operation> books() {
  return {
      {.method = Method::get,
       .pattern = "/api/v1/ledger/accounts/{id}/entries",
       .rpc = "ListEntries",
       .path = {{"id", "account"}},
       .query = {{"from"}, {"to"}, {"legs", 0, 1}, {"limit", 1, 5000}, {"cursor"}},
       .deadline = seconds(30)},
      {.method = Method::get,
       .pattern = "/api/v1/usage",
       .rpc = "GetUsage",
       .query = {{"account"}, {.name = "from", .required = true}, {.name = "to", .required = true}, {"by"}},
       .deadline = seconds(30)},
      {.method = Method::get,
       .pattern = "/api/v1/usage/ratable",
       .rpc = "ListRatable",
       .query = {{.name = "month", .required = true}, {"account"}, {"center"}, {"limit", 1, 2000}, {"cursor"}},
       .deadline = seconds(30)},
      {.method = Method::get, .pattern = "/api/v1/accounts/{id}/bills", .rpc = "ListBills", .path = {{"id", "account"}}},
      {.method = Method::get,
       .pattern = "/api/v1/accounts/{id}/bills/{month}",
       .rpc = "GetBill",
       .path = {{"id", "account"}, {"month", "month"}},
       .deadline = seconds(30)},
      {.method = Method::post,
       .pattern = "/api/v1/invoices",
       .rpc = "RequestInvoice",
       .status = 201,
       .body = {"account", "buyer", "months", "amount"}},
      {.method = Method::get,
       .pattern = "/api/v1/invoices",
       .rpc = "ListInvoices",
       .query = {{"account"}, {"state"}, {"invoice"}, {"cursor"}}},
      {.method = Method::post,
       .pattern = "/api/v1/invoices/{id}/move",
       .rpc = "MoveInvoice",
       .path = {{"id", "invoice"}},
       .body = {"state", "number", "date", "reason"}},
      {.method = Method::get,
       .pattern = "/api/v1/finance/reports/{kind}",
       .rpc = "GetReport",
       .path = {{"kind", "kind"}},
       .query = {{"month"}},
       .deadline = seconds(30)},
  };
}

std::vector<Operation> corrections() {
  return {
      {.method = Method::post,
       .pattern = "/api/v1/jobs/{id}/refunds",
       .rpc = "RefundJob",
       .status = 201,
       .path = {{"id", "job"}},
       .body = {"amount", "reason"}},
      {.method = Method::post,
       .pattern = "/api/v1/jobs/{id}/disputes",
       .rpc = "OpenDispute",
       .status = 201,
       .path = {{"id", "job"}},
       .body = {"amount", "reason", "for_center"}},
      {.method = Method::get,
       .pattern = "/api/v1/disputes",
       .rpc = "ListDisputes",
       .query = {{"state"}, {"limit", 1, 200}, {"cursor"}}},
      {.method = Method::post,
       .pattern = "/api/v1/disputes/{id}/resolve",
       .rpc = "ResolveDispute",
       .path = {{"id", "dispute"}},
       .body = {"to_user", "reason"}},
  };
}

const std::vector<Operation>& table() {
  static const std::vector<Operation> kTable = [] {
    std::vector<Operation> all;
    for (auto& part : {trading(), accounts(), operators(), finance(), two_people(), payouts(), bank(), corrections(), books(), lots(), reservations()}) all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return kTable;
}

}  // namespace

std::span<const Operation> operations() {
  return table();
}

}  // namespace bourse::gateway
