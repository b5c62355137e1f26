#include "broker/sim/client.h"

#include <algorithm>

#include "base/sha256.h"

namespace bourse::broker::sim {

Wish& Client::add(std::string_view kind) {
  Wish& wish = wishes_.emplace_back();
  wish.key = to_text(user_) + "/" + std::string(kind) + std::to_string(wishes_.size());
  wish.fingerprint = wishes_.size();
  return wish;
}

void Client::want_funds(Amount amount) {
  Wish& wish = add("fund");
  wish.body = [this, amount] {
    return FundAccount{account_, amount, TransferId::make(now_, dice_.rng()), Uuid{1, dice_.below(1'000'000)}};
  };
  wish.granted = [this, amount](Uuid) { funded_ += amount; };
}

JobSpec Client::spec(Instant now) {
  now_ = now;
  JobSpec spec{.name = "job " + std::to_string(wishes_.size()), .script = sha256("script")};
  spec.need.nodes = 1 + static_cast<std::int64_t>(dice_.below(2));
  spec.need.cores = spec.need.nodes * (1 + static_cast<std::int64_t>(dice_.below(8)));
  spec.need.mem_mib = 1 + static_cast<std::int64_t>(dice_.below(4096));
  spec.need.gpus = dice_.permille(150) ? 1 : 0;
  spec.walltime = seconds(60 + static_cast<std::int64_t>(dice_.below(5400)));
  if (windows_ && dice_.permille(500)) spec.hold_window = seconds(60 + static_cast<std::int64_t>(dice_.below(static_cast<std::uint64_t>(spec.walltime.ms / 1000 - 59))));
  spec.objective = static_cast<Objective>(dice_.below(3));
  // Their 度 may run out, and no honest reading may ever lack its hold: so they are held for whole.
  if (packages_ && dice_.permille(400)) spec.pay_with = kDu, spec.hold_window = {};
  if (waits_ && dice_.permille(150)) spec.array = {{{0, static_cast<std::uint32_t>(1 + dice_.below(4)), 1}}, static_cast<std::uint32_t>(dice_.below(3))};
  if (waits_ && !jobs_.empty() && dice_.permille(250)) add_dependency(spec);
  if (spec.hold_window.ms == 0 && dice_.permille(150)) spec.budget = Amount::of_micros(1 + static_cast<std::int64_t>(dice_.below(5'000'000)));
  return spec;
}

// On one to three of the jobs, elements and arrays that were granted before; some of them are over by then.
void Client::add_dependency(JobSpec& spec) {
  for (std::uint64_t n = 1 + dice_.below(3); n > 0; --n) {
    const auto kind = static_cast<After>(1 + dice_.below(5));
    const bool whole = !arrays_.empty() && dice_.permille(300);
    const JobId on = whole ? arrays_[dice_.below(arrays_.size())] : jobs_[dice_.below(jobs_.size())];
    spec.after.of.push_back({kind, kind == After::singleton ? JobId{} : on});
  }
  spec.after.any = dice_.permille(300);
  if (dice_.permille(300)) spec.name = "one at a time";
}

void Client::want_job(Instant now, bool by_quote) {
  JobSpec wanted = spec(now);
  if (!by_quote) return submit(std::move(wanted), {});
  Wish& wish = add("quote");
  wish.body = [this, wanted] {
    return IssueQuote{QuoteId::make(now_, dice_.rng()), account_, user_, wanted, minutes(10)};
  };
  wish.granted = [this, wanted](Uuid quote) { submit(wanted, QuoteId{quote}); };
}

void Client::submit(JobSpec wanted, QuoteId quote) {
  Wish& wish = add("submit");
  wish.body = [this, wanted, quote] {
    return SubmitJob{JobId::make(now_, dice_.rng()),
                     AttemptId::make(now_, dice_.rng()),
                     HoldId::make(now_, dice_.rng()),
                     account_,
                     user_,
                     quote,
                     wanted};
  };
  wish.granted = [this, wanted](Uuid job) {
    if (!wanted.array.is_array()) return jobs_.push_back(JobId{job});
    arrays_.push_back(JobId{job});
    for (std::size_t n = 0; n < count_of(wanted.array.ranges); ++n) jobs_.push_back(element_id({job}, nth_index(wanted.array.ranges, n)));
  };
}

void Client::want_package(ProductId product) {
  Wish& wish = add("package");
  wish.body = [this, product] { return BuyPackage{LotId::make(now_, dice_.rng()), account_, user_, product}; };
}

void Client::want_cancel(JobId job) {
  Wish& wish = add("cancel");
  wish.body = [this, job] { return CancelJob{job, user_, "not needed any more"}; };
}

std::vector<Wish*> Client::to_send() {
  std::vector<Wish*> out;
  for (Wish& wish : wishes_)
    if (!wish.in_flight && (!wish.settled || dice_.permille(5))) out.push_back(&wish);
  return out;
}

Status Client::answer(Wish& wish, const Result<CommandResult>& result) {
  wish.in_flight = false;
  if (!result && result.error().outcome() != Outcome::rejected) return {};  // to be repeated
  const bool first = !wish.settled;
  if (first) {
    wish.settled = true;
    if (!result)
      wish.refused = result.error();
    else
      wish.object = result->object;
    if (result && wish.granted) wish.granted(result->object);
    return {};
  }
  const bool same = result ? wish.object == result->object : wish.refused && wish.refused->code == result.error().code;
  return same ? Status{} : fail(ErrorCode::integrity, "key " + wish.key + " got two answers");
}

bool Client::all_settled() const {
  return std::ranges::all_of(wishes_, &Wish::settled);
}

}  // namespace bourse::broker::sim
