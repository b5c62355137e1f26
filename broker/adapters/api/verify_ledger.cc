// `bourse ledger verify`: the store recomputes everything from the journal; here it becomes a reply.
#include "broker/adapters/api/api.h"
#include "broker/adapters/store/verify.h"

namespace bourse::broker::api {

Result<v1::VerifyLedgerReply> Api::verify_ledger(const v1::VerifyLedgerRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance, Role::operator_}));
  queries_.wait_for(position());
  TRY(const LedgerVerification found, bourse::broker::verify_ledger(options_.reader_conninfo, Limits{}, &parts_.engine));
  v1::VerifyLedgerReply reply;
  reply.set_ok(found.ok());
  reply.set_rows(found.rows);
  reply.set_events(found.events);
  reply.set_chain_ok(found.chain_ok);
  reply.set_balanced(found.balanced);
  reply.set_projections_match(found.projections_match);
  reply.set_state_match(found.state_match);
  for (const std::string& difference : found.differences) reply.add_differences(difference);
  for (const auto& [unit, totals] : found.totals) fill(*reply.add_totals(), unit, totals);
  return reply;
}

}  // namespace bourse::broker::api
