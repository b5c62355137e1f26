// Trading: what is on offer, quotes, submission, cancelling.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "broker/adapters/api/api.h"
#include "broker/adapters/api/arrays.h"
#include "broker/adapters/api/directives.h"

namespace bourse::broker::api {
namespace {

// The rows that would price this pool now for the tenant, with their discounts.
void fill_offer(v1::Offer& out, const routing::Pool& pool, const Market& market, TenantId tenant, Instant now) {
  out.set_center(to_text(pool.center));
  out.set_center_name(center_name(market, pool.center));
  out.set_pool(pool.name);
  out.set_arch(pool.arch);
  out.set_nodes(pool.nodes);
  out.set_cores_per_node(pool.cores_per_node);
  out.set_mem_mib_per_node(pool.mem_mib_per_node);
  out.set_gpus_per_node(pool.gpus_per_node);
  out.set_gpu_model(pool.gpu_model);
  out.set_speed_milli(pool.speed_milli);
  out.set_max_walltime_ms(pool.max_walltime.ms);
  out.set_free_cores(pool.free_cores);
  out.set_free_gpus(pool.free_gpus);
  out.set_pending_jobs(pool.pending_jobs);
  out.set_running_jobs(pool.running_jobs);
  out.set_online(pool.online);
  const pricing::Scope scope{.tenant = tenant, .center = pool.center, .pool = pool.name, .qos = {}};
  const pricing::Allocation one{.cores = 1, .gpus = pool.gpus_per_node > 0 ? 1 : 0, .nodes = 1, .mem_mib = 1};
  // Both of a pool's prices: in 度, where there is one, and in money.
  if (const auto locked = market.prices().lock(scope, one, now, kDu))
    for (const pricing::PriceRow& row : *locked) fill(*out.add_prices(), row);
  Unit money = kCny;
  if (const Center* center = market.center(pool.center))
    for (const Contract& contract : center->contracts)
      if (contract.valid_from <= now) money = contract.unit;
  if (const auto locked = market.prices().lock(scope, one, now, money)) {
    for (const pricing::PriceRow& row : *locked) fill(*out.add_prices(), row);
    return;
  }
  for (const pricing::Meter meter : pricing::kHeldMeters) {  // what there is, where a meter has no price
    if (meter == pricing::Meter::gpu_ms && pool.gpus_per_node == 0) continue;
    if (const pricing::PriceRow* row = market.prices().find(scope, meter, now)) fill(*out.add_prices(), *row);
  }
}

// Of an array: what its elements come to together, by the best plan, and what is held for them.
void fill_totals(v1::QuoteReply& out, const Decision& decision, std::int64_t elements, Unit unit) {
  out.set_elements(static_cast<std::uint32_t>(elements));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 2;
  const auto times = [elements](Amount each) { return Amount{each.micros > kMost / elements ? kMost : each.micros * elements}; };
  Amount hold;
  for (const Plan& plan : decision.plans) hold = std::max(hold, plan.cap);
  fill(*out.mutable_total(), times(decision.plans.front().total), unit);
  fill(*out.mutable_held(), times(hold), unit);
}

}  // namespace

Result<v1::ListOffersReply> Api::list_offers(const v1::ListOffersRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  return look([tenant = caller.tenant, now = parts_.clock.now()](const Market& market) {
    v1::ListOffersReply reply;
    for (const routing::Pool& pool : market.router().pools()) fill_offer(*reply.add_offers(), pool, market, tenant, now);
    return reply;
  });
}

Result<JobSpec> Api::spec_of(const v1::JobSpec& in) {
  CenterId center;
  if (!in.center().empty()) {
    if (auto found = center_of(in.center()))
      center = *found;
    else if (found.error().code != ErrorCode::not_found)
      return std::unexpected(found.error());
  }
  TRY(JobSpec spec, read_spec(in, [center](std::string_view) { return center; }));
  spec.script = sha256(std::string_view(in.script()));
  TRY(spec.manifest, keep_manifest(in));
  CHECK_OK(validate(spec));
  return spec;
}

Result<v1::QuoteReply> Api::quote(const v1::QuoteRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user}));
  TRY(const BillingAccountId account, account_of(caller, request.account()));
  TRY(const WholeSpec whole, whole_spec(request.spec(), request.directives()));
  TRY(const JobSpec spec, spec_of(whole.spec));
  // The quote names the script by its hash; accepting it must find the bytes.
  if (!request.spec().script().empty()) CHECK_OK(keep_script(request.spec().script()));
  const Instant now = parts_.clock.now();
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("Quote", request),
                                    IssueQuote{.quote = QuoteId::make(now, parts_.rng),
                                               .account = account,
                                               .user = caller.user,
                                               .spec = spec,
                                               .validity = options_.quote_validity}));
  TRY(v1::QuoteReply reply, look([id = QuoteId{done.object}](const Market& market) {
    v1::QuoteReply reply;
    reply.set_quote(to_text(id));
    // A repeat of an old request may name a quote that is over: then its id is the whole answer.
    if (const Quote* quote = market.quote(id)) {
      const BillingAccount* payer = market.account(quote->account);
      const Unit unit = payer == nullptr ? kCny : Market::unit_of(*payer, quote->spec);
      fill(*reply.mutable_decision(), quote->decision, quote->spec, unit, market);
      for (int i = 0; payer != nullptr && unit != payer->unit && i < reply.decision().plans_size(); ++i) {
        const auto paid = market.paid_by_lots(*payer, unit, quote->decision.plans[static_cast<std::size_t>(i)].total);
        fill(*reply.mutable_decision()->mutable_plans(i)->mutable_worth(), money_of(paid), payer->unit);
      }
      reply.set_valid_until_ms(quote->valid_until.unix_ms);
      if (quote->spec.array.is_array()) fill_totals(reply, quote->decision, static_cast<std::int64_t>(count_of(quote->spec.array.ranges)), unit);
    }
    return reply;
  }));
  fill(*reply.mutable_notes(), whole);
  return reply;
}

