// What finance does, and what it and the auditors read.
#include "gateway/api/operations.h"

namespace bourse::gateway {
namespace {

using http::Method;

constexpr std::size_t kLargeFile = 16 * 1024 * 1024;  // of a bank, or of a center's accounting
constexpr std::size_t kEvidence = 1024 * 1024;        // of a dispute, a file
constexpr Duration kLong = seconds(120);              // sealing and verifying read much
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
      {.method = Method::post,
       .pattern = "/api/v1/finance/payments/{id}/withdraw",
       .rpc = "WithdrawPayments",
       .path = {{"id", "file"}},
       .body = {"reason", "note"}},
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
       .body = {"account", "buyer", "months", "amount"},
       .deadline = seconds(30)},
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
      {.method = Method::get, .pattern = "/api/v1/disputes/{id}", .rpc = "GetDispute", .path = {{"id", "dispute"}}},
      {.method = Method::post,
       .pattern = "/api/v1/disputes/{id}/evidence",
       .rpc = "AddDisputeEvidence",
       .status = 201,
       .path = {{"id", "dispute"}},
       .query = {{.name = "file", .required = true}, {"media_type"}, {"note"}},
       .raw_body = "data",
       .body_bytes = kEvidence},
      {.method = Method::get,
       .pattern = "/api/v1/disputes/{id}/evidence/{sha256}",
       .rpc = "GetDisputeEvidence",
       .path = {{"id", "dispute"}, {"sha256", "sha256"}},
       .rendering = Rendering::document},
  };
}

}  // namespace

std::vector<Operation> operations_of_finance() {
  std::vector<Operation> all;
  for (auto& part : {finance(), two_people(), payouts(), bank(), corrections(), books()}) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace bourse::gateway
