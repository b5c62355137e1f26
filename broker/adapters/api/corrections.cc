// Corrections of what a job was charged: what of it is left, and refunds. Disputes are in disputes.cc.
#include <fmt/format.h>

#include "broker/adapters/api/act_view.h"
#include "broker/adapters/api/api.h"
#include "broker/domain/text.h"

namespace bourse::broker::api {

Result<Amount> amount_or_all(const std::string& text, Amount all) {
  if (text.empty()) return all;
  const auto amount = parse_amount(text);
  if (!amount) return fail(amount.error().code, fmt::format("amount: {}", amount.error().detail));
  if (!amount->is_positive()) return fail(ErrorCode::amount_not_positive);
  return *amount;
}

Result<Api::Charged> Api::charge_of(JobId job) {
  queries_.wait_for(position());
  TRY(const std::optional<Charge> charge, queries_.charge(job));
  if (!charge) return fail(ErrorCode::failed_precondition, "Nothing was charged for the job.");
  TRY(const Adjusted before, look([attempt = charge->attempt](const Market& market) { return market.adjusted(attempt); }));
  return Charged{*charge, charge->gross - before.given_back - before.disputed};
}

Result<v1::Refund> Api::refund_job(const v1::RefundJobRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::finance}));
  TRY(const std::string key, scoped_key(caller, request.key()));
  CHECK_OK(check_text("reason", request.reason(), kMaxReason));
  TRY(const JobId job, id_or_not_found<JobIdKind>(request.job()));
  CHECK_OK(job_seen_by(caller, job));
  TRY(const Charged charged, charge_of(job));
  TRY(const Amount amount, amount_or_all(request.amount(), charged.left));
  // Its id follows from the key, so that not even a forgotten key gives money back twice.
  const Refund refund{.adjustment = AdjustmentId{derived_uuid("refund", key)}, .charge = charged.charge, .amount = amount, .reason = request.reason()};
  TRY(const Acted acted, act(caller, request.key(), fingerprint("RefundJob", request), refund, request.reason()));
  TRY(v1::Act view, look([refund](const Market& market) {
        v1::Act out;
        fill(out, refund, market, {});
        return out;
      }));
  v1::Refund out = view.refund();
  if (acted.proposal) {
    out = acted.proposal->act().refund();
    *out.mutable_proposal() = *acted.proposal;
  }
  out.set_position(acted.result.position);
  return out;
}

}  // namespace bourse::broker::api