Status Api::keep_script(const std::string& script) {
  CHECK_OK(parts_.blobs.put(BlobKind::script, std::as_bytes(std::span(script))));
  return {};
}

// What is accepted is the quote's job: a script sent along must be the one that was quoted, and there must be one.
Status Api::check_quoted_script(QuoteId id, BillingAccountId account, const std::string& script) {
  TRY(const std::optional<Hash256> quoted, look([id, account](const Market& market) -> std::optional<Hash256> {
        const Quote* quote = market.quote(id);
        return quote == nullptr || quote->account != account ? std::nullopt : std::optional(quote->spec.script);
      }));
  // Over, accepted before, or another's, whose script is not to be guessed at: the engine answers.
  if (!quoted) return {};
  if (*quoted == sha256(std::string_view()))
    return fail(ErrorCode::failed_precondition, "The quote was asked for without a script.");
  if (!script.empty() && sha256(std::string_view(script)) != *quoted)
    return fail(ErrorCode::failed_precondition, "The script is not the one that was quoted.");
  return {};
}

Result<v1::Job> Api::submit(const v1::SubmitRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user}));
  CHECK_OK(scoped_key(caller, request.key()));
  TRY(const BillingAccountId account, account_of(caller, request.account()));
  const Instant now = parts_.clock.now();
  SubmitJob command{.job = JobId::make(now, parts_.rng),
                    .attempt = AttemptId::make(now, parts_.rng),
                    .hold = HoldId::make(now, parts_.rng),
                    .account = account,
                    .user = caller.user};
  WholeSpec whole;
  if (request.quote().empty()) {
    if (request.spec().script().empty()) return fail(ErrorCode::invalid_argument, "spec.script is empty.");
    TRY(whole, whole_spec(request.spec(), request.directives()));
    TRY(command.spec, spec_of(whole.spec));
    CHECK_OK(keep_script(request.spec().script()));
    CHECK_OK(check_inputs(account, command.spec.manifest));
  } else {
    TRY(command.quote, id_or_not_found<QuoteIdKind>(request.quote()));
    CHECK_OK(check_quoted_script(command.quote, account, request.spec().script()));
    CHECK_OK(check_quoted_inputs(command.quote, account, request.spec()));
  }
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("Submit", request), std::move(command)));
  TRY(v1::Job job, seen_by(caller, JobId{done.object}));
  job.set_position(done.position);
  fill(*job.mutable_notes(), whole);
  return job;
}

Result<v1::Job> Api::cancel_job(const v1::CancelJobRequest& request) {
  TRY(const Caller caller, caller_of(request.principal()));
  CHECK_OK(require(caller, {Role::user, Role::operator_}));
  CHECK_OK(check_text("reason", request.reason(), 512, true));
  TRY(const JobId id, job_id_or_not_found(request.job()));
  TRY(const v1::Job seen, seen_by(caller, id));
  std::vector<IndexRange> elements;
  if (!request.elements().empty()) {
    auto given = parse_index_ranges(request.elements());
    if (!given) return fail(given.error().code, fmt::format("elements: {}", given.error().detail));
    elements = std::move(*given);
  }
  // A member cancels in their own name; an operator, who is none, in the platform's.
  const bool own = account_of(caller, seen.account()).has_value();
  if (!own) CHECK_OK(require(caller, {Role::operator_}));
  TRY(const CommandResult done, run(caller, request.key(), fingerprint("CancelJob", request),
                                    CancelJob{.job = id, .by = own ? caller.user : UserId{}, .reason = request.reason(),
                                              .elements = std::move(elements)}));
  TRY(v1::Job job, seen_by(caller, id));
  job.set_position(done.position);
  return job;
}

}  // namespace bourse::broker::api
