// The steps of a trace that are about money, as the projections have them; queries_trace.cc puts them into the chain's order.
#pragma once

#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "broker/adapters/api/queries.h"

namespace bourse::broker::api::steps {

using Rows = std::vector<TraceRow>;

// Most captures of a job, and most jobs, payouts or transfers of anything else, that a trace lists; more are counted.
inline constexpr int kMostListed = 200;

std::string micros(const pqxx::field& field);
std::uint64_t position_column(const pqxx::field& field);

// Usage, rated lines, capture, transfers and export rows of the newest captures.
void add_captures(pqxx::transaction_base& work, const std::string& job, TraceView view, Rows& out);
void add_adjustments(pqxx::transaction_base& work, const std::string& job, TraceView view, Rows& out);
// Of an account's people: number, state and the statement's hash alone. Of staff: also the sums, payouts and payment files.
void add_period(pqxx::transaction_base& work, const std::string& period, TraceView view, Rows& out);
void add_payout(pqxx::transaction_base& work, const std::string& payout, Rows& out);
// The jobs that were captured in it, the oldest first: of all, or of these accounts.
void add_jobs_of_period(pqxx::transaction_base& work, const std::string& period, const std::vector<BillingAccountId>& accounts, Rows& out);

}  // namespace bourse::broker::api::steps
